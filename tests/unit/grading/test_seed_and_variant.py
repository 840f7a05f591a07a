"""The seed of a grading is not the candidate's to know, and the variant not theirs to choose."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.commands.new import new
from harness.errors import ExerciseError
from harness.grading.runner import Task, notes_on, seed_of, take_in
from harness.intake import bundle
from harness.intake.senders import Sender
from harness.intake.submission import pack, read
from harness.reports import FORMATS, Audience, build
from tests.unit.factories import heron

ROOT = Path(__file__).resolve().parents[3]
IDS = Catalogue([ROOT]).ids()


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """A copy of the skeleton that a test may change."""
    for kind in ("exercises", "graders"):
        shutil.copytree(ROOT / kind / "skeleton", tmp_path / kind / "skeleton")
    return Catalogue((tmp_path,))


def change(file: Path, pattern: str, by: str) -> None:
    """Replace the one line of ``file`` that matches."""
    text, count = re.subn(pattern, by, file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("exercise_id", IDS)
def test_seed_of_gradings_is_in_nothing_that_a_candidate_gets(exercise_id: str) -> None:
    """Neither the exercise nor a workspace of any language holds it, and ``check`` has another."""
    catalogue = Catalogue([ROOT])
    exercise, home = catalogue.exercise(exercise_id), catalogue.exercise_dir(exercise_id)
    seed = catalogue.pair(exercise_id).seed
    assert seed != exercise.seed
    got = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    for language in exercise.languages or ("",):
        reader = briefs.Reader(alias="heron", variant=0, language=language)
        got += [file.content for file in bundle.build(exercise, home, reader).files]
    assert not any(str(seed).encode() in content for content in got)


def test_seed_is_the_asked_one_then_the_graders_and_another_in_a_check(catalogue: Catalogue) -> None:
    """A candidate's machine has no grader to look into."""
    pair = catalogue.pair("skeleton")
    assert seed_of(Task(path="x"), pair) == pair.seed != pair.exercise.seed
    assert seed_of(Task(path="x", seed=0), pair) == 0
    shutil.rmtree(catalogue.grader_dir("skeleton"))
    assert seed_of(Task(path="x", mode="check"), catalogue.pair("skeleton", whole=False)) == pair.exercise.seed == 1


def test_company_sets_a_seed_of_its_own(catalogue: Catalogue, tmp_path: Path) -> None:
    """One line in its copy of the grader."""
    change(tmp_path / "graders/skeleton/checks.toml", r"^seed = \d+$", "seed = 77")
    assert catalogue.pair("skeleton").seed == 77


def test_seed_that_candidates_know_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    """The same number in both files would give the answers away; ``validate`` says so too."""
    change(tmp_path / "graders/skeleton/checks.toml", r"^seed = \d+$", "seed = 1")
    with pytest.raises(ExerciseError, match="which candidates can read"):
        catalogue.pair("skeleton")
    with pytest.raises(ExerciseError, match="found 1 in both"):
        catalogue.problems("skeleton")


def test_seed_follows_from_the_graders_files_where_none_is_declared(catalogue: Catalogue, tmp_path: Path) -> None:
    """The same everywhere, another for another grader, and never that of ``check``."""
    checks = tmp_path / "graders/skeleton/checks.toml"
    change(checks, r"^seed = \d+$", "")
    change(tmp_path / "exercises/skeleton/exercise.toml", r"^seed = 1 .*$", "")
    first = catalogue.pair("skeleton").seed
    shutil.copytree(tmp_path / "exercises", tmp_path / "copy/exercises")
    shutil.copytree(tmp_path / "graders", tmp_path / "copy/graders")
    assert Catalogue([tmp_path / "copy"]).pair("skeleton").seed == first
    assert catalogue.exercise("skeleton").seed not in {first, 1}
    assert catalogue.exercise("skeleton").seed == Catalogue([tmp_path / "copy"]).exercise("skeleton").seed
    checks.write_text(checks.read_text(encoding="utf-8") + "\n# ours\n", encoding="utf-8")
    assert Catalogue([tmp_path]).pair("skeleton").seed != first


def test_every_new_exercise_has_a_seed_of_its_own(tmp_path: Path) -> None:
    """Who knows the template must not know the seed."""
    for name in ("one", "two"):
        assert new(name, into=tmp_path) == 0
    made = Catalogue([tmp_path])
    assert len({made.pair("one").seed, made.pair("two").seed, made.exercise("one").seed}) == 3


def test_candidates_report_does_not_tell_the_seed() -> None:
    """In no format; the assessor's tells how to repeat it."""
    grading = dataclasses.replace(heron(), seed=730291445, notes=("a note",), catalogue=("/srv/ours",))
    for name, fmt in FORMATS.items():
        shown = fmt.render(build(grading, Audience.CANDIDATE))
        assert not re.search("730291445|a note|/srv/ours", shown), name
    for name in ("terminal", "json", "junit"):
        assert "730291445" in FORMATS[name].render(build(grading, Audience.ASSESSOR)), name


def packed(catalogue: Catalogue, folder: Path, variant: int) -> str:
    """Pack the reference as one who says that its brief was ``variant``."""
    exercise = catalogue.exercise("skeleton")
    root = ROOT / "graders/skeleton/references/plain"
    made = pack(exercise, read(exercise, root), sender=Sender(alias="heron"), variant=variant, claim={})
    (folder / "heron.tar.gz").write_bytes(made.data)
    return str(folder / "heron.tar.gz")


def test_variant_that_a_submission_claims_is_not_followed_but_said(catalogue: Catalogue, tmp_path: Path) -> None:
    """Whoever grades knows what was given out; the default is 0."""
    path = packed(catalogue, tmp_path, 5)
    taken = take_in(Task(path=path), catalogue)
    assert taken.submission.variant == 0
    assert "says that its brief was variant 5; it was graded as variant 0" in " ".join(taken.notes)
    assert "--variant 5" in " ".join(taken.notes)
    asked = take_in(Task(path=path, variant=5), catalogue)
    assert (asked.submission.variant, asked.notes) == (5, ())
    other = take_in(Task(path=packed(catalogue, tmp_path, 0), variant=2), catalogue)
    assert "variant 0; it was graded as variant 2" in " ".join(other.notes)


def test_plain_folder_claims_nothing(catalogue: Catalogue) -> None:
    """The twin: what says nothing about a variant is not accused of anything."""
    path = str(ROOT / "graders/skeleton/references/plain")
    taken = take_in(Task(path=path, exercise_id="skeleton", variant=3), catalogue)
    assert (taken.submission.variant, notes_on(taken.submission)) == (3, ())


def test_check_follows_the_workspace(catalogue: Catalogue, tmp_path: Path) -> None:
    """A candidate's own run is for the brief that lies beside it."""
    taken = take_in(Task(path=packed(catalogue, tmp_path, 4), mode="check"), catalogue)
    assert (taken.submission.variant, taken.notes) == (4, ())


def test_note_and_variant_stand_in_the_report() -> None:
    """A claim that was not followed is never silent, and the repeated grading is the same."""
    grading = dataclasses.replace(heron(), variant=2, notes=("The submission says this.",))
    text = FORMATS["terminal"].render(build(grading))
    assert "NOTE      The submission says this." in text
    assert "--variant 2" in text
