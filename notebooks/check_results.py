"""Asserts that pyarrow and DuckDB read the results that `soakbox-analyzer sql` writes: the same rows in every format.

    python check_results.py ANALYZER RECORDING
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq

QUERY = """
SELECT operation, recorder, count(*) AS n, min(finished_at) AS first, quantiles(duration_ns, 0.5, 1) AS two,
       max(source_type) AS nothing, bool_and(success) AS all_good, avg(CAST(duration_ns AS DOUBLE)) AS mean_ns
FROM operation_log GROUP BY operation, recorder ORDER BY operation, recorder
"""


def run(analyzer: str, *arguments: str) -> bytes:
    return subprocess.run([analyzer, "sql", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def main() -> None:
    if len(sys.argv) != 3:
        print("usage: check_results.py ANALYZER RECORDING", file=sys.stderr)
        sys.exit(2)
    analyzer, recording = sys.argv[1:]
    expected = json.loads(run(analyzer, recording, QUERY, "--format", "json"))
    assert expected, "no rows to compare"

    def check(table: pa.Table, source: str) -> None:
        columns = {name: table.column(name).to_pylist() for name in expected[0] if name != "first"}
        for name, values in columns.items():
            assert values == [row[name] for row in expected], f"{source}: {name}: {values}"
        first = table.column("first")
        assert first.type == pa.timestamp("ns", "UTC"), f"{source}: {first.type}"
        for ns, row in zip(first.cast(pa.int64()).to_pylist(), expected):
            seconds = row["first"].split(".")[0].rstrip("Z")
            assert str(pa.scalar(ns // 10**9, pa.timestamp("s")).as_py()) == seconds.replace("T", " "), source

    with tempfile.TemporaryDirectory() as directory:
        for ending in ["parquet", "arrow", "arrows"]:
            path = pathlib.Path(directory) / f"rows.{ending}"
            run(analyzer, recording, QUERY, "--output", str(path))
            if ending == "parquet":
                check(pq.read_table(path), ending)
                found = duckdb.sql(f"SELECT operation, n, two FROM '{path}'").fetchall()
                assert found == [(row["operation"], row["n"], row["two"]) for row in expected], found
            elif ending == "arrow":
                check(pyarrow.feather.read_table(path), ending)
            else:
                with pa.OSFile(str(path)) as file:
                    check(pyarrow.ipc.open_stream(file).read_all(), ending)
        path = pathlib.Path(directory) / "rows.csv"
        run(analyzer, recording, QUERY, "--output", str(path))
        csv = pyarrow.csv.read_csv(path)
        assert csv.column("n").to_pylist() == [row["n"] for row in expected]
    print(f"{recording}: pyarrow {pa.__version__} and DuckDB {duckdb.__version__} read the results in every format")


if __name__ == "__main__":
    main()
