"""``harness clean``: remove what gradings that ended or died left behind, and nothing that is alive or not ours."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from harness import console, owners
from harness.errors import EngineError, ExitCode, UsageError

if TYPE_CHECKING:
    from harness.engines.base import Engine
    from harness.owners import Owner

_PASSES = 5
_SETTLE_SECONDS = 0.5


def clean(*, all_: bool, dry_run: bool, yes: bool, engine: str | None) -> ExitCode:
    """Reap containers, networks, volumes and scratch of dead owners; with ``all_`` also our images and ``.venv``.

    Raises EngineError, after everything else was cleaned, when no engine answers or something could not be removed.
    """
    if all_ and not dry_run:
        _confirm(yes=yes)
    verb = "would remove" if dry_run else "removed"
    problem: EngineError | None = None
    said: list[str] = []
    try:
        said += [f"{verb} {line}" for line in _on_the_engine(engine, dry_run=dry_run)]
        if all_:
            said += _images(dry_run=dry_run)
    except EngineError as error:
        problem = error
    said += [f"{verb} {line}" for line in owners.reap_scratch(remove=not dry_run)]
    if all_:
        said += [f"{verb} {line}" for line in _environment(checkout(), dry_run=dry_run)]
    for sentence in said:
        console.line(sentence)
    if problem is not None:
        raise problem
    if not said:
        console.line("nothing of ours is left behind")
    return ExitCode.PASSED


def checkout() -> Path | None:
    """Return the checkout this package runs from, None when it is installed."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


def _on_the_engine(name: str | None, *, dry_run: bool) -> list[str]:
    from harness.engines import open_engine

    engine = open_engine(name)
    try:
        if dry_run:
            return [f"{count} things of run {run}" for run, count in sorted(_left(engine).items())]
        return _reaped(engine)
    finally:
        engine.close()


def _left(engine: Engine) -> Counter[str]:
    """Count what each dead run has left, and remove nothing."""
    things: Counter[str] = Counter()

    def look(owner: Owner) -> bool:
        if owners.is_dead(owner):
            things[owner.run] += 1
        return False

    engine.reap(look)
    return things


def _reaped(engine: Engine) -> list[str]:
    """Reap until nothing is left, twice at least: what a killed process asked for last may still be being made."""
    lines = engine.reap(owners.is_dead)
    for _ in range(_PASSES):
        time.sleep(_SETTLE_SECONDS)
        more = engine.reap(owners.is_dead)
        if not more:
            break
        lines += more
    before = _left(engine)
    engine.reap(owners.is_dead)
    # In both: an owner that died this moment is for the next clean, not for an error.
    stuck = before & _left(engine)
    if stuck:
        found = ", ".join(f"{count} of run {run}" for run, count in sorted(stuck.items()))
        text = f"expected everything of ended runs to be gone, found {found}: end what uses it and clean again"
        raise EngineError(text)
    return lines


def _confirm(*, yes: bool) -> None:
    # No variable of the environment says yes: a CI that sets one for its set-up would agree to this as well.
    if yes:
        return
    if not sys.stdin.isatty():
        text = "expected --yes with --all where nobody can be asked: it removes all images of ours and .venv"
        raise UsageError(text)
    sys.stderr.write("Remove all images of ours and .venv? They are made again in minutes. [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        text = "nothing was removed: the answer was not yes"
        raise UsageError(text)


def _images(*, dry_run: bool) -> list[str]:
    from harness.images import manage as images

    if dry_run:
        return [f"would remove image {image.tag}" for image in images.listing() if image.built]
    return images.remove()


def _environment(root: Path | None, *, dry_run: bool) -> list[str]:
    directory = root / ".venv" if root is not None else None
    # Only what a virtual environment's own maker marked as one.
    if directory is None or directory.is_symlink() or not (directory / "pyvenv.cfg").is_file():
        return []
    if not dry_run:
        shutil.rmtree(directory, ignore_errors=True)
    return [f"virtual environment {directory}"]
