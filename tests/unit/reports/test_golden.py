"""Every format of a few gradings, byte for byte. ``RENEW_GOLDEN=1 pytest tests/unit/reports`` writes them again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.model import Grading
from harness.reports import FORMATS, Audience, build, summary
from harness.scoring import Report
from tests.unit.factories import failed, grading, heron, passed, refused, reports

GOLDEN = Path(__file__).parent / "golden"


def inconclusive() -> Grading:
    """Return a grading in which our fault was not on."""
    said = Report(
        check="safety/killed-mid-charge",
        status="inconclusive",
        credit=0.0,
        detail="expected the service dead before the answer was released, found it alive: the kill was not on",
    )
    slow = failed("throughput/ratio", "0.31 of the reference run (none below 0.10, full from 0.40)", credit=0.7)
    return grading(reports(said, slow), posture=("no gVisor: runc shares the kernel",))


def ungated() -> Grading:
    """Return a failed grading that closed no gate, with a check that gave no evidence."""
    silent = Report(
        check="recovery/database-restart",
        status="unproven",
        credit=0.0,
        feedback="No charge was answered in the 20 s after the database was back.",
    )
    slow = failed("throughput/ratio", "0.04 of the reference run (none below 0.10, full from 0.40)")
    return grading(reports(silent, slow, failed("own-tests/tell-good-from-starter", "Your tests pass on the starter.")))


CASES: dict[str, Callable[[], Grading]] = {
    "failed-gated": heron,
    "failed-ungated": ungated,
    "passed": grading,
    "inconclusive": inconclusive,
    "refused": refused,
    "held": lambda: grading([*reports(), passed("safety/made-up")]),
}


def compare(name: str, text: str) -> None:
    """Compare ``text`` with the golden file ``name``, or write it when asked to."""
    path = GOLDEN / name
    if os.environ.get("RENEW_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("audience", Audience)
def test_terminal_report_is_as_agreed(case: str, audience: Audience) -> None:
    """The plain text of a report changes only on purpose."""
    compare(f"{case}.{audience}.txt", FORMATS["terminal"].render(build(CASES[case](), audience)))


@pytest.mark.parametrize("case", CASES)
def test_junit_report_is_as_agreed(case: str) -> None:
    """The JUnit XML of a report changes only on purpose."""
    compare(f"{case}.junit.xml", FORMATS["junit"].render(build(CASES[case]())))


@pytest.mark.parametrize("case", CASES)
def test_summary_line_is_as_agreed(case: str) -> None:
    """The object scripts read changes only on purpose."""
    compare(f"{case}.summary.json", summary.line(summary.summary(CASES[case]())) + "\n")
