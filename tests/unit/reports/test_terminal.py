"""The plain text report: what it must never do, whatever a submission or grader put into a result."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.model import Grading
from harness.reports import Audience, build, terminal
from harness.reports.text import WIDTH, columns
from harness.scoring import Report
from tests.unit.factories import checks, exercise, failed, grading, heron, passed, refused, reports

HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \r\rover \x00 \u202eevil\u202c \ud800 \ufffe <b>&amp;]]> [link=x] "
    "\x08\x7f \u200b zero \u2028 line\ttab {brace} %s"
)


def hostile(text: str = HOSTILE) -> Grading:
    """Return a grading with ``text`` wherever text comes from a submission, a grader or a machine."""
    said = reports(
        failed("safety/killed-mid-charge", text, detail=text, evidence=(text, text), credit=0.5),
        Report(check="recovery/retry-storm", status="inconclusive", credit=0.0, feedback=text, detail=text),
    )
    return grading(
        said,
        submission_alias=text[:200],
        submission_path=text,
        language=text,
        engine=text,
        posture=(text,),
        trust=text,
        reason=text,
        started_at=text,
        claim={"safety/killed-mid-charge": text},
        timeline=(
            *heron().timeline,
            *(type(heron().timeline[0])(start_seconds=1, end_seconds=2, kind="fault", label=text),),
        ),
    )


@pytest.mark.parametrize("audience", Audience)
def test_render_shows_hostile_text_as_escapes(audience: Audience) -> None:
    """Nothing that moves a cursor, changes a colour, reorders or hides text reaches a terminal."""
    text = terminal.render(build(hostile(), audience))

    assert all(char == "\n" or char.isprintable() for char in text)
    assert "\\x1b[31mred" in text


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("made", [heron, refused, grading, hostile])
def test_render_wraps_and_leaves_no_trailing_space(made: object, audience: Audience) -> None:
    """No line is wider than promised, none ends in a space, and the text ends with one line end."""
    assert callable(made)
    text = terminal.render(build(made(), audience))

    assert max(map(columns, text.splitlines())) <= WIDTH
    assert not re.search(r" $", text, re.MULTILINE)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_render_is_ascii_for_ascii_input() -> None:
    """The layout itself is plain ASCII."""
    assert terminal.render(build(heron())).isascii()


def test_render_of_a_megabyte_of_feedback_stays_short() -> None:
    """A flood in one field doesn't bury the verdict, and the reader is told where the rest is."""
    said = reports(
        failed("safety/killed-mid-charge", "x" * 1_000_000, detail="y " * 500_000, evidence=("z" * 9000,) * 40)
    )

    text = terminal.render(build(grading(said)))

    assert len(text) < 9500
    assert "998600 more characters in result.json" in " ".join(text.split())
    assert "26 more in result.json" in text


def test_render_in_colour_has_the_same_words() -> None:
    """Colour adds nothing that the words don't say: without it the text is the plain one."""
    coloured = terminal.render(build(heron()), terminal.ansi)

    assert "\x1b[31mVERDICT" in coloured
    assert terminal.render(build(heron())) == re.sub(r"\x1b\[\d+m", "", coloured)


def test_render_puts_the_sections_in_the_order_people_read() -> None:
    """Verdict, why, skills, failures, timeline, trust, how to repeat."""
    text = terminal.render(build(heron()))

    order = ["VERDICT", "WHY", "SKILL", "inconclusive", "FAILED", "TIMELINE", "TRUST", "AGAIN", "FILES"]
    found = [text.index(f"\n{word}") for word in order]
    assert found == sorted(found)


def test_render_names_the_consequence_before_the_mechanism() -> None:
    """WHY begins with the gate in business words, points at its finding and says what the cap did."""
    text = " ".join(terminal.render(build(heron())).split())

    assert (
        "WHY Seen broken: A customer can be charged twice, or a charge can be lost (see 1). This caps the total at 45"
        in text
    )
    assert "without the cap it would be 68, under the bar as well" in text


def test_render_lists_gate_closers_before_larger_losses() -> None:
    """What decided the verdict comes first, even when another check lost more points."""
    said = reports(failed("throughput/ratio"), failed("safety/webhook-before-answer"))

    view = build(grading(said))

    assert [loss.outcome.check.id for loss in view.losses] == ["safety/webhook-before-answer", "throughput/ratio"]


def test_render_lists_a_gate_closer_that_lost_no_points() -> None:
    """A check worth nothing that closed a gate is the finding the WHY points at."""
    free = tuple(
        c
        if c.id != "safety/killed-at-commit"
        else type(c)(id=c.id, title=c.title, skill=c.skill, points=0.0, public=False)
        for c in checks()
    )

    text = terminal.render(build(grading(reports(failed("safety/killed-at-commit", "Lost.")), declared=free)))

    assert "(see 1)" in text
    assert "1 safety/killed-at-commit (-0, caps the total at 45, held out)" in text


def test_render_says_when_a_check_was_fine_at_home() -> None:
    """The candidate's own last check is shown as their claim."""
    view = build(heron(claim={"safety/killed-mid-charge": "passed"}))

    assert "own last check said passed" in " ".join(terminal.render(view).split())


def test_passed_there_and_failed_here_leads_the_report() -> None:
    """Before the verdict, and only where a check failed that their last one saw hold; points are as without it."""
    claim = {
        "safety/killed-mid-charge": "passed",
        "recovery/nothing-stays-pending": "passed",
        "contract/create-then-read": "passed",
        "throughput/ratio": "failed",
    }
    made = heron(claim=claim)
    text = terminal.render(build(made))
    second = text.splitlines()[2] if text.splitlines()[1].startswith("  ") else text.splitlines()[1]
    assert second.startswith("CLAIM     passed there, failed here: safety/killed-mid-charge,")
    said = " ".join(text.split("FROM  ")[0].split())
    assert "safety/killed-mid-charge, recovery/nothing-stays-pending. Their own last check says so" in said
    assert "contract/create-then-read" not in said
    assert "changes no points" in said
    assert build(made).total == build(heron(claim={})).total
    assert "CLAIM" not in terminal.render(build(heron()))
    assert "CLAIM" not in terminal.render(build(made, Audience.CANDIDATE))


def test_what_we_could_not_measure_is_no_claim_that_fails() -> None:
    """Inconclusive here is ours: it says nothing against the candidate's word."""
    said = failed("safety/killed-mid-charge", status="inconclusive")
    made = grading(reports(said), claim={"safety/killed-mid-charge": "passed"})
    assert build(made).claim == ""


def test_render_repeats_the_command_for_a_shell() -> None:
    """The AGAIN line can be pasted: quoted path, exercise for a directory, bar when it was another."""
    made = grading(submission_path="in box/zoë's", bar=80)

    text = " ".join(terminal.render(build(made)).split())

    assert "AGAIN harness grade --exercise idempotent-payments --seed 4711 --bar 80 \\ 'in box/zoë'\"'\"'s'" in text


def test_skills_have_a_row_where_something_was_judged() -> None:
    """One without points that has a check has one, too; one that has neither has none."""
    small = exercise(skills={"all": 100.0, "manners": 0.0, "nothing": 0.0}, gates=())
    declared = [replace(one, skill="all") for one in checks()]
    declared.append(replace(declared[0], id="manners/polite", skill="manners", points=0.0, requires=()))
    made = grading([*reports(), passed("manners/polite")], made_of=small, declared=declared)
    assert [row.name for row in build(made).skills] == ["all", "manners"]


def test_render_of_an_exercise_without_skills_or_gates() -> None:
    """The smallest exercise (one check, nothing else) has a whole report too."""
    small = exercise(skills={"all": 100.0}, gates=(), human=(), title="Echo")
    one = (
        type(checks()[0])(id="echo/says-it", title="what came in comes out", skill="all", points=100.0, public=True),
    )

    text = terminal.render(build(grading([passed("echo/says-it")], made_of=small, declared=one)))

    assert "VERDICT   passed: 100 of 100 automatic points (bar 70).\n" in text
    assert "human" not in text
