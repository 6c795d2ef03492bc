"""The load of the recorder itself: at steady rates, and from a journal to Parquet."""

import json
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


def recorder_load(directory: Path, program: Path) -> None:
    for rate, seconds in RATES.items():
        heading(f"CPU time and memory of the recorder at {rate} events/s for {seconds} s")
        output = directory / f"rate-{rate}"
        recorder = Recorder(output, f"uprobe:{program}:op", "--rotate-after", ROTATE_AFTER)
        start_s = recorder.cpu_s()
        peak = PeakMemory(recorder)
        peak.start()
        done = target(program, "rate", rate * seconds, rate)
        cpu_s = recorder.cpu_s() - start_s
        time.sleep(2)
        peak_bytes = peak.end()
        usage = recorder.stop()
        counts = counted(output)
        if counts["finished"] != done["finished"]:
            sys.exit(f"at {rate} events/s: {counts} of {done['finished']} operations")
        result(
            "recorder_load",
            lost=counts["lost"],
            events_per_s=round(done["finished"] / done["wall_ns"] * 1e9),
            cpu_percent_of_a_core=round(100 * cpu_s / (done["wall_ns"] / 1e9), 2),
            start_cpu_s=round(start_s, 2),
            peak_memory_bytes_of_both=peak_bytes,
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


