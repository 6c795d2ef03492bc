"""The programs of the benchmark: the project's own, and those that are observed; how figures are printed."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

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
    probed at a jump on its way out, and a marker."""
    programs = {}
    for name in ("plain", "ops", "way_out", "ops_marker"):
        program = directory / name
        source = ROOT / "recorder/tests/targets" / f"{name}.c"
        include = ROOT / "schemas/include"
        subprocess.run(
            ["gcc", "-O2", "-g0", "-pthread", "-I", include, source, "-o", program], check=True
        )
        programs[name] = program
    return programs


def target(program: Path, *arguments: object) -> dict[str, int]:
    output = subprocess.run(
        [program, *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout
    counts: dict[str, int] = json.loads(output)
    return counts


def counted(output: Path) -> dict[str, int]:
    """The counts of the kernel and of the files, from `info`. The benchmark fails if they do not agree."""
    command = [str(ANALYZER), "info", str(output), "--format", "json"]
    info = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (operation,) = info["operations"]
    if info["identity_ok"] is False:
        sys.exit(f"{output}: the counts do not agree: {info}")
    return {
        "finished": operation["finished"],
        "rows": operation["rows"],
        "lost": sum(operation["lost"].values()),
    }


def cpu_per_operation(program: Path) -> float:
    rounds = (target(program, "cost", COST_CALLS)["cpu_ns"] / COST_CALLS for _ in range(COST_ROUNDS))
    return statistics.median(rounds)


