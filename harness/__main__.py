"""Where a command starts, and the one place where errors become exit codes.

Python's own exit code 1 (a traceback) and click's own 2 (usage) mean other things here, so nothing is imported that
could fail before the boundary stands.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

    from harness.errors import HarnessError
    from harness.streams import Sink

_HARNESS, _USAGE, _INTEGRITY, _INTERRUPTED, _TERMINATED = 5, 4, 6, 130, 143
_BROKEN_PIPE = 141
_SECOND = 2
_RARELY = (100_000, 20, 100)
"""How often Python looks for cycles: a command of a second is mostly imports, and nothing of those is ever collected.

A trivial grading makes some 80 000 objects that stay, so that it ends without having looked once.
"""
_NO_PLUGINS = ("PYDANTIC_DISABLE_PLUGINS", "__all__")
"""Else pydantic reads what every installed package registers, and lets strangers take part in what is parsed here."""
_KEEPING = frozenset({"check", "grade", "pack", "submit", "validate"})
"""Commands that write what they find into files: standard output is only a view of it."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP. Not an Exception: only ``finally`` and ``with`` may act on it."""


def main() -> None:
    """Run the command line and exit. Every way out is a documented exit code."""
    code = _HARNESS
    gc.set_threshold(*_RARELY)
    os.environ.setdefault(*_NO_PLUGINS)
    try:
        code = _bounded(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Terminated:
        code = _TERMINATED
    except BaseException as error:  # noqa: BLE001  no memory even to say so: still never Python's own 1
        _say_at_once(f"error: {type(error).__name__}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the code is decided
    gc.freeze()  # all of it goes now: nothing is looked through once more
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. KeyboardInterrupt and Terminated are for the caller."""
    return _run(arguments)[0]


def _run(arguments: list[str]) -> tuple[int, str]:
    """Return the exit code of one command, and which command it was."""
    import click

    from harness.cli import cli
    from harness.errors import HarnessError

    color = False if os.environ.get("NO_COLOR") else None
    verb = ""
    try:
        with cli.make_context("harness", list(arguments), color=color) as context:
            try:
                result = cli.invoke(context)
            finally:
                verb = context.invoked_subcommand or ""
    except click.exceptions.Exit as ended:
        return ended.exit_code, verb
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return _USAGE, verb
    except click.ClickException as error:
        _show(error)
        return _USAGE, verb
    except HarnessError as error:
        return _fail(error), verb
    return int(result), verb


def _show(error: click.ClickException) -> None:
    """Say what click has against the arguments; what was typed is made visible."""
    from harness import console

    text = io.StringIO()
    error.show(text)
    console.notice(text.getvalue().rstrip())


def _fail(error: HarnessError) -> int:
    """Say an error and return its exit code."""
    from harness import console

    if sys.stderr.isatty() and not os.environ.get("NO_COLOR") and not console.is_plain():
        sys.stderr.write("\x1b[31merror:\x1b[0m ")
        console.notice(str(error))
    else:
        console.notice(f"error: {error}")
    return int(error.exit_code)


def _bounded(arguments: list[str]) -> int:
    threads: list[BaseException] = []
    try:
        sink = _prepare(threads)
        code, verb = _run(arguments)
        sys.stdout.flush()
    except (Exception, SystemExit) as error:  # noqa: BLE001  the boundary
        return _explain(error)
    if threads:
        return _explain(threads[0])
    return _seen(sink, code, verb)


def _seen(sink: Sink, code: int, verb: str) -> int:
    """Return the exit code when some of standard output could not be written; that a reader went away is no error."""
    if sink.lost is None:
        return code
    if sink.lost.errno == errno.EPIPE:
        return code if verb in _KEEPING else _BROKEN_PIPE
    kept = "; what was found is kept in its files" if verb in _KEEPING else ""
    _say(f"error: expected to write to standard output, found: {sink.lost.strerror}: send it elsewhere{kept}")
    return code if code == _INTEGRITY else _HARNESS


def _explain(error: BaseException) -> int:
    from harness import crashes

    return _fail(crashes.explained(error))


def _prepare(threads: list[BaseException]) -> Sink:
    from harness import streams

    sink = streams.install()
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
    return sink


class _Interrupts:
    """Ctrl-C once: stop and clean up. A second time: say what is going on. A third time: stop at once."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count == _SECOND:
            _say_at_once("still removing sandboxes; a third Ctrl-C stops at once, then run: harness clean")
            return
        if self._count == 1:
            _say_at_once("interrupted, cleaning up")
        raise KeyboardInterrupt


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # cleaning up is not interrupted by being told twice
    raise Terminated


def _say_at_once(text: str) -> None:
    """Say something past all buffers: a signal may come in the middle of a write."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
