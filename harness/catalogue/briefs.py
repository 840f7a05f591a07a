"""Renders an exercise's ``*.md.j2`` for one candidate.

Templates may come with a catalogue from elsewhere, so they run in Jinja2's sandbox; and a brief with a hole in it is
worse than none, so an undefined name is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import droppings, places
from harness.catalogue import bounds, variants
from harness.errors import ExerciseError
from harness.model import Exercise

SUFFIX = ".md.j2"
BRIEF = "brief.md.j2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """For whom a brief is rendered."""

    alias: str
    variant: int
    language: str
    """Empty when the exercise has no languages."""


def render(exercise: Exercise, folder: Path, reader: Reader) -> dict[str, str]:
    """Return file name -> text: ``BRIEF.md`` and every other ``*.md.j2`` at the top of ``folder`` without ``.j2``.

    In scope: ``exercise``, ``parameters`` (knob -> value), ``limits`` (of the candidate's sandbox), ``alias``,
    ``variant``, ``language``. What a gate leaves is ``gate.cap`` when it was seen broken and
    ``exercise.cap_not_shown(gate)`` when it was not shown. Raises ExerciseError on a template that is missing or wrong.
    """
    templates = sorted(path.name for path in folder.glob(f"*{SUFFIX}") if not droppings.is_file(path.name))
    if len(templates) > bounds.TEMPLATES:
        text = f"{folder}: expected at most {bounds.TEMPLATES} templates, found {len(templates)}: join some"
        raise ExerciseError(text)
    if BRIEF not in templates:
        text = f"{folder / BRIEF}: expected the brief, found none: write it"
        raise ExerciseError(text)
    scope: Mapping[str, object] = {
        "exercise": exercise,
        "parameters": variants.parameters(exercise, reader.variant),
        "limits": exercise.main.limits,
        "alias": reader.alias,
        "variant": reader.variant,
        "language": reader.language,
    }
    return {_target(name): _rendered(folder / name, scope) for name in templates}


class _Steps:
    """What loops of one template count through, all together."""

    def __init__(self) -> None:
        self._left = bounds.TEMPLATE_STEPS

    def range(self, *arguments: int) -> range:
        """Return what ``range`` does, while there are steps left. Raises ValueError when there are not."""
        found = range(*arguments)
        self._left -= len(found)
        if self._left < 0:
            text = f"loops over more than {bounds.TEMPLATE_STEPS} numbers"
            raise ValueError(text)
        return found


def _capped(pieces: Iterable[str]) -> str:
    """Return ``pieces`` joined. Raises ValueError when that is more than a brief can be."""
    found: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > bounds.TEMPLATE_CHARACTERS:
            text = f"more than {bounds.TEMPLATE_CHARACTERS} characters"
            raise ValueError(text)
        found.append(piece)
    return "".join(found)


def _target(template: str) -> str:
    return "BRIEF.md" if template == BRIEF else template.removesuffix(".j2")


def _rendered(template: Path, scope: Mapping[str, object]) -> str:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Markdown, read by people: nothing renders it as HTML for us
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    try:
        source = places.read(template, refuse=ExerciseError).decode().replace("\r\n", "\n")
        steps = _Steps()
        return _capped(environment.from_string(source, globals={"range": steps.range}).generate(scope))
    except jinja2.TemplateSyntaxError as error:
        text = f"{template}:{error.lineno}: expected a Jinja2 template, found: {error.message}. Correct that line"
        raise ExerciseError(text) from error
    except (jinja2.TemplateError, OSError, ValueError, TypeError, ArithmeticError, LookupError, MemoryError) as error:
        text = f"{template}: expected a template that renders, found: {error}. Correct it"
        raise ExerciseError(text) from error
