"""What is promised about things with one final outcome, and how a broken promise is said."""

from __future__ import annotations

import functools
import json

import pytest

from harness.testing import CheckFailed
from harness.testing.answers import Meaning, Said
from harness.testing.clients import Answer
from harness.testing.outcomes import Outcomes

THINGS: Outcomes[str] = Outcomes(
    name=lambda thing: f"order {thing}", story=lambda thing: [f"story of {thing}"], plural="orders"
)


def said(status: int | None = 201, word: str = "done", *, name: str = "o-1", meaning: Meaning = Meaning.FINAL) -> Said:
    """Return an answer about an order."""
    body = json.dumps({"id": name, "status": word}).encode()
    answer = Answer(status=status, body=body, error=None if status else "out of time", start=0.0, end=0.0)
    return Said(meaning=meaning, answer=answer, id=name, status=word)


OPEN = said(202, "pending", meaning=Meaning.PENDING)
SILENT = said(None, "", name="", meaning=Meaning.BROKEN)


def test_what_is_late_has_failed() -> None:
    """One that is open when its time is over is enough, and it is the one that is told."""
    THINGS.all_final({"a": said()}, promised="201 in time")
    with pytest.raises(CheckFailed, match=r"1 of 2 orders in a storm had no outcome in time") as caught:
        THINGS.all_final({"a": said(), "b": OPEN}, promised="201 in time", of=" in a storm")
    assert "found     order b: still 202 pending" in caught.value.feedback
    assert caught.value.evidence == ("story of b",)


def test_not_to_answer_has_failed() -> None:
    """A few may stay away; a refusal is no answer that was promised."""
    THINGS.answered([OPEN] * 10 + [said()] * 9 + [SILENT], what="requests", expected="201 or 202")
    with pytest.raises(CheckFailed, match=r"Of 20 requests, 2 were not answered as promised\.(?s:.)*no answer"):
        THINGS.answered([OPEN] * 18 + [SILENT] * 2, what="requests", expected="201 or 202")
    refused = said(409, "", name="", meaning=Meaning.REFUSED)
    with pytest.raises(CheckFailed, match=r"Of 100 requests, 1 were not answered as promised\.(?s:.)*409"):
        THINGS.answered([OPEN] * 99 + [refused], what="requests", expected="201 or 202")


def test_5xx_is_excused_while_something_is_away_and_silence_and_refusals_are_not() -> None:
    """What a brief allows costs nothing; whoever hangs, or says 4xx, breaks the promise as ever."""
    away = said(503, "", name="", meaning=Meaning.BROKEN)
    refused = said(409, "", name="", meaning=Meaning.REFUSED)
    judge = functools.partial(THINGS.answered, what="requests", expected="201, 202 or 5xx", excused=True)
    judge([OPEN, SILENT] + [away] * 18)
    with pytest.raises(CheckFailed, match=r"Of 20 requests, 2 were not answered as promised\.(?s:.)*no answer"):
        judge([SILENT] * 2 + [away] * 18)
    with pytest.raises(CheckFailed, match=r"Of 20 requests, 1 were not answered as promised\.(?s:.)*409"):
        judge([away] * 19 + [refused])


def test_equal_requests_are_one_thing() -> None:
    """Two ids for equal requests are two things."""
    THINGS.told_once({"a": [said(), OPEN, SILENT]})
    with pytest.raises(CheckFailed, match="Equal requests for order a were answered with 2 different orders"):
        THINGS.told_once({"a": [said(), said(name="o-2")]})


@pytest.mark.parametrize(
    "other", [said(word="undone"), said(name="o-2"), said(200), said(409, meaning=Meaning.REFUSED)]
)
def test_a_repeated_request_gets_the_same_answer(other: Said) -> None:
    """Status, id and body; what was not final before may have changed."""
    THINGS.repeated({"a": said(200), "b": OPEN}, {"a": said(), "b": said()})
    with pytest.raises(CheckFailed, match="Order a was final, and the same request was answered differently"):
        THINGS.repeated({"a": said()}, {"a": other})


def test_a_repeated_request_that_gets_no_answer_hides_nothing() -> None:
    """Silence is no better than another answer."""
    with pytest.raises(CheckFailed, match="Of 2 requests for final orders, 2 were not answered as promised"):
        THINGS.repeated({"a": said(), "b": said()}, {"a": SILENT, "b": SILENT})


def test_what_is_final_stays() -> None:
    """A read that says something else is told; one without an answer is for others to judge."""
    THINGS.stay({"a": said()}, {"a": SILENT})
    with pytest.raises(CheckFailed, match="Order a was done, and pending when it was read later"):
        THINGS.stay({"a": said()}, {"a": said(200, "pending", meaning=Meaning.PENDING)})
