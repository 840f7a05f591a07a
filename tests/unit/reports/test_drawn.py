"""Where the parts of pictures stand."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from harness.model import Mark
from harness.reports import sequence
from harness.reports.html import drawn
from tests.unit.factories import timeline

SECONDS = st.floats(min_value=-5, max_value=8000, allow_nan=False)
MARKS = st.builds(
    Mark,
    start_seconds=SECONDS,
    end_seconds=SECONDS,
    kind=st.sampled_from(["fault", "answered"]),
    label=st.sampled_from(["kill", "cut", "3/4", "0/9", "9/3", "1/0", "x" * 100, *map(str, range(20))]),
)
TEXTS = st.sampled_from(
    [
        "client sends POST k-1",
        "the service answers POST k-1: no answer",
        "the provider captures psp-1 and never answers",
        "your service is killed",
        "your service is ready again",
        "the database is killed",
        "something that concerns everybody, told at length " * 8,
        "w" * 300,
    ]
)


def mark(start: float, end: float, label: str, kind: str = "answered") -> Mark:
    """Return a mark."""
    return Mark(start_seconds=start, end_seconds=end, kind=kind, label=label)


def test_nothing_recorded_is_nothing_drawn() -> None:
    """No marks, or none that can be."""
    assert drawn.timeline(()) is None
    assert drawn.timeline((mark(3, 2, "kill", "fault"), mark(-2, -1, "1/2"))) is None


@example([mark(0.0, 5e-324, "kill", "fault")])
@example([mark(0.0, 5e-324, "3/4")])
@given(st.lists(MARKS, max_size=60))
def test_all_of_a_timeline_stands_inside_its_picture(marks: list[Mark]) -> None:
    """Whatever is recorded: no mark leaves the picture, no share is over one, and there are not too many of anything."""
    chart = drawn.timeline(marks, [(1, "a/b", 1.0, 2.0), (2, "a/c", 1.5, 9000.0)])
    if chart is None:
        return
    spans = [span for _, span in chart.faults] + [column.span for column in chart.columns]
    assert all(chart.left <= span.x <= chart.right for span in spans)
    assert len(chart.lanes) <= 12
    assert len(chart.columns) <= 241
    assert all(0 <= column.good <= chart.share_height and column.right <= column.asked for column in chart.columns)
    assert all(0 <= x <= chart.width for x, _ in chart.ticks)
    assert len(chart.ticks) <= 14
    assert [found.n for found in chart.findings] in ([], [1])


def test_every_fault_and_every_answer_is_in_the_picture_once() -> None:
    """Sums are kept where seconds are drawn together."""
    chart = drawn.timeline(timeline())
    assert chart is not None
    assert [lane.name for lane in chart.lanes] == ["kill", "cut", "database restart", "webhooks", "retries"]
    assert len(chart.faults) == 11
    assert (len(chart.columns), chart.column_seconds) == (54, 1.0)
    wrong = drawn.timeline([mark(0, 1, "9/3")])
    assert wrong is not None
    assert (wrong.columns[0].right, wrong.columns[0].asked) == (3, 3)
    long = drawn.timeline([mark(second, second + 1, "1/2") for second in range(2400)])
    assert long is not None
    assert (long.column_seconds, len(long.columns), sum(column.asked for column in long.columns)) == (10.0, 240, 4800)


def test_a_mark_says_what_it_is() -> None:
    """What is shown to who points at it; 99.9 % is not called all."""
    chart = drawn.timeline([mark(0, 1, "999/1000"), mark(0.25, 1.5, "kill", "fault")], [(3, "safety/killed", 0.5, 0.9)])
    assert chart is not None
    assert chart.columns[0].span.said == "999 of 1000 answered rightly (99 %): 0 to 1 s"
    assert chart.lanes[0].spans[0].said == "kill: 0.25 to 1.5 s"
    assert chart.findings[0].span.said == "3 safety/killed: 0.5 to 0.9 s"


def test_findings_at_one_time_stand_below_each_other() -> None:
    """None hides another; one that comes later has the first row again."""
    found = [(1, "a", 0.0, 5.0), (2, "b", 1.0, 2.0), (3, "c", 4.0, 6.0), (4, "d", 9.0, 9.5)]
    chart = drawn.timeline([mark(0, 10, "1/1")], found)
    assert chart is not None
    assert [(one.n, one.level) for one in chart.findings] == [(1, 0), (2, 1), (3, 1), (4, 0)]


@given(st.lists(TEXTS, min_size=2, max_size=14))
def test_steps_of_a_sequence_stand_below_each_other(texts: list[str]) -> None:
    """No step lies on another, none has more lines than there is room for, and all of it is inside the picture."""
    story = sequence.read([f"{second:6.2f} s  {text}" for second, text in enumerate(texts)])
    assert story is not None
    picture = drawn.sequence(story)
    assert len(picture.rows) == len(texts)
    for above, below in itertools.pairwise(picture.rows):
        assert above.top + above.height <= below.top
    for row in picture.rows:
        assert all(row.top <= y <= row.top + row.height for y, _ in row.label)
        assert row.top + row.height < picture.height
        assert all(0 < x < picture.width for x in (row.x1, row.x2, row.label_x))
        assert len(row.label) <= 5


def test_a_lane_is_broken_while_its_owner_is_down() -> None:
    """From the kill until it is ready again; the others go on."""
    story = sequence.read(
        ["  1.00 s  client sends POST k", "  2.00 s  your service is killed", "  3.00 s  your service is ready again"]
    )
    assert story is not None
    picture = drawn.sequence(story)
    service = [life for life in picture.lives if life.x == {name: x for x, name in picture.lanes}["service"]]
    assert [life.down for life in service] == [False, True, False]
    assert [round(life.y2) for life in service[:2]] == [round(row.y) for row in picture.rows[1:]]
    assert len(picture.lives) == 4
