#!/usr/bin/env bash
# The kernel tests are worth something only if they fail where nothing is observed. Builds the recorder with probes that
# are never attached (feature noop-attach) and passes when the kernel tests fail, each one of them.
# Says so and passes on a host without BPF rights, unless SOAKBOX_REQUIRE_KERNEL=1.
set -euo pipefail
cd "$(dirname "$0")/../.."
recorder=${CARGO_TARGET_DIR:-target}/debug/soakbox-recorder

cargo build --workspace --bins --examples --locked --quiet
if ! "$recorder" check >/dev/null 2>&1; then
  echo "skipped: proof that the kernel tests detect an attach that does nothing (no BPF rights)" >&2
  [ "${SOAKBOX_REQUIRE_KERNEL:-0}" != 1 ]
  exit
fi

# The ordinary programs again in their place, however this ends.
trap 'cargo build --workspace --bins --examples --locked --quiet' EXIT
noop=(cargo test --workspace --locked --no-fail-fast --features soakbox-recorder/noop-attach --test 'kernel*')
"${noop[@]}" --no-run

output=$("${noop[@]}" 2>&1) && status=0 || status=$?
results=$(grep '^test result:' <<<"$output" || true)
if [ "$status" = 0 ] || [ -z "$results" ] || grep -qE '^test .* \.\.\. ok$' <<<"$output"; then
  printf '%s\n' "$output"
  echo "detects_noop: FAILED: kernel tests passed although nothing was attached" >&2
  exit 1
fi
# In words of its own, so that nobody takes the wanted failures for real ones.
sed 's/^test result: FAILED\./with nothing attached:/; s/; finished in.*//' <<<"$results"
echo "detects_noop: with nothing attached the kernel tests fail, as they must"
