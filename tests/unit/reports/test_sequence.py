"""Evidence as a sequence: who acts is read off the words that diaries use, and what tells no story stays lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import store
from harness.reports import sequence
from harness.reports.sequence import Kind
from harness.testing.diary import KILLED, SENDS, Diary

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
PROVIDER = " 13.60 s  the provider captures psp-1"


@pytest.mark.parametrize(
    ("text", "kind", "source", "target", "label"),
    [
        (f"{SENDS} POST k-1", Kind.CALL, "client", "service", "POST k-1"),
        ("the service answers POST k-1: 201 captured", Kind.ANSWER, "service", "client", "POST k-1: 201 captured"),
        (
            "your service asks for the outcome of its ref: captured",
            Kind.CALL,
            "service",
            "provider",
            "asks for the outcome of its ref: captured",
        ),
        (
            "the provider captures psp-8f1 and never answers",
            Kind.CALL,
            "service",
            "provider",
            "captures psp-8f1 and never answers",
        ),
        (
            "the provider answers 503, nothing captured",
            Kind.CALL,
            "service",
            "provider",
            "answers 503, nothing captured",
        ),
        (
            "the provider has received the call and holds it before capturing",
            Kind.CALL,
            "service",
            "provider",
            "has received the call and holds it before capturing",
        ),
        (
            "the provider has captured and holds its answer",
            Kind.STATE,
            "provider",
            "provider",
            "has captured and holds its answer",
        ),
        (
            "the provider will do to k-1: captured late",
            Kind.STATE,
            "provider",
            "provider",
            "will do to k-1: captured late",
        ),
        ("the provider's webhooks for k-1: none", Kind.STATE, "provider", "provider", "webhooks for k-1: none"),
        (
            "the provider answers again when it is asked about k-1",
            Kind.STATE,
            "provider",
            "provider",
            "answers again when it is asked about k-1",
        ),
        ("the provider is unwell", Kind.DOWN, "provider", "provider", "is unwell"),
        ("the provider is well again", Kind.UP, "provider", "provider", "is well again"),
        ("webhook 'captured' is answered 200", Kind.CALL, "provider", "service", "webhook 'captured' is answered 200"),
        (f"your service {KILLED}", Kind.DOWN, "service", "service", "is killed"),
        ("your service is ready again", Kind.UP, "service", "service", "is ready again"),
        (
            "the files that your service wrote are lost",
            Kind.STATE,
            "service",
            "service",
            "the files that your service wrote are lost",
        ),
        (
            "the service is held before commit 3: INSERT INTO charges",
            Kind.CALL,
            "service",
            "database",
            "is held before commit 3: INSERT INTO charges",
        ),
        ("the database is killed", Kind.DOWN, "database", "database", "is killed"),
        ("the database is back", Kind.UP, "database", "database", "is back"),
        (
            "the only news of k-1: 'captured'",
            Kind.STATE,
            "provider",
            "provider",
            "the only news of k-1: 'captured'",
        ),
        ("the only other thing", Kind.STATE, "", "", "the only other thing"),
        ("something else altogether", Kind.STATE, "", "", "something else altogether"),
    ],
)
def test_every_kind_of_entry_has_its_place(text: str, kind: Kind, source: str, target: str, label: str) -> None:
    """The words that diaries of checks use today, each as somebody's doing."""
    story = sequence.read([PROVIDER, f" 14.00 s  {text}"])
    assert story is not None
    step = story.steps[1]
    assert (step.kind, step.source, step.target, step.label, step.text) == (kind, source, target, label, text)
    assert step.seconds == "14.00"


def test_a_diary_is_read_as_it_writes() -> None:
    """Its lines, and its mark for what it leaves out."""
    diary = Diary(lambda stamp: stamp)
    for second in range(40):
        diary.write("k", f"{SENDS} POST k-{second}", at=float(second))
    story = sequence.read(diary.story("k"))
    assert story is not None
    assert story.lanes == ("client", "service")
    (gap,) = [step for step in story.steps if step.kind is Kind.GAP]
    assert gap.text == "26 more steps"


@pytest.mark.parametrize("alias", ["heron"])
def test_all_evidence_of_the_example_has_somebody_who_acts(alias: str) -> None:
    """Nothing in real counterexamples falls outside the picture."""
    grading = store.load(EXAMPLES / alias)
    stories = {one.check.id: sequence.read(one.evidence, one.feedback) for one in grading.outcomes if one.evidence}
    told = {check: story for check, story in stories.items() if story}
    assert set(stories) - set(told) == {"throughput/ratio", "own-tests/tell-good-from-starter"}
    nobody = [step for story in told.values() for step in story.steps if not step.source and step.kind is not Kind.GAP]
    assert nobody == []
    assert told["safety/killed-at-commit"].lanes == ("client", "service", "database", "provider")


def test_what_the_finding_is_about_is_named() -> None:
    """Steps whose time and whose name the finding has; another thing at the same time is not meant."""
    finding = "Charge k-1 was captured twice: psp-1111 at 13.60 s, before your service was killed at 13.86 s; psp-2222 at 14.62 s."
    story = sequence.read(
        [
            " 13.60 s  the provider captures psp-1111",
            " 13.60 s  webhook 'early' is answered 200",
            " 13.86 s  your service is killed",
            " 14.62 s  the provider captures psp-2222",
            " 14.63 s  the provider captures psp-2222",
        ],
        finding,
    )
    assert story is not None
    assert [step.named for step in story.steps] == [True, False, True, True, False]


def test_what_never_came_back_is_lost() -> None:
    """An answer that nobody got, and a call whose answer was cut or held."""
    texts = {
        "the service answers POST k-1: no answer (connection closed, no bytes)": True,
        "the service answers POST k-1: 201 captured": False,
        "the provider captures psp-1 and is cut off after 46 bytes of its answer": True,
        "the provider captures psp-1 and never answers": True,
        "the provider captures psp-1": False,
        "webhook 'captured' is answered not at all": True,
    }
    story = sequence.read([PROVIDER, *(f"  1.00 s  {text}" for text in texts)])
    assert story is not None
    assert [step.lost for step in story.steps[1:]] == list(texts.values())


@pytest.mark.parametrize(
    "evidence",
    [
        (),
        (PROVIDER,),
        (PROVIDER, "E   AssertionError"),
        ("          ... 103 more", PROVIDER),
        ("charges a second by phase: app 114, 122", "b"),
        ("13.60 s \n13.61 s  the provider captures psp-1", PROVIDER),
    ],
)
def test_what_tells_no_story_is_none(evidence: tuple[str, ...]) -> None:
    """Output of programs, a single step, lines that are none."""
    assert sequence.read(evidence) is None


def test_parties_are_few_whatever_is_written() -> None:
    """A text that names many is still a picture of a page's width; what has no lane concerns all."""
    story = sequence.read([f"  1.00 s  the x{chr(97 + n)} calls k" for n in range(20)])
    assert story is not None
    assert len(story.lanes) <= 6
    assert {step.source for step in story.steps} <= {*story.lanes, ""}
    assert story.steps[-1].label == story.steps[-1].text
