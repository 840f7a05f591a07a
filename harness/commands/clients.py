"""Clients of a running ``harness up``: ``logs``, ``shell``, ``kill``, ``restart``, ``fault``, ``reload`` and ``down``."""

from __future__ import annotations

import codecs
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness import console, progress
from harness.errors import ExitCode, HarnessError
from harness.intake import workspace
from harness.live import state, terminal
from harness.live.talk import Line, data_of
from harness.model import Json
from harness.wording import visible

_DOWN_SECONDS = 120.0
"""How long removing sandboxes may take on a slow engine."""
_LOOK_SECONDS = 0.1


def logs(sandbox: str, *, workspace_path: Path, follow: bool) -> ExitCode:
    """Print the log of a sandbox, and with ``follow`` what comes after it. Nothing in it moves a cursor."""
    return _asked(workspace_path, {"verb": "logs", "sandbox": sandbox, "follow": follow})


def kill(sandbox: str, *, workspace_path: Path) -> ExitCode:
    """SIGKILL all of a sandbox."""
    return _asked(workspace_path, {"verb": "kill", "sandbox": sandbox})


def restart(sandbox: str, *, workspace_path: Path) -> ExitCode:
    """Kill a sandbox and start it with the files that it has."""
    return _asked(workspace_path, {"verb": "restart", "sandbox": sandbox}, f"restarting {sandbox}")


def fault(name: str | None, *, workspace_path: Path, seconds: float) -> ExitCode:
    """Put a fault on for a while; without a name, list what there is."""
    if name is None:
        return _asked(workspace_path, {"verb": "faults"})
    return _asked(workspace_path, {"verb": "fault", "name": name, "seconds": seconds})


def reload(*, workspace_path: Path) -> ExitCode:
    """Build the workspace again and start it."""
    return _asked(workspace_path, {"verb": "reload"}, "reloading")


def shell(sandbox: str, *, workspace_path: Path) -> ExitCode | int:
    """Open a shell in a sandbox; its exit code is what it ends with."""
    with _connected(workspace.find(workspace_path).root) as line:
        line.send(terminal.request(sandbox))
        return _ended(terminal.attend(line))


def down(*, workspace_path: Path) -> ExitCode:
    """End the ``up`` of a workspace, and wait until nothing of it is left. Raises HarnessError when something is."""
    root = workspace.find(workspace_path).root
    with _connected(root) as line:
        line.send({"verb": "down"})
        line.receive()  # it hangs up
    until = time.monotonic() + _DOWN_SECONDS
    while state.is_up(root):
        if time.monotonic() > until:
            text = f"{root}: expected it to be down within {_DOWN_SECONDS:.0f} s, found it still up: see where it runs"
            raise HarnessError(text)
        time.sleep(_LOOK_SECONDS)
    if state.read(root) is not None:
        text = f'{root}: expected it to end in order, found that it died: "harness clean" removes what it left'
        raise HarnessError(text)
    console.notice("down: nothing of it is left")
    return ExitCode.PASSED


def _asked(path: Path, request: Mapping[str, Json], label: str = "") -> ExitCode:
    """Send a request and print what comes of it; ``label`` names what takes its time."""
    # A letter may come in two pieces.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with _connected(workspace.find(path).root) as line, _step(label) as say:
        line.send(request)
        while (message := line.receive()) is not None and "end" not in message:
            if text := message.get("doing"):
                say(str(text))
            if text := message.get("text"):
                console.entry(str(text))
            if data := data_of(message):
                _print(decoder.decode(data))
        _print(decoder.decode(b"", final=True))
        return ExitCode(_ended(message))


@contextlib.contextmanager
def _step(label: str) -> Iterator[Callable[[str], None]]:
    """Show that something takes its time, where it has a label; what is quick has none."""
    if not label:
        yield lambda _: None
        return
    with progress.step(label) as say:
        yield say


@contextlib.contextmanager
def _connected(root: Path) -> Iterator[Line]:
    """Yield a line to the ``up`` of a workspace. Raises HarnessError where it dies meanwhile."""
    line = Line(state.connected(root))
    try:
        yield line
    except OSError as error:
        raise _died() from error
    finally:
        line.close()


def _ended(message: Mapping[str, Json] | None) -> int:
    """Return the exit code in the last word of an ``up``. Raises HarnessError with its reason, or when it died."""
    if message is None:
        raise _died()
    text, code = str(message.get("text") or ""), message.get("end")
    number = code if isinstance(code, int) and 0 <= code <= 255 else int(ExitCode.HARNESS)  # noqa: PLR2004 - a byte
    if text:
        error = HarnessError(text)
        error.exit_code = ExitCode(number) if number in set(ExitCode) else ExitCode.HARNESS
        raise error
    return number


def _died() -> HarnessError:
    text = 'expected an answer of the running up, found that it ended meanwhile: "harness up" starts it again'
    return HarnessError(text)


def _print(text: str) -> None:
    """Print a candidate's words: what a terminal would act on is shown instead."""
    sys.stdout.write(visible(text, lines=True))
    sys.stdout.flush()
