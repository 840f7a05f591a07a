"""The candidate's own clock: begun by the first command that runs their work, shown, never enforced, a claim when it travels.

What counts is the time in which this machine was awake and the clock not paused. Within one start of the machine the
kernel's own clock says it: nobody sets that one, it never goes back, and it stands still while the machine sleeps. Across
a restart what counts is the time since the machine started, or since the last command if that is less by the clock on the
wall; what lay between the last command and the end of the start before it is not known, and is not counted.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from harness import owners, places, tables, wording
from harness.errors import SubmissionError, UsageError
from harness.intake import workspace
from harness.model import Json

FILE = "clock.json"
MAX_WORD = 60
"""Characters of the word that a pause may have."""
_SCHEMA = 1
_MAX_PAUSES = 50
"""So many words are kept; the rest of the pauses are only counted."""
_MAX_BYTES = 64 * 1024
_MAX_SECONDS = 10**9
_MINUTE, _HOUR = 60, 3600
_NOTE = "your own clock, not enforced"


def _time(text: str) -> str:
    """Return ``text`` where it is a time. Raises ValueError with what was expected: it is read as our own words are."""
    try:
        dt.datetime.fromisoformat(text)
    except ValueError as error:
        expected = "a time such as 2026-11-26T14:15:00+00:00"
        raise ValueError(expected) from error
    return text


_Time = Annotated[str, Field(max_length=40), AfterValidator(_time)]
Word = Annotated[str, Field(max_length=MAX_WORD)]
Seconds = Annotated[float, Field(ge=0, le=_MAX_SECONDS, allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One look at the machine's clocks."""

    wall: float
    """Seconds since 1970; anybody may set it to anything."""
    boot: str
    """Which start of the machine this is."""
    awake: float
    """Seconds that the machine was awake since then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """How long somebody has worked."""

    started_at: str
    """ISO 8601, UTC, by the clock on the wall."""
    worked_seconds: float
    last: Moment
    """Up to when ``worked_seconds`` counts."""
    paused: bool = False
    pauses: int = 0
    words: tuple[str, ...] = ()
    """What was said of the pauses, the first ones; empty for a pause without a word."""
    again: bool = False
    """It was begun again because what it knew was damaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What travels of a clock: the candidate's word."""

    started_at: str
    worked_seconds: int
    paused: bool
    pauses: int
    words: tuple[str, ...]
    again: bool


class ToldTable(tables.Table):
    """:class:`Told` in the list of a packed submission."""

    started_at: _Time
    worked_seconds: Annotated[int, Field(ge=0, le=_MAX_SECONDS)]
    paused: bool
    pauses: Annotated[int, Field(ge=0, le=_MAX_SECONDS)]
    words: Annotated[tables.Many[Word], Field(max_length=_MAX_PAUSES)]
    again: bool


class _Moment(tables.Table):
    wall: Annotated[float, Field(allow_inf_nan=False)]
    boot: Annotated[str, Field(max_length=100)]
    awake: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Document(tables.Table):
    schema_: Annotated[int, Field(alias="schema", ge=1, le=_SCHEMA)]
    started_at: _Time
    worked_seconds: Seconds
    last: _Moment
    paused: bool
    pauses: Annotated[int, Field(ge=0, le=_MAX_SECONDS)]
    words: Annotated[tables.Many[Word], Field(max_length=_MAX_PAUSES)]
    again: bool


def now() -> Moment:
    """Return what the machine's clocks say now."""
    return Moment(wall=time.time(), boot=owners.boot_id(), awake=time.monotonic())


def between(before: Moment, after: Moment) -> float:
    """Return the seconds that count between two moments of one workspace; never less than none."""
    if before.boot == after.boot and before.awake <= after.awake:
        return after.awake - before.awake
    return max(0.0, min(after.wall - before.wall, after.awake))


def begin(root: Path) -> Clock:
    """Start the clock of the workspace at ``root``, unless it runs or is paused already; return what it says now."""
    return _changed(root, lambda found, at: found or _begun(at))


def look(root: Path) -> Clock | None:
    """Return what the clock says now; None before it was started."""
    return _changed(root, _as_it_is) if _is_there(root) else None


def pause(root: Path, word: str = "") -> Clock:
    """Stop the clock, for a reason in a ``word``. Raises UsageError when it does not run, or the word is too long."""
    word = wording.visible(word)
    if len(word) > MAX_WORD:
        text = f"expected at most {MAX_WORD} characters to say why, found {len(word)}: shorten it"
        raise UsageError(text)

    def stopped(found: Clock | None, _: Moment) -> Clock:
        if found is None or found.paused:
            state = "paused: it stays so" if found else "not started: the first check or up starts it"
            text = f"expected a clock that runs, found one that is {state}"
            raise UsageError(text)
        words = (*found.words, word) if len(found.words) < _MAX_PAUSES else found.words
        return replace(found, paused=True, pauses=found.pauses + 1, words=words)

    return _changed(root, stopped)


def resume(root: Path) -> Clock:
    """Let a paused clock go on. Raises UsageError when it is not paused."""

    def going(found: Clock | None, _: Moment) -> Clock:
        if found is None or not found.paused:
            state = "runs: it goes on" if found else "is not started: the first check or up starts it"
            text = f"expected a clock that is paused, found one that {state}"
            raise UsageError(text)
        return replace(found, paused=False)

    return _changed(root, going)


def told(clock: Clock | None) -> Told | None:
    """Return what travels of ``clock``."""
    return None if clock is None else _told(clock)


def _told(clock: Clock) -> Told:
    return Told(
        started_at=clock.started_at,
        worked_seconds=int(clock.worked_seconds),
        paused=clock.paused,
        pauses=clock.pauses,
        words=clock.words,
        again=clock.again,
    )


def from_table(table: ToldTable | None) -> Told | None:
    """Return what somebody's clock says, as it travelled."""
    if table is None:
        return None
    return Told(
        started_at=table.started_at,
        worked_seconds=table.worked_seconds,
        paused=table.paused,
        pauses=table.pauses,
        words=table.words,
        again=table.again,
    )


def document(said: Told) -> dict[str, Json]:
    """Return ``said`` as it travels."""
    return {
        "started_at": said.started_at,
        "worked_seconds": said.worked_seconds,
        "paused": said.paused,
        "pauses": said.pauses,
        "words": list(said.words),
        "again": said.again,
    }


def left(clock: Clock, minutes: int) -> str:
    """Return in words what is left of ``minutes``, for the candidate."""
    room = minutes * _MINUTE - clock.worked_seconds
    whole = span(minutes * _MINUTE)
    text = f"{span(room)} of {whole} left" if room >= 0 else f"{span(-room)} over {whole}"
    if clock.paused:
        word = clock.words[-1] if clock.words and clock.pauses == len(clock.words) else ""
        text += f", paused{f': {wording.visible(word)}' if word else ''}"
    return f"{text} ({_NOTE})"


def sentence(said: Told, minutes: int) -> str:
    """Return what a submission says of the time it took, for the assessor: a claim."""
    begun = wording.visible(said.started_at[:16].replace("T", " "))
    text = f"The candidate's own clock, which is their word: {span(said.worked_seconds)} of {span(minutes * _MINUTE)}, begun {begun} UTC"
    if said.pauses:
        why = _listed([_quoted(word) for word in said.words if word])
        text += f", paused {'once' if said.pauses == 1 else f'{said.pauses} times'}{f' ({why})' if why else ''}"
    text += ", still paused when it was packed" if said.paused else ""
    return text + (", begun again after its file was damaged." if said.again else ".")


def span(seconds: float) -> str:
    """Return a length of time in hours and minutes, as people say it; what is under a minute is 0 min."""
    whole = int(max(0.0, seconds))
    hours, minutes = whole // _HOUR, whole % _HOUR // _MINUTE
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes or not hours else ""]
    return " ".join(part for part in parts if part)


def _quoted(word: str) -> str:
    """Return what a candidate said of a pause so that nothing in it reads as ours: in quotes, which it can't end."""
    return '"{}"'.format(wording.visible(word).replace('"', "'"))


def _listed(words: Sequence[str], limit: int = 5) -> str:
    more = len(words) - limit
    return "; ".join(words[:limit]) + (f" and {more} more" if more > 0 else "")


def _begun(at: Moment) -> Clock:
    return Clock(started_at=_iso(at.wall), worked_seconds=0.0, last=at)


def _as_it_is(found: Clock | None, at: Moment) -> Clock:
    # It was there a moment ago: whoever takes it away meanwhile gets a new one.
    return found or _begun(at)


def _iso(wall: float) -> str:
    try:
        return dt.datetime.fromtimestamp(wall, dt.UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return dt.datetime.fromtimestamp(0, dt.UTC).isoformat(timespec="seconds")


def _changed(root: Path, change: Callable[[Clock | None, Moment], Clock]) -> Clock:
    """Count up to now, change the clock, keep it, and return it. Two commands at once follow each other."""
    with workspace.locked(root):
        at = now()
        found, damaged = _read(root)
        if damaged:
            # Begun again before anything else: a change that can't be made must not hide that it was.
            found = replace(_begun(at), again=True)
            workspace.write(root / workspace.FOLDER / FILE, _content(found))
        after = change(None if found is None else _counted(found, at), at)
        workspace.write(root / workspace.FOLDER / FILE, _content(after))
    return after


def kept(root: Path) -> Told:
    """Return what the clock of the workspace at ``root`` last said. Writes nothing. Raises SubmissionError."""
    file = root / workspace.FOLDER / FILE
    return _told(parse(places.read(file, _MAX_BYTES, refuse=SubmissionError), str(file)))


def _counted(clock: Clock, at: Moment) -> Clock:
    more = 0.0 if clock.paused else between(clock.last, at)
    return replace(clock, worked_seconds=min(clock.worked_seconds + more, _MAX_SECONDS), last=at)


def _is_there(root: Path) -> bool:
    return os.path.lexists(root / workspace.FOLDER / FILE)


def _read(root: Path) -> tuple[Clock | None, bool]:
    """Return the clock as it was kept, and whether one was damaged: that one is kept beside, and counts no more."""
    file = root / workspace.FOLDER / FILE
    if not _is_there(root):
        return None, False
    try:
        return parse(places.read(file, _MAX_BYTES, refuse=SubmissionError), str(file)), False
    except SubmissionError:
        with places.writing("the damaged clock", file.parent):
            file.rename(file.with_name(f"clock-damaged-{secrets.token_hex(4)}.json"))
        return None, True


def parse(content: bytes, where: str) -> Clock:
    """Return the clock in the ``content`` of a ``clock.json``. Raises SubmissionError when it was damaged."""
    try:
        raw: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        text = f"{where}: expected JSON, found something else"
        raise SubmissionError(text) from error
    made = tables.validate(_Document, raw, where, SubmissionError)
    return Clock(
        started_at=made.started_at,
        worked_seconds=made.worked_seconds,
        last=Moment(wall=made.last.wall, boot=made.last.boot, awake=made.last.awake),
        paused=made.paused,
        pauses=made.pauses,
        words=made.words,
        again=made.again,
    )


def _content(clock: Clock) -> bytes:
    last: dict[str, Json] = {"wall": clock.last.wall, "boot": clock.last.boot, "awake": clock.last.awake}
    made: dict[str, Json] = {
        "schema": _SCHEMA,
        "started_at": clock.started_at,
        "worked_seconds": clock.worked_seconds,
        "last": last,
        "paused": clock.paused,
        "pauses": clock.pauses,
        "words": list(clock.words),
        "again": clock.again,
    }
    return json.dumps(made, indent=2, ensure_ascii=False).encode() + b"\n"
