#!/usr/bin/env python3
"""Measures the cost of recording on this machine. Prints one line of JSON per figure, and headings on stderr.

`make bench` runs it, as root. It makes release builds. It needs gcc, and bpftrace for the comparison.
The figures of one run can be compared with each other, but not those of different machines.
"""

import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RECORDER = TARGET / "release/soakbox-recorder"
# Only the counts are checked with the analyzer: no release build of the query engine is needed.
ANALYZER = TARGET / "debug/soakbox-analyzer"
COST_CALLS = 200_000
COST_ROUNDS = 5
RATES = {10_000: 10, 100_000: 10}  # events per second: seconds
JOURNAL_CALLS = 2_000_000
# The share of a killed recorder's events that must be saved. Events are missing only if the ring
# overflowed, or if they came after the last flush before the kill.
SAVED_SHARE = 0.99


def heading(text: str) -> None:
    print(f"\n== {text}", file=sys.stderr)


def result(name: str, **figures: object) -> None:
    print(json.dumps({"schema": "soakbox.bench/1", "figure": name, **figures}), flush=True)


def build(directory: Path) -> dict[str, Path]:
    """The observed programs: a function with a uretprobe, a function without one, and a marker."""
    programs = {}
    for name in ("plain", "ops", "ops_marker"):
        program = directory / name
        source = ROOT / "recorder/tests/targets" / f"{name}.c"
        include = ROOT / "schemas/include"
        subprocess.run(
            ["gcc", "-O2", "-g0", "-pthread", "-I", include, source, "-o", program], check=True
        )
        programs[name] = program
    return programs


def target(program: Path, *arguments: object) -> dict[str, int]:
    output = subprocess.run(
        [program, *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout
    counts: dict[str, int] = json.loads(output)
    return counts


class Recorder:
    """A recorder that has attached its probes."""

    def __init__(self, output: Path, probe: str, *flags: str) -> None:
        self.process = subprocess.Popen(
            [RECORDER, "record", "-o", output, "--op", f"op={probe}", *flags],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stderr is not None
        output_so_far = ""
        for line in self.process.stderr:
            output_so_far += line
            if "recording op into" in line:
                return
        sys.exit(f"the recorder did not start:\n{output_so_far}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> resource.struct_rusage:
        """Ends the recorder and returns the resources that it used."""
        self.process.send_signal(how)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if how == signal.SIGTERM and self.process.returncode != 0:
            sys.exit(f"the recorder ended with {self.process.returncode}")
        return usage


@contextmanager
def recording(output: Path, probe: str) -> Iterator[None]:
    recorder = Recorder(output, probe)
    yield
    recorder.stop()


@contextmanager
def bpftrace_histogram(program: Path) -> Iterator[None]:
    script = (
        f"uprobe:{program}:op {{ @start[tid] = nsecs; }} "
        f"uretprobe:{program}:op /@start[tid]/ {{ @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }} "
        'BEGIN { printf("attached\\n"); }'
    )
    process = subprocess.Popen(
        ["bpftrace", "-e", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "attached" in line:
            break
    time.sleep(1)
    yield
    process.send_signal(signal.SIGINT)
    process.communicate()


def counted(output: Path) -> dict[str, int]:
    """The counts of the kernel and of the files, from `info`. The benchmark fails if they do not agree."""
    command = [str(ANALYZER), "info", str(output), "--format", "json"]
    info = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (operation,) = info["operations"]
    if info["identity_ok"] is False:
        sys.exit(f"{output}: the counts do not agree: {info}")
    return {
        "finished": operation["finished"],
        "rows": operation["rows"],
        "lost": sum(operation["lost"].values()),
    }


def cpu_per_operation(program: Path) -> float:
    rounds = (target(program, "cost", COST_CALLS)["cpu_ns"] / COST_CALLS for _ in range(COST_ROUNDS))
    return statistics.median(rounds)


def added_time(directory: Path, programs: dict[str, Path]) -> None:
    heading("CPU time that observation adds to a thread per operation, for an operation that does almost nothing")
    figures: dict[str, int | None] = {}
    lost: dict[str, int] = {}
    for name, kind, figure in (
        ("plain", "uprobe", "soakbox_function"),
        ("ops", "uprobe", "soakbox_function_at_its_returns"),
        ("ops_marker", "marker", "soakbox_marker"),
    ):
        program = programs[name]
        baseline = cpu_per_operation(program)
        output = directory / f"cost-{name}"
        with recording(output, f"{kind}:{program}:op"):
            figures[figure] = round(cpu_per_operation(program) - baseline)
        counts = counted(output)
        # Operations that were not observed would make observation look cheap. Lost ones cost the same
        # as recorded ones.
        if counts["finished"] != COST_CALLS * COST_ROUNDS:
            sys.exit(f"{name}: {counts} of {COST_CALLS * COST_ROUNDS} operations")
        lost[f"lost_{name}"] = counts["lost"]
    figures["bpftrace_histogram_of_the_function"] = None
    if shutil.which("bpftrace"):
        baseline = cpu_per_operation(programs["plain"])
        with bpftrace_histogram(programs["plain"]):
            observed = cpu_per_operation(programs["plain"])
        figures["bpftrace_histogram_of_the_function"] = round(observed - baseline)
    else:
        print("skipped: bpftrace is not installed", file=sys.stderr)
    result("added_ns_per_operation", **figures, **lost)


def recorder_load(directory: Path, program: Path) -> None:
    for rate, seconds in RATES.items():
        heading(f"CPU time and memory of the recorder at {rate} events/s for {seconds} s")
        output = directory / f"rate-{rate}"
        recorder = Recorder(output, f"uprobe:{program}:op")
        done = target(program, "rate", rate * seconds, rate)
        time.sleep(2)
        usage = recorder.stop()
        cpu = usage.ru_utime + usage.ru_stime
        counts = counted(output)
        if counts["finished"] != done["finished"]:
            sys.exit(f"at {rate} events/s: {counts} of {done['finished']} operations")
        result(
            "recorder_load",
            lost=counts["lost"],
            events_per_s=round(done["finished"] / done["wall_ns"] * 1e9),
            cpu_percent_of_a_core=round(100 * cpu / (done["wall_ns"] / 1e9), 1),
            peak_memory_bytes=usage.ru_maxrss * 1024,
        )


def journal_to_parquet(directory: Path, program: Path) -> None:
    heading(
        f"`recover` seals the journal of a killed recorder with {JOURNAL_CALLS} events.\n"
        "   These events are uniform (one thread, one empty function), so that they compress better than real ones.\n"
        "   A realistic size is that of `seal` in the results of seal_throughput above"
    )
    output = directory / "journal"
    flags = ("--journal-bytes", str(1 << 30), "--rotate-after", "1h", "--ring-bytes", str(1 << 28))
    recorder = Recorder(output, f"uprobe:{program}:op", *flags)
    target(program, "calls", JOURNAL_CALLS, 1, 0)
    time.sleep(3)
    recorder.stop(signal.SIGKILL)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = subprocess.run(
        [RECORDER, "recover", output, "--format", "json"], check=True, capture_output=True, text=True
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    saved = counted(output)["rows"]
    if saved < JOURNAL_CALLS * SAVED_SHARE:
        sys.exit(f"only {saved} of {JOURNAL_CALLS} events are in Parquet, so that the rate would be wrong")
    size = sum(file.stat().st_size for file in (output / "operation_log").rglob("*.parquet"))
    result(
        "journal_to_parquet",
        rows_of_all_tables=json.loads(answer)["rows_saved"],
        events=saved,
        events_not_saved=JOURNAL_CALLS - saved,
        events_per_s_per_core=round(saved / cpu),
        bytes_per_uniform_event=round(size / saved, 2),
    )


def example(package: str, name: str) -> None:
    command = ["cargo", "run", "--release", "--locked", "--quiet", "-p", package, "--example", name]
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> None:
    for what in (["--release", "-p", "soakbox-recorder"], ["--workspace", "--bins", "--examples"]):
        subprocess.run(["cargo", "build", "--locked", *what], check=True, cwd=ROOT)
    heading("Cost of a marker pair that is not recorded, compared with a pair of empty calls")
    example("soakbox-schemas", "marker_cost")
    heading("Synthetic events of realistic shape on one core: making batches, writing the journal, sealing")
    example("soakbox-recorder", "seal_throughput")
    if subprocess.run([RECORDER, "check"], capture_output=True, check=False).returncode != 0:
        print("skipped: all other figures need BPF rights", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="soakbox-bench-") as name:
        directory = Path(name)
        programs = build(directory)
        added_time(directory, programs)
        recorder_load(directory, programs["plain"])
        journal_to_parquet(directory, programs["plain"])


if __name__ == "__main__":
    main()
