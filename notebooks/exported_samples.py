"""Asserts that a Prometheus server answers from the samples of `export openmetrics` what the recording has: promtool makes blocks of them,
and a server on 127.0.0.1 reads these blocks and nothing else.
"""

import bisect
import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

LIMIT_S = 60
# Ports that are tried.
STARTS = 3
NAME = "soakbox_operation_duration_seconds"
# The bounds of the export's buckets, ns.
BOUNDS = [digit * 10**power for power in range(3, 11) for digit in (1, 2, 5)] + [10**11]
LEVELS = {0.5: "p50_ns", 0.9: "p90_ns", 0.99: "p99_ns"}


def programs() -> tuple[str, str] | None:
    """promtool and prometheus, if both are in $PATH."""
    promtool, prometheus = map(shutil.which, ("promtool", "prometheus"))
    return (promtool, prometheus) if promtool and prometheus else None


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextlib.contextmanager
def server(prometheus: str, blocks: pathlib.Path) -> Iterator[str]:
    """The address of a server that has these blocks. It scrapes nothing, and ends at the end."""
    settings = blocks.with_suffix(".yml")
    settings.write_text("global: {}\n")
    storage = [f"--storage.tsdb.path={blocks}", "--storage.tsdb.retention.time=100y"]
    log = blocks.with_suffix(".log")
    for _ in range(STARTS):
        port = free_port()
        command = [prometheus, f"--config.file={settings}", f"--web.listen-address=127.0.0.1:{port}", *storage]
        with log.open("wb") as messages:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        try:
            address = f"http://127.0.0.1:{port}"
            if is_ready(process, address):
                yield address
                return
        finally:
            process.terminate()
            process.wait()
        # Another program may have taken the port in between.
        if "address already in use" not in log.read_text(errors="replace"):
            break
    raise AssertionError(f"prometheus is not ready after {LIMIT_S} s, or ended with {process.returncode}\n{log.read_text(errors='replace')}")


def is_ready(process: "subprocess.Popen[bytes]", address: str) -> bool:
    for _ in range(LIMIT_S * 10):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/-/ready", timeout=5):
            return process.poll() is None
        if process.poll() is not None:
            return False
        time.sleep(0.1)
    return False


def answer(address: str, query: str, at: float) -> dict[str, float]:
    """The value of each operation."""
    parameters = urllib.parse.urlencode({"query": query, "time": at})
    with urllib.request.urlopen(f"{address}/api/v1/query?{parameters}") as response:
        found = json.load(response)["data"]["result"]
    return {one["metric"]["operation"]: float(one["value"][1]) for one in found}


def bucket(duration_ns: float) -> tuple[float, float]:
    place = bisect.bisect_left(BOUNDS, duration_ns)
    return (BOUNDS[place - 1] if place else 0, BOUNDS[place])


def check(tools: tuple[str, str], samples: pathlib.Path, rows: list[dict[str, Any]], summary: dict[str, Any]) -> str:
    """Gives what was compared, for the reader. `summary` is the document of `soakbox-analyzer summary`."""
    promtool, prometheus = tools
    blocks = samples.parent / "blocks"
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(samples), str(blocks)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    durations: dict[str, list[int]] = {}
    for row in rows:
        durations.setdefault(row["operation"], []).extend([row["duration_ns"]] * row["sample_weight"])
    at = max(float(line.rsplit(" ", 1)[1]) for line in samples.read_text().split("\n") if line and not line.startswith("#"))
    seen = []
    with server(prometheus, blocks) as address:
        assert answer(address, f"{NAME}_count", at) == {operation: len(all) for operation, all in durations.items()}
        for level, key in LEVELS.items():
            found = answer(address, f"histogram_quantile({level}, {NAME}_bucket)", at)
            assert found.keys() == durations.keys(), found
            for one in summary["operations"]:
                operation = one["operation"]
                if operation not in durations:
                    continue
                all = sorted(durations[operation])
                # Prometheus interpolates in the bucket that has the row of this rank.
                low, high = bucket(all[max(-int(-level * len(all) // 1), 1) - 1])
                value = found[operation] * 1e9
                told = f"{operation}, {level}: Prometheus has {value:.0f} ns, summary {one[key]} ns"
                assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9), told
                if one["durations_of"] == "rows":
                    # The percentiles of `summary` are right within 1/128.
                    assert bucket(one[key] / 1.01)[0] <= value <= bucket(one[key] * 1.01)[1] * (1 + 1e-9), told
                seen.append(told)
    return "; ".join(seen)
