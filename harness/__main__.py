"""Where a command starts, and the one place where errors become exit codes.

Python's own exit code 1 (a traceback) and click's own 2 (usage) mean other things here, so nothing is imported that
could fail before the boundary stands.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

_HARNESS, _USAGE, _INTERRUPTED, _TERMINATED = 5, 4, 130, 143
_BROKEN_PIPE = 141
_SECOND = 2
_DISK_FULL = {28, 122}  # ENOSPC, EDQUOT


class Terminated(BaseException):
    """SIGTERM or SIGHUP. Not an Exception: only ``finally`` and ``with`` may act on it."""


def main() -> None:
    """Run the command line and exit. Every way out is a documented exit code."""
    code = _HARNESS
    try:
        code = _bounded(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Terminated:
        code = _TERMINATED
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. KeyboardInterrupt and Terminated are for the caller."""
    import click

    from harness.cli import cli
    from harness.errors import HarnessError

    color = False if os.environ.get("NO_COLOR") else None
    try:
        with cli.make_context("harness", list(arguments), color=color) as context:
            result = cli.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return _USAGE
    except click.ClickException as error:
        error.show(sys.stderr)
        return _USAGE
    except HarnessError as error:
        click.secho("error: ", fg="red", nl=False, err=True, color=color)
        click.echo(str(error), err=True)
        return int(error.exit_code)
    return int(result)


def _bounded(arguments: list[str]) -> int:
    threads: list[BaseException] = []
    try:
        _prepare(threads)
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError as error:
        if _stdout_is_gone():
            return _BROKEN_PIPE
        return _internal(error)
    except OSError as error:
        if error.errno in _DISK_FULL:
            _say(f"error: the disk is full ({error.filename or error}): free some space and run this again")
            return _HARNESS
        return _internal(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  the boundary
        return _internal(error)
    return _internal(threads[0]) if threads else code


def _prepare(threads: list[BaseException]) -> None:
    for stream in (sys.stdout, sys.stderr):
        # What can't be shown in the terminal's encoding must not end a grading.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    signal.signal(signal.SIGINT, _Interrupts())
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminate)
    default = threading.excepthook

    def note(args: threading.ExceptHookArgs, /) -> None:
        if args.exc_value is not None:
            threads.append(args.exc_value)
        default(args)

    threading.excepthook = note


class _Interrupts:
    """Ctrl-C once: stop and clean up. A second time: say what is going on. A third time: stop at once."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count == _SECOND:
            _say("still removing sandboxes; a third Ctrl-C stops at once, then run: harness clean")
            return
        if self._count == 1:
            _say("interrupted, cleaning up")
        raise KeyboardInterrupt


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # cleaning up is not interrupted by being told twice
    raise Terminated


def _stdout_is_gone() -> bool:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at exit; give it a place that takes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _internal(error: BaseException) -> int:
    """Say in two lines that we failed, and keep the traceback for whoever mends it."""
    import traceback

    text = "".join(traceback.format_exception(error))
    kind = traceback.format_exception_only(error)[-1].strip()
    _say(f"error: internal error, not yours and not the candidate's: {kind[:300]}")
    _say(f"The traceback is in {_keep(text)}; please report it with that file.")
    return _HARNESS


def _keep(text: str) -> str:
    import tempfile
    import time

    from harness.settings import state_dir

    name = f"error-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    content = f"harness {' '.join(sys.argv[1:])}\npython {sys.version}\n\n{text}"
    for folder in (state_dir(os.environ), tempfile.gettempdir()):
        try:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103  pathlib is not needed for anything else here
            file = os.path.join(folder, name)  # noqa: PTH118
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:  # noqa: PTH123
                stream.write(content)
        except OSError:
            continue
        return file
    _say(text)
    return "the lines above, since no folder could be written"


def _say(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    main()
