#!/usr/bin/env python3
"""Runs the test programs of the workspace two at a time, since some of them wait. Those that compare times
run alone. Examples in the documentation (`cargo test --doc`) are no programs and are not among them.

    test_programs.py [ARGUMENT...]      ARGUMENTs are those of `cargo test`

The programs are built as `cargo test` builds them and run as it runs them. The output of a program is
printed when it ends. Ends with 1 if a program failed; the others are run all the same.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import typing

AT_ONCE = 2
# Their tests compare durations, on-CPU time and the age of rows with limits of a few milliseconds to a second.
ALONE = {
    f"tests/{name}.rs" for name in ("crash", "kernel_counts", "kernel_measures", "live", "replaced", "signals")
}


class Program(typing.NamedTuple):
    """One test program: its package's directory, its source file and its executable."""

    package: pathlib.Path
    source: pathlib.Path
    executable: str

    def title(self) -> str:
        kind = "" if self.source.parts[0] == "tests" else "unittests "
        return f"     Running {kind}{self.source} ({self.executable})"


def build(arguments: list[str]) -> list[Program]:
    command = ["cargo", "test", "--no-run", "--message-format=json-render-diagnostics", *arguments]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit(built.returncode)
    programs = []
    for message in map(json.loads, built.stdout.splitlines()):
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            package = pathlib.Path(message["manifest_path"]).parent
            source = pathlib.Path(message["target"]["src_path"]).relative_to(package)
            programs.append(Program(package, source, message["executable"]))
    return sorted(programs)


def run(program: Program) -> tuple[Program, int, bytes]:
    environment = os.environ | {"CARGO_MANIFEST_DIR": str(program.package)}
    ended = subprocess.run(
        [program.executable],
        cwd=program.package,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return program, ended.returncode, ended.stdout


def report(programs: list[Program], at_once: int) -> list[str]:
    """Prints the output of each program when it ends; returns a line for each that failed."""
    failed = []
    pool = concurrent.futures.ThreadPoolExecutor(at_once)
    try:
        for ended in concurrent.futures.as_completed([pool.submit(run, program) for program in programs]):
            program, status, output = ended.result()
            print(program.title(), flush=True)
            sys.stdout.buffer.write(output)
            sys.stdout.flush()
            if status != 0:
                failed.append(f"{program.title().strip()}: ended with {status}")
    finally:
        # After Ctrl-C no further program starts.
        pool.shutdown(cancel_futures=True)
    return failed


def main() -> int:
    programs = build(sys.argv[1:])
    if not programs:
        print("error: there are no test programs", file=sys.stderr)
        return 1
    alone = [program for program in programs if str(program.source) in ALONE]
    together = [program for program in programs if program not in alone]
    failed = report(alone, 1) + report(together, AT_ONCE)
    for line in failed:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
