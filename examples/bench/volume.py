"""The volume of days, written faster than time: whether the memory of the recorder stays the same."""

import subprocess
import time
from pathlib import Path

from programs import RECORDER, analyzed, heading, result


def resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0  # it has ended, and waits for its parent


def replayed(directory: Path, days: float) -> None:
    """Writes a synthetic recording of some days, and compares the memory in the first tenth of the time with that in
    the last tenth."""
    seconds = max(60, round(days * 86_400))
    heading(f"The volume of {seconds} s of a synthetic service, by replay")
    output = directory / "volume"
    command = [str(RECORDER), "replay", "--synthetic", "1", "--seconds", str(seconds), "-o", str(output)]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory = []
    while True:
        memory.append(resident_bytes(process.pid))
        if process.poll() is not None:
            break
        time.sleep(0.1)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    took = time.monotonic() - start
    rows = sum(operation["rows"] for operation in analyzed("info", output)["operations"])
    size = sum(file.stat().st_size for file in output.glob("operation_log/**/*.parquet"))
    tenth = max(1, len(memory) // 10)
    result(
        "volume",
        days=round(seconds / 86_400, 3),
        events=rows,
        bytes_per_event=round(size / rows, 2),
        times_faster_than_time=round(seconds / took),
        memory_bytes_of_the_first_tenth=max(memory[:tenth]),
        memory_bytes_of_the_last_tenth=max(memory[-tenth:]),
        peak_memory_bytes=max(memory),
    )
