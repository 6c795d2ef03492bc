"""The cost of observation to a real server: the throughput of Redis while the function that serves SET is
recorded."""

import csv
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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


def throughput(socket: Path, observer: AbstractContextManager[None]) -> float:
    with observer:
        return statistics.median(sets_per_second(socket) for _ in range(ROUNDS))


def redis_throughput(directory: Path) -> None:
    heading(f"SET requests per second of Redis while {FUNCTION} is recorded")
    server = shutil.which("redis-server")
    if server is None or shutil.which("redis-benchmark") is None:
        print("skipped: redis is not installed", file=sys.stderr)
        return
    # A copy, so that no other server of this machine is ever probed. The program looks at its own name.
    program = directory / "redis-server"
    shutil.copy(server, program)
    output = directory / "redis"
    with redis(directory, program) as socket:
        alone = throughput(socket, nullcontext())
        recorded = throughput(socket, recording(output, f"uprobe:{program}:{FUNCTION}"))
        traced = None
        if shutil.which("bpftrace"):
            traced = throughput(socket, bpftrace_histogram(program, FUNCTION))
        else:
            print("skipped: bpftrace is not installed", file=sys.stderr)
    counts = counted(output)
    if counts["finished"] != REQUESTS * ROUNDS:
        sys.exit(f"{FUNCTION}: {counts} of {REQUESTS * ROUNDS} requests")
    result(
        "redis_set_per_s",
        unobserved=round(alone),
        soakbox=round(recorded),
        bpftrace_histogram=None if traced is None else round(traced),
        lost=counts["lost"],
    )
