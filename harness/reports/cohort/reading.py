"""What a cohort says in words: the same in table, page and Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.model import Verdict
from harness.reports.cohort import alike
from harness.reports.cohort.model import GRADED, Alike, Candidate, Cohort, Earlier, ExerciseCohort, Item
from harness.reports.cohort.statistics import GOOD_DISCRIMINATION
from harness.reports.text import count, listed, number

ALIKE_MEANS = (
    "Compared is program text that is new against the starter, without names, numbers, remarks and order: who renames or "
    "moves things is found, who rewrites more than a fifth is not. It says how much text two have in common, not who wrote "
    "it, that anybody copied, or that it was forbidden: one source that both used looks the same. Read both diff.patch "
    "before you ask either of them."
)
"""What near-equal code is evidence of, and what not."""
_NEAREST = 3
_NAMED = 12


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
    again = exercise.gradings > len(exercise.candidates)
    all_ = (
        f"; {count(exercise.gradings, 'grading')} of {count(exercise.submissions, 'submission')} in all, one of each "
        "candidate counts"
    )
    return f"{counts(exercise.candidates)}{median}; pass mark {number(exercise.pass_mark)}{all_ if again else ''}"


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


def decided_before(one: Candidate) -> Earlier | None:
    """Return the last earlier grading of the same submission that had a total, where the one that counts has none."""
    if one.verdict is not Verdict.INCONCLUSIVE:
        return None
    return next((was for was in one.earlier if was.sha256 == one.sha256 and was.verdict in GRADED), None)


def percent(share: float) -> str:
    """Return a share as people read it; only what is whole is 100 %."""
    return f"{int(100 * share)} %"


def nearest(one: Candidate, found: Sequence[Alike]) -> str:
    """Return who handed in nearly the same as ``one``, with the shares, the nearest first; empty where nobody did."""
    return listed(
        (
            f"{pair.other if pair.one_folder == one.folder else pair.one} ({percent(pair.share)})"
            for pair in found
            if one.folder in (pair.one_folder, pair.other_folder)
        ),
        _NEAREST,
    )


def alike_groups(exercise: ExerciseCohort) -> tuple[str, ...]:
    """Return who handed in nearly the same code, a sentence for each group of them; nothing where nobody did."""
    names = {pair.one_folder: pair.one for pair in exercise.alike}
    names |= {pair.other_folder: pair.other for pair in exercise.alike}
    pairs = [alike.Pair(one=one.one_folder, other=one.other_folder, of_one=1, of_other=1) for one in exercise.alike]
    return tuple(_group([names[who] for who in group], set(group), exercise.alike) for group in alike.groups(pairs))


def _group(names: Sequence[str], folders: set[str], found: Sequence[Alike]) -> str:
    mine = [pair for pair in found if pair.one_folder in folders]
    if len(names) > 2:  # noqa: PLR2004 - a pair is said as one
        best = {
            name: max(pair.share for pair in mine if name in (pair.one_folder, pair.other_folder)) for name in folders
        }
        people = f"{len(names)} candidates ({listed(names, _NAMED)})"
        return f"{people}: each has at least {percent(min(best.values()))} of their new code in common with another of them"
    (pair,) = mine
    return (
        f"{pair.one} and {pair.other}: {percent(pair.of_one)} of what {pair.one} wrote anew is in what {pair.other} wrote, "
        f"{percent(pair.of_other)} the other way round"
    )


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
