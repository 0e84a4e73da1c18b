"""Runs a shell in a pseudo-terminal, types into it, and keeps what its screen showed when.

Needs pyte (python3-pyte in Debian, pyte on PyPI). Knows nothing about pictures or about what is run.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata
from dataclasses import dataclass

import pyte

# A picture that is redrawn more often is larger and no clearer.
FRAME_SECONDS = 0.2
KEY_SECONDS = 0.03
PROMPT = "$ "


@dataclass(frozen=True)
class Cell:
    """One character on the screen; empty text is the right half of a wide one."""

    text: str
    color: str = "default"
    bold: bool = False
    faint: bool = False


@dataclass
class Recording:
    """The frames of one run: (seconds since the start, rows of cells)."""

    columns: int
    frames: list

    def when(self, pattern, last=False):
        """The time of the first (or last) frame whose text matches."""
        times = [t for t, rows in self.frames if re.search(pattern, text_of(rows))]
        if not times:
            raise SystemExit(f"nothing on the screen ever matched {pattern!r}")
        return times[-1 if last else 0]

    def at(self, seconds):
        """The rows that were on the screen at that time."""
        return [rows for t, rows in self.frames if t <= seconds][-1]

    def length(self):
        return self.frames[-1][0]


def text_of(rows):
    return "\n".join("".join(cell.text for cell in row).rstrip() for row in rows).rstrip()


class Screen(pyte.Screen):
    """pyte's screen, which knows neither faint text nor characters without a width."""

    def select_graphic_rendition(self, *attributes, **arguments):
        # Blinking is never used here, so its place in a cell can hold "faint".
        kept = []
        for attribute in attributes:
            kept += {2: [5], 22: [22, 25]}.get(attribute, [attribute])
        super().select_graphic_rendition(*kept, **arguments)

    def draw(self, data):
        # pyte drops the rest of the text at a joiner; without it, the parts of an emoji stand apart,
        # as they do on many terminals.
        super().draw("".join(c for c in data if unicodedata.category(c) != "Cf" and c != "\ufe0f"))


class Terminal:
    """A shell with a prompt, and a screen to read its output from."""

    def __init__(self, columns, rows, environment, directory):
        self.screen = Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.frames = []
        self.start = time.monotonic()
        pid, self.master = pty.fork()
        if pid == 0:
            os.chdir(directory)
            os.execvpe("sh", ["sh", "-i"], {**environment, "PS1": PROMPT})
        self.pid = pid
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        self.prompt(10)

    def type(self, line):
        """Types a command, as fast as a quick typist, and Enter."""
        for character in line:
            os.write(self.master, character.encode())
            self.pause(KEY_SECONDS)
        self.pause(0.4)
        os.write(self.master, b"\r")
        self.pause(0.1)

    def interrupt(self):
        """Ctrl-C."""
        os.write(self.master, b"\x03")
        self.pause(0.1)

    def pause(self, seconds):
        """Lets time pass and keeps reading."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)

    def until(self, pattern, seconds=60):
        """Reads until the screen's text matches."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text()):
            if time.monotonic() > end or not self._read(0.1):
                raise SystemExit(f"{pattern!r} did not appear; the screen shows:\n{self.text()}")

    def prompt(self, seconds=120):
        """Reads until the shell is ready again."""
        self.until(r"(^|\n)\$$", seconds)

    def text(self):
        return text_of(self._rows())

    def close(self):
        """Ends the shell; returns what it showed."""
        self.frames.append((time.monotonic() - self.start, self._rows()))
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.master)
        os.waitpid(self.pid, 0)
        return Recording(self.screen.columns, self.frames)

    def _read(self, seconds):
        """Takes what comes within that time; false when the shell is gone."""
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # Linux says EIO when the other side is closed.
                return False
            self.stream.feed(data)
        now = time.monotonic() - self.start
        if not self.frames or now - self.frames[-1][0] >= FRAME_SECONDS:
            rows = self._rows()
            if not self.frames or rows != self.frames[-1][1]:
                self.frames.append((now, rows))
        return True

    def _rows(self):
        buffer, columns = self.screen.buffer, self.screen.columns
        rows = []
        for y in range(self.screen.lines):
            cells = (buffer[y][x] for x in range(columns))
            rows.append(tuple(Cell(c.data, c.fg, c.bold, c.blink) for c in cells))
        return rows
