"""``rubric.toml`` of a grader: what people are asked about a submission, with words for what a 1, a 3 and a 5 look like.

A behaviourally anchored scale: marks go from 1 to 5, three of them are described by what is seen, and 2 and 4 lie between
(Smith and Kendall, "Retranslation of expectations", Journal of Applied Psychology 47, 1963).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field

from harness import tables
from harness.catalogue import bounds
from harness.errors import ExerciseError, HarnessError
from harness.model import HumanItem
from harness.tables import Many

RUBRIC = "rubric.toml"
LOWEST, HIGHEST = 1, 5
_MAX_TEXT = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchors:
    """What is seen in work of these marks."""

    low: str
    """1."""
    middle: str
    """3."""
    high: str
    """5."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing that is asked."""

    id: str
    title: str
    """As the candidate's brief has it."""
    points: float
    """For a 5; a 1 is worth nothing."""
    question: str
    look: tuple[str, ...]
    """Where in a submission to look, in words or paths."""
    anchors: Anchors


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """A question for the interview that follows: nobody marks its answer."""

    ask: str
    holds: str
    """What a good answer holds."""
    check: str
    """Id of the check it is about: asked first where that one did not pass; empty: of everybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rubric:
    """All items of an exercise, in the order in which they are asked."""

    items: tuple[Item, ...]
    digest: str
    """sha256 of the items, whatever else the file holds: marks say which wording they were given by."""
    talk: tuple[Talk, ...] = ()


class _Anchors(tables.Table):
    low: Annotated[str, Field(alias="1", min_length=1, max_length=_MAX_TEXT)]
    middle: Annotated[str, Field(alias="3", min_length=1, max_length=_MAX_TEXT)]
    high: Annotated[str, Field(alias="5", min_length=1, max_length=_MAX_TEXT)]


class _Item(tables.Table):
    id: Annotated[str, Field(min_length=1, max_length=60)]
    question: Annotated[str, Field(min_length=1, max_length=_MAX_TEXT)]
    look: Annotated[Many[str], Field(max_length=10)] = ()
    anchors: _Anchors


class _Talk(tables.Table):
    ask: Annotated[str, Field(min_length=1, max_length=_MAX_TEXT)]
    holds: Annotated[str, Field(min_length=1, max_length=_MAX_TEXT)]
    check: Annotated[str, Field(max_length=200)] = ""


class _File(tables.Table):
    talk: Annotated[Many[_Talk], bounds.AtMost] = ()
    item: Annotated[Many[_Item], bounds.AtMost] = ()


def parse(
    data: bytes, declared: tuple[HumanItem, ...], where: str, *, refuse: type[HarnessError] = ExerciseError
) -> Rubric:
    """Return the rubric in the bytes of a file, ``declared`` being the items that the exercise tells candidates of.

    Raises ``refuse`` naming ``where`` and what is wrong: each declared item is asked once, and nothing that no candidate
    was told of.
    """
    file = tables.parse(_File, data, where, refuse)
    said = file.item
    known = {item.id: item for item in declared}
    asked = [item.id for item in said]
    if sorted(asked) != sorted(known):
        text = (
            f"{where}: expected one item for each [[human]] of exercise.toml ({', '.join(known) or 'none'}), found "
            f"{', '.join(asked) or 'none'}: add, remove or rename items"
        )
        raise refuse(text)
    items = tuple(
        Item(
            id=one.id,
            title=known[one.id].title,
            points=known[one.id].points,
            question=one.question,
            look=one.look,
            anchors=Anchors(low=one.anchors.low, middle=one.anchors.middle, high=one.anchors.high),
        )
        for one in said
    )
    talk = tuple(Talk(ask=one.ask, holds=one.holds, check=one.check) for one in file.talk)
    wording = json.dumps([asdict(item) for item in items], sort_keys=True)
    return Rubric(items=items, digest=hashlib.sha256(wording.encode()).hexdigest(), talk=talk)
