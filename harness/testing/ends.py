"""How a process ended, in words for people: exit code, signal, memory, and the last lines it wrote. Pure."""

from __future__ import annotations

import signal

from harness.testing.text import line

MOST_LINES = 8
MOST_CHARS = 200
_LOG_BYTES = 16 << 10
"""What is looked at for the last lines: ten megabytes of output are told by their end."""
_SHELL = {126: "it could not be executed", 127: "its program was not found"}
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
    try:
        name = signal.Signals(code - _SIGNALLED if code > 0 else -code).name
    except ValueError:
        return f"exit code {code}"
    return f"exit code {code}, as after {name}" if code > 0 else f"exit code {_SIGNALLED - code}, as after {name}"


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
