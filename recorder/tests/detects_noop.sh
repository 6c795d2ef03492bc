#!/usr/bin/env bash
# Proves that the kernel tests fail if nothing is observed. Builds the recorder with probes that are
# never attached (feature noop-attach), and passes if each of the tests below fails.
# On a host without BPF rights a skip is reported; with SOAKBOX_REQUIRE_KERNEL=1 this is a failure.
# Tests that need other things that the host does not have (strace, PostgreSQL, a namespace) are
# reported as skipped too.
set -euo pipefail
cd "$(dirname "$0")/../.."
recorder=${CARGO_TARGET_DIR:-target}/debug/soakbox-recorder

tests=(--test 'kernel*' --test crash --test postgresql --test replaced)
# Tests of these files that are left out: those that use no probe (sealing a synthetic recording,
# noticing that a file changes), and one with thirty kills, which needs almost a minute to fail.
left_out=(--skip sealing_writes_syncs --skip overwritten_by_who_had_it_open_all_along --skip kill_loses
  --skip a_name_of_several_functions)

cargo build --workspace --bins --examples --locked --quiet
if ! "$recorder" check >/dev/null 2>&1; then
  echo "skipped: proof that the kernel tests detect an attach that does nothing needs BPF rights" >&2
  [ "${SOAKBOX_REQUIRE_KERNEL:-0}" != 1 ]
  exit
fi

# However this script ends, the ordinary programs are built again.
trap 'cargo build --workspace --bins --examples --locked --quiet' EXIT
noop=(cargo test --workspace --locked --no-fail-fast --features soakbox-recorder/noop-attach "${tests[@]}")
"${noop[@]}" --no-run

# Skips are forbidden, so that each test fails: because nothing is attached, or because it needs
# something that the host does not have.
output=$(SOAKBOX_REQUIRE_KERNEL=1 SOAKBOX_REQUIRE_TOOLS=1 "${noop[@]}" -- "${left_out[@]}" 2>&1) && status=0 || status=$?
results=$(grep '^test result:' <<<"$output" || true)
if [ "$status" = 0 ] || [ -z "$results" ] || grep -qE '^test .* \.\.\. ok$' <<<"$output"; then
  printf '%s\n' "$output"
  echo "detects_noop: FAILED: kernel tests passed although nothing was attached" >&2
  exit 1
fi
missing=$(grep -E '^SOAKBOX_REQUIRE_(KERNEL|TOOLS)=1, but no ' <<<"$output" || true)
if [ -n "$missing" ]; then
  sed 's/^SOAKBOX_REQUIRE_[A-Z]*=1, but no /skipped: proof that a test detects an attach that does nothing needs /' <<<"$missing" >&2
  [ "${SOAKBOX_REQUIRE_TOOLS:-0}" != 1 ]
fi
# The results are rephrased, so that nobody mistakes the expected failures for real ones.
sed 's/^test result: FAILED\./with nothing attached:/; s/; finished in.*//' <<<"$results"
echo "detects_noop: with nothing attached the kernel tests fail, as they must"
