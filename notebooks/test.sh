#!/usr/bin/env bash
# Makes a recording and reads it in Python: the notebooks, and the documented types by pyarrow and DuckDB.
# The recording is one of the workload where the host allows that, else a synthetic one.
set -euo pipefail
cd "$(dirname "$0")/.."
programs=${CARGO_TARGET_DIR:-target}/debug
recorder=$programs/soakbox-recorder
workload=$programs/soakbox-workload

cargo build --workspace --bins --examples --locked --quiet
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
if "$recorder" check >/dev/null 2>&1; then
  "$recorder" record -o "$directory/recording" \
    --op "rule_refresh=marker:$workload:rule_refresh,type=1" \
    --op "traffic_control=uprobe:$workload:traffic_control,type=2,success=ret:i32>=0" \
    -- "$workload" --seconds 5 --fail 3 >/dev/null
else
  echo "notebooks: no BPF rights here, so on a synthetic recording" >&2
  "$recorder" replay --synthetic 1 --seconds 30 -o "$directory/recording"
fi
python=$(notebooks/run.sh --python)
"$python" notebooks/check_types.py "$directory/recording"
notebooks/run.sh "$directory/recording"
