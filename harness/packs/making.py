"""From an exercise, a candidate and wheels to the bytes of a pack. Pure: the same of each gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.catalogue import faults
from harness.catalogue.pair import Pair
from harness.images import recipes
from harness.model import SubmissionFile
from harness.packs import contents, listing, source, zips
from harness.packs.listing import Invitation

START = "START-HERE.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheels:
    """What is to be installed."""

    own: SubmissionFile
    needed: tuple[SubmissionFile, ...]
    """Empty: whoever installs ours needs a package index."""
    system: str = ""
    """For what those are, in words; empty where somebody else chose them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A pack that is not on disk yet."""

    data: bytes
    sha256: str
    digest: str
    """What it is called by, zipped or not."""
    files: tuple[SubmissionFile, ...]
    """By path in the pack."""


def make(pair: Pair, invitation: Invitation, wheels: Wheels, brought: recipes.Folders = ()) -> Made:
    """Return the pack of ``invitation``; ``brought`` are the recipes of catalogues.

    Raises ExerciseError when the exercise is incomplete or says what is hidden.
    """
    files = [
        *contents.build(pair, invitation, brought),
        SubmissionFile(path=START, content=_start_here(pair, invitation, wheels).encode()),
        *(replace(one, path=f"{source.WHEELS}/{one.path}") for one in (wheels.own, *wheels.needed)),
    ]
    listed = listing.write(invitation, files)
    whole = tuple(sorted((*files, listed), key=lambda one: one.path))
    data = zips.write(whole, f"{invitation.exercise_id}-{invitation.alias}")
    return Made(data=data, sha256=hashlib.sha256(data).hexdigest(), digest=listing.digest(listed.content), files=whole)


def _start_here(pair: Pair, invitation: Invitation, wheels: Wheels) -> str:
    """Return what a candidate reads first: ten lines, and what can be made to go wrong meanwhile.

    The wheel is named by its file: no index can put another there.
    """
    exercise = pair.exercise
    languages: Sequence[str] = () if invitation.language else exercise.languages
    choice = f" --language {languages[0]}" if len(languages) > 1 else ""
    others = f"or {', '.join(languages[1:])}; " if len(languages) > 1 else ""
    offline = "--no-index --find-links wheels " if wheels.needed else ""
    tip = "needs a package index, or wheels of your own"
    if wheels.needed:
        tip = f"has wheels for {wheels.system}; elsewhere leave out --no-index" if wheels.system else "needs no network"
    deliver = invitation.deliver or "send it to whoever invited you"
    lines = (
        f"{exercise.title}: {exercise.minutes} minutes, for {invitation.alias}. Nothing leaves your machine by itself.",
        "You need Linux, macOS or WSL 2, Python 3.11 or newer, and Docker or Podman. In the folder of this file:",
        f"  python3 -m venv .venv          (the next line {tip})",
        f"  .venv/bin/python -m pip install {offline}{source.WHEELS}/{wheels.own.path}",
        "  .venv/bin/harness doctor .     says whether it can be done here and what is still to get, before your time runs",
        f"  .venv/bin/harness start .{choice} && cd {invitation.alias}    ({others}read BRIEF.md there)",
        "  ../.venv/bin/harness up        runs your service with everything around it, in your hands; nothing is judged",
        f"    while it is up there, harness fault NAME breaks something for a while: {faults.short(pair)}",
        "  ../.venv/bin/harness check     runs the public checks, in the sandboxes that grading uses; as often as you like",
        "  ../.venv/bin/harness submit    packs what is graded into one file; repeatable, the last one counts",
        f"To hand that file in: {deliver}",
    )
    return "".join(f"{line}\n" for line in lines)
