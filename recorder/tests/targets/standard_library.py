"""Uses much of the standard library; prints the same text each time.

    standard_library.py [forks]
"""
import collections
import contextlib
import hashlib
import io
import json
import os
import re
import struct
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any


def sorting() -> Any:
    numbers = [(i * 7919) % 1009 for i in range(700)]
    words = sorted((str(n) for n in numbers), key=lambda word: (len(word), word[::-1]))
    return words[:3], sum(sorted(numbers)[100:200]), sorted(numbers, reverse=True)[0]


def regular_expressions() -> Any:
    text = "; ".join(f"key{i}={i * i:x}" for i in range(120))
    found = re.findall(r"key(\d+)=([0-9a-f]{2,4})(?:;|$)", text)
    return len(found), re.sub(r"(\d)(?=(\d{3})+$)", r"\1,", "1234567890"), found[-1]


def texts() -> Any:
    value = {"list": list(range(60)), "nested": {str(i): [i, None, True, i / 4] for i in range(40)}}
    again = json.loads(json.dumps(value, sort_keys=True))
    packed = struct.pack("<iqd", -5, 1 << 40, 2.5)
    return again == value, struct.unpack("<iqd", packed), textwrap.fill("word " * 40, 30)[:60], \
        hashlib.sha256(b"abc" * 50).hexdigest()


def exceptions() -> Any:
    def deep(n: int) -> int:
        if n == 0:
            raise ValueError("bottom")
        try:
            return deep(n - 1)
        finally:
            counted[n % 3] += 1
    counted: collections.Counter[int] = collections.Counter()
    caught = 0
    for n in range(40):
        try:
            deep(n)
        except ValueError as error:
            caught += len(error.args)
    with contextlib.suppress(RecursionError):
        sys.setrecursionlimit(180)
        endless: Any = lambda f: f(f) + 1
        (lambda f: f(f))(endless)
    sys.setrecursionlimit(1000)
    return caught, sorted(counted.items()), sum(x for x in (i * i for i in range(90)) if x % 3)


def threads() -> list[int]:
    out, lock = [0] * 4, threading.Lock()

    def work(which: int) -> None:
        for i in range(200):
            with lock:
                out[which] += len(f"{i:>5}{which}")
    running = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return out


def forks() -> Any:
    read, write = os.pipe()
    status: list[int] = []
    for i in range(5):
        child = os.fork()
        if child == 0:
            os.write(write, bytes([65 + sum(range(i))]))
            os._exit(i)
        status.append(os.waitpid(child, 0)[1] >> 8)
    child = os.fork()
    if child == 0:
        # Returns from all functions that the parent had called.
        return "child"
    status.append(os.waitpid(child, 0)[1] >> 8)
    output = subprocess.run(["/bin/echo", "a program"], capture_output=True, text=True)
    return os.read(read, 100), status, output.stdout


class Node:
    __slots__ = ("left", "right", "value")

    def __init__(self, value: int) -> None:
        self.left: Node | None = None
        self.right: Node | None = None
        self.value = value

    def __lt__(self, other: "Node") -> bool:
        return self.value < other.value

    def add(self, value: int) -> None:
        side = "left" if value < self.value else "right"
        child = getattr(self, side)
        if child is None:
            setattr(self, side, Node(value))
        else:
            child.add(value)

    def walk(self) -> Iterator[int]:
        if self.left:
            yield from self.left.walk()
        yield self.value
        if self.right:
            yield from self.right.walk()


def objects() -> Any:
    tree = Node(500)
    for i in range(150):
        tree.add((i * 613) % 997)
    source = io.StringIO("\n".join(f"{a},{b}" for a, b in zip(range(50), range(50, 0, -1))))
    pairs = (line.split(",") for line in source)
    rows = [(int(first), int(second)) for first, second in pairs]
    return list(tree.walk())[:5], max(tree.walk()), dict(rows)[7], 3 ** 200 % 1000007


if __name__ == "__main__":
    print(sorting(), regular_expressions(), texts(), exceptions(), threads(), objects(), sep="\n", flush=True)
    if "forks" in sys.argv:
        print(forks(), flush=True)
    sys.exit(7)
