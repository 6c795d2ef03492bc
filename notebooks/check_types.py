"""Asserts that pyarrow and DuckDB read every table of a recording with the documented columns and types.

    python check_types.py RECORDING

The expected columns below are written by hand, independently of the Rust code: a change there must be made here too.
"""

import pathlib
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

TIME = "time"
INTEGER = "integer"
BOOLEAN = "boolean"
TEXT = "text"
HISTOGRAM = "histogram"

Columns = list[tuple[str, str, bool]]

# (name, kind, nullable), in declared order; field ids count from 1.
TABLES: dict[str, Columns] = {
    "operation_log": [
        ("finished_at", TIME, False),
        ("interval", INTEGER, False),
        ("operation", TEXT, False),
        ("operation_type", INTEGER, False),
        ("source_type", INTEGER, True),
        ("pid", INTEGER, True),
        ("tid", INTEGER, True),
        ("duration_ns", INTEGER, False),
        ("cpu_ns", INTEGER, True),
        ("cpu_user_ns", INTEGER, True),
        ("cpu_system_ns", INTEGER, True),
        ("memory_bytes", INTEGER, True),
        ("memory_delta_bytes", INTEGER, True),
        ("success", BOOLEAN, True),
        ("return_value", INTEGER, True),
        ("bytes", INTEGER, True),
        ("sample_weight", INTEGER, False),
        ("goroutine", INTEGER, True),
    ],
    "operation_metrics": [
        ("at", TIME, False),
        ("interval", INTEGER, False),
        ("operation", TEXT, False),
        ("operation_type", INTEGER, False),
        ("begun", INTEGER, False),
        ("finished", INTEGER, False),
        ("recorded", INTEGER, False),
        ("filtered", INTEGER, False),
        ("sampled_out", INTEGER, False),
        ("lost", INTEGER, False),
        ("lost_ring_full", INTEGER, False),
        ("lost_too_deep", INTEGER, False),
        ("lost_no_memory", INTEGER, False),
        ("lost_switched_off", INTEGER, False),
        ("lost_write", INTEGER, False),
        ("abandoned", INTEGER, False),
        ("unmatched", INTEGER, False),
        ("begun_unobserved", INTEGER, False),
        ("finished_unobserved", INTEGER, False),
        ("in_flight", INTEGER, False),
        ("failures", INTEGER, False),
        ("duration_sum_ns", INTEGER, False),
        ("cpu_sum_ns", INTEGER, False),
        ("durations_ns", HISTOGRAM, True),
        ("oldest_in_flight_ns", INTEGER, True),
        ("probe_cost_ns", INTEGER, True),
        ("duration_overhead_ns", INTEGER, True),
        ("observed_ns", INTEGER, True),
        ("unobserved_ns", INTEGER, True),
        ("represented_ns", INTEGER, True),
    ],
    "recorder_health": [
        ("at", TIME, False),
        ("boot_ns", INTEGER, False),
        ("interval", INTEGER, False),
        ("events_received", INTEGER, False),
        ("events_late", INTEGER, False),
        ("ring_bytes_max", INTEGER, False),
        ("queue_depth_max", INTEGER, False),
        ("flush_max_ns", INTEGER, False),
        ("seal_ns", INTEGER, False),
        ("segments_sealed", INTEGER, False),
        ("written_bytes", INTEGER, False),
        ("recorder_cpu_user_ns", INTEGER, True),
        ("recorder_cpu_system_ns", INTEGER, True),
        ("recorder_memory_bytes", INTEGER, True),
        ("events_dropped", INTEGER, False),
        ("seals_failed", INTEGER, False),
        ("host_cpu_ns", INTEGER, True),
        ("host_steal_ns", INTEGER, True),
        ("host_cpu_pressure_ns", INTEGER, True),
        ("host_memory_pressure_ns", INTEGER, True),
        ("host_io_pressure_ns", INTEGER, True),
        ("host_memory_available_bytes", INTEGER, True),
        ("bpf_runs", INTEGER, True),
        ("bpf_run_ns", INTEGER, True),
    ],
    "annotations": [
        ("at", TIME, False),
        ("until", TIME, True),
        ("kind", TEXT, False),
        ("text", TEXT, False),
    ],
}

# Footer keys with the processors and the methods of measuring CPU and memory. If the host does not
# name its processors or cannot measure one of them, its key is missing and the check fails.
KEYS = [b"cpu_model", b"cpus", b"cpu_method", b"cpu_split_method", b"memory_method"]

DUCKDB = {
    # Before 2.0 DuckDB had no nanoseconds with a time zone.
    TIME: "TIMESTAMPTZ_NS" if int(duckdb.__version__.split(".")[0]) >= 2 else "TIMESTAMP WITH TIME ZONE",
    INTEGER: "BIGINT",
    BOOLEAN: "BOOLEAN",
    TEXT: "VARCHAR",
    HISTOGRAM: "BLOB",
}


def arrow_kind(data_type: pa.DataType) -> str:
    """The kind of a column, if its type is one that docs/format.md allows: no dictionaries, no large types."""
    if data_type == pa.timestamp("ns", tz="UTC"):
        return TIME
    if data_type == pa.int64():
        return INTEGER
    if data_type == pa.bool_():
        return BOOLEAN
    if data_type == pa.string():
        return TEXT
    if data_type == pa.binary():
        return HISTOGRAM
    return str(data_type)


def check_arrow(path: pathlib.Path, expected: Columns) -> None:
    schema = pq.read_schema(path)
    found = [(field.name, arrow_kind(field.type), field.nullable) for field in schema]
    assert found == expected, f"{path}: pyarrow reads\n{found}\ninstead of\n{expected}"
    ids = [int(field.metadata[b"PARQUET:field_id"]) for field in schema]
    assert ids == list(range(1, len(expected) + 1)), f"{path}: field ids {ids}"
    file = pq.ParquetFile(path)
    footer = file.metadata.metadata
    assert footer[b"soakbox.format"] == b"1", f"{path}: footer {footer}"
    for key in KEYS:
        assert footer.get(b"soakbox." + key), f"{path}: soakbox.{key.decode()} is not in the footer {footer}"
    assert int(footer[b"soakbox.rows"]) == file.metadata.num_rows, f"{path}: soakbox.rows"
    assert file.read().num_rows == file.metadata.num_rows


def check_duckdb(connection: duckdb.DuckDBPyConnection, path: pathlib.Path, expected: Columns) -> None:
    described = connection.execute(
        "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)", [str(path)]
    ).fetchall()
    found = [(row[0], row[1]) for row in described]
    wanted = [(name, DUCKDB[kind]) for name, kind, _ in expected]
    assert found == wanted, f"{path}: DuckDB reads\n{found}\ninstead of\n{wanted}"
    (rows,) = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
    assert rows == pq.read_metadata(path).num_rows


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: check_types.py RECORDING", file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[1])
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    files = 0
    for table, expected in TABLES.items():
        for path in sorted((root / table).glob("*/*.parquet")):
            check_arrow(path, expected)
            check_duckdb(connection, path, expected)
            files += 1
    unknown = [path for path in root.rglob("*.parquet") if path.relative_to(root).parts[0] not in TABLES]
    if not files or unknown:
        print(f"error: {root}: {files} files of known tables; files of unknown tables: {unknown}", file=sys.stderr)
        return 2
    print(f"{root}: {files} files have the documented types in pyarrow {pa.__version__} and DuckDB {duckdb.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
