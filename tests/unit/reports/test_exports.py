"""What other programs read: each format against its schema, or as its reader reads it, whatever a submission wrote."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import click
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema.protocols import Validator
from markdown_it import MarkdownIt

from harness.cli import cli
from harness.model import Grading, Json, SubmissionFile, Verdict
from harness.patches import Change, compare
from harness.reports import FORMATS, Audience, build, cells, markdown
from harness.scoring import Report
from tests.unit.factories import checks, failed, grading, heron, passed, refused, reports
from tests.unit.reports.actions import Command, commands
from tests.unit.reports.test_golden import CASES
from tests.unit.reports.test_junit import ANYTHING

CHECKOUT = Path(__file__).resolve().parents[3]
SCHEMAS = Path(__file__).parent / "schemas"
VALIDATORS = {
    "sarif": (jsonschema.Draft4Validator, "sarif-2.1.0-rtm.5.schema.json"),
    "ctrf": (jsonschema.Draft7Validator, "ctrf-0.0.schema.json"),
    "gradescope": (jsonschema.Draft202012Validator, "gradescope.schema.json"),
    "codequality": (jsonschema.Draft202012Validator, "codequality.schema.json"),
}
UNSCORED = {"inconclusive", "held"}
Object = dict[str, Json]


def file(path: str, text: str) -> SubmissionFile:
    """Return a file of a submission or a starter."""
    return SubmissionFile(path=path, content=text.encode())


def changes() -> tuple[Change, ...]:
    """Return what somebody changed who wrote 40 lines into one file and two into another."""
    old = [file("app/main.py", "a\nb\nc\n"), file("notes.txt", "1\n")]
    new = "".join(f"line {n}\n" for n in range(40))
    return compare(old, [file("app/main.py", f"a\n{new}b\nc\n"), file("notes.txt", "1\n2\n3\n")])


def rendered(fmt: str, made: Grading, audience: Audience = Audience.ASSESSOR) -> str:
    """Return a grading in a format."""
    return FORMATS[fmt].render(build(made, audience), changes())


def errors(fmt: str, text: str) -> list[str]:
    """Return what the schema of a format has against ``text``."""
    found = validator(fmt).iter_errors(json.loads(text))
    return [f"{error.validator} at {error.json_path}: {error.message[:200]}" for error in found]


@functools.cache
def validator(fmt: str) -> Validator:
    """Return what knows the schema of a format, which is one itself."""
    kind, name = VALIDATORS[fmt]
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    kind.check_schema(schema)
    return kind(schema)


def run(made: Grading, audience: Audience = Audience.ASSESSOR) -> Object:
    """Return the run of a SARIF log."""
    (found,) = json.loads(rendered("sarif", made, audience))["runs"]
    return cast("Object", found)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("fmt", VALIDATORS)
def test_export_fits_its_schema(fmt: str, case: str, audience: Audience) -> None:
    """Every kind of end, for everybody. An inconclusive or held one has no score for Gradescope, and that alone is missing."""
    found = errors(fmt, rendered(fmt, CASES[case](), audience))

    if fmt == "gradescope" and case in UNSCORED:
        assert [one.partition(":")[0] for one in found] == ["anyOf at $"]
    else:
        assert found == []


BREAKING = {
    "sarif": [('"level": "error"', '"level": "fatal"'), ('"startLine": 2', '"startLine": 0'), ('"runs"', '"run"')],
    "ctrf": [('"status": "passed"', '"status": "ok"'), ('"tests": 12', '"tests": "12"'), ('"tool"', '"tools"')],
    "gradescope": [
        ('"status": "passed"', '"status": "ok"'),
        ('"score": 45.0', '"score": "45"'),
        ('"tags"', '"labels"'),
    ],
    "codequality": [('"blocker"', '"fatal"'), ('"begin": 2', '"begin": 0'), ('"fingerprint"', '"id"')],
}


@pytest.mark.parametrize("fmt", VALIDATORS)
def test_schema_refuses_what_readers_would_guess_at(fmt: str) -> None:
    """The schemas are no rubber stamps: wrong words, numbers and names are refused."""
    good = rendered(fmt, heron())
    for what, other in BREAKING[fmt]:
        broken = good.replace(what, other)
        assert broken != good, what
        assert errors(fmt, broken) != [], what


@settings(deadline=None, derandomize=True, max_examples=15)
@given(ANYTHING, ANYTHING)
@pytest.mark.parametrize("fmt", VALIDATORS)
def test_export_fits_its_schema_whatever_text_came(fmt: str, text: str, alias: str) -> None:
    """Control characters, half characters and markup of a submission never break a document."""
    said = failed("safety/killed-mid-charge", text, detail=text, evidence=(text,))
    made = dataclasses.replace(
        grading(reports(said), submission_alias=alias),
        id=text,
        reason=text,
        language=text,
        started_at=text,
        submission_path=text,
        engine=text,
    )

    assert errors(fmt, rendered(fmt, made)) == []


def test_sarif_results_are_losses_with_their_lines() -> None:
    """What cost points, what decides first, each with the lines that the candidate changed and how sure they are."""
    found = cast("list[Object]", run(heron())["results"])

    assert [(one["ruleId"], one["level"]) for one in found] == [
        ("safety/killed-mid-charge", "error"),
        ("safety/webhook-before-answer", "error"),
        ("recovery/nothing-stays-pending", "error"),
        ("throughput/ratio", "warning"),
    ]
    assert found[0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "app/main.py"},
                "region": {"startLine": 2, "endLine": 41},
            },
            "message": {
                "text": "The check judges behaviour and names no line: this is the longest of 2 stretches that differ from the starter."
            },
        }
    ]


def test_sarif_results_point_to_their_rule() -> None:
    """A reader finds the title of a check by its index."""
    made = run(heron())
    tool = cast("dict[str, dict[str, list[Object]]]", made["tool"])
    rules = tool["driver"]["rules"]

    for one in cast("list[Object]", made["results"]):
        assert rules[cast("int", one["ruleIndex"])]["id"] == one["ruleId"]


@pytest.mark.parametrize(("case", "ids"), [("inconclusive", ["safety/killed-mid-charge"]), ("held", ["grading/whole"])])
def test_sarif_says_what_is_ours_as_trouble_of_the_tool(case: str, ids: list[str]) -> None:
    """Nothing that is not the submission's doing is a result."""
    (invocation,) = cast("list[Object]", run(CASES[case]())["invocations"])
    said = cast("list[dict[str, Object]]", invocation["toolExecutionNotifications"])

    assert invocation["executionSuccessful"] is False
    assert [one["associatedRule"]["id"] for one in said] == ids
    assert not [one for one in cast("list[Object]", run(CASES[case]())["results"]) if one["ruleId"] in ids]


def test_fingerprints_last_from_submission_to_submission() -> None:
    """The same check is the same alert in the next submission, so that a platform can say that it was mended."""

    def prints(made: Grading) -> list[str]:
        return [one["fingerprint"] for one in json.loads(rendered("codequality", made))]

    later = heron(id="20261201T080000Z-1111", submission_sha256="00" * 32, submission_alias="otter", seed=1)
    assert prints(heron()) == prints(later)
    assert len(set(prints(heron()))) == 4


def test_links_of_a_submission_are_none_in_sarif() -> None:
    """Readers make a link of ``[words](target)`` in a message."""
    said = failed("throughput/ratio", "see [the report](https://evil.example/login)")

    assert "](" not in rendered("sarif", grading(reports(said)))


def test_ctrf_says_how_each_check_ended() -> None:
    """Points lost are a failure, what is ours is neither passed nor failed, and counts are those of the tests."""
    owed = Report(check="recovery/retry-storm", status="inconclusive", credit=0.0)
    silent = Report(check="recovery/database-restart", status="unproven", credit=0.0)
    made = json.loads(rendered("ctrf", grading(reports(owed, silent))))["results"]

    found = {test["testId"]: (test["status"], test["rawStatus"]) for test in made["tests"]}
    assert found["recovery/retry-storm"] == ("other", "inconclusive")
    assert found["recovery/database-restart"] == ("failed", "unproven")
    assert found["throughput/ratio"] == ("passed", "passed")
    assert [made["summary"][key] for key in ("tests", "passed", "failed", "other")] == [12, 10, 1, 1]
    assert made["summary"]["stop"] - made["summary"]["start"] == 54_200


def test_gradescope_takes_the_capped_total() -> None:
    """The sum of its tests is 68; a gate leaves 45."""
    made = json.loads(rendered("gradescope", heron()))

    assert made["score"] == 45.0
    assert sum(test["score"] for test in made["tests"]) == 68.0
    assert sum(test["max_score"] for test in made["tests"]) == 100.0


@pytest.mark.parametrize("case", sorted(UNSCORED))
def test_gradescope_gets_no_score_that_is_none(case: str) -> None:
    """What is inconclusive or held is no zero: the platform says that the autograder failed."""
    made = json.loads(rendered("gradescope", CASES[case]()))

    assert "score" not in made
    assert not [test for test in made["tests"] if "score" in test]


def test_gradescope_is_for_candidates_whoever_asks() -> None:
    """Students read it there."""
    assert rendered("gradescope", heron()) == rendered("gradescope", heron(), Audience.CANDIDATE)


def annotated(made: Grading, audience: Audience = Audience.ASSESSOR) -> list[Command]:
    """Return what a runner shows; every line of the format is one."""
    text = rendered("github", made, audience)
    found = commands(text)
    assert len(found) == len(text.splitlines())
    return found


def test_annotations_begin_with_the_verdict() -> None:
    """Then what weighs most, each with a line; the words of a check are the words of the annotation."""
    verdict, first, *_ = annotated(heron())

    assert (verdict.name, verdict.properties["title"]) == ("notice", "heron: idempotent-payments 1.0")
    assert verdict.data.startswith("failed: 45 of 100 automatic points (bar 70).")
    assert "(see safety/killed-mid-charge)" in verdict.data
    assert first.name == "error"
    assert first.properties == {
        "title": "safety/killed-mid-charge (12 of 12 points lost, caps the total at 45)",
        "file": "app/main.py",
        "line": "2",
        "endLine": "41",
    }
    assert first.data.startswith("Charge k-17 was captured twice: psp-8f1 at 3.2 s")


def test_annotations_of_who_passed_are_no_errors() -> None:
    """What was lost above the bar is worth reading and no reason for red."""
    slow = failed("throughput/ratio", credit=0.7)

    assert [one.name for one in annotated(grading(reports(slow)))] == ["notice", "warning"]


def test_annotations_of_what_is_ours_are_notices() -> None:
    """Nobody is to blame for it."""
    assert [one.name for one in annotated(CASES["held"]())] == ["notice", "notice"]


def test_annotations_are_at_most_what_a_step_shows() -> None:
    """Ten of a kind; the last says how many more there are."""
    all_lost = grading([failed(check.id) for check in checks()])

    found = [one for one in annotated(all_lost) if one.name == "error"]
    assert len(found) == 10
    assert found[-1].data.startswith("3 more stand in")


@settings(deadline=None, derandomize=True, max_examples=30)
@given(ANYTHING | st.sampled_from(["\n::error::x", "a%0A::stop-commands::t", "##[error]x", "x::y,z=1", "%"]))
def test_annotations_keep_what_a_submission_wrote_as_data(text: str) -> None:
    """No text begins a command of its own, ends one early or changes its properties."""
    found = annotated(grading(reports(failed("throughput/ratio", text)), submission_alias=text or "x"))

    assert [one.name for one in found] == ["notice", "warning"]
    assert all(set(one.properties) <= {"title", "file", "line", "endLine"} for one in found)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("audience", Audience)
def test_csv_is_read_as_it_was_written(case: str, audience: Audience) -> None:
    """A line per check under one heading, and one with the reason where there is none."""
    made = build(CASES[case](), audience)
    found = list(csv.DictReader(io.StringIO(FORMATS["csv"].render(made)), strict=True))

    assert [row["check"] for row in found] == ([o.check.id for o in made.grading.outcomes] or ["grading/whole"])
    assert {row["verdict"] for row in found} == {made.grading.verdict}
    assert not [row for row in found if None in row or None in row.values()]


def test_csv_is_never_computed() -> None:
    """A spreadsheet takes cells that begin like a formula for one."""
    said = failed("throughput/ratio", '=HYPERLINK("https://evil.example";"45")')
    text = rendered("csv", grading(reports(said), submission_alias="-2+3"))

    for row in csv.reader(io.StringIO(text)):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert cells.rows(["a"], [["\t=1"], ["x"], [2.50], ["a;=1"]]) == "a\n'=1\nx\n2.5\na;'=1\n"


def tags(text: str) -> Mapping[str, int]:
    """Return what a reader of GitHub's Markdown makes of ``text``: kind of element -> how many."""
    found: dict[str, int] = {}
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text):
        for one in (token, *(token.children or ())):
            found[one.type] = found.get(one.type, 0) + 1
    return found


def words(text: str) -> str:
    """Return the words that a reader of Markdown sees."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    inline = [one.content for token in tokens for one in (token.children or ()) if one.type in {"text", "text_special"}]
    return "".join([*inline, *(token.content for token in tokens if token.type == "fence")])


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "[here](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "**bold** _em_ ~~no~~ `code`",
    "| a | b |",
    "# heading",
    "- item",
    "1. item",
    "---",
    "===",
    "```\nfence\n```",
    "&lt; &copy;",
    "a\\",
    "    indented",
    "> quoted",
    "<!-- hidden -->",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markdown_keeps_what_a_submission_wrote_as_text(hostile: str) -> None:
    """No markup, link, picture, heading, list or table of theirs; every character is seen."""
    plain = heron(submission_alias="word")
    said = failed("throughput/ratio", hostile, evidence=(hostile,), credit=0.7)
    other = failed(
        "throughput/ratio", "word\nword\nword" if "\n" in hostile else "word", evidence=("word",), credit=0.7
    )
    with_markup = rendered("markdown", grading(reports(said), submission_alias=hostile, reason=hostile))
    without = rendered("markdown", grading(reports(other), submission_alias="word", reason="word"))

    ignored = {"text", "text_special", "softbreak"}
    assert plain.name == "word"
    assert {k: n for k, n in tags(with_markup).items() if k not in ignored} == {
        k: n for k, n in tags(without).items() if k not in ignored
    }
    for line in hostile.split("\n"):
        assert line.strip() in words(with_markup)


@pytest.mark.parametrize("address", ["https://evil.example", "www.evil.example", "somebody@evil.example", "@somebody"])
def test_markdown_makes_no_link_of_an_address(address: str) -> None:
    """GitHub links bare addresses and names; an escape in front of what makes them one keeps them text."""
    text = rendered("markdown", grading(reports(failed("throughput/ratio", f"see {address}"))))

    assert not re.search(r"(?<!\\)://|www(?<!\\)\.e|(?<!\\)@", text.replace("```", ""))


def test_markdown_is_cut_by_section() -> None:
    """The verdict is kept, no section in part, and what is left out is said."""
    view = build(heron())
    whole = markdown.render(view)
    sections = whole.split("\n### ")

    for most in range(0, len(whole) + 200, 97):
        text = markdown.within(view, most)
        assert len(text.encode()) <= most
        kept, _, note = text.partition("\n_")
        assert (
            not text
            or kept.rstrip("\n") + "\n" == "\n### ".join(sections[: kept.count("\n### ") + 1]).rstrip("\n") + "\n"
        )
        assert bool(note) == (text not in {"", whole})
    assert markdown.within(view, len(whole) + 200) == whole


def test_markdown_of_a_flood_fits_a_step() -> None:
    """A megabyte from each check is no summary at all, unless it is cut."""
    flood = [failed(check.id, f"{check.id} " + "x" * 100_000, evidence=("`y` " * 30_000,)) for check in checks()]
    view = build(grading(flood))

    assert len(markdown.within(view, markdown.SUMMARY_BYTES).encode()) <= 1024 * 1024
    assert "safety/killed" in markdown.within(view, 30_000)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_every_format_ends_with_a_line_end(fmt: str, case: str) -> None:
    """So that what follows begins on its own line; and each says the verdict or why there is none."""
    text = rendered(fmt, CASES[case]())

    assert text.endswith("\n")


def test_reference_page_and_help_name_every_format() -> None:
    """With the media type, and whether several follow each other; ``--help`` has the same names in the same order."""
    page = (CHECKOUT / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| .* \|(.*)\|$", page, re.MULTILINE)
    helped = cli.commands["report"].get_params(click.Context(cli.commands["report"]))
    (option,) = (one for one in helped if isinstance(one, click.Option) and one.name == "fmt")

    assert [(name, kind, bool(joins.strip())) for name, kind, joins in rows] == [
        (name, fmt.media_type, fmt.joins) for name, fmt in FORMATS.items()
    ]
    assert re.findall(r"\w+", (option.help or "").replace(" or ", " ").partition(";")[0]) == list(FORMATS)


def test_refused_submissions_are_one_finding_everywhere() -> None:
    """Where findings are listed, a refusal is one, with the reason."""
    assert "gzip-compressed" in annotated(refused())[1].data
    (one,) = json.loads(rendered("codequality", refused()))
    assert (one["severity"], one["check_name"]) == ("blocker", "grading/whole")
    assert grading([*reports(), passed("a/b")]).verdict is Verdict.HELD
