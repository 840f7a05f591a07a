"""What several checks say alike is said once: a service that does not start is one finding, not ten."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.events import OutcomeSaid
from harness.model import Outcome

_SENTENCE = re.compile(r"(?!expected |found )\S.{20,}[.:!]")
"""A line that says something by itself; ``found 201`` means another thing in each check."""
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """What of a text is new."""

    text: str
    """Empty when all of it was said before."""
    like: int | None = None
    """Which text said the rest first, by its place."""
    others: tuple[int, ...] = ()
    """The places of later texts that say nothing else."""


def fold(texts: Sequence[str | None]) -> tuple[Folded, ...]:
    """Return each text without what an earlier one said: the whole of it, or sentences at its end.

    What is empty or None says nothing that could be said before; None stands for what is shown some other way.
    """
    whole: dict[str, int] = {}
    ends: dict[str, int] = {}
    found: list[tuple[str, int | None]] = []
    for place, text in enumerate(texts):
        if not text:
            found.append(("", None))
            continue
        if text in whole:
            found.append(("", whole[text]))
            continue
        lines = text.split("\n")
        like = None
        while lines and lines[-1] in ends and like in {None, ends[lines[-1]]}:
            like = ends[lines.pop()]
        found.append(("\n".join(lines), like))
        whole.setdefault(text, place)
        for line in text.split("\n"):
            if _SENTENCE.fullmatch(line):
                ends.setdefault(line, place)
    later = [(like, place) for place, (text, like) in enumerate(found) if like is not None and not text]
    return tuple(
        Folded(text=text, like=like, others=tuple(after for first, after in later if first == place))
        for place, (text, like) in enumerate(found)
    )


def said(outcome: Outcome | OutcomeSaid) -> str:
    """Return what a check that did not pass says to everybody."""
    return outcome.feedback or "It did not hold; no words were recorded."


def together(pairs: Iterable[tuple[Key, str]]) -> dict[Key, list[str]]:
    """Return key -> all that belongs to it, in the order in which each came first."""
    groups: dict[Key, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def ranges(numbers: Iterable[int]) -> str:
    """Return ``2-4, 7`` for 2, 3, 4 and 7."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return ", ".join("-".join(map(str, span)) for span in spans)
