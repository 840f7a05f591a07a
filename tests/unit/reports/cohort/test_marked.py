"""What people mark, in the overview: beside the points, never among them, and how far they agree."""

from __future__ import annotations

from pathlib import Path

from harness import marking, store
from harness.reports.cohort import gather, machine, markdown
from harness.reports.cohort.model import Candidate, Cohort, ExerciseCohort
from harness.reports.html import cohort as page
from tests.unit import cohorts
from tests.unit.marking.test_standing import ITEMS, everything

RESULTS = Path("results")
PEOPLE = tuple(cohorts.gradings(4, seed=3, plain=True))


def marked(*marks: tuple[int, int]) -> Cohort:
    """Return a cohort whose first people were marked so by two, all items alike; the others have a rubric and no mark."""
    files = [RESULTS / one.name / one.id / store.RESULT for one in PEOPLE]
    stored = [
        (store.Stored(kept=store.kept_of(one, file), grading=one),) for one, file in zip(PEOPLE, files, strict=True)
    ]
    given = [[*everything("ann", one, one), *everything("bob", other, other)] for one, other in marks]
    given += [[] for _ in range(len(PEOPLE) - len(marks))]
    standings = {file: marking.stand(ITEMS, some) for file, some in zip(files, given, strict=True)}
    return gather.cohort(stored, (), RESULTS, standings)


def only(cohort: Cohort) -> ExerciseCohort:
    """Return its exercise."""
    return cohort.exercises[0]


def called(cohort: Cohort, name: str) -> Candidate:
    """Return the candidate of that name."""
    return next(one for one in only(cohort).candidates if one.name == name)


def test_human_points_are_beside_and_in_no_total() -> None:
    """Whatever people marked, totals, ranks and medians are what they were without."""
    without, with_marks = marked(), marked((5, 5), (1, 1))

    one = called(with_marks, PEOPLE[0].name)
    assert one.human is not None
    assert one.human.points == one.human.possible == sum(item.points for item in ITEMS)
    assert one.earned == called(without, PEOPLE[0].name).earned == PEOPLE[0].score.earned
    assert only(with_marks).median == only(without).median
    assert [row.name for row in only(with_marks).candidates] == [row.name for row in only(without).candidates]


def test_open_items_are_no_points() -> None:
    """Not yet marked, or in dispute: so many items are open, and there are no points to read."""
    found = marked((5, 1))

    for name in (PEOPLE[0].name, PEOPLE[1].name):
        human = called(found, name).human
        assert human is not None
        assert human.points is None
        assert human.open == len(ITEMS)


def test_agreement_is_that_of_all_pairs() -> None:
    """Equal, one step apart, far apart: of three pairs one third is equal and two thirds are near."""
    found = only(marked((3, 3), (4, 3), (5, 1))).agreement

    assert [one.item for one in found] == [*(item.id for item in ITEMS), marking.agreement([]).item]
    assert (found[-1].pairs, found[-1].same, found[-1].near) == (3 * len(ITEMS), 1 / 3, 2 / 3)
    assert only(marked()).agreement == ()


def test_every_form_shows_it() -> None:
    """Page, CSV, Markdown and JSON; without a rubric the page has no column for it."""
    found = marked((5, 5), (4, 3))

    html = page.render(found)
    assert "human, never added" in html
    assert "How far people agree" in html
    assert '"human points"' in machine.as_csv(found)
    assert "human, never added" in markdown.render(found)
    assert '"agreement"' in machine.as_json(found)
    assert "human, never added" not in page.render(cohorts.of(PEOPLE))
