"""How a process ended, in words for people: exit code, signal, memory, and the last lines it wrote. Pure.

What a candidate reads must name the cause: a lost x bit, a missing module or a limit that was reached is a matter of a
minute to somebody who is told. All of it is safe to show: a candidate's bytes are capped and cleaned.
"""

from __future__ import annotations

import signal
from typing import Protocol

from harness.testing.text import line

MOST_LINES = 8
MOST_CHARS = 200
_LOG_BYTES = 16 << 10
"""What is looked at for the last lines: ten megabytes of output are told by their end."""
_SHELL = {126: "it could not be executed", 127: "its program was not found"}
_HINTS = {
    125: "The sandbox could not run it.",
    126: "It is there, but can't be executed: is its x bit set, and is it a program for this machine?",
    127: "It is not there, or the interpreter that a script's first line names is not: a line end of Windows (CRLF) in "
    "that line has the same effect.",
}
_SIGNALLED = 128
KILLED = _SIGNALLED + signal.SIGKILL


def exit_words(code: int | None) -> str:
    """Return an exit code in words.

    ``exit code 7``, ``exit code 139, as after SIGSEGV``, ``exit code 127: its program was not found``. None, which is
    a process whose end nobody saw, is ``an unknown exit code``.
    """
    if code is None:
        return "an unknown exit code"
    if code in _SHELL:
        return f"exit code {code}: {_SHELL[code]}"
    name = signal_name(code)
    if name is None:
        return f"exit code {code}"
    return f"exit code {code if code > 0 else _SIGNALLED - code}, as after {name}"


def signal_name(code: int) -> str | None:
    """Return the signal that an exit code over 128 (or below 0) stands for, None when it stands for none."""
    try:
        return signal.Signals(-code if code < 0 else code - _SIGNALLED).name
    except ValueError:
        return None


def how_it_ended(code: int | None, *, oom_killed: bool = False, memory_mb: int | None = None) -> str:
    """Return how a process ended, to follow its name: ``ended with exit code 7``.

    With ``oom_killed`` it says that the memory limit (``memory_mb``, MiB) was reached: that is why it was killed, or
    what happened to one of its processes before it ended.
    """
    limit = "its memory limit" if memory_mb is None else f"its memory limit of {memory_mb} MiB"
    if oom_killed and code == KILLED:
        return f"was killed out of memory: {limit} was reached (exit code {code})"
    said = f"ended with {exit_words(code)}"
    return f"{said}, and {limit} was reached: a process of it was killed out of memory" if oom_killed else said


def last_lines(log: bytes, most: int = MOST_LINES) -> tuple[str, ...]:
    """Return the last ``most`` lines of a log that are not blank, made safe to print, at most 200 characters each."""
    text = log[-_LOG_BYTES:].decode("utf-8", "replace").replace("\r", "\n")
    shown = [one for one in text.split("\n") if one.strip()]
    return tuple(line(one.rstrip(), MOST_CHARS) for one in shown[-most:])


class Ended(Protocol):
    """A command that ran to its end: a :class:`~harness.testing.broker.RunResult` is one."""

    @property
    def exit_code(self) -> int: ...
    @property
    def stdout(self) -> bytes: ...
    @property
    def stderr(self) -> bytes: ...
    @property
    def timed_out(self) -> bool: ...
    @property
    def oom_killed(self) -> bool: ...
    @property
    def memory_mb(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...


def ended(ran: Ended, what: str = "The program") -> str:
    """Return how a one-shot command ended and what it said last, as feedback for a candidate.

    ``The program ended with exit code 126: it could not be executed.`` and the last lines of its stderr, each behind
    ``| ``; of its stdout when stderr is empty, because some programs complain there. A signal, a program that was not
    found, the memory limit and a command that was still running when its time was over are named.
    """
    if ran.timed_out:
        first = f"{what} was still running after {ran.seconds:.1f} s and was stopped."
    else:
        oom_killed = ran.oom_killed and ran.exit_code != 0
        hint = _HINTS.get(ran.exit_code, "")
        first = f"{what} {how_it_ended(ran.exit_code, oom_killed=oom_killed, memory_mb=ran.memory_mb)}. {hint}".rstrip()
    where, output = ("stdout", ran.stdout) if ran.stdout.strip() and not ran.stderr.strip() else ("stderr", ran.stderr)
    lines = last_lines(output)
    if not lines:
        return f"{first}\nIt wrote nothing."
    return "\n".join((first, f"Last on {where}:", *(f"| {one}" for one in lines)))
