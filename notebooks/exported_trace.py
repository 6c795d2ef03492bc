"""Asserts that Perfetto's trace processor reads a trace of `export perfetto` as the recording is: it asks the trace processor and
`soakbox-analyzer sql` the same things, and the answers must be equal.
"""

import collections
import pathlib
from collections.abc import Callable
from typing import Any

import trace_processor

Ask = Callable[[str], list[dict[str, Any]]]

# Of each operation on each thread: number, durations, times, and the values of its slices.
OPERATIONS = """
SELECT operation, pid, CASE WHEN goroutine IS NULL THEN tid END AS tid, count(*) AS n,
  sum(duration_ns) AS total, min(duration_ns) AS shortest, max(duration_ns) AS longest,
  min(CAST(finished_at AS BIGINT) - duration_ns) AS first_begin, max(CAST(finished_at AS BIGINT) - duration_ns) AS last_begin,
  min(CAST(finished_at AS BIGINT)) AS first_end, max(CAST(finished_at AS BIGINT)) AS last_end,
  count(success) AS outcomes, count(CASE WHEN success THEN 1 END) AS successes,
  count(cpu_ns) AS measured, sum(cpu_ns) AS cpu, sum(return_value) AS returned, sum(bytes) AS data, sum(sample_weight) AS weight
FROM operation_log GROUP BY 1, 2, 3
"""
SLICES = """
SELECT s.name, process.pid, thread.tid, count(*), sum(dur), min(dur), max(dur), min(ts), max(ts), min(ts + dur), max(ts + dur),
  count(extract_arg(s.arg_set_id, 'debug.success')), sum(coalesce(extract_arg(s.arg_set_id, 'debug.success'), 0)),
  count(extract_arg(s.arg_set_id, 'debug.cpu_ns')), sum(extract_arg(s.arg_set_id, 'debug.cpu_ns')),
  sum(extract_arg(s.arg_set_id, 'debug.return_value')), sum(extract_arg(s.arg_set_id, 'debug.bytes')),
  sum(coalesce(extract_arg(s.arg_set_id, 'debug.sample_weight'), 1))
FROM slice s JOIN track ON track.id = s.track_id
  LEFT JOIN thread_track ON thread_track.id = s.track_id LEFT JOIN thread USING (utid)
  LEFT JOIN process_track ON process_track.id = s.track_id LEFT JOIN process ON process.upid = coalesce(thread.upid, process_track.upid)
WHERE NOT (track.type = 'global_merged_track_event' AND track.parent_id IS NULL)
GROUP BY 1, 2, 3
"""
EACH = """
SELECT s.name, ts, dur FROM slice s JOIN track ON track.id = s.track_id
WHERE NOT (track.type = 'global_merged_track_event' AND track.parent_id IS NULL)
"""
# Gaps and moments: the only slices on tracks without a parent.
ANNOTATIONS = """
SELECT s.name, ts, dur FROM slice s JOIN track ON track.id = s.track_id
WHERE track.type = 'global_merged_track_event' AND track.parent_id IS NULL
"""
MISPLACED = """
SELECT count(*) FROM slice inner_one JOIN slice outer_one ON outer_one.id = inner_one.parent_id
WHERE inner_one.ts < outer_one.ts OR inner_one.ts + inner_one.dur > outer_one.ts + outer_one.dur OR inner_one.depth <> outer_one.depth + 1
"""
PROBLEMS = "SELECT name, idx, severity, value FROM stats WHERE severity IN ('error', 'data_loss') AND value > 0"
COUNTERS = """
SELECT coalesce(above.name, 'process ' || process.pid), track.name, counter_track.unit, ts, value
FROM counter JOIN counter_track ON counter_track.id = counter.track_id JOIN track ON track.id = counter.track_id
  LEFT JOIN track above ON above.id = track.parent_id
  LEFT JOIN process_counter_track ON process_counter_track.id = track.id LEFT JOIN process USING (upid)
ORDER BY counter.ts, counter.id
"""
COUNTS = """
SELECT CAST("at" AS BIGINT) AS at, recorder, host, operation, CAST(sum(finished) AS BIGINT) AS finished, CAST(sum(lost) AS BIGINT) AS lost,
  CAST(max(in_flight) AS BIGINT) AS in_flight, CAST(sum(cpu_sum_ns) AS BIGINT) AS cpu_sum_ns
FROM operation_metrics GROUP BY 1, 2, 3, 4 ORDER BY 1
"""


def answers(asked: Ask, query: str) -> "collections.Counter[tuple[Any, ...]]":
    """The rows of `sql`, in which texts are as in a trace."""
    rows = (row.values() for row in asked(query))
    return collections.Counter(tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row) for row in rows)


def interval_ns(asked: Ask) -> int:
    """The length of the kernel's intervals in whole ms, from the numbers and times of two of them, which the clock moves by some ns."""
    query = 'SELECT min("interval") AS first, max("interval") AS last, CAST(min("at") AS BIGINT) AS begin, CAST(max("at") AS BIGINT) AS until FROM operation_metrics'
    row = asked(query)[0]
    if row["first"] == row["last"]:
        return 1_000_000_000
    milliseconds = round((row["until"] - row["begin"]) / (row["last"] - row["first"]) / 1e6)
    return int(milliseconds) * 1_000_000


def changes(asked: Ask) -> dict[tuple[str, str, str], list[tuple[int, float]]]:
    """The counters that a trace has: a value where it is another one than before, and counts from the first one that is not 0."""
    found: dict[tuple[str, str, str], list[tuple[int, float]]] = collections.defaultdict(list)

    def value(counter: tuple[str, str, str], at: int, number: int | None) -> None:
        known = found.get(counter)
        if (known[-1][1] if known else 0) != (number or 0):
            found[counter].append((at, number or 0))

    later = interval_ns(asked)
    for row in asked(COUNTS):
        parent = f"counts of the kernel per interval: {row['host']} ({row['recorder']})"
        value((parent, f"{row['operation']}: finished", "count"), row["at"], row["finished"])
        value((parent, f"{row['operation']}: lost", "count"), row["at"], row["lost"])
        value((parent, f"{row['operation']}: in flight", "count"), row["at"] + later, row["in_flight"])
        value((parent, f"{row['operation']}: CPU time", "ns"), row["at"], row["cpu_sum_ns"])
    memory = 'SELECT CAST(finished_at AS BIGINT) AS at, pid, memory_bytes FROM operation_log WHERE memory_bytes IS NOT NULL ORDER BY 1, 2, 3'
    for row in asked(memory):
        value((f"process {row['pid']}", "memory", "bytes"), row["at"], row["memory_bytes"])
    return dict(found)


def annotations(asked: Ask) -> "collections.Counter[tuple[Any, ...]]":
    query = 'SELECT CAST("at" AS BIGINT) AS at, CAST("until" AS BIGINT) AS until, kind, "text" FROM annotations'
    found = collections.Counter[tuple[Any, ...]]()
    for row in asked(query):
        # A slice that does not end has the duration -1.
        length = row["until"] - row["at"] if row["until"] is not None else -1 if row["kind"] == "gap" else 0
        found[(f"{row['kind'].replace('_', ' ')}: {row['text']}", row["at"], length)] += 1
    return found


def same(what: str, found: "collections.Counter[tuple[Any, ...]]", expected: "collections.Counter[tuple[Any, ...]]") -> None:
    assert found == expected, f"{what}: only the trace processor has {list((found - expected))[:5]}, only sql has {list((expected - found))[:5]}"


def check(program: str, trace: pathlib.Path, asked: Ask) -> str:
    """Gives what was compared, for the reader."""
    queries = [SLICES, EACH, ANNOTATIONS, MISPLACED, PROBLEMS, COUNTERS]
    slices, each, moments, misplaced, problems, counters = trace_processor.ask(program, trace, queries)
    assert problems == [], f"the trace processor reports {problems}"
    assert misplaced == [(0,)], f"{misplaced[0][0]} slices are not in the slice above them"
    same("operations", collections.Counter(slices), answers(asked, OPERATIONS))
    rows = "SELECT operation, CAST(finished_at AS BIGINT) - duration_ns AS begin, duration_ns FROM operation_log"
    same("slices", collections.Counter(each), answers(asked, rows))
    same("annotations", collections.Counter(moments), annotations(asked))
    values: dict[tuple[str, str, str], list[tuple[int, float]]] = collections.defaultdict(list)
    for parent, name, unit, at, number in counters:
        values[(parent, name, unit)].append((at, number))
    expected = changes(asked)
    for counter in values.keys() | expected.keys():
        assert values.get(counter) == expected.get(counter), f"{counter}: {values.get(counter)} and {expected.get(counter)}"
    return f"{len(each)} slices, {len(moments)} annotations and {len(counters)} values of {len(values)} counters"
