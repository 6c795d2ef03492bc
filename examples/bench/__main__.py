#!/usr/bin/env python3
"""Measures the cost of recording on this machine. Prints one line of JSON per figure, and headings on stderr.

`make bench` runs it, as root. It makes release builds. It needs gcc; and bpftrace and redis (redis-server,
redis-tools) for the comparisons with them. `--only queries --rows N` only asks queries, of a recording of N rows.
The figures of one run can be compared with each other, but not those of different machines.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import costs
import load
import queries
import server
from programs import RECORDER, ROOT, TARGET, build, heading


def example(name: str) -> None:
    subprocess.run([TARGET / "release/examples" / name], check=True, cwd=ROOT)


def ask(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="soakbox-bench-") as name:
        queries.questions(Path(name), rows)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="examples/bench")
    arguments.add_argument("--only", choices=["queries"])
    arguments.add_argument("--rows", type=int, default=queries.ROWS)
    asked = arguments.parse_args()
    command = ["cargo", "build", "--release", "--locked", "--workspace", "--bins", "--examples"]
    subprocess.run(command, check=True, cwd=ROOT)
    if asked.only == "queries":
        ask(asked.rows)
        return
    heading("Cost of a marker pair that is not recorded, compared with a pair of empty calls")
    example("marker_cost")
    heading("Synthetic events of realistic shape on one core: making batches, writing the journal, sealing")
    example("seal_throughput")
    ask(asked.rows)
    if subprocess.run([RECORDER, "check"], capture_output=True, check=False).returncode != 0:
        print("skipped: all other figures need BPF rights", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="soakbox-bench-") as name:
        directory = Path(name)
        programs = build(directory)
        costs.added_time(directory, programs)
        server.redis_throughput(directory)
        load.recorder_load(directory, programs["plain"])
        load.journal_to_parquet(directory, programs["plain"])


if __name__ == "__main__":
    main()
