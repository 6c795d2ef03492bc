"""The observers: the recorder, bpftrace, and the kernel's own counters at the same instructions."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from programs import RECORDER


def asked_for(operations: dict[str, str]) -> list[str]:
    """The arguments for these operations: probes by name."""
    return [word for name, probe in operations.items() for word in ("--op", f"{name}={probe}")]


class Recorder:
    """A recorder that has attached its probes."""

    def __init__(self, output: Path, operations: dict[str, str], *flags: str, cpu: int | None = None) -> None:
        """Records operations, by name, on any CPU or on one."""
        pinned = [] if cpu is None else ["taskset", "--cpu-list", str(cpu)]
        self.process = subprocess.Popen(
            [*pinned, RECORDER, "record", "-o", output, *asked_for(operations), *flags],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stderr is not None
        output_so_far = ""
        for line in self.process.stderr:
            output_so_far += line
            if " into " in line and "recording " in line:
                return
        sys.exit(f"the recorder did not start:\n{output_so_far}")

    def processes(self) -> list[int]:
        """The recorder and the process that attaches for it."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [pid, *map(int, children.split())]

    def cpu_s(self) -> float:
        """CPU time of both so far."""
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Resident memory of both; a page that they share counts once."""
        kib = 0
        for pid in self.processes():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return kib << 10

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
    recorder = Recorder(output, {"op": probe})
    yield
    recorder.stop()


def end_bpftrace(process: subprocess.Popen[str]) -> None:
    """Ends it. Sometimes it does not notice the first signal."""
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=5)
            return
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    sys.exit("bpftrace did not end by SIGINT")


@contextmanager
def bpftrace_histogram(program: Path, function: str = "op") -> Iterator[None]:
    script = (
        f"uprobe:{program}:{function} {{ @start[tid] = nsecs; }} "
        f"uretprobe:{program}:{function} /@start[tid]/ {{ @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }} "
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
    end_bpftrace(process)


class PerfEvent(ctypes.Structure):
    """`struct perf_event_attr` in its second version, as far as uprobes need it."""

    _fields_ = [
        ("type", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("config", ctypes.c_uint64 * 5),
        ("wakeup", ctypes.c_uint32),
        ("breakpoint", ctypes.c_uint32),
        ("path", ctypes.c_char_p),
        ("offset", ctypes.c_uint64),
    ]


PERF_EVENT_OPEN = 298  # on x86-64
CLOSE_ON_EXEC = 8


@contextmanager
def counting_probes(program: Path, offsets: list[int]) -> Iterator[None]:
    """Probes that only count: the least that a probe at these instructions can cost."""
    kernel = ctypes.CDLL(None, use_errno=True)
    with open("/sys/bus/event_source/devices/uprobe/type") as file:
        kind = int(file.read())
    events = []
    try:
        for offset in offsets:
            for cpu in sorted(os.sched_getaffinity(0)):
                event = PerfEvent(
                    type=kind, size=ctypes.sizeof(PerfEvent), path=os.fsencode(program), offset=offset
                )
                any_process, no_group = -1, -1
                number = kernel.syscall(
                    PERF_EVENT_OPEN, ctypes.byref(event), any_process, cpu, no_group, CLOSE_ON_EXEC
                )
                if number < 0:
                    sys.exit(f"{program}+{offset:#x}: {os.strerror(ctypes.get_errno())}")
                events.append(number)
        yield
    finally:
        for number in events:
            os.close(number)
