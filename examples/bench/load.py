"""The load of the recorder itself: at steady rates, with many operations, next to a target at full speed, and from
a journal to Parquet."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from observers import Recorder
from programs import RECORDER, counted, heading, result, target

RATES = {10_000: 30, 100_000: 40}  # events per second: seconds
FIFTY_RATE = 10_000
FULL_SPEED_CALLS = 5_000_000
# Files are sealed meanwhile, so that this work counts too.
ROTATE_AFTER = "10s"
JOURNAL_CALLS = 2_000_000
# The share of a killed recorder's events that must be saved. Events are missing only if the ring
# overflowed, or if they came after the last flush before the kill.
SAVED_SHARE = 0.99


class PeakMemory(threading.Thread):
    """Looks at the memory of a recorder ten times a second."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.bytes = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(0.1):
            self.bytes = max(self.bytes, self.recorder.memory_bytes())

    def end(self) -> int:
        self.is_over.set()
        self.join()
        return self.bytes


def loaded(output: Path, operations: dict[str, str], program: Path, *arguments: object) -> dict[str, object]:
    """The recorder's load while the program runs at the rate that is the last argument."""
    recorder = Recorder(output, operations, "--rotate-after", ROTATE_AFTER)
    start_s = recorder.cpu_s()
    peak = PeakMemory(recorder)
    peak.start()
    done = target(program, *arguments)
    cpu_s = recorder.cpu_s() - start_s
    time.sleep(2)
    peak_bytes = peak.end()
    usage = recorder.stop()
    counts = counted(output)
    if counts["finished"] != done["finished"]:
        sys.exit(f"{program} {arguments}: {counts} of {done['finished']} operations")
    return {
        "lost": counts["lost"],
        "operations": len(operations),
        "events_per_s": round(done["finished"] / done["wall_ns"] * 1e9),
        "cpu_percent_of_a_core": round(100 * cpu_s / (done["wall_ns"] / 1e9), 2),
        "start_cpu_s": round(start_s, 2),
        "peak_memory_bytes_of_both": peak_bytes,
        "peak_memory_bytes": usage.ru_maxrss * 1024,
    }


def recorder_load(directory: Path, programs: dict[str, Path]) -> None:
    plain, fifty = programs["plain"], programs["fifty"]
    for rate, seconds in RATES.items():
        heading(f"CPU time and memory of the recorder at {rate} events/s for {seconds} s")
        one = {"op": f"uprobe:{plain}:op"}
        figures = loaded(directory / f"rate-{rate}", one, plain, "rate", rate * seconds, rate)
        result("recorder_load", **figures)
    seconds = RATES[FIFTY_RATE]
    heading("The same with 50 operations, of which all have counts and durations to read in each second")
    every = {f"op{number}": f"uprobe:{fifty}:op{number}" for number in range(50)}
    figures = loaded(directory / "load-fifty", every, fifty, FIFTY_RATE * seconds, FIFTY_RATE)
    result("recorder_load", **figures)


def full_speed(directory: Path, program: Path) -> None:
    """The target does nothing but operations on one core, the recorder has the other one."""
    heading(f"A target at full speed on one core, {FULL_SPEED_CALLS} operations, and the recorder on the other one")
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        print("skipped: there is one CPU", file=sys.stderr)
        return
    output = directory / "full-speed"
    recorder = Recorder(output, {"op": f"uprobe:{program}:op"}, cpu=others[0])
    begin, start_s = time.monotonic(), recorder.cpu_s()
    done = target(program, "calls", FULL_SPEED_CALLS, 1, 0, cpu=first)
    seconds = time.monotonic() - begin
    cpu_s = recorder.cpu_s() - start_s
    recorder.stop()
    counts = counted(output)
    if counts["finished"] != done["finished"]:
        sys.exit(f"at full speed: {counts} of {done['finished']} operations")
    result(
        "full_speed",
        lost=counts["lost"],
        events=counts["rows"],
        events_per_s=round(done["finished"] / seconds),
        cpu_percent_of_a_core=round(100 * cpu_s / seconds, 2),
    )


def journal_to_parquet(directory: Path, program: Path) -> None:
    heading(
        f"`recover` seals the journal of a killed recorder with {JOURNAL_CALLS} events.\n"
        "   These events are uniform (one thread, one empty function), so that they compress better than real ones.\n"
        "   A realistic size is that of `seal` in the results of seal_throughput above"
    )
    output = directory / "journal"
    flags = ("--journal-bytes", str(1 << 30), "--rotate-after", "1h", "--ring-bytes", str(1 << 28))
    recorder = Recorder(output, {"op": f"uprobe:{program}:op"}, *flags)
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


