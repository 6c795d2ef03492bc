"""The load of the recorder itself: at steady rates, and from a journal to Parquet."""

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from observers import Recorder
from programs import RECORDER, counted, heading, result, target

RATES = {10_000: 10, 100_000: 10}  # events per second: seconds
JOURNAL_CALLS = 2_000_000
# The share of a killed recorder's events that must be saved. Events are missing only if the ring
# overflowed, or if they came after the last flush before the kill.
SAVED_SHARE = 0.99


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


