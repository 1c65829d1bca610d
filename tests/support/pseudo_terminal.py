"""A terminal without a screen: runs commands in it, presses keys, sees what they write."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from support.patience import PATIENCE_S
from support.rig import command

# The terminal of stdout becomes the one whose Ctrl-C and size the process hears of.
_CONTROLLED = "import fcntl, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0)"
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class PseudoTerminal:
    """A command and the terminal that it runs in.

    Attributes
    ----------
    output
        All that it wrote.
    """

    def __init__(
        self,
        arguments: tuple[object, ...],
        environment: dict[str, str],
        stdin: int | None,
        before: str,
        columns: int,
        rows: int,
    ) -> None:
        self.output = b""
        self._ours, self._its = pty.openpty()
        self.resize(columns, rows)
        self.attributes_before = termios.tcgetattr(self._its)
        words = command(*arguments)
        code = words.index("-c") + 1
        words[code] = f"{_CONTROLLED}; {before}; {words[code]}"
        # The size is that of this terminal: test runners set these two for their own.
        outer = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            words,
            stdin=self._its if stdin is None else stdin,
            stdout=self._its,
            stderr=self._its,
            env={**outer, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment},
            start_new_session=True,
        )

    @property
    def attributes(self) -> list[Any]:
        return termios.tcgetattr(self._its)

    @property
    def text(self) -> str:
        """What it wrote, without what moves the cursor and sets colors."""
        return _ESCAPE_SEQUENCE.sub("", self.output.decode("utf-8", "replace"))

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def read_until(self, condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Read until a condition holds."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, self.output[-3000:]
            self.read(0.02)

    def read_until_text(self, *texts: str) -> None:
        """Read until all of these were written since the last call."""
        begin = len(self.text)
        self.read_until(lambda: all(text in self.text[begin:] for text in texts))

    def read(self, timeout_s: float) -> None:
        if select.select([self._ours], [], [], timeout_s)[0]:
            self.output += os.read(self._ours, 65536)

    def wait(self) -> int:
        """Read until the command ends, and return its exit code."""
        self.read_until(lambda: self.process.poll() is not None)
        while select.select([self._ours], [], [], 0)[0]:
            self.read(0)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._its)


@contextmanager
def in_terminal(
    *arguments: object,
    environment: dict[str, str] | None = None,
    stdin: int | None = None,
    before: str = "pass",
    columns: int = 80,
    rows: int = 24,
) -> Iterator[PseudoTerminal]:
    """Run panoseti-daq with these arguments in a terminal.

    Parameters
    ----------
    environment
        Changes to it.
    stdin
        Instead of the terminal.
    before
        Python code that the command runs first.
    columns, rows
        Its size.
    """
    terminal = PseudoTerminal(arguments, environment or {}, stdin, before, columns, rows)
    try:
        yield terminal
    finally:
        terminal.close()
