#!/usr/bin/env bash
# The kernel tests prove something only if they fail where nothing is observed. Runs the tests below
# with probes that are never attached (SOAKBOX_TEST_ATTACH_NOTHING, in a debug build) and passes when
# they fail, each one of them. Without BPF rights it reports that and passes, unless
# SOAKBOX_REQUIRE_KERNEL=1. Tests that need something else that the host does not have (strace,
# PostgreSQL, a namespace) are left out, which is reported too.
set -euo pipefail
cd "$(dirname "$0")/../.."
recorder=${CARGO_TARGET_DIR:-target}/debug/soakbox-recorder

subjects=(crash:: etcd:: postgresql:: redis:: replaced::)
for file in recorder/tests/suite/kernel_*.rs; do
  subjects+=("$(basename "$file" .rs)::")
done
# Tests of these files that attach no probe (sealing a synthetic recording, noticing that a file
# changes, refusing a name or a risk, listing, checking), and thirty kills, which take long to fail.
not_these=(--skip sealing_writes_syncs --skip overwritten_by_a_writer_from_before_the_recording
  --skip crash::kill_loses --skip a_name_of_several_functions --skip probes_lists_each_symbol
  --skip check_names_the_risk --skip where_harm_is_certain)
# These ask what happens to files and processes, or that something is not counted.
not_these+=(--skip the_watch_over_the_files --skip what_a_killed_recorder_leaves --skip a_long_wait_is_told
  --skip a_kernel_without_a_member --skip processes_of_the_recorder_are_left_out
  --skip the_descendants_of_a_registered_process)

cargo build --workspace --bins --examples --locked --quiet
if ! "$recorder" check >/dev/null 2>&1; then
  echo "skipped: proof that the kernel tests detect an attach that does nothing needs BPF rights" >&2
  [ "${SOAKBOX_REQUIRE_KERNEL:-0}" != 1 ]
  exit
fi

tests=(.ci/test_programs.py --workspace --locked --test suite)

# Skips are forbidden, so that each test fails: because nothing is attached, or because something
# that it needs is missing.
output=$(SOAKBOX_TEST_ATTACH_NOTHING=1 SOAKBOX_REQUIRE_KERNEL=1 SOAKBOX_REQUIRE_TOOLS=1 \
  "${tests[@]}" -- "${subjects[@]}" "${not_these[@]}" 2>&1) && status=0 || status=$?
results=$(grep '^test result: ' <<<"$output" || true)
if [ "$status" = 0 ] || [ "$(wc -l <<<"$results")" != "${#subjects[@]}" ] || grep -qE '^test .* \.\.\. ok$' <<<"$output" ||
  grep -qv '^test result: FAILED\.' <<<"$results"; then
  printf '%s\n' "$output"
  echo "detects_noop: FAILED: kernel tests passed although nothing was attached" >&2
  exit 1
fi
missing=$(grep -E '^SOAKBOX_REQUIRE_(KERNEL|TOOLS)=1, but no ' <<<"$output" || true)
if [ -n "$missing" ]; then
  sed 's/^SOAKBOX_REQUIRE_[A-Z]*=1, but no /skipped: proof that a test detects an attach that does nothing needs /' <<<"$missing" >&2
  [ "${SOAKBOX_REQUIRE_TOOLS:-0}" != 1 ]
fi
failed=$(awk '{ failed += $6 } END { print failed }' <<<"$results")
echo "detects_noop: with nothing attached all $failed kernel tests fail, as they must"
