"""What people gave, in words: always apart from the automatic points, and nothing before two have marked everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.marking import Anchors, Standing, Stands, State
from harness.marking.standing import ANYBODY
from harness.model import HumanItem
from harness.reports.text import WHOLE, count, number, one_line

_EVIDENCE = 600


def for_candidate(standing: Standing | None) -> Standing | None:
    """Return what a candidate may see: marks and their sentences once all is settled, by nobody and at no time."""
    if standing is None or standing.points is None:
        return None
    items = tuple(
        replace(
            one,
            item=replace(one.item, question="", look=(), anchors=Anchors(low="", middle="", high="")),
            marks=tuple(replace(mark, marker="", at="") for mark in one.marks),
        )
        for one in standing.items
    )
    return replace(standing, items=items, markers=(), asked={ANYBODY: ()}, talk=())


def in_short(items: Sequence[HumanItem], standing: Standing | None) -> str:
    """Return, for the line of the verdict, how far people are; empty where they are asked nothing."""
    if not items:
        return ""
    if standing is None or not (standing.markers or standing.shown):
        return f"{count(len(items), 'human item')}, not marked."
    if standing.points is not None:
        return f"Apart from these: {number(standing.points)} of {number(standing.possible)} human points."
    if not standing.shown:
        done = sum(1 for one in standing.markers[:2] if not standing.wanted(one))
        return f"{count(len(items), 'human item')}, marked by {done} of 2."
    return f"{count(len(items), 'human item')}, of which {len(standing.open)} wait for a third marker."


def in_full(items: Sequence[HumanItem], standing: Standing | None) -> str:
    """Return each item with what was given for it, a line each; empty where people are asked nothing."""
    if not items:
        return ""
    if standing is None or not standing.shown:
        head = "not marked" if standing is None or not standing.markers else "not yet marked by two"
        told = "; ".join(f"{one_line(item.title, WHOLE)} ({number(item.points)})" for item in items)
        return f"{head}: {told}"
    total = "open" if standing.points is None else number(standing.points)
    head = f"{total} of {number(standing.possible)}, given by people, apart from the points above"
    return "\n".join((head, *(line for one in standing.items for line in _lines(one))))


def _lines(one: Stands) -> list[str]:
    title = one_line(one.item.title, WHOLE)
    if one.points is None:
        head = f"{title}: {State.DISPUTED}"
    else:
        head = f"{title}: {number(one.points)} of {number(one.item.points)} (mark {number(one.mark or 0)} of 5)"
    return [head, *(_said(mark.marker, mark.mark, mark.evidence) for mark in one.marks)]


def _said(marker: str, mark: int, evidence: str) -> str:
    who = f"{one_line(marker, 60)} " if marker else ""
    return f"  {who}{mark}: {one_line(evidence, _EVIDENCE)}"
