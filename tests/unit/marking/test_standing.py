"""Two markers, blind to each other, a third on a difference over one step: as pure facts of the marks there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.marking import Anchors, Item, Mark, Standing, State, stand

ITEMS = tuple(
    Item(
        id=name,
        title=name,
        points=points,
        question="?",
        look=(),
        anchors=Anchors(low="low", middle="middle", high="high"),
    )
    for name, points in (("table", 8.0), ("code", 7.0))
)
MARKS = st.integers(1, 5)


def mark(marker: str, item: str, given_mark: int, at: int = 0) -> Mark:
    return Mark(marker=marker, item=item, mark=given_mark, evidence=f"{marker} saw it", at=f"2026-11-24T10:{at:02}:00Z")


def states(standing: Standing) -> list[State]:
    return [one.state for one in standing.items]


def everything(marker: str, table: int, code: int, at: int = 0) -> list[Mark]:
    return [mark(marker, "table", table, at), mark(marker, "code", code, at)]


def test_nobody_has_marked() -> None:
    """Everything is asked of whoever comes first."""
    standing = stand(ITEMS, [])
    assert states(standing) == [State.UNMARKED, State.UNMARKED]
    assert standing.wanted("mia") == ITEMS
    assert (standing.points, standing.possible) == (None, 15.0)


def test_the_first_is_not_asked_twice_and_the_second_is_asked_everything() -> None:
    """One who marked half goes on with the rest."""
    standing = stand(ITEMS, [mark("mia", "table", 4)])
    assert states(standing) == [State.ONE, State.UNMARKED]
    assert standing.wanted("mia") == ITEMS[1:]
    assert standing.wanted("tom") == ITEMS


@pytest.mark.parametrize("so_far", [1, 2, 3])
def test_nothing_is_shown_before_both_have_marked_everything(so_far: int) -> None:
    """Also of items that both have marked: who still marks others would see how the other marks."""
    standing = stand(ITEMS, [*everything("mia", 1, 5), *everything("tom", 5, 5, 1)][:so_far])
    assert not standing.shown
    assert [one.marks for one in standing.items] == [(), ()]
    assert [one.mark for one in standing.items] == [None, None]
    assert [one.pair for one in standing.items] == [None, None]
    assert "saw it" not in repr(standing)
    assert standing.wanted("ann") == (() if so_far > 2 else ITEMS)


def test_a_difference_of_one_step_is_the_mean() -> None:
    """Both are right enough."""
    standing = stand(ITEMS, [*everything("mia", 4, 3), *everything("tom", 5, 3, 1)])
    assert states(standing) == [State.SETTLED, State.SETTLED]
    assert [one.mark for one in standing.items] == [4.5, 3.0]
    assert standing.points == pytest.approx(8 * 3.5 / 4 + 7 * 2 / 4)
    assert standing.wanted("ann") == standing.wanted("mia") == ()


def test_a_larger_difference_wants_a_third_for_that_item_alone() -> None:
    """The third settles it by the median, and is nobody of the two."""
    two = [*everything("mia", 2, 3), *everything("tom", 4, 3, 1)]
    standing = stand(ITEMS, two)
    assert states(standing) == [State.DISPUTED, State.SETTLED]
    assert standing.points is None
    assert standing.wanted("ann") == ITEMS[:1]
    assert standing.wanted("mia") == standing.wanted("tom") == ()
    settled = stand(ITEMS, [*two, mark("ann", "table", 5, 2)])
    assert [one.mark for one in settled.items] == [4.0, 3.0]
    assert [one.marker for one in settled.items[0].marks] == ["mia", "tom", "ann"]
    assert settled.items[0].pair == (2, 4)
    assert settled.wanted("bob") == ()


def test_the_last_word_of_a_person_counts_and_keeps_their_place() -> None:
    """Who corrects a mark is still the one who came first."""
    standing = stand(ITEMS, [*everything("mia", 1, 3), *everything("tom", 5, 3, 1), mark("mia", "table", 5, 2)])
    assert standing.items[0].mark == 5.0
    assert standing.markers == ("mia", "tom")


def test_points_are_none_for_a_one_and_all_for_a_five() -> None:
    """The scale is linear between."""
    for given_mark, share in ((1, 0.0), (3, 0.5), (5, 1.0)):
        standing = stand(
            ITEMS, [*everything("mia", given_mark, given_mark), *everything("tom", given_mark, given_mark, 1)]
        )
        assert standing.points == pytest.approx(15 * share)


@st.composite
def some_marks(draw: st.DrawFn) -> list[Mark]:
    """Return marks of up to four people, some of them more than once."""
    return [
        mark(
            draw(st.sampled_from(("ann", "bob", "mia", "tom"))),
            draw(st.sampled_from(("table", "code"))),
            draw(MARKS),
            at,
        )
        for at in range(draw(st.integers(0, 16)))
    ]


@given(some_marks(), st.randoms())
def test_how_it_stands_does_not_hang_on_the_order_of_lines(marks: list[Mark], random: object) -> None:
    """A file for each marker is read in any order."""
    mixed = list(marks)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert stand(ITEMS, mixed) == stand(ITEMS, marks)


@given(some_marks())
def test_points_are_within_what_there_is_and_only_when_all_is_settled(marks: list[Mark]) -> None:
    """No number before two have said theirs, and none outside the scale."""
    standing = stand(ITEMS, marks)
    assert (standing.points is None) == any(state is not State.SETTLED for state in states(standing))
    assert standing.points is None or 0 <= standing.points <= standing.possible
    for one in standing.items:
        if one.mark is not None:
            assert min(m.mark for m in one.marks) <= one.mark <= max(m.mark for m in one.marks)


@given(some_marks())
def test_marks_are_seen_only_when_two_have_marked_everything(marks: list[Mark]) -> None:
    """Whatever comes in whatever order, nobody sees another's mark while they have one to give."""
    standing = stand(ITEMS, marks)
    two = standing.markers[:2]
    complete = len(two) == 2 and all(not standing.wanted(marker) for marker in two)
    assert standing.shown is complete
    assert complete or not any(one.marks for one in standing.items)


@given(some_marks())
def test_asking_ends(marks: list[Mark]) -> None:
    """Two who mark what they are asked, and a third who does, settle everything."""
    said, minute = list(marks), 20
    for marker in (*stand(ITEMS, said).markers[:2], "new-1", "new-2", "new-3"):
        for item in stand(ITEMS, said).wanted(marker):
            said.append(mark(marker, item.id, 3, minute))
            minute += 1
    assert not stand(ITEMS, said).open
