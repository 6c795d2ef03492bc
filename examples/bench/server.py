"""The cost of observation to a real server: the throughput of Redis while the function that serves SET is
recorded."""

import csv
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from observers import bpftrace_histogram, recording
from programs import counted, heading, result

FUNCTION = "setCommand"
REQUESTS = 200_000
ROUNDS = 5


@contextmanager
def redis(directory: Path, server: Path) -> Iterator[Path]:
    """A server of the benchmark's own, which listens on a socket in the directory only."""
    socket = directory / "redis.sock"
    command = [str(server), "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if socket.exists():
                break
            time.sleep(0.05)
        yield socket
    finally:
        process.terminate()
        process.wait()


def sets_per_second(socket: Path) -> float:
    command = ["redis-benchmark", "-s", str(socket), "-t", "set", "-n", str(REQUESTS), "--csv"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (row,) = csv.DictReader(output.splitlines())
    return float(row["rps"])


def redis_throughput(directory: Path) -> None:
    heading(f"SET requests per second of Redis while {FUNCTION} is recorded, in {ROUNDS} rounds in turn")
    server = shutil.which("redis-server")
    if server is None or shutil.which("redis-benchmark") is None:
        print("skipped: redis is not installed", file=sys.stderr)
        return
    has_peer = shutil.which("bpftrace") is not None
    if not has_peer:
        print("skipped: bpftrace is not installed", file=sys.stderr)
    # A copy, so that no other server of this machine is ever probed. The program looks at its own name.
    program = directory / "redis-server"
    shutil.copy(server, program)
    alone, recorded, traced, lost = [], [], [], 0
    with redis(directory, program) as socket:
        for round_number in range(ROUNDS):
            alone.append(sets_per_second(socket))
            output = directory / f"redis-{round_number}"
            with recording(output, f"uprobe:{program}:{FUNCTION}"):
                recorded.append(sets_per_second(socket))
            counts = counted(output)
            if counts["finished"] != REQUESTS:
                sys.exit(f"{FUNCTION}: {counts} of {REQUESTS} requests")
            lost += counts["lost"]
            if has_peer:
                with bpftrace_histogram(program, FUNCTION):
                    traced.append(sets_per_second(socket))
    ratios = [each / before for each, before in zip(recorded, alone)]
    result(
        "redis_set_per_s",
        unobserved=round(statistics.median(alone)),
        soakbox=round(statistics.median(recorded)),
        bpftrace_histogram=round(statistics.median(traced)) if traced else None,
        soakbox_by_unobserved=round(statistics.median(ratios), 3),
        soakbox_by_bpftrace=round(statistics.median(recorded) / statistics.median(traced), 3) if traced else None,
        lost=lost,
    )
