#!/usr/bin/env bash
# Runs every notebook of this directory on a recording, as a test: an error in a cell is a failure.
# Writes nothing into the recording or the notebooks.
#
#   notebooks/run.sh RECORDING    needs python3 with venv; installs the pinned requirements once
#   notebooks/run.sh --python     prints the path of that environment's Python, for other scripts
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
venv=${SOAKBOX_CACHE:-$HOME/.cache/soakbox}/venv

prepare() {
    # The environment is made again when the requirements have changed.
    local stamp=$venv/requirements.txt
    if ! cmp -s "$here/requirements.txt" "$stamp"; then
        echo "notebooks: installing the requirements into $venv" >&2
        rm -rf "$venv"
        python3 -m venv "$venv" || {
            echo "error: python3: cannot make a virtual environment" >&2
            echo "hint: apt-get install python3 python3-venv" >&2
            exit 2
        }
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
        cp "$here/requirements.txt" "$stamp"
    fi
}

case ${1:-} in
    --python)
        prepare
        echo "$venv/bin/python"
        ;;
    "" | -*)
        echo "usage: notebooks/run.sh RECORDING | --python" >&2
        exit 2
        ;;
    *)
        [ -d "$1" ] || { echo "error: $1: no such directory" >&2; exit 2; }
        SOAKBOX_RECORDING=$(cd "$1" && pwd)
        export SOAKBOX_RECORDING
        prepare
        for notebook in "$here"/*.ipynb; do
            "$venv/bin/python" "$here/execute.py" "$notebook"
            echo "notebooks: $(basename "$notebook") ran on $SOAKBOX_RECORDING"
        done
        ;;
esac
