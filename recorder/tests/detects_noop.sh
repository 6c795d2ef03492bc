#!/usr/bin/env bash
# The kernel tests are worth something only if they fail where nothing is observed. Builds the recorder with probes that
# are never attached (feature noop-attach) and passes when the tests below fail, each one of them.
# Says so and passes on a host without BPF rights, unless SOAKBOX_REQUIRE_KERNEL=1. What the host otherwise has not got
# (strace, PostgreSQL, a namespace) leaves the tests that need it out, and that is said too.
set -euo pipefail
cd "$(dirname "$0")/../.."
recorder=${CARGO_TARGET_DIR:-target}/debug/soakbox-recorder

tests=(--test 'kernel*' --test crash --test postgresql --test replaced)
# Of these files: what makes no use of a probe (sealing a synthetic recording, noticing that a file changes), and thirty
# kills, which take most of a minute to fail.
not_these=(--skip sealing_writes_syncs --skip overwritten_by_who_had_it_open_all_along --skip kill_loses
  --skip a_name_of_several_functions)

cargo build --workspace --bins --examples --locked --quiet
if ! "$recorder" check >/dev/null 2>&1; then
  echo "skipped: proof that the kernel tests detect an attach that does nothing needs BPF rights" >&2
  [ "${SOAKBOX_REQUIRE_KERNEL:-0}" != 1 ]
  exit
fi

# The ordinary programs again in their place, however this ends.
trap 'cargo build --workspace --bins --examples --locked --quiet' EXIT
noop=(cargo test --workspace --locked --no-fail-fast --features soakbox-recorder/noop-attach "${tests[@]}")
"${noop[@]}" --no-run

# Skips are forbidden, so that each test fails: for want of an attach, or for want of what it needs.
output=$(SOAKBOX_REQUIRE_KERNEL=1 SOAKBOX_REQUIRE_TOOLS=1 "${noop[@]}" -- "${not_these[@]}" 2>&1) && status=0 || status=$?
results=$(grep '^test result:' <<<"$output" || true)
if [ "$status" = 0 ] || [ -z "$results" ] || grep -qE '^test .* \.\.\. ok$' <<<"$output"; then
  printf '%s\n' "$output"
  echo "detects_noop: FAILED: kernel tests passed although nothing was attached" >&2
  exit 1
fi
wanting=$(grep -E '^SOAKBOX_REQUIRE_(KERNEL|TOOLS)=1, but no ' <<<"$output" || true)
if [ -n "$wanting" ]; then
  sed 's/^SOAKBOX_REQUIRE_[A-Z]*=1, but no /skipped: proof that a test detects an attach that does nothing needs /' <<<"$wanting" >&2
  [ "${SOAKBOX_REQUIRE_TOOLS:-0}" != 1 ]
fi
# In words of its own, so that nobody takes the wanted failures for real ones.
sed 's/^test result: FAILED\./with nothing attached:/; s/; finished in.*//' <<<"$results"
echo "detects_noop: with nothing attached the kernel tests fail, as they must"
