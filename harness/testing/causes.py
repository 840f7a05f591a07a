"""Why a check may have been lost: what watchers of a candidate's sandboxes add to a check that did not pass.

A check sees that there was no answer; that the process ended with exit code 7 is known to whoever looks after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """What the candidate's side did while the check ran."""

    sentence: str
    """One sentence for the candidate: ``Your service's process ended with exit code 7.``"""
    lines: tuple[str, ...] = ()
    """The end of what it wrote, for the evidence: it is the candidate's own output."""


Watcher = Callable[[], Cause | None]
"""Called in the main thread when a check ends that did not pass; returns None when there is nothing to say."""
_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> None:
    """Ask ``watcher`` at the end of every check that does not pass. An exception in it is noted and changes nothing."""
    _watchers.append(watcher)


def watchers() -> tuple[Watcher, ...]:
    """Return every watcher. Called by the plugin."""
    return tuple(_watchers)
