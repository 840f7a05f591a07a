"""What ``harness check`` says when nothing could be measured."""

from __future__ import annotations

from dataclasses import replace

from harness.model import Verdict
from harness.reports import local
from harness.reports.again import Caller
from tests.unit import factories


def test_check_says_that_somebody_interfered() -> None:
    """One sentence beside the checks that are owed: who, what, when."""
    why = (
        "Not by our order and not from inside, sandboxes were interfered with (sandbox db was removed at 10:00:00 UTC)."
    )
    found = replace(factories.grading(), verdict=Verdict.INCONCLUSIVE, reason=why)
    assert why in " ".join(" ".join(local.render(found, Caller(path="work"), local.About())).split())
