#!/usr/bin/env python3
"""Runs the tests of the workspace, two processes at a time, since some of them wait. A test program of
several files (`tests/*/main.rs`) runs each of its subjects, the modules of its root, in a process of its own.
Subjects that compare times run alone. Examples in the documentation (`cargo test --doc`) are not among them.

    test_programs.py [ARGUMENT...] [-- [SUBJECT::...] [OPTION...]]

ARGUMENTs are those of `cargo test`. With SUBJECTs only these run. OPTIONs are passed to the programs.

The programs are built as `cargo test` builds them and run as it runs them. The output of a process is
printed when it ends. Ends with 1 if one failed; the others run all the same.
"""

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import typing

AT_ONCE = 2
# Their tests compare durations, on-CPU time and the age of rows with limits of a few milliseconds to a second.
ALONE = {"kernel_counts", "kernel_measures", "live", "signals"}
# The longest subjects, which start first, so that none of them is still running when all others have ended.
FIRST = ["crash", "kernel_exits", "kernel_tail_calls", "kernel_whole_binaries", "stalls", "browser", "descriptors"]


class Run(typing.NamedTuple):
    """One process: its package's directory, its program's source file and executable, and a subject."""

    package: pathlib.Path
    source: pathlib.Path
    executable: str
    # The module whose tests run; all of the program where it is empty.
    subject: str

    def is_one_of(self, subjects: typing.Container[str]) -> bool:
        return self.source.parent.name == "suite" and self.subject in subjects

    def title(self) -> str:
        kind = "" if self.source.parts[0] == "tests" else "unittests "
        subject = f" {self.subject}" if self.subject else ""
        return f"{kind}{self.source}{subject} ({self.executable})"

    def command(self, options: list[str]) -> list[str]:
        return [self.executable, *([f"{self.subject}::"] if self.subject else []), *options]

    def environment(self) -> dict[str, str]:
        return os.environ | {"CARGO_MANIFEST_DIR": str(self.package)}


def subjects(program: Run) -> list[Run]:
    """The runs of a test program: one, or one for each module of a program of several files."""
    if program.source.parts[0] != "tests" or program.source.name != "main.rs":
        return [program]
    listed = subprocess.run(
        program.command(["--list", "--format", "terse"]),
        cwd=program.package,
        env=program.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    names = [line.removesuffix(": test") for line in listed.stdout.splitlines() if line.endswith(": test")]
    if not names or any("::" not in name for name in names):
        return [program]
    modules = sorted({name.split("::")[0] for name in names})
    # A filter selects by any part of a name.
    for name in names:
        matching = [module for module in modules if f"{module}::" in name]
        if matching != [name.split("::")[0]]:
            sys.exit(f"error: {program.source}: {name} belongs to several subjects: {', '.join(matching)}")
    return [program._replace(subject=module) for module in modules]


def build(arguments: list[str]) -> list[Run]:
    command = ["cargo", "test", "--no-run", "--message-format=json-render-diagnostics", *arguments]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit(built.returncode)
    runs: list[Run] = []
    for message in map(json.loads, built.stdout.splitlines()):
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            package = pathlib.Path(message["manifest_path"]).parent
            source = pathlib.Path(message["target"]["src_path"]).relative_to(package)
            runs += subjects(Run(package, source, message["executable"], ""))
    return sorted(runs, key=lambda run: (not run.is_one_of(FIRST), run))


def default_signals() -> None:
    """Of a job in the background, shells ignore these; the tests send them to programs that would inherit it."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Ended(typing.NamedTuple):
    """A process that has ended, with the time that it took and the CPU time of it and its children, s."""

    run: Run
    status: int
    output: bytes
    seconds: float
    cpu_seconds: float


def execute(run: Run, options: list[str]) -> Ended:
    start = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            run.command(options),
            cwd=run.package,
            env=run.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=default_signals,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        cpu_seconds = usage.ru_utime + usage.ru_stime
        return Ended(run, process.returncode, output.read(), time.monotonic() - start, cpu_seconds)


def report(runs: list[Run], at_once: int, options: list[str]) -> list[str]:
    """Prints the output of each process when it ends; returns a line for each that failed."""
    failed = []
    pool = concurrent.futures.ThreadPoolExecutor(at_once)
    try:
        for ended in concurrent.futures.as_completed([pool.submit(execute, run, options) for run in runs]):
            run, status, output, seconds, cpu_seconds = ended.result()
            print(f"     Running {run.title()}: {seconds:.1f} s, {cpu_seconds:.1f} s of CPU", flush=True)
            sys.stdout.buffer.write(output)
            sys.stdout.flush()
            if status != 0:
                failed.append(f"{run.title()}: ended with {status}")
    finally:
        # After Ctrl-C no further process starts.
        pool.shutdown(cancel_futures=True)
    return failed


def main() -> int:
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    arguments, rest = arguments[:end], arguments[end + 1 :]
    wanted = {word.removesuffix("::") for word in rest if word.endswith("::")}
    options = [word for word in rest if not word.endswith("::")]
    runs = build(arguments)
    missing = (wanted or ALONE.union(FIRST)) - {run.subject for run in runs}
    if not runs:
        print("error: there are no test programs", file=sys.stderr)
        return 1
    if missing:
        print(f"error: no test program has the subjects {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    if wanted:
        runs = [run for run in runs if run.subject in wanted]
    alone = [run for run in runs if run.is_one_of(ALONE)]
    together = [run for run in runs if not run.is_one_of(ALONE)]
    failed = report(alone, 1, options) + report(together, AT_ONCE, options)
    for line in failed:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
