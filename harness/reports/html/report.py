"""The page of one grading, for an assessor: what to think of it in business words, why, and what to ask next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness import scoring
from harness.model import Gate, GateHit, GateState, Grading, Measure, Outcome, Status
from harness.patches import Change, Hunk
from harness.reports import again, interview, pointers, sequence, words
from harness.reports.fold import together
from harness.reports.html import drawn, pages
from harness.reports.pointers import Pointer
from harness.reports.sequence import Story
from harness.reports.text import number, one_line
from harness.reports.view import Loss, View

TEMPLATE = "report.html.j2"
_STRENGTHS = 3
_MOST_LINES = 4000
"""Lines of the diff that a page shows; the rest is in the file beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateRow:
    """One gate of the exercise, and how it came out."""

    gate: Gate
    kind: str
    """Of its mark: see ``macros.html.j2``."""
    state: str
    words: str
    """What follows from that."""
    gaps: tuple[int, ...]
    """Numbers of the gaps that closed it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """One check that lost points or closed a gate, with all there is to see."""

    n: int
    loss: Loss
    story: Story | None
    picture: drawn.Picture | None
    pointers: tuple[Pointer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One changed file, as far as it is shown."""

    n: int
    change: Change
    hunks: tuple[Hunk, ...]
    left_out: int
    """Lines that are not shown."""


def render(view: View, changes: Sequence[Change] = ()) -> str:
    """Return the page; ``changes`` are what the submission changed of its starter, where that is known."""
    gaps = _gaps(view, changes)
    files = _files(changes)
    anchors = _anchors(files)
    title = f"{one_line(view.grading.name, 80) or 'a submission'}: {view.grading.verdict}"
    scope: Mapping[str, object] = {
        "view": view,
        "grading": view.grading,
        "heading": one_line(view.grading.name, 120) or "a submission without a name",
        "gates": _gates(view),
        "chart": drawn.timeline(view.grading.timeline, _moments(gaps)),
        "hero": _smallest(gaps),
        "gaps": gaps,
        "strengths": interview.strongest(view)[:_STRENGTHS],
        "questions": interview.questions(view, changes),
        "undecided": _undecided(view),
        "nothing_decided": all(one.status is Status.INCONCLUSIVE for one in view.grading.outcomes),
        "checks": sorted(view.grading.outcomes, key=lambda one: _order(view.grading, one)),
        "earned": scoring.earned_points,
        "measured": _measured,
        "files": files,
        "place": lambda pointer: anchors.get((pointer.path, pointer.line), ""),
        "command": again.lines(view.again, rest="    "),
    }
    return pages.render(TEMPLATE, title=title, scope=scope)


def _undecided(view: View) -> tuple[tuple[str, tuple[Outcome, ...]], ...]:
    """Return each reason for which checks are inconclusive, and which: one reason is said once."""
    found = {one.check.id: one for one in view.owed}
    reasons = together((one.detail or one.feedback or "no reason was recorded", one.check.id) for one in view.owed)
    return tuple((reason, tuple(found[name] for name in ids)) for reason, ids in reasons.items())


def _gaps(view: View, changes: Sequence[Change]) -> tuple[Gap, ...]:
    made = []
    for n, loss in enumerate(view.losses, start=1):
        story = sequence.read(loss.evidence, loss.outcome.feedback)
        made.append(
            Gap(
                n=n,
                loss=loss,
                story=story,
                picture=drawn.sequence(story) if story else None,
                pointers=interview.pointing(loss.outcome, changes),
            )
        )
    return tuple(made)


def _smallest(gaps: Iterable[Gap]) -> Gap | None:
    """Return the gap with the shortest story, of those that decide most."""
    told = [gap for gap in gaps if gap.story]
    cap = told[0].loss.cap if told else None
    first = [gap for gap in told if cap in {None, gap.loss.cap}]
    return min(first, key=lambda gap: (_left_out(gap), len(gap.story.steps) if gap.story else 0), default=None)


def _left_out(gap: Gap) -> bool:
    return gap.story is not None and any(step.kind is sequence.Kind.GAP for step in gap.story.steps)


def _moments(gaps: Iterable[Gap]) -> list[tuple[int, str, float, float]]:
    """Return when the stories of gaps happened."""
    found = []
    for gap in gaps:
        times = [float(step.seconds) for step in gap.story.steps if step.seconds] if gap.story else []
        if times:
            found.append((gap.n, gap.loss.outcome.check.id, min(times), max(times)))
    return found


def _gates(view: View) -> tuple[GateRow, ...]:
    """Return every gate, closed ones first as the score has them."""
    grading = view.grading
    hits = {hit.gate.id: hit for hit in grading.score.gates}
    closed = [_closed(hit, view) for hit in grading.score.gates]
    open_ = [_open(gate, grading) for gate in grading.exercise.gates if gate.id not in hits]
    return (*closed, *open_) if grading.outcomes else ()


def _closed(hit: GateHit, view: View) -> GateRow:
    numbers = tuple(
        n for n, loss in enumerate(view.losses, start=1) if loss.outcome.check.id in {*hit.checks, *hit.unshown}
    )
    seen = hit.state is GateState.BROKEN
    applies = view.grading.score.gates[0].cap
    cap, source = number(hit.cap), words.cap_from(hit)
    if hit.cap > applies:
        effect = f"cap {cap}, {source}; of several the lowest applies, {number(applies)}"
    elif hit.without > hit.cap:
        effect = f"caps the total at {cap}, {source}"
    else:
        effect = f"cap {cap}, {source}; the total does not reach it"
    return GateRow(gate=hit.gate, kind="bad" if seen else "none", state=str(hit.state), words=effect, gaps=numbers)


def _open(gate: Gate, grading: Grading) -> GateRow:
    mine = [one for one in grading.outcomes if one.check.id in gate.checks]
    if all(one.status is Status.PASSED for one in mine):
        return GateRow(gate=gate, kind="good", state="earned", words="every check of it passed", gaps=())
    effect = f"our evidence is missing: it could still cap the total at {number(grading.exercise.cap_not_shown(gate))}"
    return GateRow(gate=gate, kind="unsure", state="not decided", words=effect, gaps=())


def _order(grading: Grading, outcome: Outcome) -> int:
    """Return where the skill of a check stands: checks are listed by skill, in the order they were made otherwise."""
    skills = list(grading.score.by_skill)
    return skills.index(outcome.check.skill) if outcome.check.skill in skills else len(skills)


def _measured(one: Measure) -> str:
    """Return a value beside its limit, as people say it."""
    unit = f" {one.unit}" if one.unit else ""
    side = "at most" if one.better == "less" else "at least"
    return f"{one.name}: {_digits(one.value)}{unit}, {side} {_digits(one.limit)}{unit} is wanted"


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004 - digits that matter


def _files(changes: Sequence[Change]) -> tuple[File, ...]:
    """Return changed files: program text first, then tests, then the rest; each with as much as there is room for."""
    order = sorted(
        changes, key=lambda one: (not pointers.is_source(one.path), not pointers.is_test(one.path), one.path)
    )
    room = _MOST_LINES
    files = []
    for n, change in enumerate(order, start=1):
        shown: list[Hunk] = []
        for hunk in change.hunks:
            if len(hunk.lines) > room:
                break
            room -= len(hunk.lines)
            shown.append(hunk)
        left_out = sum(len(hunk.lines) for hunk in change.hunks[len(shown) :])
        files.append(File(n=n, change=change, hunks=tuple(shown), left_out=left_out))
    return tuple(files)


def _anchors(files: Iterable[File]) -> Mapping[tuple[str, int], str]:
    """Return where in the page a new line of a file is."""
    return {
        (file.change.path, line.new): f"f{file.n}-{line.new}"
        for file in files
        for hunk in file.hunks
        for line in hunk.lines
        if line.new is not None
    }
