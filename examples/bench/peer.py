"""Asks a peer in one process: `peer.py PEER FILES ROUNDS QUERY…` prints the seconds of the fastest round of each query,
as JSON. It runs in the environment that has the peers."""

import json
import sys
import time
from collections.abc import Callable


def duckdb(files: str) -> Callable[[str], int]:
    import duckdb as engine

    connection = engine.connect()
    connection.execute("SET TimeZone = 'UTC'")

    def ask(query: str) -> int:
        return len(connection.execute(query.replace("operation_log", f"'{files}'", 1)).fetchall())

    return ask


def chdb(files: str) -> Callable[[str], int]:
    from chdb.session import Session

    session = Session()

    def ask(query: str) -> int:
        text = query.replace("operation_log", f"file('{files}', Parquet)", 1)
        return str(session.query(text, "CSV")).count("\n")

    return ask


def main() -> None:
    peer, files, rounds, *queries = sys.argv[1:]
    ask = {"duckdb": duckdb, "chdb": chdb}[peer](files)
    for query in queries:
        fastest = float("inf")
        rows = 0
        for _ in range(int(rounds)):
            start = time.perf_counter()
            rows = ask(query)
            fastest = min(fastest, time.perf_counter() - start)
        print(json.dumps({"query": query, "rows": rows, "seconds": fastest}), flush=True)


if __name__ == "__main__":
    main()
