"""What a candidate must never see, in any format."""

from __future__ import annotations

import re

import pytest

from harness.model import Grading, Status, Verdict
from harness.reports import FORMATS, Audience, build
from harness.reports.redact import for_candidate
from harness.scoring import Report
from tests.unit.factories import checks, failed, grading, heron, passed, refused, reports

SECRETS = (
    *(check.id for check in checks() if not check.public),
    *(check.title for check in checks() if not check.public),
    "k-31",
    "ref chosen anew",
    "SIGKILL app",
    "inbox/",
    "bb" * 32,
    "/srv",
)


def candidate(made: Grading, fmt: str) -> str:
    """Return the report of ``made`` for its candidate."""
    return FORMATS[fmt].render(build(made, Audience.CANDIDATE))


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize(
    "made",
    [
        heron(),
        heron(
            submission_path="/srv/inbox/heron.tar.gz", reason="/srv/inbox/heron.tar.gz: safety/killed-at-commit died"
        ),
        refused(submission_path="/srv/inbox/heron.tar.gz", reason="/srv/inbox/heron.tar.gz: no archive"),
        grading([*reports(), passed("safety/killed-at-commit")]),
    ],
    ids=["failed", "reasoned", "refused", "held"],
)
def test_candidate_never_sees(made: Grading, fmt: str) -> None:
    """No id, title or counterexample of a held-out check, no detail, evidence, path or digest of the grader."""
    text = candidate(made, fmt)

    assert [secret for secret in SECRETS if re.search(re.escape(secret), text)] == []


@pytest.mark.parametrize("fmt", FORMATS)
def test_candidate_sees_the_public_counterexample(fmt: str) -> None:
    """The sentence of a public check is theirs."""
    assert "Charge k-17 was captured twice" in candidate(heron(), fmt)


def test_candidate_sees_held_out_checks_by_skill_only() -> None:
    """Held-out checks of a skill are one entry with their points together."""
    shown = for_candidate(heron())

    (money,) = [o for o in shown.outcomes if o.check.id == "held-out/money-safety"]
    assert (money.check.points, money.status) == (21.0, Status.FAILED)
    assert money.credit == pytest.approx(13 / 21)
    assert money.feedback == "1 of 2 held-out checks held, 1 did not hold."


def test_candidate_sees_the_same_score() -> None:
    """Hiding which checks failed hides no point: total, skills and verdict are the assessor's."""
    before, after = heron(), for_candidate(heron())

    assert (after.score.earned, after.score.by_skill, after.verdict) == (
        before.score.earned,
        before.score.by_skill,
        before.verdict,
    )
    assert sum(o.check.points for o in after.outcomes) == 100.0


def test_candidate_is_told_of_held_out_checks_without_a_result() -> None:
    """What is inconclusive is said, also where it is held out."""
    said = Report(check="safety/killed-at-commit", status="inconclusive", credit=0.0)

    text = candidate(grading(reports(said)), "terminal")

    assert "1 of 2 held-out checks held, 1 without a result." in text


def test_candidate_of_an_exercise_without_hidden_checks_sees_no_held_out() -> None:
    """No entry is invented where nothing is held out."""
    public = tuple(c for c in checks() if c.public)

    shown = for_candidate(grading([passed(c.id) for c in public], declared=public, verdict=Verdict.PASSED))

    assert [o.check.id for o in shown.outcomes] == [c.id for c in public]


def test_candidate_sees_held_out_gates_by_skill() -> None:
    """A gate that a held-out check closed is said with its consequence, not with the check."""
    text = candidate(grading(reports(failed("safety/webhook-before-answer", "k-31 …"))), "terminal")

    assert "The ledger can differ from what the provider captured" in text
    assert "held-out/money-safety" in text
