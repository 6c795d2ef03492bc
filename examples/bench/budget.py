"""Whether `--max-overhead` holds its limit, and whether rates are those of the target although probes are off for
most of the time."""

import json
import subprocess
from pathlib import Path

from observers import asked_for
from programs import RECORDER, analyzed, heading, result

LIMIT = 0.05
RATE = 200_000  # operations per second while the load is busy
# Period and busy part of it, ms; seconds. A slow period has few observed times in each phase, and needs longer.
LOADS = ((1000, 1000, 60), (100, 50, 60), (1000, 500, 300))


def overhead_limit(directory: Path, program: Path) -> None:
    for period_ms, busy_ms, seconds in LOADS:
        heading(
            f"A limit of {LIMIT:.0%}, {RATE} operations/s in the first {busy_ms} ms of each {period_ms} ms for {seconds} s"
        )
        output = directory / f"limit-{period_ms}-{busy_ms}"
        operations = asked_for({name: f"uprobe:{program}:{name}" for name in ("op", "rare")})
        options = ["--max-overhead", f"{LIMIT:.0%}", *operations, "--"]
        load = map(str, (RATE, period_ms, busy_ms, seconds, 0))
        command = [str(RECORDER), "record", "-o", str(output), *options, str(program), *load]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        done: dict[str, int] = json.loads(answer)
        sums = "sum(probe_cost_ns) AS cost_ns, sum(lost_switched_off) AS lost"
        (cost,) = analyzed("sql", output, f"SELECT {sums} FROM operation_metrics")
        op = next(one for one in analyzed("summary", output)["operations"] if one["operation"] == "op")
        true_rate = (done["begun"] - done["rare"]) / seconds
        result(
            "overhead_limit",
            limit=LIMIT,
            cost_of_target_cpu=round(cost["cost_ns"] / done["cpu_ns"], 4),
            observed_share=round(op["observed_share"], 4),
            observed_operations=op["finished"],
            true_rate=round(true_rate),
            rate=round(op["rate_per_s"]),
            rate_by_true_rate=round(op["rate_per_s"] / true_rate, 3),
            lost_switched_off=cost["lost"],
        )
