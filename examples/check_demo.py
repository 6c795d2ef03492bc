#!/usr/bin/env python3
"""Checks the two recordings of the demo. They must be complete, agree with the counts of the service itself, and show
that the degraded service is slower, fails more often and grows.

    check_demo.py ANALYZER DEMO_OUTPUT

Exit status 1 if they do not.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

OPERATIONS = ["rule_refresh", "traffic_control"]
# The degraded service does 40% more work in each operation (25% in a synthetic recording).
SLOWER = 1.1
# It leaks 64 KiB in each rule_refresh, of which there are 50 per second (256 kB per second in a
# synthetic recording).
GROWTH_BYTES = 1 << 19


class Demo:
    def __init__(self, analyzer: Path, output: Path) -> None:
        self.analyzer = analyzer
        self.output = output
        # The service prints its own counts; a synthetic recording has none.
        self.observed = (output / "healthy.workload.json").exists()

    def ask(self, *arguments: object) -> Any:
        command = [str(self.analyzer), *map(str, arguments), "--format", "json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def by_operation(self, command: str, name: str) -> dict[str, dict[str, Any]]:
        answer = self.ask(command, self.output / name)
        return {row["operation"]: row for row in answer["operations"]}

    def undisturbed_cpu_ns(self, side: str) -> dict[str, float]:
        """The CPU time that nine of ten operations exceed, by operation: the least of all runs of this side. The runs
        of both sides are recorded in turn and do the same work, so that other work disturbs both or spares some."""
        query = (
            "SELECT operation, min(low) AS cpu_ns FROM"
            " (SELECT operation, approx_percentile_cont(0.1) WITHIN GROUP (ORDER BY cpu_ns) AS low"
            " FROM operation_log GROUP BY operation, recorder) AS runs GROUP BY operation"
        )
        rows = self.ask("sql", self.output / "runs" / side / "*", query)
        return {row["operation"]: float(row["cpu_ns"]) for row in rows}

    def growth_bytes(self, name: str) -> int:
        """How far resident memory rose from the first to the last fifth of the recording's rows."""
        query = (
            "SELECT part, CAST(avg(memory_bytes) AS BIGINT) AS bytes FROM (SELECT memory_bytes,"
            " ntile(5) OVER (ORDER BY finished_at) AS part FROM operation_log) GROUP BY part ORDER BY part"
        )
        rows = self.ask("sql", self.output / name, query)
        return int(rows[-1]["bytes"]) - int(rows[0]["bytes"])


def check_complete(demo: Demo, name: str) -> None:
    """The counts of the kernel agree with each other, with the rows, and with the service's own counts."""
    info = demo.ask("info", demo.output / name)
    assert info["identity_ok"] is True and not info["gaps"] and not info["warnings"], info
    operations = {row["operation"]: row for row in info["operations"]}
    assert sorted(operations) == OPERATIONS, info
    for row in operations.values():
        assert row["identity_ok"] is True, row
    own_counts = demo.output / f"{name}.workload.json"
    if not own_counts.exists():
        return
    for own in json.loads(own_counts.read_text())["operations"]:
        row = operations[own["operation"]]
        found = {key: row[key] for key in ("begun", "finished", "rows", "failures")}
        wanted = {key: own["finished"] for key in ("finished", "rows")}
        wanted |= {"begun": own["begun"], "failures": own["failed"]}
        assert found == wanted and own["finished"] > 0, f"{name}: recorded {found}, the service counted {wanted}"


def check_difference(demo: Demo) -> None:
    """The degraded service must be slower, fail more often and grow. Durations are compared only in synthetic
    recordings. In observed ones they depend on everything else that the machine does, and so does the CPU time of
    most operations: a low percentile of the CPU time is compared, which other work moves least."""
    healthy, degraded = (demo.by_operation("summary", name) for name in ("healthy", "degraded"))
    cpu_before, cpu_after = (demo.undisturbed_cpu_ns(side) for side in ("base", "candidate"))
    for operation in OPERATIONS:
        before, after = healthy[operation], degraded[operation]
        case = f"{operation}: healthy {before}, degraded {after}"
        if demo.observed:
            cpu = (cpu_before[operation], cpu_after[operation])
            assert cpu[1] > cpu[0] * SLOWER, f"not slower: undisturbed CPU time {cpu} ns: {case}"
        else:
            for figure in ["p50_ns", "p99_ns"]:
                assert after[figure] > before[figure] * SLOWER, f"not slower: {figure}: {case}"
        assert after["failures"] > before["failures"], f"not more failures: {case}"
    grew, quiet = demo.growth_bytes("degraded"), demo.growth_bytes("healthy")
    assert grew - quiet > GROWTH_BYTES, f"memory grew by {grew} bytes, the healthy service's by {quiet}"


def check_verdict(demo: Demo) -> None:
    """The comparison of the runs finds what is worse, and nothing else. Runs of a second on a busy machine may differ
    too much for a verdict on the CPU time; they never show that the degraded service is as fast."""
    verdict = json.loads((demo.output / "verdict.json").read_text())
    effects = {(effect["operation"], effect["metric"]): effect for effect in verdict["effects"]}
    assert verdict["verdict"] == "regressed" and verdict["scope"] == "runs", verdict
    failures = [effects[operation, "failure_rate"]["verdict"] for operation in OPERATIONS]
    assert "regressed" in failures, verdict
    for operation in OPERATIONS:
        if demo.observed:
            cpu = effects[operation, "cpu"]
            assert cpu["verdict"] in ("regressed", "inconclusive") and cpu["change"] > 0, cpu
        else:
            slower = effects[operation, "duration_p50"]
            assert slower["verdict"] == "regressed" and slower["low"] > 0, slower
        # As many operations per second as before.
        rate = effects[operation, "rate"]
        assert rate["verdict"] != "regressed", rate


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: check_demo.py ANALYZER DEMO_OUTPUT", file=sys.stderr)
        return 2
    demo = Demo(Path(sys.argv[1]), Path(sys.argv[2]))
    try:
        for name in ("healthy", "degraded"):
            check_complete(demo, name)
            chart = (demo.output / f"{name}.svg").read_text()
            assert "<polyline" in chart and all(operation in chart for operation in OPERATIONS), f"{name}.svg"
        report = (demo.output / "report.html").read_text()
        assert report.count("<svg") >= 2 and "degraded" in report, "report.html"
        check_difference(demo)
        check_verdict(demo)
    except AssertionError as error:
        print(f"demo test: FAILED: {demo.output.name}: {error}", file=sys.stderr)
        return 1
    changes = "the degraded service is slower, fails more often and grows; the verdict is regressed"
    print(f"demo test: {demo.output.name}: complete; {changes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
