#!/usr/bin/env bash
# Reads a recording in Python: runs the notebooks, and checks the documented types and footers with
# pyarrow and DuckDB.
#   notebooks/test.sh RECORDING
set -euo pipefail
cd "$(dirname "$0")/.."
recording=${1:?usage: notebooks/test.sh RECORDING}
python=$(notebooks/run.sh --python)
"$python" notebooks/check_types.py "$recording"
notebooks/run.sh "$recording"
