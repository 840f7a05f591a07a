"""Where clients of an ``up`` are served: a unix socket in a private folder, a thread for each of them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from harness import crashes
from harness.engines.base import Terminal
from harness.errors import EngineError, ExitCode, HarnessError, UsageError
from harness.live.holding import Holding
from harness.live.tail import added
from harness.live.talk import Line, data_of, size_of
from harness.model import Json

NAME = "s"
LONGEST_PATH = 100
"""Of a socket, in bytes: what every system of ours takes."""
LONGEST_FAULT_SECONDS = 3600.0
_LOOK_SECONDS = 0.3
_SHOWN_BYTES = 256 * 1024
"""Of a log that has been there before somebody asks for it."""
_WHOLE_KB = 16 * 1024
"""More than an engine keeps of a log: a window that slides over equal lines looks as if nothing came."""
_BACKLOG = 16


class Office:
    """Open from when it is made until it is closed."""

    def __init__(self, folder: Path, holding: Holding) -> None:
        """Listen in ``folder``, which nobody else may enter. Raises UsageError when its path is too long for a socket."""
        self.path = folder / NAME
        if len(str(self.path).encode()) > LONGEST_PATH:
            text = (
                f"expected a folder for temporary files with a short path, found {folder}: set TMPDIR to a shorter one"
            )
            raise UsageError(text)
        self._holding = holding
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(_BACKLOG)
        self._lock = threading.Lock()
        self._lines: set[Line] = set()
        threading.Thread(target=self._accept, daemon=True, name="office").start()

    def close(self) -> None:
        """Close: whoever is still served sees the end."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Line(client),), daemon=True, name="client").start()

    def _serve(self, line: Line) -> None:
        with self._lock:
            self._lines.add(line)
        try:
            # A client that went away is no news.
            with contextlib.suppress(OSError):
                self._answer(line)
        finally:
            with self._lock:
                self._lines.discard(line)
            line.close()

    def _answer(self, line: Line) -> None:
        try:
            request = line.receive()
            if request is not None:
                line.end(self._done(request, line))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours in what one client asked for does not end the scenario
            found = crashes.explained(error)
            line.end(int(found.exit_code), str(found))

    def _done(self, request: Mapping[str, Json], line: Line) -> int:
        """Do what was asked for, and return the exit code."""
        here, name = self._holding, str(request.get("sandbox", ""))
        simple: dict[str, Callable[[], str]] = {
            "kill": lambda: here.kill(name),
            "restart": lambda: here.restart(name),
            "reload": lambda: here.reload(lambda text: _doing(line, text)),
            "fault": lambda: here.fault(str(request.get("name", "")), _seconds(request)),
        }
        verb = str(request.get("verb", ""))
        if verb in simple:
            line.text(simple[verb]())
        elif verb == "faults":
            for one in here.faults().split("\n"):
                line.text(one)
        elif verb == "logs":
            self._logs(name, line, follow=request.get("follow") is True)
        elif verb == "shell":
            return self._shell(name, request, line)
        elif verb == "down":
            here.finish()
            line.receive()  # until this process is gone, or its reader is
        else:
            text = (
                f"expected a verb that an up knows, found {verb!r}: it is of another version, end it and start it anew"
            )
            raise UsageError(text)
        return int(ExitCode.PASSED)

    def _logs(self, name: str, line: Line, *, follow: bool) -> None:
        before = self._holding.logs(name, tail_kb=_WHOLE_KB)
        line.data(before[-_SHOWN_BYTES:])
        while follow and not self._holding.over.wait(_LOOK_SECONDS):
            now = self._holding.logs(name, tail_kb=_WHOLE_KB)
            if fresh := added(before, now):
                line.data(fresh)
            elif line.is_over():
                return
            before = now

    def _shell(self, name: str, request: Mapping[str, Json], line: Line) -> int:
        rows, columns = size_of(request) or (24, 80)
        term = str(request.get("term") or "dumb")
        terminal = self._holding.terminal(name, rows=rows, columns=columns, term=term)
        typing = threading.Thread(target=_type, args=(terminal, line), daemon=True, name="typing")
        typing.start()
        try:
            while data := terminal.read():
                line.data(data)
            return terminal.exit_code()
        finally:
            terminal.close()


def _type(terminal: Terminal, line: Line) -> None:
    """Pass on what a client types, until it goes."""
    with contextlib.suppress(HarnessError):
        while (message := line.receive()) is not None:
            size = size_of(message)
            if size is not None:
                terminal.resize(*size)
            if data := data_of(message):
                terminal.write(data)
    with contextlib.suppress(EngineError):
        terminal.close()


def _doing(line: Line, text: str) -> None:
    """Say what is being done now; a client that went away stops nothing half way."""
    with contextlib.suppress(OSError):
        line.send({"doing": text})


def _seconds(request: Mapping[str, Json]) -> float:
    found = request.get("seconds")
    if not isinstance(found, int | float) or not 0 < found <= LONGEST_FAULT_SECONDS:
        text = f"expected seconds over 0, at most {LONGEST_FAULT_SECONDS:g}, found {found}: correct --for"
        raise UsageError(text)
    return float(found)
