"""Marks on disk: ``OUT/NAME/marks/MARKER.jsonl``, a line of JSON for each mark, only ever added to.

A file for each person: who marks sees no other's by accident, and two who mark on two machines merge by copying files. Marks
are of a submission and not of one grading of it, and say by which rubric they were given: a mark by another wording is not
counted, and nothing is lost. What a grading was asked by is the ``rubric.toml`` in its own folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness import journal, names, places, tables
from harness.errors import HarnessError
from harness.marking.rubric import HIGHEST, LOWEST, RUBRIC, Rubric, parse
from harness.marking.standing import Mark, Standing, stand
from harness.model import Grading
from harness.wording import visible

FOLDER = "marks"
MAX_EVIDENCE = 600
_SUFFIX = ".jsonl"
_MAX_ALIAS = names.MAX_ALIAS_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """What is kept of one submission, by one rubric."""

    given: tuple[Mark, ...] = ()
    by_another_rubric: int = 0
    """Marks of this submission that another wording of the rubric asked for."""
    of_another_submission: int = 0
    """Marks of what the same person sent before, or since."""
    unreadable: int = 0
    """Lines that say nothing: half-written, edited, or of another version."""


class _Line(tables.Table):
    schema_: Annotated[Literal[1], Field(alias="schema")]
    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
    marker: Annotated[str, Field(min_length=1, max_length=_MAX_ALIAS)]
    exercise: Annotated[str, Field(max_length=60)]
    version: Annotated[str, Field(max_length=20)]
    submission: Annotated[str, Field(max_length=64)]
    rubric: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    item: Annotated[str, Field(min_length=1, max_length=60)]
    mark: Annotated[int, Field(ge=LOWEST, le=HIGHEST)]
    evidence: Annotated[str, Field(min_length=1, max_length=MAX_EVIDENCE)]


def standing_of(folder: Path, grading: Grading) -> Standing | None:
    """Return how the grading in ``folder`` stands with the people who mark it; None where it has no rubric.

    Raises HarnessError when rubric or marks can't be read.
    """
    asked = rubric_of(folder, grading)
    return None if asked is None else stand(asked.items, read(folder.parent, grading, asked).given, asked.talk)


def unmarked(data: bytes, grading: Grading) -> Standing:
    """Return how a grading stands before anybody marked it, by the bytes of its rubric. Raises HarnessError for wrong ones."""
    asked = parse(data, grading.exercise.human, RUBRIC, refuse=HarnessError)
    return stand(asked.items, (), asked.talk)


def rubric_of(folder: Path, grading: Grading) -> Rubric | None:
    """Return what people are asked about the grading in ``folder``; None where nothing is. Raises HarnessError."""
    file = folder / RUBRIC
    if not os.path.lexists(file):
        return None
    return parse(places.read(file, tables.MAX_BYTES), grading.exercise.human, visible(str(file)), refuse=HarnessError)


def read(home: Path, grading: Grading, asked: Rubric) -> Marks:
    """Return the marks in ``home`` (the folder of a person's results) of the submission of ``grading``."""
    found: list[_Line] = []
    unreadable = 0
    for file in _files(home):
        lines = [line for line in places.read(file).split(b"\n") if line.strip()]
        said = [_line(line, file.name.removesuffix(_SUFFIX)) for line in lines]
        unreadable += said.count(None)
        found += [one for one in said if one is not None]
    mine = [one for one in found if one.submission == grading.submission_sha256]
    given = tuple(
        Mark(marker=one.marker, item=one.item, mark=one.mark, evidence=one.evidence, at=one.at)
        for one in mine
        if one.rubric == asked.digest
    )
    return Marks(
        given=given,
        by_another_rubric=len(mine) - len(given),
        of_another_submission=len(found) - len(mine),
        unreadable=unreadable,
    )


def place(home: Path, marker: str) -> Path:
    """Return the file of one marker."""
    return home / FOLDER / f"{marker}{_SUFFIX}"


def alike(home: Path, marker: str) -> str:
    """Return the name of somebody who has marked in ``home`` and whose name reads as ``marker`` does; empty without one.

    Two spellings are one person until somebody says otherwise, and one file where the disk knows no cases.
    """
    others = (file.name.removesuffix(_SUFFIX) for file in _files(home))
    return next((one for one in others if one != marker and names.alike(one) == names.alike(marker)), "")


def as_kept(evidence: str) -> str:
    """Return a sentence as its line holds it: what is no Unicode is written as an escape, and longer than it was."""
    return evidence.encode("utf-8", "backslashreplace").decode()


def add(home: Path, grading: Grading, asked: Rubric, mark: Mark) -> None:
    """Keep a mark, whole and on disk when this returns.

    Raises HarnessError when it can't be written, or could not be read back; then nothing is.
    """
    said = {
        "schema": 1,
        "at": mark.at,
        "marker": mark.marker,
        "exercise": grading.exercise.id,
        "version": grading.exercise.version,
        "submission": grading.submission_sha256,
        "rubric": asked.digest,
        "item": mark.item,
        "mark": mark.mark,
        "evidence": as_kept(mark.evidence),
    }
    tables.validate(_Line, said, "the mark", HarnessError)
    file = place(home, mark.marker)
    with places.writing("marks", file):
        file.parent.mkdir(exist_ok=True)
        journal.append(file, json.dumps(said, ensure_ascii=False).encode() + b"\n")


def _files(home: Path) -> Sequence[Path]:
    return sorted(path for path in (home / FOLDER).glob(f"*{_SUFFIX}") if not path.name.startswith("."))


def _line(line: bytes, marker: str) -> _Line | None:
    """Return what a line says, None when that is nothing; whose file it is in says whose mark it is."""
    try:
        said = tables.validate(_Line, json.loads(line), "a line", HarnessError)
    except (ValueError, RecursionError, HarnessError):
        return None
    return said if said.marker == marker else None
