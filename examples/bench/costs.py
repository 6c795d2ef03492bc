"""The cost of observation to the observed thread."""

import json
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from observers import bpftrace_histogram, counting_probes, recording
from programs import COST_CALLS, COST_ROUNDS, RECORDER, counted, cpu_per_operation, heading, result


def explained(probe: str) -> dict[str, Any]:
    """How `check` would observe this one operation."""
    command = [str(RECORDER), "check", "--op", f"op={probe}", "--format", "json"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (operation,) = answer["probes"]
    found: dict[str, Any] = operation
    return found


def added_by(observer: AbstractContextManager[None], program: Path) -> int:
    """The CPU time that the observer adds to one operation of the thread, in ns."""
    baseline = cpu_per_operation(program)
    with observer:
        observed = cpu_per_operation(program)
    return round(observed - baseline)


def added_time(directory: Path, programs: dict[str, Path]) -> None:
    heading("CPU time that observation adds to a thread per operation, for an operation that does almost nothing")
    figures: dict[str, int | None] = {}
    lost: dict[str, int] = {}
    for name, kind, rule, figure in (
        ("plain", "uprobe", "", "soakbox_function"),
        # The value that the rule reads is known at the return only.
        ("ops", "uprobe", ",success=ret:i32>=0", "soakbox_function_at_its_returns"),
        ("way_out", "uprobe", "", "soakbox_function_at_a_jump"),
        ("ops_marker", "marker", "", "soakbox_marker"),
    ):
        program = programs[name]
        output = directory / f"cost-{name}"
        probe = f"{kind}:{program}:op{rule}"
        if name == "ops" and not any(place["stepped"] for place in explained(probe)["finishes"]):
            sys.exit(f"{program}: it is not finished at its returns")
        figures[figure] = added_by(recording(output, probe), program)
        counts = counted(output)
        # Operations that were not observed would make observation look cheap. Lost ones cost the same
        # as recorded ones.
        if counts["finished"] != COST_CALLS * COST_ROUNDS:
            sys.exit(f"{name}: {counts} of {COST_CALLS * COST_ROUNDS} operations")
        lost[f"lost_{name}"] = counts["lost"]
    way_out = programs["way_out"]
    operation = explained(f"uprobe:{way_out}:op")
    places = operation["begins"] + operation["finishes"]
    if any(place["stepped"] for place in places):
        sys.exit(f"{way_out}: the kernel single-steps one of its probes: {places}")
    offsets = [place["file_offset"] for place in places]
    figures["counting_probes_at_the_same_instructions"] = added_by(counting_probes(way_out, offsets), way_out)
    figures["bpftrace_histogram_of_the_function"] = None
    figures["bpftrace_histogram_of_the_function_with_a_jump"] = None
    if shutil.which("bpftrace"):
        for name, suffix in (("plain", ""), ("way_out", "_with_a_jump")):
            program = programs[name]
            figure = f"bpftrace_histogram_of_the_function{suffix}"
            figures[figure] = added_by(bpftrace_histogram(program), program)
    else:
        print("skipped: bpftrace is not installed", file=sys.stderr)
    peer, own = figures["bpftrace_histogram_of_the_function"], figures["soakbox_function"]
    ratio = round(own / peer, 2) if own and peer else None
    result("added_ns_per_operation", **figures, soakbox_by_bpftrace=ratio, **lost)
