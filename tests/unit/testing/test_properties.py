"""Statements that must have been put to the test, and histories whose times are intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import GraderError
from harness.model import Json
from harness.testing import always
from harness.testing.broker import Interval
from harness.testing.history import History, Kind, Op, Span, effect, span
from tests.unit.testing.grader import Grader, job

HEAD = """
import threading
from harness.testing import (
    Unproven, always, check, credit, expect, fail, reachable, sometimes, unreachable
)
"""
CASES = {
    "never": ("always('x stays')", "unproven", "Never put to the test: x stays."),
    "held": ("stays = always('x stays')\n    stays(1)\n    stays(2)", "passed", ""),
    "false": (
        "always('x stays')(0, expected=1, found=2)",
        "failed",
        "Does not hold: x stays.\nexpected  1\nfound     2",
    ),
    "false-later": ("a = always('x stays')\n    a(1)\n    a(0)", "failed", "Does not hold: x stays."),
    "empty": ("stays = always('x stays')\n    for one in []:\n        stays(one)", "unproven", "Never put to the test"),
    "ours": ("always('x stays', missing='inconclusive')", "inconclusive", "That is not your doing"),
    "promised": ("sometimes('x comes', missing='failed')(0)", "failed", "Never seen: x comes."),
    "seldom": (
        "met = sometimes('x comes', times=3)\n    met(1)\n    met(1)\n    met(0)",
        "unproven",
        "2 of at least 3",
    ),
    "seen": ("met = sometimes('x comes')\n    met(0)\n    met(1)\n    met(0)", "passed", ""),
    "place": ("reachable('the retry')()", "passed", ""),
    "no-place": ("reachable('the retry', missing='inconclusive')", "inconclusive", "That is not your doing"),
    "never-place": ("unreachable('a second capture', found='c-1')", "failed", "Must never happen: a second capture."),
    "complaint-first": ("always('x stays')\n    fail('broken')", "failed", "broken"),
    "silent-first": ("always('x', missing='inconclusive')\n    raise Unproven('silent')", "unproven", "silent"),
    "credit": ("always('x stays')\n    credit(0.9, 'nearly')", "unproven", "Never put to the test: x stays."),
    "both": ("always('a', missing='inconclusive')\n    always('b', missing='failed')", "failed", "to the test: b."),
    "wrong": ("always('x', missing='passed')", "inconclusive", "The check itself had trouble"),
    "many": ("[always('x')(1) for _ in range(51)]", "inconclusive", "The check itself had trouble"),
    "threads": (
        (
            "met = sometimes('x', times=9)\n    ts = [threading.Thread(target=met) for _ in range(9)]"
            "\n    [t.start() for t in ts]\n    [t.join() for t in ts]"
        ),
        "passed",
        "",
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Json]]]:
    """All cases in one job: what one check declares is not the next one's."""
    text = HEAD
    for name, (body, _, _) in CASES.items():
        text += f"\n\n@check('safety/{name}')\ndef test_{name.replace('-', '_')}():\n    {body}\n"
    with Grader(tmp_path_factory.mktemp("grader")) as grader:
        yield grader.run(job({"test_it.py": text}, *(f"safety/{name}" for name in CASES))).outcomes


@pytest.mark.parametrize("name", CASES)
def test_what_was_declared_decides_at_the_end(outcomes: dict[str, dict[str, Json]], name: str) -> None:
    """What was never reached is judged by who should have brought it about; a complaint comes first; silence never wins."""
    _, status, feedback = CASES[name]
    outcome = outcomes[f"safety/{name}"]
    assert outcome["status"] == status, outcome
    assert feedback in str(outcome["feedback"])
    assert outcome["credit"] == (1.0 if status == "passed" else 0.0)


def test_statement_outside_a_check_is_an_authors_mistake() -> None:
    """There is no check that it could decide."""
    with pytest.raises(GraderError, match="expected a running check, found always"):
        always("x")


def op(start: float, end: float, kind: Kind = Kind.OK) -> Op:
    """Return an operation."""
    return Op(process=0, f="charge", start=start, end=end, type=kind)


def test_order_is_sure_only_when_it_holds_for_every_moment() -> None:
    """Before and after leave no doubt, equal stamps prove nothing, and what overlaps may have come in either order."""
    kill = Interval(before=5.0, after=6.0)
    assert Span(start=1, end=4.9).before(kill)
    assert not Span(start=1, end=5.0).before(kill)
    assert Span(start=1, end=5.0).may_overlap(kill)
    assert Span(start=6.1, end=7).after(kill)
    assert not Span(start=6.0, end=7).after(kill)
    assert Span(start=5.2, end=5.4).within(kill)
    assert not Span(start=4.9, end=5.4).within(kill)


def test_history_is_asked_by_a_kill() -> None:
    """What a kill surely came after, surely came before, or may have met."""
    history = History()
    ops = [op(1, 2), op(4, 5.5), op(5.2, 5.4), op(5.9, 8), op(6.5, 7), op(0, 9)]
    history.extend(ops)
    kill = Interval(before=5.0, after=6.0)
    assert history.surely_before(kill) == (ops[0],)
    assert history.surely_after(kill) == (ops[4],)
    assert history.maybe_during(kill) == (ops[1], ops[2], ops[3], ops[5])


def test_effect_of_what_is_unknown_is_open() -> None:
    """An operation without an answer may take effect at any later time, one that failed never does."""
    unknown = effect(op(1, 2, Kind.INFO))
    assert unknown == Span(start=1, end=math.inf)
    assert unknown is not None
    assert unknown.may_overlap(Interval(before=100.0, after=101.0))
    assert unknown.after(Span(start=0, end=0.5))
    assert effect(op(1, 2, Kind.FAIL)) is None
    assert effect(op(1, 2)) == span(op(1, 2)) == Span(start=1, end=2)


STAMPS = st.floats(min_value=0, max_value=10, allow_nan=False)
SPANS = st.tuples(STAMPS, STAMPS).map(lambda pair: Span(start=min(pair), end=max(pair)))


@given(SPANS, SPANS, SPANS)
def test_sure_order_is_a_strict_partial_order(one: Span, two: Span, three: Span) -> None:
    """Exactly one of before, after and may_overlap holds; before is transitive, and true of every pair of moments."""
    assert [one.before(two), one.after(two), one.may_overlap(two)].count(True) == 1
    assert not one.before(one)
    if one.before(two) and two.before(three):
        assert one.before(three)
    if one.before(two):
        assert max(one.start, one.end) < min(two.start, two.end)
