"""Questions to a recording, asked by `sql`, DuckDB and ClickHouse (chdb) on the same files: as whole programs and
in a session that is open."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from programs import ANALYZER, TARGET, heading, result

ROWS_PER_SECOND = 16_680
ROWS = 20_016_000
ROUNDS = 5
PEERS = ("duckdb", "duckdb-cli", "chdb")
LEVELS = "0.5, 0.9, 0.95, 0.99, 0.999"
# The buckets of `quantiles` as SQL: 64 in each power of two.
BUCKET = "CASE WHEN duration_ns < 128 THEN duration_ns ELSE {log} * 64 + (duration_ns >> ({log} - 6)) END"

# By name: what the analyzer is asked, and what others are asked, where that is something else.
QUESTIONS: dict[str, dict[str, str]] = {
    "count": {"sql": "SELECT count(*) FROM operation_log"},
    "count_by_operation": {"sql": "SELECT operation, count(*) FROM operation_log GROUP BY operation"},
    "sum": {"sql": "SELECT sum(duration_ns) FROM operation_log"},
    "count_avg_max_by_operation": {
        "sql": "SELECT operation, count(*), avg(duration_ns), max(duration_ns) FROM operation_log GROUP BY operation"
    },
    "slowest_ten": {"sql": "SELECT * FROM operation_log ORDER BY duration_ns DESC LIMIT 10"},
    "time_range": {
        "sql": "SELECT count(*), avg(duration_ns) FROM operation_log WHERE finished_at >= {from} AND finished_at < {to}"
    },
    "five_quantiles_by_operation": {
        "sql": f"SELECT operation, quantiles(duration_ns, {LEVELS}) FROM operation_log GROUP BY operation",
        "duckdb": f"SELECT operation, approx_quantile(duration_ns, [{LEVELS}]) FROM operation_log GROUP BY operation",
        "chdb": f"SELECT operation, quantiles({LEVELS})(duration_ns) FROM operation_log GROUP BY operation",
    },
    "buckets_by_operation": {
        "sql": f"SELECT operation, quantiles(duration_ns, {LEVELS}) FROM operation_log GROUP BY operation",
        "duckdb": "SELECT operation, "
        + BUCKET.format(log="floor(log2(duration_ns))::INT")
        + " AS bucket, count(*) FROM operation_log GROUP BY operation, bucket",
    },
    "p99_by_second_and_operation": {
        "sql": "SELECT date_trunc('second', finished_at) AS second, operation, quantile(duration_ns, 0.99) "
        "FROM operation_log GROUP BY second, operation",
        "duckdb": "SELECT date_trunc('second', finished_at) AS second, operation, approx_quantile(duration_ns, 0.99) "
        "FROM operation_log GROUP BY second, operation",
        "chdb": "SELECT toStartOfSecond(finished_at) AS second, operation, quantile(0.99)(duration_ns) "
        "FROM operation_log GROUP BY second, operation",
    },
}
EXAMPLES = TARGET / "release/examples"


def peers() -> Path:
    """A Python with the peers; one that cannot be installed is left out of the figures."""
    environment = TARGET / "bench-peers"
    if not (environment / "bin/pip").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    for package in PEERS:
        command = [str(environment / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", package]
        if subprocess.run(command, check=False).returncode != 0:
            print(f"skipped: {package} cannot be installed", file=sys.stderr)
    return environment


def rounds(command: list[str | Path]) -> float:
    """Seconds of the fastest of some rounds of a whole program."""
    fastest = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


def answers(command: list[str | Path]) -> list[float]:
    """Seconds of each question, as a program with an open session prints them."""
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    return [float(line["seconds"]) for line in lines]


def asked(who: str, range_of: dict[str, str]) -> dict[str, str]:
    """The questions that `who` is asked, by name."""
    questions = {}
    for name, texts in QUESTIONS.items():
        if name == "buckets_by_operation" and who not in ("sql", "duckdb"):
            continue
        text = texts.get(who, texts["sql"])
        questions[name] = text.replace("{from}", range_of["from"]).replace("{to}", range_of["to"])
    return questions


def questions(directory: Path, rows: int) -> None:
    seconds_of_rows = max(rows // ROWS_PER_SECOND, 60)
    heading(f"Questions to {ROWS_PER_SECOND * seconds_of_rows} rows: seconds, and how often as fast as each peer")
    load: list[str | Path] = [EXAMPLES / "load", directory, "1", str(seconds_of_rows), "4", str(ROWS_PER_SECOND // 4), "0.5"]
    subprocess.run(load, check=True)
    # The system would write the files while the first questions are timed.
    os.sync()
    recording = directory / "01"
    files = f"{recording}/operation_log/*/*.parquet"
    environment = peers()
    python = environment / "bin/python"
    answer = subprocess.run(
        [ANALYZER, "sql", recording, "--format", "json",
         "SELECT min(finished_at) AS first, max(finished_at) AS last FROM operation_log"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    first = json.loads(answer)[0]["first"][:16]
    times = {"from": f"TIMESTAMP '{first.replace('T', ' ')}:30'", "to": f"TIMESTAMP '{first.replace('T', ' ')}:59'"}

    ours = asked("sql", times)
    engine = dict(zip(ours, answers([EXAMPLES / "query_time", recording, str(ROUNDS), *ours.values()])))
    others: dict[str, dict[str, float]] = {}
    for peer in ("duckdb", "chdb"):
        theirs = asked(peer, times)
        script = Path(__file__).with_name("peer.py")
        command = [python, script, peer, files, str(ROUNDS), *theirs.values()]
        try:
            others[peer] = dict(zip(theirs, answers(command)))
        except subprocess.CalledProcessError as error:
            print(f"skipped: {peer}: {error.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    duckdb = environment / "bin/duckdb"
    for name, question in ours.items():
        figures: dict[str, object] = {"engine_s": round(engine[name], 4)}
        for peer, seconds in others.items():
            if name in seconds:
                figures[f"{peer}_engine_s"] = round(seconds[name], 4)
                figures[f"times_{peer}"] = round(seconds[name] / engine[name], 2)
        whole = rounds([ANALYZER, "sql", recording, question])
        figures["program_s"] = round(whole, 4)
        if duckdb.exists():
            text = asked("duckdb", times)[name].replace("operation_log", f"'{files}'", 1)
            seconds_of_program = rounds([duckdb, "-c", "SET TimeZone = 'UTC'", "-c", text])
            figures["duckdb_program_s"] = round(seconds_of_program, 4)
            figures["times_duckdb_program"] = round(seconds_of_program / whole, 2)
        result(f"query_{name}", **figures)
