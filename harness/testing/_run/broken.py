"""Checks that can't be run at all: the mistake of their author, with file, line and text of the error.

A candidate's bytes are not here: the files are ours, and they are read before anything of a submission is asked. So
such a mistake is never inconclusive, and running the check again does not help.
"""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import pytest

from harness.testing.text import line

MAX_PROBLEMS = 10
_TEXT_CHARS = 500
_OF_FUNCTION = re.compile(r"::(\w+): ")


def syntax_errors(root: Path, exercise: str) -> list[str]:
    """Return a sentence for each file below ``root`` that is no Python.

    Asked for only when something went wrong: pytest tells the first such file alone, and not always its line.
    """
    found = []
    for path in sorted(root.rglob("*.py")):
        try:
            compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            found.append(_sentence(name_of(path, root, exercise), _line_of(error, path), error))
    return found


def problem(error: BaseException, where: str, root: Path, exercise: str) -> str:
    """Return a sentence for an exception while tests were collected; ``where`` is used when no file of ours raised it."""
    cause = error.__cause__ if isinstance(error, pytest.Collector.CollectError | _conftest_failure()) else None
    real = cause or error
    frames = [one for one in traceback.extract_tb(real.__traceback__) if Path(one.filename).is_relative_to(root)]
    if isinstance(real, SyntaxError) and real.filename and Path(real.filename).is_relative_to(root):
        return _sentence(name_of(Path(real.filename), root, exercise), real.lineno, real)
    if frames:
        return _sentence(name_of(Path(frames[-1].filename), root, exercise), frames[-1].lineno, real)
    path = root / where.partition("::")[0]
    told = _sentence(name_of(path, root, exercise), _line_of_function(path, str(real)), real)
    return told.replace(f"{root}/", "")


def fixture_problems(items: list[pytest.Item], root: Path, exercise: str) -> list[str]:
    """Return a sentence for each test that asks for a fixture that nobody has."""
    found = []
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        known = item._fixtureinfo.name2fixturedefs  # noqa: SLF001 - pytest tells it only when the test is set up
        given = getattr(getattr(item, "callspec", None), "params", {})
        missing = [name for name in item.fixturenames if name not in known and name not in {*given, "request"}]
        if missing:
            _, number, _ = item.reportinfo()
            where = f"{name_of(item.path, root, exercise)}, line {(number or 0) + 1}"
            names = ", ".join(repr(name) for name in missing)
            found.append(f"{where}: {item.name} needs the fixture {names}, and there is none of that name")
    return found


def name_of(path: Path, root: Path, exercise: str) -> str:
    """Return where an author finds a file of the grader: public checks and hidden ones lie in different folders."""
    try:
        relative = path.relative_to(root)
    except ValueError:
        return path.name
    if relative.parts[:1] == ("hidden",):
        return Path("graders", exercise, *relative.parts[1:]).as_posix()
    return Path("exercises", exercise, "checks", *relative.parts).as_posix()


def _conftest_failure() -> type[BaseException]:
    from _pytest.config import ConftestImportFailure

    return ConftestImportFailure


def _sentence(name: str, number: int | None, error: BaseException) -> str:
    where = f"{name}, line {number}" if number else name
    if isinstance(error, SyntaxError):
        code = f" in {line((error.text or '').strip(), 120)!r}" if error.text and error.text.strip() else ""
        return f"{where}: {type(error).__name__}: {line(error.msg, _TEXT_CHARS)}{code}"
    if isinstance(error, pytest.Collector.CollectError | pytest.fail.Exception):
        return f"{where}: {line(str(error), _TEXT_CHARS)}"
    text = "".join(traceback.format_exception_only(error)).strip()
    return f"{where}: {line(text, _TEXT_CHARS)}"


def _line_of(error: BaseException, path: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.lineno:
        return error.lineno
    before, nul, _ = path.read_bytes().partition(b"\0")
    return before.count(b"\n") + 1 if nul else None


def _line_of_function(path: Path, text: str) -> int | None:
    """Return the line of the test that ``text`` is about, where pytest names it without one."""
    named = _OF_FUNCTION.search(text)
    if named is None or not path.is_file():
        return None
    for number, content in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if re.match(rf"\s*(?:async\s+)?def {re.escape(named[1])}\b", content):
            return number
    return None
