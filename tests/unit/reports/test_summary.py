"""The object of ``grade --json``: the keys scripts rely on are there for every verdict."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.grading.unknown import NO_EXERCISE
from harness.model import Grading, Json, Verdict
from harness.reports import summary
from tests.unit.factories import grading, heron, passed, refused, reports

KEYS = {
    "schema", "grading", "exercise", "submission", "seed", "variant", "verdict", "exit_code", "reason", "bar", "score",
    "outcomes", "gates", "posture", "phases", "folder", "kept", "catalogue", "notes",
}  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        summary.summary(heron()),
        summary.summary(refused()),
        summary.summary(grading([*reports(), passed("a/b")])),
        summary.summary(
            grading(exercise=NO_EXERCISE, outcomes=(), verdict=Verdict.REFUSED, exit_code=3), "out/heron/1"
        ),
        summary.error("inbox/x.tar.gz", "no such exercise", ExitCode.USAGE),
    ],
    ids=["failed", "refused", "held", "no exercise", "no result"],
)
def test_summary_has_the_promised_keys(made: dict[str, Json]) -> None:
    """Scripts may read every promised key without asking for the verdict first."""
    parsed = json.loads(summary.line(made))

    assert set(parsed) == KEYS
    assert {"id", "version"} == set(parsed["exercise"])
    assert {"name", "alias", "path", "sha256", "packed_at"} == set(parsed["submission"])
    assert {"earned", "decided", "possible"} == set(parsed["score"])
    assert parsed["exit_code"] in {0, 1, 2, 3, 4, 6}


def test_summary_of_outcomes_has_points_and_feedback() -> None:
    """Each outcome says what it earned and why."""
    made = summary.summary(heron())["outcomes"]
    assert isinstance(made, list)
    ratio = next(o for o in made if isinstance(o, dict) and o["id"] == "throughput/ratio")

    assert ratio == {
        "id": "throughput/ratio",
        "title": "at least 0.4 of the reference run's charges a second",
        "skill": "throughput",
        "points": 20.0,
        "earned": 14.0,
        "status": "failed",
        "credit": 0.7,
        "feedback": "0.31 of the reference run (none below 0.10, full from 0.40)",
    }


@pytest.mark.parametrize("made", [heron(submission_path="a\nb\udcff\x1b\u2028"), heron(reason="\ud800\r\n")])
def test_line_is_one_line_of_ascii(made: Grading) -> None:
    """Whatever a path or a reason holds, one submission is one line that any reader can decode."""
    line = summary.line(summary.summary(made))

    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["verdict"] == "failed"


def test_error_names_the_path_the_code_and_the_reason() -> None:
    """A submission without any result has a line too."""
    made = summary.error("inbox/x.tar.gz", "no engine", ExitCode.HARNESS, exercise_id="idempotent-payments")

    assert (made["verdict"], made["exit_code"], made["reason"]) == ("error", 5, "no engine")
    assert made["submission"] == {"name": "", "alias": "", "path": "inbox/x.tar.gz", "sha256": "", "packed_at": ""}


def test_summary_of_what_names_no_exercise_invents_no_numbers() -> None:
    """A refused submission whose exercise nobody knows has a folder, and no seed, variant or bar."""
    made = summary.summary(grading(exercise=NO_EXERCISE, outcomes=(), verdict=Verdict.REFUSED), "out/heron/1")

    assert (made["folder"], made["seed"], made["variant"], made["bar"]) == ("out/heron/1", None, None, None)


def test_reference_page_names_every_key() -> None:
    """docs/reference/result.md lists every key of result.json and of the summary line."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "result.md").read_text()
    keys = KEYS | {field.name for field in dataclasses.fields(heron())}

    assert [key for key in sorted(keys) if f"`{key}`" not in page and f"`{key}[]`" not in page] == []
