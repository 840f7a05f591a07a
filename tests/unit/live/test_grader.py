"""Orders for a grader, and what becomes of who waits for an answer."""

from __future__ import annotations

import threading

import pytest

from harness.errors import ExitCode, HarnessError, UsageError
from harness.grading.args import Args
from harness.live.grader import Grader
from harness.model import Json


def asked(grader: Grader, verb: str, **args: Json) -> Json:
    """Let the other side ask."""
    return grader.verbs()[verb](Args(verb, args, frozenset()))


def ask(grader: Grader, answer: object) -> object:
    """Return what an order comes to, or the error, while ``answer`` (a function) is the other side."""
    found: list[object] = []

    def order() -> None:
        try:
            found.append(grader.ask("fault", name="fog"))
        except HarnessError as error:
            found.append(error)

    thread = threading.Thread(target=order)
    thread.start()
    given = asked(grader, "next", seconds=20)
    assert isinstance(given, dict)
    assert (given["do"], given["name"]) == ("fault", "fog")
    assert callable(answer)
    answer(given["id"])
    thread.join(20)
    assert not thread.is_alive(), "nobody told it"
    return found[0]


def test_an_answer_is_for_who_asked() -> None:
    """What answers nothing is news."""
    heard: list[tuple[str, str, bool]] = []
    grader = Grader(lambda what, text, ok: heard.append((what, text, ok)))
    asked(grader, "tell", what="ready", id=0, ok=1, text="")
    done = ask(grader, lambda number: asked(grader, "tell", what="answer", id=number, ok=1, text="on"))
    assert (done, heard) == ("on", [("ready", "", True)])


def test_what_could_not_be_done_is_the_askers() -> None:
    grader = Grader(lambda *_: None)
    error = ask(grader, lambda number: asked(grader, "tell", what="answer", id=number, ok=0, text="no fog here"))
    assert isinstance(error, UsageError)
    assert str(error) == "no fog here"


def test_who_waits_is_told_that_nobody_answers_any_more() -> None:
    """And whoever comes later, at once."""
    grader = Grader(lambda *_: None)
    error = ask(grader, lambda _: grader.gone())
    assert isinstance(error, HarnessError)
    assert (error.exit_code, "ended before" in str(error)) == (ExitCode.HARNESS, True)
    with pytest.raises(HarnessError, match="found that it has ended"):
        grader.ask("faults")


def test_no_order_is_no_order() -> None:
    assert asked(Grader(lambda *_: None), "next", seconds=0.01) is None
