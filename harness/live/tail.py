"""What of a log is new, and how it ends. Pure."""

from __future__ import annotations

from harness.wording import visible

_MARK_BYTES = 1024
_MOST_TRIES = 1000
_LINES = 12
_COLUMNS = 300


def added(before: bytes, now: bytes) -> bytes:
    """Return what a log has got since it was ``before``, and is ``now``.

    Engines keep so much of a log: when it is full, its front goes. Then ``now`` begins with the longest end of ``before`` that
    it can begin with; where that is none, all of it is news. So nothing is told twice, also of lines that are all equal.
    """
    if now.startswith(before):
        return now[len(before) :]
    mark = now[:_MARK_BYTES]
    place = before.find(mark, max(0, len(before) - len(now)))
    for _ in range(_MOST_TRIES):
        if place < 0:
            break
        if now.startswith(before[place:]):
            return now[len(before) - place :]
        place = before.find(mark, place + 1)
    return now


def last_lines(log: bytes) -> list[str]:
    """Return the last few lines of ``log``, as they can be shown."""
    lines = log.decode("utf-8", "replace").rstrip().split("\n")
    return [f"| {visible(line[:_COLUMNS])}".rstrip() for line in lines[-_LINES:]] if log.strip() else []
