"""Asserts that the programs for which `soakbox-analyzer export` writes read the same rows as are in the recording: pyarrow and DuckDB,
Perfetto's definitions of traces and its trace processor, the OpenMetrics parser of prometheus_client and a Prometheus server, and
HdrHistogram for Python. The trace processor runs in Chromium, and the server needs promtool and prometheus: without them these checks are
skipped, which is a failure with SOAKBOX_REQUIRE_BROWSER=1 and SOAKBOX_REQUIRE_TOOLS=1.

    python check_exports.py ANALYZER RECORDING
"""

import collections
import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import duckdb
import exported_samples
import exported_trace
import hdrh.histogram
import hdrh.log
import numpy as np
import perfetto.protos.perfetto.trace.perfetto_trace_pb2 as pb
import prometheus_client.openmetrics.parser
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import trace_processor

SECOND = 1_000_000_000
EVERY_S = 5
# Names of operations that a reader may take for something else.
HOSTILE = [
    "\x1b[31mred\nline2", "\r\x1b[2Kgone", "bell\x07 backspace\x08", "null\0after", "a\tb\x0bc", "user\u202egpj.exe", "\u200bzero\ufeff",
    "line\u2028end", "\ufffe\uffff\U0001ffff", "</title><script>alert(1)</script>", "'; DROP TABLE slice; --", "日本語 e\u0301 😀", "=1+1",
    " spaces ", "x" * 4096, "gap: none", "a", "a 2", "%s ${a} \\n",
]


def skip(variable: str, what: str) -> None:
    print(f"skipped: a check of exports needs {what}", file=sys.stderr)
    if os.environ.get(variable) == "1":
        sys.exit(f"error: {variable}=1, but there is no {what}")


class Check:
    def __init__(self, analyzer: str, recording: str, directory: pathlib.Path) -> None:
        self.analyzer = analyzer
        self.recording = recording
        self.directory = directory
        self.rows = self.asked("SELECT *, CAST(finished_at AS BIGINT) AS at FROM operation_log")
        assert self.rows, "no rows to compare"

    def asked(self, query: str) -> list[dict[str, Any]]:
        command = [self.analyzer, "sql", self.recording, query, "--format", "json"]
        rows: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
        return rows

    def exported(self, kind: str, *options: str) -> pathlib.Path:
        path = self.directory / f"{kind}.out"
        subprocess.run([self.analyzer, "export", kind, self.recording, "-o", str(path), *options], check=True, stderr=subprocess.DEVNULL)
        return path

    def key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        return (row["at"], row["operation"], row["duration_ns"], row["success"], row["memory_bytes"], row["tid"])

    def check_table(self, table: pa.Table, source: str) -> None:
        assert table.column("finished_at").type == pa.timestamp("ns", "UTC"), f"{source}: {table.schema}"
        at = table.column("finished_at").cast(pa.int64()).to_pylist()
        assert at == sorted(at), f"{source}: not in the order of time"
        names = ["operation", "duration_ns", "success", "memory_bytes", "tid"]
        columns = [at, *(table.column(name).to_pylist() for name in names)]
        assert collections.Counter(zip(*columns)) == collections.Counter(map(self.key, self.rows)), source

    def check_tables(self) -> None:
        path = self.exported("parquet")
        table = pq.read_table(path)
        self.check_table(table, "parquet")
        types = {field.name: field.type for field in table.schema}
        assert types["duration_ns"] == pa.int64() and types["operation"] == pa.string() and types["success"] == pa.bool_(), types
        original = pq.read_schema(next(pathlib.Path(self.recording).glob("operation_log/**/*.parquet")))
        for field in original:
            assert types[field.name] == field.type, field
        ids = [table.schema.field(name).metadata[b"PARQUET:field_id"] for name in ("finished_at", "goroutine")]
        assert ids == [b"1", b"18"], ids
        metadata = pq.read_metadata(path).metadata
        about = json.loads(metadata[b"soakbox.export"])
        assert about["table"] == "operation_log" and about["recordings"] == [self.recording], about
        assert {note["name"] for note in json.loads(metadata[b"soakbox.columns"])} == set(original.names)
        columns = ", ".join(f"'{name}': typeof(\"{name}\")" for name in original.names)
        query = f"SELECT {{{columns}}}, count(*), sum(duration_ns) FROM read_parquet(?, hive_partitioning = false) GROUP BY ALL"
        connection = duckdb.connect()
        places = (str(path), f"{self.recording}/operation_log/**/*.parquet")
        exported, recorded = (connection.execute(query, [place]).fetchall() for place in places)
        assert exported == recorded, f"{exported} and {recorded}"
        numbers = {"memory_bytes": pa.int64(), "success": pa.bool_(), "operation": pa.string()}
        times = {"finished_at": pa.timestamp("ns", "UTC")}
        options = pyarrow.csv.ConvertOptions(column_types=numbers | times, strings_can_be_null=False)
        self.check_table(pyarrow.csv.read_csv(self.exported("csv"), convert_options=options), "csv")

    def check_trace(self) -> None:
        path = self.exported("perfetto")
        trace = pb.Trace()
        trace.ParseFromString(path.read_bytes())
        names: dict[int, str] = {}
        tracks: dict[int, Any] = {}
        events: list[tuple[int, int, Any]] = []
        for place, packet in enumerate(trace.packet):
            names.update({name.iid: name.name for name in packet.interned_data.event_names})
            if packet.HasField("track_descriptor"):
                tracks[packet.track_descriptor.uuid] = packet.track_descriptor
            if packet.HasField("track_event"):
                assert packet.track_event.track_uuid in tracks, "an event before its track"
                events.append((packet.timestamp, place, packet.track_event))
        events.sort(key=lambda event: event[:2])
        # A slice ends where the last one that is open on its track ends: so readers pair them.
        open_slices: dict[int, list[tuple[int, str]]] = collections.defaultdict(list)
        slices = collections.Counter[tuple[str, int, int]]()
        counters = collections.Counter[str]()
        kinds = collections.Counter[int]()
        for at, _, event in events:
            kinds[event.type] += 1
            if event.type == event.TYPE_SLICE_BEGIN:
                open_slices[event.track_uuid].append((at, names[event.name_iid]))
            elif event.type == event.TYPE_SLICE_END:
                begin, name = open_slices[event.track_uuid].pop()
                slices[(name, begin, at)] += 1
            elif event.type == event.TYPE_COUNTER:
                counters[tracks[event.track_uuid].name] += 1
        still_open = [one for all in open_slices.values() for one in all]
        gaps = self.asked("SELECT CAST(\"at\" AS BIGINT) AS at, CAST(\"until\" AS BIGINT) AS until, \"text\" FROM annotations WHERE kind = 'gap'")
        endless = [(gap["at"], f"gap: {gap['text']}") for gap in gaps if gap["until"] is None]
        assert sorted(still_open) == sorted(endless), still_open
        expected = collections.Counter((row["operation"], row["at"] - row["duration_ns"], row["at"]) for row in self.rows)
        expected.update((f"gap: {gap['text']}", gap["at"], gap["until"]) for gap in gaps if gap["until"] is not None)
        assert slices == expected, (slices - expected, expected - slices)
        assert kinds[pb.TrackEvent.TYPE_INSTANT] == self.asked("SELECT count(*) AS n FROM annotations WHERE \"until\" IS NULL AND kind <> 'gap'")[0]["n"]
        assert counters["memory"] > 1, counters
        for operation in {row["operation"] for row in self.rows}:
            assert counters[f"{operation}: finished"] > 0, counters
        self.check_by_trace_processor(path)

    def check_by_trace_processor(self, path: pathlib.Path) -> None:
        program = trace_processor.browser()
        if program is None:
            skip("SOAKBOX_REQUIRE_BROWSER", "chromium in PATH")
            return
        print(f"check_exports: Perfetto's trace processor has the same {exported_trace.check(program, path, self.asked)}")
        hostile = Check(self.analyzer, str(self.hostile()), self.directory)
        found = exported_trace.check(program, hostile.exported("perfetto"), hostile.asked)
        print(f"check_exports: and of hostile names, with many operations at the same time, the same {found}")

    def hostile(self) -> pathlib.Path:
        """A recording whose operations have hostile names, overlap, and often begin or end together."""
        seed = random.randrange(1 << 32)
        print(f"check_exports: seed {seed}")
        chosen = random.Random(seed)
        table, recording = self.directory / "hostile.csv", self.directory / "hostile"
        with table.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(["operation", "at", "duration"])
            for _ in range(4000):
                at = 1_795_507_200 * SECOND + chosen.randrange(2000)
                lines.writerow([chosen.choice(HOSTILE), at, chosen.choice([0, 1, 5, 50, chosen.randrange(300)])])
        columns = ["--duration", "duration:ns", "--finished-at", "at:ns", "--operation", "operation"]
        subprocess.run([self.analyzer, "import", "csv", str(table), "-o", str(recording), *columns], check=True, stderr=subprocess.DEVNULL)
        return recording

    def families(self, text: str) -> Iterator[Any]:
        """The families of each moment. Of a histogram with several the parser keeps the first bucket only."""
        assert text.endswith("# EOF\n")
        moments: dict[float, list[str]] = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                moments.setdefault(float(line.rsplit(" ", 1)[1]), [])
        for at, lines in moments.items():
            lines += [line for line in text.splitlines() if line.startswith("#") or float(line.rsplit(" ", 1)[1]) == at]
        for at in sorted(moments):
            yield from prometheus_client.openmetrics.parser.text_string_to_metric_families("\n".join([*moments[at], ""]))

    def check_samples(self) -> None:
        path = self.exported("openmetrics", "--every", f"{EVERY_S}s")
        last: dict[tuple[str, str, str], tuple[float, float]] = {}
        for family in self.families(path.read_text()):
            for sample in family.samples:
                labels = (sample.name, sample.labels["operation"], sample.labels.get("le", ""))
                assert sample.timestamp is not None
                at = float(sample.timestamp)
                assert at % EVERY_S == 0, sample
                if labels in last:
                    assert at > last[labels][0], f"{labels}: not in the order of time"
                    assert family.type == "gauge" or sample.value >= last[labels][1], f"{labels}: a counter that falls"
                last[labels] = (at, sample.value)
        weights = collections.Counter[str]()
        for row in self.rows:
            weights[row["operation"]] += row["sample_weight"]
        for operation, weight in weights.items():
            name = "soakbox_operation_duration_seconds"
            assert last[(f"{name}_count", operation, "")][1] == weight, operation
            of_operation = [row for row in self.rows if row["operation"] == operation]
            exact = sum(row["duration_ns"] * row["sample_weight"] for row in of_operation) / SECOND
            assert abs(last[(f"{name}_sum", operation, "")][1] - exact) < 1e-9 * exact + 1e-12
            below = sum(row["sample_weight"] for row in of_operation if row["duration_ns"] <= 1_000_000)
            assert last[(f"{name}_bucket", operation, "0.001")][1] == below
            outcomes = [row for row in of_operation if row["success"] is not None]
            failures = last.get(("soakbox_operation_failures_total", operation, ""))
            assert (failures is None) == (not outcomes), f"{operation}: {failures}"
            assert failures is None or failures[1] == sum(row["sample_weight"] for row in outcomes if not row["success"])
        counts = self.asked("SELECT operation, sum(finished) AS finished, sum(lost) AS lost FROM operation_metrics GROUP BY operation")
        for row in counts:
            assert last[("soakbox_operations_finished_total", row["operation"], "")][1] == row["finished"]
            assert last[("soakbox_operations_lost_total", row["operation"], "")][1] == row["lost"]
        tools = exported_samples.programs()
        if tools is None:
            skip("SOAKBOX_REQUIRE_TOOLS", "promtool and prometheus in PATH")
            return
        command = [self.analyzer, "summary", self.recording, "--format", "json"]
        summary = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
        print(f"check_exports: {exported_samples.check(tools, path, self.rows, summary)}")

    def check_log(self) -> None:
        path = self.exported("hdr", "--every", f"{EVERY_S}s")
        exact: dict[tuple[str, int], list[int]] = collections.defaultdict(list)
        for row in self.rows:
            exact[(row["operation"], row["at"] // SECOND // EVERY_S * EVERY_S)] += [row["duration_ns"]] * row["sample_weight"]
        reader = hdrh.log.HistogramLogReader(str(path), hdrh.histogram.HdrHistogram(1, 3_600_000_000_000, 3))
        found = 0
        while (histogram := reader.get_next_interval_histogram()) is not None:
            found += 1
            begin = round(histogram.get_start_time_stamp() / 1000)
            assert round(histogram.get_end_time_stamp() / 1000) == begin + EVERY_S
            values = np.sort(np.array(exact[(histogram.get_tag(), begin)]))
            assert histogram.get_total_count() == len(values)
            for level in (0, 25, 50, 90, 99, 99.9, 100):
                # HdrHistogram for Python rounds the rank.
                value = values[max(int(level * len(values) / 100 + 0.5), 1) - 1]
                close = histogram.get_value_at_percentile(level)
                assert abs(close - value) <= value / 1000 + 1, f"{level}: {close} for {value}"
        assert found == len(exact), f"{found} histograms, {len(exact)} expected"


def main() -> None:
    if len(sys.argv) != 3:
        print("usage: check_exports.py ANALYZER RECORDING", file=sys.stderr)
        sys.exit(2)
    analyzer, recording = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        check = Check(analyzer, recording, pathlib.Path(directory))
        check.check_tables()
        check.check_trace()
        check.check_samples()
        check.check_log()
    print("check_exports: pyarrow, DuckDB, Perfetto, Prometheus and HdrHistogram read what was exported")


if __name__ == "__main__":
    main()
