"""A report as Markdown, in sections that can be cut: whatever text a submission put into it stays text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from harness.model import Outcome
from harness.reports import again
from harness.reports.fold import together
from harness.reports.redact import HELD_OUT
from harness.reports.text import WHOLE, clipped, count, number, one_line
from harness.reports.view import Loss, View

Cut = Callable[[int], str]
"""Returns a text of at most so many bytes; empty where nothing fits."""
SUMMARY_BYTES = 1_000_000
"""What a step's summary on GitHub may have, with a margin: 1 MiB, and one that has more is not shown at all."""
_MAX_TEXT = 8000
_ACTIVE = re.compile(
    r"(?P<mark>[\\`*_{}\[\]#|<>~&@$]"  # emphasis, code, links, headings, tables, markup, mentions, mathematics
    r"|:(?=//|[\w+-]+:)|(?<=www)\."  # addresses that become links by themselves, names of pictures
    r"|^[-+=](?=[\s=-]|$))"  # what begins a list or underlines a heading
)
"""What may mean something to a reader of Markdown."""
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
"""What begins a list with numbers."""


def render(view: View) -> str:
    """Return the whole report."""
    return "\n".join(_sections(view))


def within(view: View, most_bytes: int) -> str:
    """Return the sections that fit into ``most_bytes``, the verdict first, and how many did not; empty when none does."""
    sections = _sections(view)
    room = most_bytes - len(_left_out(len(sections)).encode()) - 1
    kept: list[str] = []
    for section in sections:
        room -= len(section.encode()) + 1
        if room < 0:
            break
        kept.append(section)
    if len(kept) == len(sections):
        return "\n".join(kept)
    return "\n".join([*kept, _left_out(len(sections) - len(kept))]) if kept else ""


def text(words: str) -> str:
    """Return words on one line so that a reader of Markdown shows every character as it is."""
    return _NUMBERED.sub(r"\1\\\2", _ACTIVE.sub(r"\\\g<mark>", words.strip()))


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose cells, the heading's too, are shown as they are."""
    head, *lines = ([text(one_line(cell, 600)) for cell in row] for row in (heading, *rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def _left_out(amount: int) -> str:
    return f"_{count(amount, 'section')} left out for want of room: see the report._\n"


def _sections(view: View) -> list[str]:
    """Return the parts of the report, each ended by a line end, what matters most first."""
    parts = [_head(view), _skills(view), *(_loss(n, loss) for n, loss in enumerate(view.losses, start=1))]
    parts += [_owed(view)] if view.owed else []
    parts.append(_about(view))
    return [part for part in parts if part]


def _head(view: View) -> str:
    why = [one_line(line, 2000) for line in view.why]
    lines = [
        f"## {text(one_line(view.grading.name, 120))}: {text(one_line(view.header, 300))}",
        f"**{text(view.verdict)}**",
        *(f"- {text(line)}" for line in (*why, *(one_line(line, 2000) for line in view.beside))),
    ]
    return _paragraphs([lines[0], lines[1], "\n".join(lines[2:])])


def _skills(view: View) -> str:
    if not view.skills:
        return ""
    rows = [(one.name, f"{number(one.earned)} / {number(one.possible)}", one.checks, one.words) for one in view.skills]
    total = (f"{number(view.grading.score.earned)} / {number(view.grading.score.possible)}", "", view.total)
    skills = table(("skill", "points", "checks", "in words"), [*rows, ("total", *total)])
    return _paragraphs(["### Skills", skills])


def _loss(n: int, loss: Loss) -> str:
    outcome = loss.outcome
    notes = "".join(f", {note}" for note in loss.notes)
    told = [f"### {n}. {text(f'{one_line(outcome.check.id, 200)} (-{number(loss.lost)}{notes})')}"]
    told.append(f"{text(one_line(outcome.check.title, WHOLE))}: did not hold.")
    told += [text(line) for line in clipped(loss.said, _MAX_TEXT, "result.json").split("\n") if line.strip()]
    if loss.like is not None:
        told.append(f"{'The rest is as' if loss.said else 'The same as'} in {loss.like}.")
    if loss.evidence:
        told.append(_fenced(clipped("\n".join(loss.evidence), _MAX_TEXT, "result.json")))
    return _paragraphs(told)


def _owed(view: View) -> str:
    told = ["### Inconclusive", text(view.inconclusive)]
    reasons = together((one_line(outcome.feedback, 2000), _owed_name(outcome)) for outcome in view.owed)
    return _paragraphs([*told, "\n".join(f"- {_owed_line(reason, names)}" for reason, names in reasons.items())])


def _owed_name(outcome: Outcome) -> str:
    return "held-out checks" if outcome.check.id.startswith(f"{HELD_OUT}/") else one_line(outcome.check.id, 200)


def _owed_line(reason: str, names: Sequence[str]) -> str:
    same = f"{len(names)} checks, one reason: " if len(names) > 1 else ""
    return text(f"{same}{', '.join(names)}: {reason or 'no reason was recorded'}")


def _about(view: View) -> str:
    facts = (
        ("From", view.sender),
        ("Passed there, failed here", view.claim),
        ("Human items", view.human),
        ("Trust", view.trust),
        ("Weaker than standard", view.posture),
        ("Notes", " ".join(view.grading.notes)),
    )
    lines = [f"- {name}: {text(one_line(said, 2000))}" for name, said in facts if said]
    told = ["### About", "\n".join(lines)] if lines else []
    return _paragraphs([*told, _fenced(again.one_line(view.again))] if view.again else told)


def _fenced(words: str) -> str:
    """Return ``words`` as a block that none of them can end."""
    longest = max(map(len, re.findall(r"`+", words)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{words}\n{fence}"


def _paragraphs(parts: Iterable[str]) -> str:
    return "".join(f"{part}\n\n" for part in parts if part).rstrip("\n") + "\n"
