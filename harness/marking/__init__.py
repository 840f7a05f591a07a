"""What only people can judge of a submission: a rubric's items, marks by two who do not see each other's, how far they agree.

Human points are apart from the automatic ones, in every number and on every page: nothing here is ever added to a score.
"""

from __future__ import annotations

from harness.marking.agreement import Agreement, agreement, agreements
from harness.marking.book import Marks, add, place, read, rubric_of, standing_of, unmarked
from harness.marking.rubric import RUBRIC, Anchors, Item, Rubric, Talk
from harness.marking.standing import Mark, Standing, Stands, State, stand

__all__ = [
    "RUBRIC",
    "Agreement",
    "Anchors",
    "Item",
    "Mark",
    "Marks",
    "Rubric",
    "Standing",
    "Stands",
    "State",
    "Talk",
    "add",
    "agreement",
    "agreements",
    "place",
    "read",
    "rubric_of",
    "stand",
    "standing_of",
    "unmarked",
]
