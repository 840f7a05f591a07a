"""Lines of evidence read as a sequence: who did what to whom, and when.

Evidence is lines of a check's diary (``harness.testing.diary``), each with its time and a sentence whose first words say
who acts: the client, the service, the database, or whatever the exercise has upstream of the service. What reads
otherwise (what a program printed, say) is no sequence, and is shown as lines.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

CLIENT, SERVICE, DATABASE = "client", "service", "database"
_UPSTREAM = "upstream"
_MOST_LANES = 6
_FEWEST_STEPS = 2
_LINE = re.compile(r"\s*(\d{1,6}\.\d{1,3}) s +(\S.*)")
_LEFT_OUT = re.compile(r"\s+\.\.\. (\d+) more")
_NO_LANE = frozenset({"only", "same", "first", "last", "next", "other", "whole", "news", "files", "kill"})
"""Words after ``the`` that are no party."""


class Kind(enum.StrEnum):
    """What a step is."""

    CALL = "call"
    """One asks another."""
    ANSWER = "answer"
    """One answers another."""
    STATE = "state"
    """Something happens to one of them, or it says something of itself."""
    DOWN = "down"
    """One stops working."""
    UP = "up"
    """One works again."""
    GAP = "gap"
    """Steps are left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One line."""

    seconds: str
    """When, as the line says it; empty for a gap."""
    kind: Kind
    source: str
    """Who acts; empty when that is nobody of them."""
    target: str
    """To whom; the same as ``source`` where it is to nobody."""
    text: str
    """What is said, whole."""
    label: str
    """What is said, without what the picture shows."""
    lost: bool = False
    """It did not arrive, or what it brought about never came back."""
    named: bool = False
    """What was found names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """Steps in order."""

    lanes: tuple[str, ...]
    """Who takes part: the client first, whatever is upstream last."""
    steps: tuple[Step, ...]


_Rule = tuple[re.Pattern[str], Kind, str, str]
_ME = "(?:the|your) service"
_RULES: Sequence[_Rule] = tuple(
    (re.compile(pattern), kind, source, target)
    for pattern, kind, source, target in (
        (r"client sends (?P<what>.+)", Kind.CALL, CLIENT, SERVICE),
        (rf"{_ME} answers (?P<what>.+)", Kind.ANSWER, SERVICE, CLIENT),
        (rf"{_ME} (?P<what>asks for .+)", Kind.CALL, SERVICE, _UPSTREAM),
        (rf"{_ME} (?P<what>is held (?:before|after|at) .+)", Kind.CALL, SERVICE, DATABASE),
        (r"(?P<what>webhook .+)", Kind.CALL, _UPSTREAM, SERVICE),
        (r"(?P<what>the only news of .+)", Kind.STATE, _UPSTREAM, _UPSTREAM),
        (rf"{_ME} (?P<what>is (?:killed|stopped|frozen|paused)\b.*)", Kind.DOWN, SERVICE, SERVICE),
        (rf"{_ME} (?P<what>is (?:ready|back|well)\b.*)", Kind.UP, SERVICE, SERVICE),
        (rf"(?:{_ME} )?(?P<what>(?:the files that )?{_ME} wrote .+)", Kind.STATE, SERVICE, SERVICE),
        (rf"{_ME} (?P<what>.+)", Kind.STATE, SERVICE, SERVICE),
        (
            r"the (?P<who>[a-z][a-z-]{1,19}) (?P<what>is (?:killed|stopped|away|down|unwell|cut off)\b.*)",
            Kind.DOWN,
            "",
            "",
        ),
        (r"the (?P<who>[a-z][a-z-]{1,19}) (?P<what>is (?:back|well|ready|up)\b.*)", Kind.UP, "", ""),
        (r"the (?P<who>[a-z][a-z-]{1,19}) (?P<what>has received .+)", Kind.CALL, SERVICE, ""),
        (r"the (?P<who>[a-z][a-z-]{1,19}) (?P<what>(?:is|has|will|answers again) .+)", Kind.STATE, "", ""),
        (r"the (?P<who>[a-z][a-z-]{1,19})'s (?P<what>.+)", Kind.STATE, "", ""),
        (r"the (?P<who>[a-z][a-z-]{1,19}) (?P<what>[a-z]+s\b.*)", Kind.CALL, SERVICE, ""),
    )
)
_LOST = re.compile(
    r"\bno answer\b|\bnever answers\b|\bis cut\b|\bcut off\b|\bholds its answer\b|\bis held\b|\bnot at all\b"
)


def read(evidence: Sequence[str], finding: str = "") -> Story | None:
    """Return the story that lines of evidence tell, or None when they tell none. ``finding`` is what was made of them."""
    steps: list[Step] = []
    for line in evidence:
        left_out = _LEFT_OUT.fullmatch(line)
        found = _LINE.fullmatch(line)
        if left_out:
            steps.append(_gap(f"{left_out[1]} more steps"))
        elif found:
            steps.append(_step(found[1], found[2], finding))
        else:
            return None
    if sum(step.kind is not Kind.GAP for step in steps) < _FEWEST_STEPS:
        return None
    return _placed(steps)


def _gap(text: str) -> Step:
    return Step(seconds="", kind=Kind.GAP, source="", target="", text=text, label=text)


def _step(seconds: str, text: str, finding: str) -> Step:
    for pattern, kind, source, target in _RULES:
        found = pattern.fullmatch(text)
        who = (found.groupdict().get("who") or "") if found else ""
        if found is None or who in _NO_LANE:
            continue
        return Step(
            seconds=seconds,
            kind=kind,
            source=source or who,
            target=target or who,
            text=text,
            label=found["what"],
            lost=_LOST.search(text) is not None,
            named=_is_named(seconds, text, finding),
        )
    return Step(seconds=seconds, kind=Kind.STATE, source="", target="", text=text, label=text)


def _is_named(seconds: str, text: str, finding: str) -> bool:
    """Whether a finding speaks of this step: it has its time, and a name or the word for it."""
    around = {piece for piece in re.split(r"[;:,.]\s", finding) if f"{seconds} s" in piece}
    return any(word in piece for piece in around for word in re.findall(r"[\w-]{5,}", text))


def _placed(steps: Sequence[Step]) -> Story:
    """Return steps with their lanes; what is upstream has its own name where a line says it."""
    own = {CLIENT, SERVICE, DATABASE, _UPSTREAM, ""}
    others = dict.fromkeys(one for step in steps for one in (step.source, step.target) if one not in own)
    upstream = next(iter(others), _UPSTREAM)
    named = {_UPSTREAM: upstream}
    used = {named.get(one, one) for step in steps for one in (step.source, step.target)}
    rest = [one for one in (upstream, *others) if one in used]
    order = tuple(dict.fromkeys(one for one in (CLIENT, SERVICE, DATABASE, *rest) if one in used))[:_MOST_LANES]
    return Story(lanes=order, steps=tuple(_moved(step, named, order) for step in steps))


def _moved(step: Step, named: dict[str, str], lanes: Sequence[str]) -> Step:
    source, target = named.get(step.source, step.source), named.get(step.target, step.target)
    if source not in lanes or target not in lanes:
        source = target = ""
    return Step(
        seconds=step.seconds,
        kind=step.kind if source or step.kind is Kind.GAP else Kind.STATE,
        source=source,
        target=target,
        text=step.text,
        label=step.label if source else step.text,
        lost=step.lost,
        named=step.named,
    )
