"""What a candidate's page may hold, and nothing else: every text of a grading has a canary, and those that get out are listed."""

from __future__ import annotations

import dataclasses
import enum
import html
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from harness import patches
from harness.catalogue.learning import Pointers, parse
from harness.marking import Anchors, Item, Mark, Standing, stand
from harness.model import Grading, Measure, Status, SubmissionFile, Verdict
from harness.reports import beside, terminal
from harness.reports.beside import Context
from harness.reports.html import candidate
from harness.reports.view import Audience, build
from harness.store import Company, Kept
from tests.unit.factories import grading, heron, refused

MAY = (
    r"id",
    r"language",
    r"submission_(alias|name|alias_from|path|sha256|packed_at)",
    r"exercise\.(id|version|title|skills)",
    r"(exercise|score)\.gates\.(gate\.)?title",
    r"exercise\.human\.title",
    r"outcomes\.public\.(feedback|check\.(id|title|skill))",
    r"outcomes\.hidden\.check\.skill",
    r"outcomes\.own\.evidence",
    r"exercise\.checks\.(id|title|skill)",
    r"score\.by_skill",
    r"claim\.public",
)
"""Where a text of a grading may come from that a candidate reads: what they were given, what is theirs, and public checks."""
OWN = "what your tests printed against your service, its end:"
FILES = ("candidate.txt", "candidate.html")


class Canaries:
    """Gives each text of a value a mark of its own: the same text, the same mark."""

    def __init__(self) -> None:
        self.where: dict[str, set[str]] = {}
        self._marks: dict[str, str] = {}

    def plant(self, value: object, where: str = "") -> object:
        """Return ``value`` with each text marked, and remember where each mark is."""
        if isinstance(value, enum.Enum) or value is None or isinstance(value, bool | int | float | bytes):
            return value
        if isinstance(value, str):
            return self._marked(value, where)
        if isinstance(value, Mapping):
            return {self.plant(key, where): self.plant(item, where) for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple(self.plant(item, where) for item in value)
        assert dataclasses.is_dataclass(value)
        made = {}
        for field in dataclasses.fields(value):
            below = f"{where}.{field.name}".lstrip(".")
            made[field.name] = self.plant(getattr(value, field.name), below)
        return replace(cast("Grading", value), **made)  # type: ignore[arg-type]

    def seen(self, text: str) -> dict[str, set[str]]:
        """Return the marks in ``text``, and where each may have come from."""
        return {mark: self.where[mark] for mark in re.findall(r"qz\d+zq", text)}

    def _marked(self, text: str, where: str) -> str:
        if not text:
            return text
        mark = self._marks.setdefault(text, f"qz{len(self._marks)}zq")
        self.where.setdefault(mark, set()).add(where)
        # At its end, so that words which decide something (a kind, the name of a skill) still begin as they did.
        return f"{text}{mark}"


def planted(made: Grading) -> tuple[Grading, Canaries]:
    """Return ``made`` with a canary in every text, public and hidden checks told apart."""
    canaries = Canaries()
    marked = cast("Grading", canaries.plant(replace(made, outcomes=(), claim={})))
    outcomes = []
    for outcome in made.outcomes:
        kind = "public" if outcome.check.public else "hidden"
        own = outcome.evidence[:1] == (OWN,)
        one = canaries.plant(replace(outcome, evidence=()), f"outcomes.{kind}")
        lines = tuple(
            str(canaries.plant(line, f"outcomes.{'own' if own else kind}.evidence")) for line in outcome.evidence
        )
        outcomes.append(replace(cast("type", one), evidence=lines))  # type: ignore[type-var]
    public = {outcome.check.id for outcome in made.outcomes if outcome.check.public}
    claim = {
        str(canaries.plant(name, "claim.public" if name in public else "claim.hidden")): str(
            canaries.plant(said, "claim.public")
        )
        for name, said in made.claim.items()
    }
    return replace(marked, outcomes=tuple(outcomes), claim=claim), canaries  # type: ignore[arg-type]


def full() -> Grading:
    """Return the example with something in every field."""
    made = heron(
        posture=("weaker: no CPU limit",),
        catalogue=("/srv/company/graders",),
        notes=("left out: node_modules",),
        reason="/srv/inbox/heron.tar.gz: safety/killed-at-commit was slow",
        submission_path="/srv/inbox/heron.tar.gz",
        submission_origin="workspace-0a1b",
        submission_name="heron-own",
        claim={"safety/killed-mid-charge": "passed", "safety/killed-at-commit": "failed"},
        seed=918273645,
    )
    outcomes = []
    for n, outcome in enumerate(made.outcomes):
        extra: dict[str, object] = {
            "detail": outcome.detail or f"detail {n}",
            "feedback": outcome.feedback or f"feedback {n}",
            "evidence": outcome.evidence or (f"line of evidence {n}",),
            "measures": (Measure(name=f"measure {n}", value=31337.25, limit=27182.5, better="less", unit=f"unit {n}"),),
        }
        if outcome.check.id == "own-tests/tell-good-from-starter":
            extra |= {"evidence": (OWN, "E  assert 202 == 201"), "status": Status.FAILED, "credit": 0.0}
        outcomes.append(replace(outcome, **extra))  # type: ignore[arg-type]
    return replace(made, outcomes=tuple(outcomes))


def beside_it(canaries: Canaries, made: Grading) -> Context:
    """Return what lies beside a grading, none of which is for its candidate."""
    before = [SubmissionFile(path="app.py", content=b"1\n")]
    patch = patches.render(patches.compare(before, [SubmissionFile(path="app.py", content=b"hidden\n")]))
    kept = Kept(
        file=Path("/srv/results/qz9001zq/result.json"),
        path="qz9002zq",
        sha256="qz9003zq",
        packed_at="",
        started_at="",
        origin="",
        verdict="qz9004zq",
    )
    for n in range(9001, 9010):
        canaries.where[f"qz{n}zq"] = {"beside"}
    return Context(
        changes=patches.parse(patch.replace(b"hidden", b"qz9005zq"), name="diff.patch"),
        logs={"qz9006zq": b"qz9007zq"},
        standing=unsettled(),
        company=Company(submissions=(kept, kept), submission=2, gradings=3, grading=2),
    )


def unsettled(*others: Mark) -> Standing:
    """Return how it stands when one has marked, with canaries in all that the rubric and they say."""
    item = Item(
        id="code",
        title="Code",
        points=7.0,
        question="qz9008zq",
        look=("qz9008zq",),
        anchors=Anchors(low="qz9008zq", middle="qz9008zq", high="qz9008zq"),
    )
    first = Mark(marker="qz9009zq", item="code", mark=4, evidence="it holds together", at="2026-11-24T10:00:00Z")
    return stand((item,), (first, *others))


def rendered(made: Grading, context: Context) -> dict[str, str]:
    """Return both files as somebody reads them."""
    view = beside._for_candidate(made, context)
    return {"candidate.txt": terminal.render(view), "candidate.html": html.unescape(candidate.render(view))}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "made",
    [
        full(),
        replace(full(), verdict=Verdict.INCONCLUSIVE, exit_code=2),
        replace(full(), verdict=Verdict.HELD, exit_code=6),
        refused(reason="/srv/inbox/heron.tar.gz: no archive", notes=("n",), catalogue=("/c",)),
    ],
    ids=["failed", "inconclusive", "held", "refused"],
)
def test_nothing_but_what_is_theirs_gets_out(made: Grading, file: str) -> None:
    """Each canary that is read stands where a candidate may read, and nowhere else."""
    marked, canaries = planted(made)
    text = rendered(marked, beside_it(canaries, marked))[file]
    # Why a submission was refused is about what they handed in.
    may = (*MAY, "reason") if made.verdict is Verdict.REFUSED else MAY
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in may))
    wrong = {mark: where for mark, where in canaries.seen(text).items() if not any(map(allowed.fullmatch, where))}
    assert wrong == {}
    assert "918273645" not in text
    assert not re.findall(r"31337|27182", text)


@pytest.mark.parametrize("file", FILES)
def test_the_canaries_sing(file: str) -> None:
    """An assessor's report of the same grading holds what a candidate's must not: the marks are really planted."""
    marked, canaries = planted(full())
    theirs = set().union(*canaries.seen(rendered(marked, Context())[file]).values())
    assert {"outcomes.public.feedback", "outcomes.public.check.title", "exercise.human.title"} <= theirs
    assert "outcomes.own.evidence" in theirs
    report = set().union(*canaries.seen(terminal.render(build(marked))).values())
    hidden = {
        "outcomes.hidden.feedback",
        "outcomes.hidden.check.id",
        "outcomes.public.detail",
        "engine",
        "posture",
        "notes",
    }
    assert hidden <= report


@pytest.mark.parametrize("file", FILES)
def test_people_are_read_when_all_is_settled_and_never_named(file: str) -> None:
    """Sentences, no names, nothing that the marks were asked by."""
    second = Mark(marker="qz9009zq-2", item="code", mark=4, evidence="errors are told apart", at="2026-11-24T11:00:00Z")
    before = rendered(heron(), Context(standing=unsettled()))[file]
    after = rendered(heron(), Context(standing=unsettled(second)))[file]
    assert "it holds together" not in before
    assert "it holds together" in after
    assert "errors are told apart" in " ".join(after.split())
    assert not re.findall(r"qz900[89]zq", before + after)


LEARN = b"""
[[pointer]]
checks = ["safety/killed-mid-charge"]
read = "a book on keys"
why = "chapter three"
[[pointer]]
skills = ["money safety"]
read = "a paper on money"
why = "all of it"
"""


@pytest.mark.parametrize("file", FILES)
def test_each_gap_has_one_pointer(file: str) -> None:
    """By check, else by skill, else back to the brief: as many as there are gaps."""
    pointers = parse(LEARN, heron().exercise, "learn.toml")
    text = " ".join(rendered(heron(), Context(pointers=pointers))[file].split())
    view = build(heron(), Audience.CANDIDATE, pointers=pointers)
    assert [loss.pointer.read for loss in view.losses if loss.pointer] == [
        "a book on keys",
        "a paper on money",
        "what your brief says of it",
        "what your brief says under recovery",
    ]
    assert text.count("Learn") == len(view.losses)
    assert "a book on keys" in text
    assert "harness check --only throughput/ratio" in text


@pytest.mark.parametrize("file", FILES)
def test_a_candidate_who_lost_nothing_is_pointed_nowhere(file: str) -> None:
    """No gap, no pointer, no empty heading."""
    text = rendered(grading(), Context(pointers=Pointers()))[file]
    assert "Learn" not in text
    assert "Gaps" not in text


def test_what_else_is_stored_of_a_sender_is_not_shown() -> None:
    """How often they handed in, and what else, is known to them and nobody's word here."""
    company = beside_it(Canaries(), heron()).company
    assert "of this sender" in terminal.render(build(heron(), company=company))
    assert "of this sender" not in terminal.render(build(heron(), Audience.CANDIDATE, company))


def test_an_assessor_is_not_pointed_anywhere() -> None:
    """Pointers are for who learns."""
    assert {loss.pointer for loss in build(heron()).losses} == {None}


def test_the_page_refuses_a_view_that_is_not_the_candidates() -> None:
    """Somebody who calls it with an assessor's view is told at once, and not by a candidate."""
    with pytest.raises(AssertionError, match="view of a candidate"):
        candidate.render(build(heron()))
