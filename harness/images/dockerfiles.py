"""What a recipe of a catalogue must keep to, so that what is built from it can be published and put in a sandbox.

A build may see this machine's CA bundle and mirrors, in ``company/`` of its context. Ours are flattened by hand and
tested; of a catalogue's, this much is seen from the Dockerfile before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness import wording
from harness.errors import ExerciseError

Stage = list[tuple[int, str, str]]
"""Its instructions: line, word, rest."""
_WORK = re.compile(r"""["']?harness\.stage["']?[= ]["']?work["']?""")
_DECIDED_BY_US = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK", "ONBUILD", "VOLUME"})
"""What runs in a sandbox, and what it may write to, is decided by the harness."""
_SETTINGS = re.compile(r"(?:\./|/)*(?:company(?:/.*)?|\.|.*[*?\[$].*)/?")
"""Sources of a COPY that take the company's settings along, or may."""
_COPIED_ON = re.compile(r"/*company(?:/.*)?")
"""The same of a COPY from a stage before, where all that it made is what is wanted."""


def hold(text: str, where: Path) -> None:
    """Raise ExerciseError with everything in the Dockerfile ``text`` that a catalogue's recipe must not have."""
    found = list(_problems(text))
    if found:
        raise wording.refusal(ExerciseError, str(where), found)


def _problems(text: str) -> Iterator[str]:
    stages = _stages(text)
    if not stages:
        yield "expected a FROM, found none: add it"
        return
    *works, last = stages
    for stage in works:
        if not any(word == "LABEL" and _WORK.search(rest) for _, word, rest in stage):
            number, _, rest = stage[0]
            yield (
                f"line {number}: expected LABEL harness.stage=work in the stage FROM {rest}, found none: add it, so that "
                "the stage is removed after the build"
            )
    number, _, rest = last[0]
    source = next((word for word in rest.split() if not word.startswith("--")), "")
    if source.lower() in _called(works):
        yield (
            f"line {number}: expected the last stage to start afresh, found that it goes on from {source}: write "
            "FROM scratch and COPY --from, so that no layer holds this machine's settings"
        )
    for line, word, rest in last[1:]:
        if word in {"ADD", "COPY"} and _takes_settings(rest):
            yield (
                f"line {line}: expected company/ in work stages only, found {word} {wording.quoted(rest)} in the last one: "
                "copy it in a stage before, and take what that one made with COPY --from"
            )
        if word in _DECIDED_BY_US:
            yield f"line {line}: expected no {word}, found one: name the command in exercise.toml instead"


def _called(works: Iterable[Stage]) -> set[str]:
    """Return what stages before the last one are called by: their names, and their numbers."""
    found = set()
    for number, ((_, _, rest), *_) in enumerate(works):
        _, as_, name = rest.lower().rpartition(" as ")
        found |= {str(number), *([name.strip()] if as_ else [])}
    return found


def _takes_settings(rest: str) -> bool:
    words = rest.split()
    flags = [word for word in words if word.startswith("--")]
    places = " ".join(word for word in words if not word.startswith("--"))
    # Of a list in JSON, or of words: the last one is where it goes.
    *sources, _ = re.findall(r'"([^"]*)"', places) if places.startswith("[") else places.split() or [""]
    pattern = _COPIED_ON if any(flag.startswith("--from=") for flag in flags) else _SETTINGS
    return any(pattern.fullmatch(source) for source in sources)


def _stages(text: str) -> list[Stage]:
    """Return the stages. What stands before the first FROM is in none."""
    stages: list[Stage] = []
    for number, line in _lines(text):
        word, *others = line.split(None, 1)
        rest = others[0] if others else ""
        if word.upper() == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((number, word.upper(), rest.strip()))
    return stages


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield instructions with the lines they begin in; lines that go on are joined, comments left out."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        begun = begun or number
        parts.append(stripped.removesuffix("\\").strip())
        if not stripped.endswith("\\"):
            yield begun, " ".join(parts)
            begun, parts = 0, []
    if parts:
        yield begun, " ".join(parts)
