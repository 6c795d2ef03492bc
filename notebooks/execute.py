"""Runs one notebook from top to bottom. Fails if a cell fails. The notebook's file is not changed."""

import pathlib
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def main() -> int:
    path = pathlib.Path(sys.argv[1])
    notebook = nbformat.read(path, as_version=4)
    if any(cell.get("outputs") for cell in notebook.cells):
        print(f"error: {path}: the notebook is stored with outputs; clear them", file=sys.stderr)
        return 2
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=600, startup_timeout=600, resources=resources, extra_arguments=["--log-level=40"])
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"error: {path}: a cell failed\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
