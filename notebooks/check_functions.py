"""Asserts that the functions and views of `soakbox-analyzer sql` give what numpy and DuckDB compute from the same files.

    python check_functions.py ANALYZER RECORDING
"""

import json
import pathlib
import subprocess
import sys
from typing import Any

import duckdb
import numpy as np

SECOND = 1_000_000_000
LEVELS = (0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0)


def asked(analyzer: str, recording: str, *query: str) -> list[dict[str, Any]]:
    command = [analyzer, "sql", recording, *query, "--format", "json"]
    rows: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    return rows


def nearest_rank(values: "np.ndarray[Any, Any]", level: float) -> int:
    """The smallest value that at least a share `level` of the sorted values do not exceed."""
    rank = int(np.ceil(round(level * len(values), 9)))
    return int(values[max(rank, 1) - 1])


def check_close(found: int, exact: int, what: str) -> None:
    assert abs(found - exact) <= abs(exact) / 128, f"{what}: {found} for {exact}"


def main() -> None:
    if len(sys.argv) != 3:
        print("usage: check_functions.py ANALYZER RECORDING", file=sys.stderr)
        sys.exit(2)
    analyzer, recording = sys.argv[1:]
    log = f"read_parquet('{pathlib.Path(recording)}/operation_log/**/*.parquet')"
    counts = f"read_parquet('{pathlib.Path(recording)}/operation_metrics/**/*.parquet')"
    connection = duckdb.connect()
    ns = "epoch_ns(finished_at)"

    # Quantiles of values, of sketches of them, of merged sketches, and with weights.
    levels = ", ".join(str(level) for level in LEVELS)
    rows = asked(
        analyzer,
        recording,
        f"""
        SELECT operation, date_bin('1 second', finished_at) AS second, CAST(date_bin('1 second', finished_at) AS BIGINT) AS at,
               quantiles(duration_ns, {levels}) AS plain, sketch_quantiles(sketch(duration_ns), {levels}) AS sketched,
               weighted_quantiles(duration_ns, 1 + duration_ns % 4, {levels}) AS weighted,
               sketch_count(sketch(duration_ns, 1 + duration_ns % 4)) AS weights
        FROM operation_log GROUP BY operation, second""",
    )
    groups = connection.sql(
        f"SELECT operation, {ns} // {SECOND} * {SECOND}, list(duration_ns ORDER BY duration_ns) FROM {log} GROUP BY ALL"
    ).fetchall()
    exact = {(operation, at): np.array(values) for operation, at, values in groups}
    assert len(rows) == len(exact) > 0, f"{len(rows)} groups of {len(exact)}"
    for row in rows:
        values = exact[row["operation"], row["at"]]
        weighted = np.repeat(values, 1 + values % 4)
        assert row["plain"] == row["sketched"], row
        assert row["weights"] == len(weighted), row
        for index, level in enumerate(LEVELS):
            check_close(row["plain"][index], nearest_rank(values, level), f"p{level} of {row['operation']} at {row['second']}")
            check_close(row["weighted"][index], nearest_rank(weighted, level), f"weighted p{level} at {row['second']}")
        assert row["plain"][0] == values[0] and row["plain"][-1] == values[-1], "the extremes are exact"

    merged = asked(
        analyzer,
        recording,
        f"""
        SELECT operation, quantiles(s, {levels}) AS q, sum(sketch_count(s)) AS n
        FROM (SELECT operation, sketch(duration_ns) AS s FROM operation_log GROUP BY operation, pid, tid, "interval") AS parts
        GROUP BY operation""",
    )
    for row in merged:
        parts = [values for (operation, _), values in exact.items() if operation == row["operation"]]
        values = np.sort(np.concatenate(parts))
        assert row["n"] == len(values), row
        for index, level in enumerate(LEVELS):
            check_close(row["q"][index], nearest_rank(values, level), f"merged p{level} of {row['operation']}")

    # A frame that slides.
    slid = asked(
        analyzer,
        recording,
        """
        SELECT duration_ns, quantile(duration_ns, 0.9) OVER (
                 PARTITION BY operation ORDER BY finished_at, duration_ns, tid ROWS BETWEEN 49 PRECEDING AND CURRENT ROW) AS p90,
               min(duration_ns) OVER (
                 PARTITION BY operation ORDER BY finished_at, duration_ns, tid ROWS BETWEEN 49 PRECEDING AND CURRENT ROW) AS low,
               quantile(duration_ns, 0) OVER (
                 PARTITION BY operation ORDER BY finished_at, duration_ns, tid ROWS BETWEEN 49 PRECEDING AND CURRENT ROW) AS p0
        FROM operation_log ORDER BY operation, finished_at, duration_ns, tid""",
    )
    frames = connection.sql(
        f"""
        SELECT list(duration_ns) OVER (PARTITION BY operation ORDER BY finished_at, duration_ns, tid
                                       ROWS BETWEEN 49 PRECEDING AND CURRENT ROW)
        FROM {log} ORDER BY operation, finished_at, duration_ns, tid"""
    ).fetchall()
    for row, (frame,) in zip(slid, frames, strict=True):
        check_close(row["p90"], nearest_rank(np.sort(np.array(frame)), 0.9), "p90 of a frame")
        assert row["p0"] == row["low"] == min(frame), row

    # Counts of the kernel and rows of the same interval, and rates by the time observed.
    mesh = asked(analyzer, recording, 'SELECT *, CAST(at AS BIGINT) AS at_ns FROM mesh_metrics')
    expected = connection.sql(
        f"""
        SELECT operation, max(epoch_ns("at")), sum(finished), sum(lost),
               sum(duration_sum_ns) / nullif(sum(finished - lost_too_deep - lost_no_memory), 0)
        FROM {counts} GROUP BY operation, "interval\""""
    ).fetchall()
    by_interval = {(operation, at): figures for operation, at, *figures in expected}
    assert len(mesh) == len(by_interval), f"{len(mesh)} intervals of {len(by_interval)}"
    for row in mesh:
        finished, lost, mean = by_interval[row["operation"], row["at_ns"]]
        assert (row["finished"], row["lost"]) == (finished, lost), row
        assert 0 <= row["observed_s"] <= 1, row
        if mean is not None and finished > 0:
            assert abs(row["mean_ns"] / mean - 1) < 1e-9, row
        if row["observed_s"] > 0:
            assert abs(row["rate_per_s"] * row["observed_s"] - finished) < 1e-6 * max(finished, 1), row
    runs = asked(analyzer, recording, "SELECT sum(observed_s) AS s FROM runs")
    command = [analyzer, "summary", recording, "--format", "json"]
    summary = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    assert abs(runs[0]["s"] - summary["observed_s"]) < 1e-6, (runs, summary["observed_s"])

    # The memory that the process had when the slowest operations began.
    found = asked(analyzer, recording, "--query", "memory-at-slowest")
    memory = connection.sql(
        f"""
        WITH rows AS (SELECT *, {ns} AS finished FROM {log} WHERE pid IS NOT NULL),
        slowest AS (SELECT *, finished - duration_ns AS begun FROM rows ORDER BY duration_ns DESC, finished LIMIT 10)
        SELECT slowest.duration_ns, before.memory_bytes
        FROM slowest ASOF LEFT JOIN (SELECT pid, finished, memory_bytes FROM rows WHERE memory_bytes IS NOT NULL) AS before
          ON slowest.pid = before.pid AND slowest.begun >= before.finished
        ORDER BY slowest.duration_ns DESC, slowest.finished"""
    ).fetchall()
    assert [(row["duration_ns"], row["memory_at_begin_bytes"]) for row in found] == memory, (found, memory)

    print(f"{recording}: {len(exact)} groups, {len(slid)} frames and {len(mesh)} intervals agree with numpy and DuckDB {duckdb.__version__}")


if __name__ == "__main__":
    main()
