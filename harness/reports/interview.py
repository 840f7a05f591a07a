"""What to ask in an interview: a question for each gap and for each choice that is worth a talk, from templates.

Nothing is judged here and no model is asked: a template is chosen by what the evidence shows (traits), filled with what
was seen, and comes with what a good answer holds. Words of an exercise come from the grading, never from here.
"""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import scoring
from harness.model import OWN_TESTS_PRINTED, Outcome, Status
from harness.patches import Change, Kind, Line
from harness.reports import pointers, sequence
from harness.reports.pointers import Pointer
from harness.reports.sequence import Step, Story
from harness.reports.text import SENTENCE, WHOLE, one_line
from harness.reports.view import View

MOST_GAPS, MOST_CHOICES, MOST_STRENGTHS, MOST_OWN = 4, 3, 2, 4
OF_EXERCISE = "asked by the exercise"
TRAITS = frozenset(
    {
        "answer",
        "broken",
        "database",
        "down",
        "held",
        "lost",
        "measure",
        "moment",
        "news",
        "printed",
        "repeats",
        "silent",
    }
    | {"twice", "unwell"}
)
"""What a template may ask for: see :func:`traits`."""
_TEMPLATES = Path(__file__).with_name("questions.toml")
_NEEDS = re.compile(
    r"(?:^|/)(?:go\.mod|pom\.xml|build\.gradle(?:\.kts)?|package\.json|pyproject\.toml|requirements[\w-]*\.txt)$"
)
_TOGETHER_SECONDS = 0.02
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question, and what it is asked for."""

    ask: str
    holds: str
    """What a good answer holds."""
    about: str
    """What it is about, in a few words: a check, a choice, the exercise."""
    loss: int | None = None
    """The number of the gap in the report."""
    check: str = ""
    """Id of the check."""
    pointers: tuple[Pointer, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    name: str
    where: str
    pattern: re.Pattern[str]
    rank: int
    ask: str
    holds: str


def questions(view: View, changes: Sequence[Change]) -> tuple[Question, ...]:
    """Return what to ask: gaps in the order of the report, choices, what held, and what the exercise itself would ask."""
    gaps = _gaps(view, changes)
    chosen = _choices(changes)
    held = _strengths(view, changes) if len(gaps) + len(chosen) < MOST_GAPS else ()
    return (*gaps, *chosen, *held, *_of_the_exercise(view))


def traits(outcome: Outcome, story: Story | None) -> frozenset[str]:
    """Return what the evidence of a check that did not pass shows."""
    steps = story.steps if story else ()
    seen = {
        "broken": _broke_alone(steps),
        "down": any(step.kind is sequence.Kind.DOWN and step.source == sequence.SERVICE for step in steps),
        "database": any(step.source == sequence.DATABASE for step in steps) if steps else _was_away(outcome),
        "held": any(step.target == sequence.DATABASE and step.lost for step in steps),
        "lost": any(_to_upstream(step) and step.lost for step in steps),
        "news": any(step.target == sequence.SERVICE and step.source not in {"", *_OURS} for step in steps),
        "unwell": any(
            step.kind in {sequence.Kind.DOWN, sequence.Kind.UP} and step.source not in _OURS for step in steps
        ),
        "twice": _acts(steps) is not None,
        "repeats": len(_sent(steps)) > len({step.label for step in _sent(steps)}),
        "moment": _at_once(_sent(steps)),
        "printed": any(line.startswith(OWN_TESTS_PRINTED) for line in outcome.evidence),
        "measure": any(not one.holds for one in outcome.measures) or 0 < outcome.credit < 1,
        "silent": outcome.status is Status.UNPROVEN,
        "answer": "\nexpected " in outcome.feedback,
    }
    return frozenset(name for name, there in seen.items() if there)


_OURS = frozenset({sequence.CLIENT, sequence.SERVICE, sequence.DATABASE, ""})


_QUOTED = re.compile(r"\{.*|\"[^\"]*\"|'[^']*'")
_AWAY = re.compile(
    r"\b(?:restart|outage|kill|stop|loss|end) of the database\b"
    r"|\bdatabase (?:was|is|had been|has been|being) (?:killed|stopped|restarted|away|down|cut|unreachable|back)\b"
)
_BROKE = re.compile(r"(?:.*: )?5\d\d\b")


def _was_away(outcome: Outcome) -> bool:
    """Whether a finding without a story says itself that the database was away: not its rule, nor what a service said."""
    own = (line for line in outcome.feedback.splitlines() if not line.startswith(("expected ", "found ")))
    return any(_AWAY.search(_QUOTED.sub("", line).lower()) for line in own)


def _broke_alone(steps: Sequence[Step]) -> bool:
    """Whether the service said that it cannot, while nothing that it needs was down, unwell, silent or held."""
    calm = not any(step.kind in {sequence.Kind.DOWN, sequence.Kind.UP} or step.lost for step in steps)
    answers = (step for step in steps if step.source == sequence.SERVICE and step.kind is sequence.Kind.ANSWER)
    return calm and any(_BROKE.match(step.label) for step in answers)


def _to_upstream(step: Step) -> bool:
    return step.kind is sequence.Kind.CALL and step.source == sequence.SERVICE and step.target not in _OURS


def _sent(steps: Iterable[Step]) -> list[Step]:
    return [step for step in steps if step.source == sequence.CLIENT]


def _at_once(sent: Sequence[Step]) -> bool:
    """Whether one request was sent twice at the same moment."""
    times: dict[str, list[float]] = {}
    for step in sent:
        times.setdefault(step.label, []).append(float(step.seconds))
    return any(
        later - sooner <= _TOGETHER_SECONDS for equal in times.values() for sooner, later in itertools.pairwise(equal)
    )


def _acts(steps: Iterable[Step]) -> tuple[Step, Step] | None:
    """Return two steps in which something upstream did the same to two things: the first one, and the one found wrong."""
    by_verb: dict[str, list[Step]] = {}
    for step in steps:
        words = step.label.split()
        if _to_upstream(step) and len(words) > 1:
            by_verb.setdefault(words[0], []).append(step)
    for acts in by_verb.values():
        wrong = [step for step in acts if step.named]
        if len({step.label.split()[1] for step in wrong}) > 1:
            return wrong[0], wrong[-1]
    return None


def _gaps(view: View, changes: Sequence[Change]) -> tuple[Question, ...]:
    """Return a question for each gap, and none twice: what two gaps would be asked alike is asked of the first."""
    made = dict[str, Question]()
    for number, loss in enumerate(view.losses, start=1):
        story = sequence.read(loss.outcome.evidence, loss.outcome.feedback)
        template = _template(loss.outcome, story)
        ask = str(template["ask"])
        if ask not in made:
            made[ask] = Question(
                ask=_filled(ask, loss.outcome, story),
                holds=str(template["holds"]),
                about=loss.outcome.check.id,
                loss=number,
                check=loss.outcome.check.id,
                pointers=pointing(loss.outcome, changes),
            )
    return tuple(made.values())[:MOST_GAPS]


def _of_the_exercise(view: View) -> tuple[Question, ...]:
    """Return the exercise's own questions: those about a gap first, then those for everybody."""
    numbers = {loss.outcome.check.id: n for n, loss in enumerate(view.losses, start=1)}
    talk = view.standing.talk if view.standing else ()
    mine = sorted((one for one in talk if one.check in numbers), key=lambda one: numbers[one.check])
    return tuple(
        Question(ask=one.ask, holds=one.holds, about=OF_EXERCISE, loss=numbers.get(one.check), check=one.check)
        for one in (*mine, *(one for one in talk if not one.check))
    )[:MOST_OWN]


def _template(outcome: Outcome, story: Story | None) -> Mapping[str, object]:
    shown = traits(outcome, story)
    return next(one for one in _table()["gaps"] if shown.issuperset(_strings(one["when"])))


def pointing(outcome: Outcome, changes: Sequence[Change]) -> tuple[Pointer, ...]:
    """Return the lines to read beside what a check found: those that it names, then those that speak of the same."""
    texts = (outcome.feedback, outcome.detail, *outcome.evidence)
    by_name = pointers.named(texts, changes)
    look = ""
    if outcome.status is not Status.PASSED:
        look = str(_template(outcome, sequence.read(outcome.evidence, outcome.feedback)).get("look", ""))
    about = f"{outcome.check.id} {outcome.check.title}"
    found = "" if outcome.status is Status.PASSED else outcome.feedback
    speaking = pointers.speaking_of(about, changes, look=look, found=found)
    named = {(one.path, one.line) for one in by_name}
    return (*by_name, *(one for one in speaking if (one.path, one.line) not in named))[: pointers.MOST]


def _filled(template: str, outcome: Outcome, story: Story | None) -> str:
    steps = story.steps if story else ()
    acts = _acts(steps)
    values = {
        "rule": one_line(outcome.check.title, WHOLE).rstrip("."),
        "found": _found(outcome),
        "first": _at(acts[0]) if acts else "",
        "again": _at(acts[1]) if acts else "",
        "down": next((_at(step) for step in steps if step.kind is sequence.Kind.DOWN), ""),
        "held": next(
            (one_line(step.label, 90).removeprefix("is held ") for step in steps if step.target == sequence.DATABASE),
            "",
        ),
        "upstream": next((f"the {step.target}" for step in steps if _to_upstream(step)), "what it calls"),
    }
    text = template.format_map(values)
    return text[:1].upper() + text[1:]


def _at(step: Step) -> str:
    return f"at {step.seconds} s {one_line(step.text, 160).replace('your service', 'the service')}"


def _found(outcome: Outcome) -> str:
    """Return the first sentence of what was found, or how it compares with what was expected."""
    first = one_line(_SENTENCE_END.split(outcome.feedback.partition("\n")[0])[0], SENTENCE)
    wrong = next((one for one in outcome.measures if not one.holds), None)
    if not first and wrong:
        first = f"{one_line(wrong.name, WHOLE)}: {wrong.value:.3g}{wrong.unit} of {wrong.limit:.3g}{wrong.unit}"
    return f"{first.rstrip('.')}." if first else ""


def _choices(changes: Sequence[Change]) -> tuple[Question, ...]:
    lines = list(pointers.new_lines(changes))
    found = []
    for choice in _chosen():
        seen = [
            Pointer(path=change.path, line=number, why="")
            for change, _, line, number in lines
            if _is_there(choice.where, change) and _matches(choice.pattern, line)
        ]
        if seen:
            found.append((choice, tuple(seen)))
    found.sort(key=lambda one: -one[0].rank)
    made = [
        Question(ask=choice.ask, holds=choice.holds, about=choice.name, pointers=seen[: pointers.MOST])
        for choice, seen in found
    ]
    gone = [change.path for change in changes if change.kind is Kind.REMOVED and pointers.is_test(change.path)]
    if gone:
        made.insert(0, _removed(gone))
    return tuple(made[:MOST_CHOICES])


def _removed(paths: Sequence[str]) -> Question:
    return Question(
        ask=f"The starter's {one_line(paths[0], 100)} is gone. What was wrong with it, and what took its place?",
        holds="What it covered is covered elsewhere, or a reason why it was wrong that somebody else can check.",
        about="a test that was taken away",
    )


def _matches(pattern: re.Pattern[str], line: Line) -> bool:
    # Lines are cut: patterns are ours, and what they run over is not.
    return pointers.is_code(line) and pattern.search(line.text[:400]) is not None


def _is_there(where: str, change: Change) -> bool:
    needs = _NEEDS.search(change.path) is not None
    kinds: Mapping[str, bool] = {
        "source": pointers.is_source(change.path),
        "test": pointers.is_test(change.path),
        "settings": change.path.endswith(".toml") and not needs,
        "needs": needs,
    }
    return kinds[where]


def _strengths(view: View, changes: Sequence[Change]) -> tuple[Question, ...]:
    """Return questions about what held, of the most points and of gates first: whoever wrote it can say why."""
    best = strongest(view)
    templates = _table()["strengths"]
    return tuple(
        Question(
            ask=_filled(str(template["ask"]), outcome, None),
            holds=str(template["holds"]),
            about=outcome.check.id,
            check=outcome.check.id,
            pointers=pointing(outcome, changes),
        )
        for outcome, template in zip(best[:MOST_STRENGTHS], templates, strict=False)
    )


def strongest(view: View) -> tuple[Outcome, ...]:
    """Return the checks that passed, those of gates first, then by points; one of a skill before a second one."""
    gated = {name for gate in view.grading.exercise.gates for name in gate.checks}
    passed = [one for one in view.grading.outcomes if one.status is Status.PASSED and scoring.earned_points(one) > 0]
    passed.sort(key=lambda one: (one.check.id not in gated, -one.check.points))
    first = list({one.check.skill: one for one in reversed(passed)}.values())[::-1]
    return (*first, *(one for one in passed if one not in first))


@functools.cache
def _table() -> Mapping[str, Sequence[Mapping[str, object]]]:
    return tomllib.loads(_TEMPLATES.read_text(encoding="utf-8"))


@functools.cache
def _chosen() -> tuple[_Choice, ...]:
    return tuple(
        _Choice(
            name=str(one["name"]),
            where=str(one["where"]),
            pattern=re.compile(str(one["pattern"])),
            rank=int(str(one["rank"])),
            ask=str(one["ask"]),
            holds=str(one["holds"]),
        )
        for one in _table()["choices"]
    )


def _strings(value: object) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()
