"""Runs a program on a terminal of its own and types what a script says.

    terminal.py PROGRAM [ARGUMENT]...  < SCRIPT

A line of the script is JSON: ["expect", TEXT] waits until TEXT was shown after what was expected before, ["send", KEYS]
types, ["until", KEYS, TEXT] types twice a second until TEXT is shown. Prints what was shown, and at the end the exit status. An expected text that does not come within a minute ends
the program.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

LONGEST_WAIT_S = 60.0


class Terminal:
    def __init__(self, arguments: list[str]) -> None:
        self.shown = b""
        self.seen = 0
        self.child, self.descriptor = pty.fork()
        if self.child == 0:
            os.execv(arguments[0], arguments)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))

    def read(self, until: float) -> bool:
        """Takes what is shown; false at the end."""
        ready, _, _ = select.select([self.descriptor], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return time.monotonic() < until
        try:
            part = os.read(self.descriptor, 65536)
        except OSError:
            return False
        self.shown += part
        return part != b""

    def expect(self, text: bytes, keys: bytes = b"") -> None:
        until = time.monotonic() + LONGEST_WAIT_S
        typed = 0.0
        while True:
            at = self.shown.find(text, self.seen)
            if at >= 0:
                self.seen = at + len(text)
                return
            if keys and time.monotonic() > typed + 0.5:
                os.write(self.descriptor, keys)
                typed = time.monotonic()
            ended = not self.read(time.monotonic() + 0.5 if keys else until)
            if ended and (not keys or time.monotonic() > until):
                self.finish(f"not shown: {text!r}")

    def finish(self, failure: str = "") -> None:
        until = time.monotonic() + LONGEST_WAIT_S
        while not failure and self.read(until):
            pass
        os.close(self.descriptor)
        _, status = os.waitpid(self.child, 0)
        sys.stdout.write(self.shown.decode(errors="replace"))
        print(f"\n{failure or 'exit'} {os.waitstatus_to_exitcode(status)}")
        sys.exit(1 if failure else 0)


def main() -> None:
    terminal = Terminal(sys.argv[1:])
    for line in sys.stdin:
        what, *texts = json.loads(line)
        text = texts[-1]
        if what == "expect":
            terminal.expect(text.encode())
        elif what == "until":
            terminal.expect(text.encode(), texts[0].encode())
        else:
            os.write(terminal.descriptor, text.encode())
    terminal.finish()


if __name__ == "__main__":
    main()
