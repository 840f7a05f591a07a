"""The exercise of a workspace that was started from a pack: it travels in the workspace's own ``.harness``.

Such a workspace needs neither the file that was sent nor a catalogue, wherever it is moved; and it is worked on with what
it came with, whatever catalogues there are.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from harness import places
from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.catalogue.manifest import parse_exercise
from harness.errors import SubmissionError, UsageError
from harness.intake import bundle, workspace
from harness.intake.bundle import Bundle
from harness.intake.workspace import Workspace
from harness.model import Exercise, SubmissionFile
from harness.packs import contents, listing, source
from harness.packs.source import Pack


def pack_of(named: str, catalogue: Catalogue) -> Pack | None:
    """Return the pack that somebody means: its file, its folder, or its exercise by id where that is the catalogue here.

    None where ``named`` means an exercise of another catalogue. Raises UsageError when it is a pack that can't be read.
    """
    if source.is_pack(Path(named)):
        return source.read(Path(named))
    if named not in catalogue.ids():
        return None
    folder = catalogue.exercise_dir(named).parent.parent
    return source.read(folder) if os.path.lexists(folder / listing.FILE) else None


def exercise_of(pack: Pack) -> Exercise:
    """Return the exercise in ``pack``. Raises UsageError when it is not the one that the pack says it is of."""
    invitation = pack.invitation
    path = f"exercises/{invitation.exercise_id}/{contents.MANIFEST}"
    content = next((file.content for file in pack.files if file.path == path), None)
    exercise = parse_exercise(content, path) if content is not None else None
    if exercise is None or (exercise.id, exercise.version) != (invitation.exercise_id, invitation.version):
        text = f"{path}: expected {invitation.exercise_id} {invitation.version}, found something else: {listing.AGAIN}"
        raise UsageError(text)
    return exercise


def bundle_of(pack: Pack, language: str | None) -> Bundle:
    """Return what a workspace is laid out with, in ``language``. Raises UsageError for one that the pack does not have."""
    exercise, invitation = exercise_of(pack), pack.invitation
    chosen = bundle.choose_language(exercise, language)
    home = f"exercises/{exercise.id}"
    rendered = _without(pack, "/".join(filter(None, (home, contents.BRIEFS, chosen))))
    starter = _without(pack, "/".join(filter(None, (home, "starter", chosen))))
    if not rendered or not starter:
        text = f"expected brief and starter{f' in {chosen}' if chosen else ''} in the pack, found none: {listing.AGAIN}"
        raise UsageError(text)
    listed = next(file for file in pack.files if file.path == listing.FILE)
    return Bundle(
        exercise=exercise,
        reader=briefs.Reader(alias=invitation.alias, variant=invitation.variant, language=chosen),
        files=tuple(sorted((*rendered, *starter), key=lambda file: file.path)),
        pack=pack.digest,
        kept=(listed, *pack.below(contents.IMAGES), *pack.below(home)),
    )


def catalogue_of(space: Workspace, others: Catalogue) -> Catalogue:
    """Return the catalogue that ``space`` is worked on with: its own pack's, or ``others`` where it came in none.

    Raises SubmissionError when what it came with is gone.
    """
    if not space.pack:
        return others
    folder = _folder(space)
    if not os.path.isdir(folder / "exercises" / space.exercise_id):  # noqa: PTH112 - pathlib raises for what can't be read
        text = (
            f"{folder}: expected the exercise that this workspace was started with, found none: start the pack again in "
            f'another folder, with "harness start FILE", and copy your files over'
        )
        raise SubmissionError(text)
    return Catalogue([folder])


def deliver(space: Workspace) -> str:
    """Return where the company wants what was made, in its words; empty when it did not say, or they were damaged.

    Never raises: it is asked for what is packed already, and whoever was invited knows by whom.
    """
    file = _folder(space) / listing.FILE
    if not space.pack or not os.path.isfile(file):  # noqa: PTH113 - pathlib raises for what can't be read
        return ""
    try:
        return listing.read(places.read(file, listing.MAX_BYTES, refuse=UsageError), str(file)).invitation.deliver
    except UsageError:
        return ""


def _folder(space: Workspace) -> Path:
    return space.root / workspace.FOLDER / workspace.PACK


def _without(pack: Pack, folder: str) -> tuple[SubmissionFile, ...]:
    return tuple(replace(file, path=file.path.removeprefix(f"{folder}/")) for file in pack.below(folder))
