"""How ``harness check`` ends: what these checks stand for, what they leave out, and what to do next from here."""

from __future__ import annotations

import shlex

import pytest

from harness.events import OutcomeSaid
from harness.model import Grading, Status
from harness.reports import local
from harness.reports.again import Caller
from harness.reports.text import WIDTH, columns
from tests.unit.factories import checks, exercise, failed, grading, heron, passed

PUBLIC = [check for check in checks() if check.public]
RULES = ("Webhooks that overtake their answer", "Keys of merchants stay apart")


def ran(*ids: str) -> Grading:
    """Return a check of the public checks ``ids``, all of them when none is named."""
    chosen = [check for check in PUBLIC if not ids or check.id in ids]
    return grading([passed(one.id) for one in chosen], declared=chosen)


def shown(made: Grading, caller: Caller | None = None, **about: object) -> str:
    """Return what is said, lines joined."""
    lines = local.render(made, caller or Caller(), local.About(**about))  # type: ignore[arg-type]
    assert max(map(columns, lines)) <= WIDTH
    assert not any("\x1b" in line for line in lines)
    return " ".join(" ".join(lines).split())


def test_end_says_what_these_checks_stand_for() -> None:
    """Of the hundred points; and that they are not the score."""
    text = shown(ran())
    points = sum(check.points for check in PUBLIC)
    assert f"These checks stand for {points:g} of the 100 automatic points." in text
    assert "This is not your score" in text


def test_part_of_the_checks_says_what_all_would_stand_for() -> None:
    text = shown(ran("contract/create-then-read"), graded_only=RULES)
    assert "This check stands for 4 of the 100 automatic points; all that you can run, for 67." in text
    assert "without a public check" not in text  # said where all were run


def test_end_names_what_no_public_check_shows() -> None:
    """Points by skill, and the rules by the names that the brief gives them."""
    text = shown(ran(), graded_only=RULES)
    assert (
        "Briefed, but without a public check, in points: money safety 21, recovery 10, API contract 2. "
        "Among it: Webhooks that overtake their answer; Keys of merchants stay apart."
    ) in text
    assert "Among it" not in shown(ran())


def test_skill_without_any_public_check_is_all_left_out() -> None:
    chosen = [check for check in PUBLIC if check.skill != "own tests"]
    made = grading([passed(one.id) for one in chosen], declared=chosen, made_of=exercise(checks=tuple(chosen)))
    assert "own tests 5 (all)" in shown(made)


def test_exercise_whose_checks_are_all_public_leaves_nothing_out() -> None:
    about = exercise(checks=checks())
    made = grading([passed(one.id) for one in checks()], made_of=about)
    assert "Briefed, but without" not in shown(made, graded_only=RULES)


@pytest.mark.parametrize(
    "caller",
    [
        Caller(),
        Caller(path="my wörk/src"),
        Caller(path="../..", program=("../.venv/bin/harness",)),
        Caller(path="-x", program=("/a b/python", "-m", "harness"), engine="fake"),
    ],
)
def test_commands_run_from_where_the_person_stands(caller: Caller) -> None:
    """As they called us: program, engine and workspace; the line a shell gets is the command."""
    lines = local.render(heron(catalogue=("/our/catalogue",)), caller, local.About())
    text = "\n".join(lines).replace("\\\n", "")
    words = {label: shlex.split(line) for label in ("again  ", "hand in", "all logs") for line in [_line(text, label)]}
    engine = ["--engine", caller.engine] if caller.engine else []
    here = [] if caller.path == "." else ["--", caller.path] if caller.path.startswith("-") else [caller.path]
    program = [*caller.program, "--catalogue", "/our/catalogue"]
    assert words["again  "] == [*program, "check", *engine, *here]
    assert words["hand in"] == [*program, "submit", *engine, *here]
    assert words["all logs"] == [*program, "check", "--keep", *engine, *here]


def _line(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(label)).removeprefix(label)


def test_logs_are_named_as_seen_from_here() -> None:
    text = shown(heron(), logs="../../.harness/logs")
    assert "logs ../../.harness/logs" in text
    assert "--keep" not in text


def test_own_clock_stands_at_the_top() -> None:
    assert "| 1 h 12 min of 2 h left (your own clock" in shown(
        ran(), clock="1 h 12 min of 2 h left (your own clock, not enforced)"
    )


def test_counts_name_what_could_not_be_measured() -> None:
    chosen = PUBLIC[:3]
    said = [passed(chosen[0].id), failed(chosen[1].id), failed(chosen[2].id, status="inconclusive")]
    made = grading(said, declared=chosen)
    assert [one.status for one in made.outcomes] == [Status.PASSED, Status.FAILED, Status.INCONCLUSIVE]
    assert local.counts(made) == "1 passed, 1 failed, 1 not measurable here"


def said(check: str, status: str, feedback: str, *evidence: str) -> OutcomeSaid:
    """Return what a grader says of a check that has ended."""
    return OutcomeSaid(
        event="outcome", check=check, status=Status(status), seconds=7.9, feedback=feedback, evidence=list(evidence)
    )


TWICE = "A customer was charged twice.\nexpected  1 capture\nfound     2 captures"
HISTORY = ("5.1 s  POST k-04", "5.2 s  your service is killed")
GONE = "The service's process ended with exit code 7."


def test_check_that_fails_says_why_when_it_fails() -> None:
    """What was expected, what was found and the history: nobody waits for the other checks to know that."""
    told = local.Told()
    assert told.ended(said("a/holds", "passed", ""), 3) == ["PASS  a/holds  7.9 s  (1 of 3)"]
    lines = told.ended(said("a/fails", "failed", TWICE, *HISTORY), 3)
    assert lines == [
        "FAIL  a/fails  7.9 s  (2 of 3)",
        "      A customer was charged twice.",
        "      expected  1 capture",
        "      found     2 captures",
        "      | 5.1 s  POST k-04",
        "      | 5.2 s  your service is killed",
    ]
    assert told.ended(said("a/owed", "inconclusive", GONE), 3)[1:] == [f"      {GONE}"]


def test_what_many_checks_find_is_said_once_as_they_end() -> None:
    """By the first of them that says it itself, also in a run that began again."""
    told = local.Told()
    texts = [GONE, f"found nothing\n{GONE}", f"found nothing\n{GONE}", GONE]
    shown = [told.ended(said(f"a/{n}", "unproven", text), 4)[1:] for n, text in enumerate(texts)]
    assert shown[0] == [f"      {GONE}"]
    assert shown[1] == shown[2] == ["      found nothing", "      The rest is as in a/0."]
    assert shown[3] == ["      The same as in a/0."]
    assert told.ended(said("a/3", "passed", ""), 4) == ["PASS  a/3  7.9 s  (4 of 4)"]


def test_end_refers_to_what_stands_above() -> None:
    """Where the same eyes have seen it; a check that a grading judges otherwise than it said is said whole."""
    chosen = PUBLIC[:2]
    made = grading([failed(chosen[0].id, GONE), failed(chosen[1].id, TWICE, evidence=HISTORY)], declared=chosen)
    told = local.Told()
    told.ended(said(chosen[0].id, "failed", GONE), 2)
    told.ended(said(chosen[1].id, "inconclusive", TWICE, *HISTORY), 2)
    above = [one.check.id for one in made.outcomes if told.knows(one)]
    assert above == [chosen[0].id]
    text = shown(made, above=above)
    assert GONE not in text
    assert text.count("expected 1 capture") == text.count("what it found: above") == 1
    assert f"what it found: above again: harness check --only {chosen[0].id}" in text
    assert shown(made).count("A customer was charged twice") == 1
    assert "above" not in shown(made)


def test_end_names_the_check_that_says_it_itself() -> None:
    """Not one that refers to another in turn."""
    chosen = PUBLIC[:3]
    texts = [GONE, f"found nothing\n{GONE}", f"found nothing\n{GONE}"]
    made = grading([failed(one.id, text) for one, text in zip(chosen, texts, strict=True)], declared=chosen)
    assert shown(made).count(f"found nothing The rest is as in {chosen[0].id}.") == 2
