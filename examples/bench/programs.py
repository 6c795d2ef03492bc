"""The programs of the benchmark: the project's own, and those that are observed; how figures are printed."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RECORDER = TARGET / "release/soakbox-recorder"
ANALYZER = TARGET / "release/soakbox-analyzer"
COST_CALLS = 200_000
COST_ROUNDS = 5


def heading(text: str) -> None:
    print(f"\n== {text}", file=sys.stderr)


def result(name: str, **figures: object) -> None:
    print(json.dumps({"schema": "soakbox.bench/1", "figure": name, **figures}), flush=True)


def build(directory: Path) -> dict[str, Path]:
    """The observed programs: a function with a uretprobe, one that is probed at its returns, one that is
    probed at a jump on its way out, a marker, fifty functions, and a load that probes do not slow down."""
    programs = {}
    for name in ("plain", "ops", "way_out", "ops_marker", "fifty", "load"):
        program = directory / name
        source = ROOT / "recorder/tests/targets" / f"{name}.c"
        include = ROOT / "schemas/include"
        subprocess.run(
            ["gcc", "-O2", "-g0", "-pthread", "-I", include, source, "-o", program], check=True
        )
        programs[name] = program
    return programs


def target(program: Path, *arguments: object, cpu: int | None = None) -> dict[str, int]:
    """Runs a program, on any CPU or on one: what it counted."""
    pinned = [] if cpu is None else ["taskset", "--cpu-list", str(cpu)]
    output = subprocess.run(
        [*pinned, program, *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout
    counts: dict[str, int] = json.loads(output)
    return counts


def analyzed(*arguments: object) -> Any:
    """An answer of the analyzer."""
    command = [str(ANALYZER), *map(str, arguments), "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def counted(output: Path) -> dict[str, int]:
    """The counts of the kernel and of the files, from `info`. The benchmark fails if they do not agree."""
    info = analyzed("info", output)
    if info["identity_ok"] is False:
        sys.exit(f"{output}: the counts do not agree: {info}")
    operations = info["operations"]
    return {
        "finished": sum(operation["finished"] for operation in operations),
        "rows": sum(operation["rows"] for operation in operations),
        "lost": sum(sum(operation["lost"].values()) for operation in operations),
    }


def cpu_per_operation(program: Path) -> float:
    rounds = (target(program, "cost", COST_CALLS)["cpu_ns"] / COST_CALLS for _ in range(COST_ROUNDS))
    return statistics.median(rounds)


