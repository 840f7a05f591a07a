"""What a cohort says in words: the same in table, page and Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.model import Verdict
from harness.reports.cohort.model import GRADED, Candidate, Cohort, ExerciseCohort, Item
from harness.reports.cohort.statistics import GOOD_DISCRIMINATION
from harness.reports.text import count, number


def title(cohort: Cohort) -> str:
    """Return how many results there are, and of what."""
    people = count(sum(len(one.candidates) for one in cohort.exercises) + len(cohort.unknown), "candidate")
    if len(cohort.exercises) == 1:
        (only,) = cohort.exercises
        return f"{people}: {only.id} {only.version}"
    return f"{people}: {count(len(cohort.exercises), 'exercise')}" if cohort.exercises else people


def counts(candidates: Sequence[Candidate]) -> str:
    """Return ``5 passed, 6 failed, 1 refused``."""
    found = Counter(one.verdict for one in candidates)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in Verdict if found[verdict]) or "none"


def summary(exercise: ExerciseCohort) -> str:
    """Return an exercise and its candidates in a line."""
    median = "" if exercise.median is None else f"; median {number(round(exercise.median, 1))}"
    return f"{counts(exercise.candidates)}{median}; pass mark {number(exercise.pass_mark)}"


def points(one: Candidate) -> str:
    """Return a total as it can be read alone: between which totals it is, where it is not decided; empty without one."""
    if one.verdict in GRADED:
        return number(one.earned)
    if one.verdict is Verdict.INCONCLUSIVE and one.checks:
        return f"{number(one.lowest)} to {number(one.highest)}"
    return ""


def gate(one: Candidate) -> str:
    """Return the closed gate that caps lowest, and what it did to the total; empty when none is closed."""
    if not one.gates:
        return ""
    first = one.gates[0]
    effect = (
        f"caps at {number(first.cap)}, without {number(first.without)}"
        if first.cap < first.without
        else f"cap {number(first.cap)}"
    )
    more = f"; {len(one.gates) - 1} more" if len(one.gates) > 1 else ""
    return f"{first.state}: {first.title} ({effect}){more}"


def human(one: Candidate) -> str:
    """Return how it stands with what only people can mark; empty where there is no rubric."""
    if one.human is None:
        return ""
    if one.human.points is None:
        return f"{count(one.human.open, 'item')} open"
    return f"{number(one.human.points)} of {number(one.human.possible)}"


def item(one: Item) -> str:
    """Return what to look at in a check, over all who were graded on it; empty where nothing stands out."""
    decided = one.passed + one.in_part + one.failed + one.unproven
    if one.difficulty is None:
        return ""
    if one.passed == decided:
        return "everybody has it"
    if one.passed + one.in_part == 0:
        return "nobody has it"
    found = one.discrimination
    if found is None:
        return ""
    if found.highest < 0:
        return "goes against the rest: look at the check and its words in the brief"
    return "tells few apart" if found.highest < GOOD_DISCRIMINATION else ""
