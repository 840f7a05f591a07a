"""What a pack holds of an exercise, by an allow-list: nothing of a grader or of another variant can slip in.

The list: ``exercise.toml`` with the values of one variant, the briefs and the provider's documents rendered for it,
starters, public checks, what ``harness up`` needs to know, the yardstick and the environment; and recipes of images that
its catalogue brings, where it needs them. Templates stay behind: they have the words of every variant.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from harness.catalogue import briefs, variants
from harness.catalogue.pair import Pair, read_folder
from harness.errors import ExerciseError, HarnessError
from harness.images import recipes
from harness.model import Exercise, SubmissionFile
from harness.packs import listing, record
from harness.packs.listing import Invitation

FOLDERS = ("checks", "environment", "yardstick")
"""Folders of an exercise that travel as they are."""
BRIEFS = "briefs"
"""Folder of a pack's exercise with what was rendered, one for each language."""
IMAGES = "docker"
MANIFEST = "exercise.toml"


def build(pair: Pair, invitation: Invitation, brought: recipes.Folders = ()) -> tuple[SubmissionFile, ...]:
    """Return what a pack holds of an exercise, below ``exercises/ID`` and ``docker``, by path.

    ``brought`` are the folders of recipes that catalogues bring; ours travel in our wheel. ``pair`` is whole, so that what
    is hidden can be looked for. Raises ExerciseError when a starter or a brief is missing, when a file for candidates says
    the id of a hidden check, or when the company's own record, or a pack, was put where candidates' files are.
    """
    exercise = pair.exercise
    languages = (invitation.language,) if invitation.language else exercise.languages or ("",)
    found = [_manifest(pair, invitation)]
    for language in languages:
        found += _rendered(pair, invitation, language)
        found += _starter(pair, language)
    found += pair.script()
    for folder in FOLDERS:
        found += [replace(file, path=f"{folder}/{file.path}") for file in pair.below(folder)]
    home = f"exercises/{exercise.id}"
    whole = [*(replace(one, path=f"{home}/{one.path}") for one in found), *_images(pair, invitation, brought)]
    _expect_nothing_hidden(pair, whole)
    _expect_nothing_of_others(whole)
    return tuple(sorted(whole, key=lambda one: one.path))


def given(exercise: Exercise, invitation: Invitation) -> Exercise:
    """Return ``exercise`` as who is invited may know it: the values of one variant, the languages that are asked for."""
    values = variants.parameters(exercise, invitation.variant)
    return replace(
        exercise,
        parameters={knob: (value,) for knob, value in values.items()},
        languages=(invitation.language,) if invitation.language else exercise.languages,
    )


def _manifest(pair: Pair, invitation: Invitation) -> SubmissionFile:
    """Return ``exercise.toml`` written anew: its comments may speak of other variants, and its lists do."""
    import tomlkit

    from harness.catalogue.manifest import parse_exercise

    source = next(file for file in pair.files if file.path == MANIFEST)
    document = tomllib.loads(source.content.decode("utf-8-sig"))
    wanted = given(pair.exercise, invitation)
    document["languages"] = list(wanted.languages)
    if wanted.parameters:
        document["parameters"] = {knob: list(values) for knob, values in wanted.parameters.items()}
    content = tomlkit.dumps(document).encode()
    if parse_exercise(content, MANIFEST) != wanted:
        text = f"{pair.home / MANIFEST}: expected to write it anew, found that it then says something else: report this"
        raise HarnessError(text)
    return SubmissionFile(path=MANIFEST, content=content)


def _rendered(pair: Pair, invitation: Invitation, language: str) -> Iterator[SubmissionFile]:
    reader = briefs.Reader(alias=invitation.alias, variant=invitation.variant, language=language)
    for name, text in briefs.render(pair.exercise, pair.home, reader).items():
        yield SubmissionFile(path="/".join(filter(None, (BRIEFS, language, name))), content=text.encode())


def _starter(pair: Pair, language: str) -> list[SubmissionFile]:
    place = f"starter/{language}" if language else "starter"
    files = pair.starter(language)
    if not files:
        text = f"{pair.home / place}: expected the starter, found none: add it, or take the language out of {MANIFEST}"
        raise ExerciseError(text)
    return [replace(file, path=f"{place}/{file.path}") for file in files]


def _images(pair: Pair, invitation: Invitation, brought: recipes.Folders) -> Iterator[SubmissionFile]:
    """Yield the recipes of what the exercise runs in, and of what that is built from, as far as they are not ours."""
    given_ = given(pair.exercise, invitation)
    wanted = {one.image for one in given_.sandboxes if one.image != "language"} | set(given_.languages)
    for name in recipes.closure(sorted(wanted), brought):
        if (recipes.directory() / name).is_dir():
            continue
        home = next(folder / name for folder in brought if (folder / name).is_dir())
        yield from (replace(file, path=f"{IMAGES}/{name}/{file.path}") for file in read_folder(home))


def _expect_nothing_hidden(pair: Pair, files: Iterable[SubmissionFile]) -> None:
    """Raise ExerciseError when an author wrote the id of a hidden check where candidates read."""
    # An id that is a part of a longer word is another one.
    ids = [
        (check.id, re.compile(rb"(?<![\w/-])" + re.escape(check.id.encode()) + rb"(?![\w/-])")) for check in pair.hidden
    ]
    for file in files:
        for name, pattern in ids:
            if pattern.search(file.content):
                text = (
                    f"{file.path}: expected nothing of the grader in what candidates get, found the id of a hidden check "
                    f"({name}): remove it from what that is made of in {pair.home}"
                )
                raise ExerciseError(text)


def _expect_nothing_of_others(files: Iterable[SubmissionFile]) -> None:
    """Raise ExerciseError for what tells one candidate of the others: a pack, or the record, beside which the secret is."""
    for file in files:
        if what := _of_others(file):
            text = (
                f"{file.path}: expected nothing of other candidates in what one of them gets, found {what}: move it out of "
                "the exercise, with all that lies beside it"
            )
            raise ExerciseError(text)


def _of_others(file: SubmissionFile) -> str:
    """Return in words what a file is that no candidate may have; empty when it is none."""
    name = file.path.rpartition("/")[2]
    # Names stand in a zip as they are, whatever is compressed.
    if name == listing.FILE or (file.content.startswith(b"PK") and listing.FILE.encode() in file.content):
        return "a pack"
    return "the record of packs" if name == record.FILE and record.parsed(file.content).given else ""
