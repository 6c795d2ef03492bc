#!/usr/bin/env bash
# Runs a short demo twice, with synthetic and with observed recordings, and checks that it shows the
# expected differences. Then it reads the recording of the degraded service in Python: the notebooks,
# the documented types by pyarrow and DuckDB, and exports by the programs that they are for. If the host
# does not allow eBPF, this is reported and the synthetic recording is used; with
# SOAKBOX_REQUIRE_KERNEL=1 it is a failure. Without Chromium, or promtool and prometheus, their checks are
# skipped; with SOAKBOX_REQUIRE_BROWSER=1 and SOAKBOX_REQUIRE_TOOLS=1 that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
programs=${CARGO_TARGET_DIR:-target}/debug
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# demo NAME [VARIABLE=VALUE]: runs a short demo. Its output is shown only when it fails.
demo() {
  local name=$1
  shift
  if ! env SOAKBOX_DEMO_SECONDS=4 SOAKBOX_DEMO_OUTPUT="$directory/$name" "$@" examples/demo.sh >"$directory/log" 2>&1; then
    cat "$directory/log" >&2
    echo "demo test: FAILED: the demo ($name) failed" >&2
    exit 1
  fi
}

check() { python3 examples/check_demo.py "$programs/soakbox-analyzer" "$directory/$1"; }

demo replayed SOAKBOX_DEMO_REPLAY=1
check replayed
recording=$directory/replayed/degraded
if "$programs/soakbox-recorder" check >/dev/null 2>&1; then
  demo observed
  check observed
  recording=$directory/observed/degraded
else
  echo "skipped: the demo and the notebooks on an observed service need BPF rights" >&2
  [ "${SOAKBOX_REQUIRE_KERNEL:-0}" != 1 ]
fi
notebooks/test.sh "$recording"
for check in check_results check_functions check_exports; do
  "$(notebooks/run.sh --python)" "notebooks/$check.py" "$programs/soakbox-analyzer" "$recording"
done
