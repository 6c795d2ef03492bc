#!/usr/bin/env python3
"""Measures the cost of recording on this machine. Prints one line of JSON per figure, and headings on stderr.

`make bench` runs it, as root. It makes release builds. It needs gcc; and bpftrace and redis (redis-server,
redis-tools) for the comparisons with them. `--only PART` runs a part of it: `--only queries --rows N` asks queries of
a recording of N rows, `--only volume --days N` writes the volume of N days (10 GB for a week).
The figures of one run can be compared with each other, but not those of different machines.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import budget
import costs
import load
import queries
import server
import volume
from programs import RECORDER, ROOT, TARGET, build, heading

WITHOUT_BPF = ("cores", "volume", "queries")
WITH_BPF = ("costs", "server", "load", "limit")


def example(name: str) -> None:
    subprocess.run([TARGET / "release/examples" / name], check=True, cwd=ROOT)


def cores() -> None:
    """What one core does, without a kernel side."""
    heading("Cost of a marker pair that is not recorded, compared with a pair of empty calls")
    example("marker_cost")
    heading("Reading the counts and durations of an interval, also of hosts with more CPUs than this one")
    example("metrics_read")
    heading("Synthetic events of realistic shape on one core: making batches, writing the journal, sealing")
    example("seal_throughput")


def observed(part: str, directory: Path, programs: dict[str, Path]) -> None:
    match part:
        case "costs":
            costs.added_time(directory, programs)
        case "server":
            server.redis_throughput(directory)
        case "load":
            load.recorder_load(directory, programs)
            load.full_speed(directory, programs["plain"])
            load.journal_to_parquet(directory, programs["plain"])
        case "limit":
            budget.overhead_limit(directory, programs["load"])


def main() -> None:
    arguments = argparse.ArgumentParser(prog="examples/bench")
    arguments.add_argument("--only", choices=[*WITHOUT_BPF, *WITH_BPF])
    arguments.add_argument("--rows", type=int, default=queries.ROWS)
    arguments.add_argument("--days", type=float, default=0.5)
    asked = arguments.parse_args()
    parts = [asked.only] if asked.only else [*WITHOUT_BPF, *WITH_BPF]
    command = ["cargo", "build", "--release", "--locked", "--workspace", "--bins", "--examples"]
    subprocess.run(command, check=True, cwd=ROOT)
    with tempfile.TemporaryDirectory(prefix="soakbox-bench-") as name:
        directory = Path(name)
        if "cores" in parts:
            cores()
        if "volume" in parts:
            volume.replayed(directory, asked.days)
        if "queries" in parts:
            queries.questions(directory, asked.rows)
        with_bpf = [part for part in WITH_BPF if part in parts]
        if with_bpf and subprocess.run([RECORDER, "check"], capture_output=True, check=False).returncode != 0:
            print(f"skipped: {', '.join(with_bpf)}: they need BPF rights", file=sys.stderr)
            with_bpf = []
        programs = build(directory) if with_bpf else {}
        for part in with_bpf:
            observed(part, directory, programs)


if __name__ == "__main__":
    main()
