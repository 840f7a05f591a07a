"""What systems, editors and tools leave behind neither travels nor counts, and what only looks like it does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import droppings
from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.commands.submit import submit
from harness.grading import subjects
from harness.images import recipes
from harness.intake import bundle, folders
from harness.intake.senders import Sender
from harness.intake.submission import load, pack, read
from tests.unit.intake.test_submission import make_workspace

if TYPE_CHECKING:
    from harness.model import Exercise

SERVICE = b'run = ["python3", "solve.py"]\n'
SOLVE = b"print(1)\n"
APPLE_DOUBLE = b"\0\5\26\7\0\2\0\0Mac OS X        \243\260"
FILES = [
    *(".DS_Store", "._solve.py", "._service.toml", "Icon\r", ".localized", "Thumbs.db", "thumbs.DB", "desktop.ini"),
    *("Desktop.ini", "ehthumbs.db", "~$notes.py", "solve.py~", "#solve.py#", ".#solve.py", ".solve.py.swp"),
    *(".solve.py.swo", ".solve.py.kate-swp", ".~lock.notes.py#", ".directory", ".git"),
]
FOLDERS = [
    *("__MACOSX", ".Spotlight-V100", ".Trashes", ".fseventsd", "$RECYCLE.BIN", "System Volume Information", ".idea"),
    *(".vscode", ".vs", "venv", ".venv", "node_modules", "__pycache__", ".git", ".hg", ".svn", ".pytest_cache"),
    *(".mypy_cache", ".ruff_cache", ".tox", ".hypothesis", ".ipynb_checkpoints", ".Trash-1000"),
    *("20261126T174236Z-0a1b2c", ".partial-0123456789abcdef"),
]
HONEST_FILES = [
    *("venv.py", "venv", "node_modules", "~.py", "Thumbs.database", "desktop.init", "__MACOSX.py", "_.py", "a.swp"),
    *(".gitignore", ".gitattributes", ".env", "#1.py", "x#", "icon.py", ".swift", "~x", ".DS_Store.md", "idea"),
]
HONEST_FOLDERS = ["lib", "src", "vendor", "target", "build", "bin", "env", "venvs", "idea", "vscode", "git", "macosx"]
HONEST_FOLDERS += ["results", "20261126T174236Z", "20261126T174236Z-0a1b2c-notes", "20261126", ".partial-work"]


@pytest.fixture
def asks_for_all(catalogue: Catalogue, home: Path) -> Exercise:
    """An exercise that takes whatever is there."""
    file = home / "exercises/tiny/exercise.toml"
    text = file.read_text(encoding="utf-8").replace('"service.toml", "*.py", "README.md"', '"**"')
    file.write_text(text.replace("max_files = 20", "max_files = 200"), encoding="utf-8")
    return catalogue.exercise("tiny")


def strew(root: Path) -> None:
    """Leave one of each kind in ``root`` and in each folder of it."""
    for place in (root, *(path for path in root.rglob("*") if path.is_dir())):
        for name in FILES:
            (place / name).write_bytes(APPLE_DOUBLE)
        for name in set(FOLDERS) - set(FILES):
            (place / name / "deep").mkdir(parents=True)
            (place / name / "deep/x.py").write_bytes(b"x")
            (place / name / "._x.md.j2").write_bytes(APPLE_DOUBLE)


@pytest.mark.parametrize("name", FILES)
def test_files_that_nobody_wrote_are_known(name: str) -> None:
    """By their names, at any depth."""
    assert droppings.is_file(name)
    assert droppings.among([f"src/{name}", "src/x.py"]) == {f"src/{name}"}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_that_nobody_wrote_are_known(name: str) -> None:
    """With all that is in them."""
    assert droppings.is_folder(name)
    assert droppings.among([f"{name}/a/b.py", f"x/{name}/c", "x/c"]) == {f"{name}/a/b.py", f"x/{name}/c"}


def test_honest_files_that_look_alike_are_taken(asks_for_all: Exercise, folder: Path) -> None:
    """A module called ``venv.py`` is somebody's work, and so is a folder called ``env`` that is no environment."""
    for name in HONEST_FILES:
        (folder / "a").mkdir(exist_ok=True)
        (folder / "a" / name).write_bytes(b"x")
    for name in HONEST_FOLDERS:
        (folder / name).mkdir()
        (folder / name / "x.py").write_bytes(b"x")
    contents = folders.read(asks_for_all, folder)
    expected = {f"a/{name}" for name in HONEST_FILES} | {f"{name}/x.py" for name in HONEST_FOLDERS}
    assert {file.path for file in contents.files} == expected | {"service.toml", "solve.py"}
    assert contents.droppings == ()
    assert droppings.among(expected) == frozenset()


def test_solution_with_droppings_is_the_solution_without(asks_for_all: Exercise, folder: Path) -> None:
    """Not one of them travels, even where everything was asked for; each is said."""
    clean = pack(asks_for_all, read(asks_for_all, folder), sender=Sender(alias="heron"), variant=0, claim={})
    (folder / "node_modules_").mkdir()
    strew(folder)
    (folder / "venv_of_mine").mkdir()
    (folder / "venv_of_mine/pyvenv.cfg").touch()
    (folder / "venv_of_mine/x.py").touch()
    packed = pack(asks_for_all, read(asks_for_all, folder), sender=Sender(alias="heron"), variant=0, claim={})
    assert packed.data == clean.data
    said = set(packed.contents.droppings)
    assert {"._solve.py", "__MACOSX/", "venv/", "venv_of_mine/", "node_modules_/.idea/", "Icon\r"} <= said
    assert packed.contents.left_behind == ()


def test_packed_file_with_droppings_is_graded_without(packed: Callable[..., Path], catalogue: Catalogue) -> None:
    """Older packers, and hands, put them in: they are left out, and everything else is as it was listed."""
    files = {"service.toml": SERVICE, "solve.py": SOLVE, "._solve.py": APPLE_DOUBLE, ".#x.py": b""}
    assert [file.path for file in load(packed(own=files), catalogue=catalogue).files] == ["service.toml", "solve.py"]


def test_links_that_tools_make_are_no_refusal(asks_for_all: Exercise, folder: Path) -> None:
    """A lock of Emacs is a link that points nowhere, and ``node_modules`` may be a link; other links stay refused."""
    (folder / ".#solve.py").symlink_to("somebody@somewhere.1234")
    (folder / "node_modules").symlink_to("/usr")
    assert [file.path for file in folders.read(asks_for_all, folder).files] == ["service.toml", "solve.py"]


def test_big_folders_of_tools_are_not_looked_into(
    tiny: Exercise, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of packages has more entries than a submission may; its twin of another name is refused."""
    monkeypatch.setattr(folders, "MAX_ENTRIES", 30)
    for name in ("node_modules", "venv"):
        (folder / name).mkdir()
        for number in range(40):
            (folder / name / f"{number}.py").touch()
    assert len(folders.read(tiny, folder).files) == 2
    (folder / "venv").rename(folder / "vend")
    assert len(list((folder / "vend").iterdir())) == 40
    with pytest.raises(Exception, match="at most 30 entries"):
        folders.read(tiny, folder)


def test_submit_says_what_it_left(catalogue: Catalogue, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was not asked for, and what nobody wrote, with how much is in a folder."""
    make_workspace(folder)
    (folder / "notes.txt").touch()
    (folder / "._solve.py").write_bytes(APPLE_DOUBLE)
    (folder / "venv/lib").mkdir(parents=True)
    for number in range(12):
        (folder / "venv/lib" / f"{number}.py").touch()
    assert submit(folder, out=None, as_json=False, catalogue=catalogue, try_it=False) == 0
    said = capsys.readouterr().out
    assert "left     notes.txt  (not asked for)\n" in said
    assert "left     ._solve.py, venv/ (12 files)  (made by a system, an editor or a tool)\n" in said


def test_count_of_what_was_left_is_exact(tiny: Exercise, folder: Path) -> None:
    """Only so many are named, but all are counted."""
    (folder / "data").mkdir()
    for number in range(folders._LISTED + 7):
        (folder / "data" / f"{number}.txt").touch()
    contents = folders.read(tiny, folder)
    assert (len(contents.left_behind), contents.more_left_behind) == (folders._LISTED, 7)


def test_droppings_in_a_catalogue_change_nothing(catalogue: Catalogue, home: Path, folder: Path) -> None:
    """No digest, no brief, no workspace, no grader and no known submission: a record stays as current as it was."""
    exercise, exercise_dir, grader_dir = catalogue.exercise("tiny"), home / "exercises/tiny", home / "graders/tiny"
    reader = briefs.Reader(alias="heron", variant=0, language="")

    def seen() -> object:
        catalogue = Catalogue([home])
        pair = catalogue.pair("tiny")
        return (
            pair.digests,
            catalogue.ids(),
            pair.tests(),
            bundle.build(exercise, exercise_dir, reader).files,
            [one.name for one in subjects.all_of(pair)],
            load(folder, catalogue=catalogue, exercise_id="tiny").sha256,
        )

    (grader_dir / "test_more.py").write_text("", encoding="utf-8")
    before = seen()
    for place in (home, exercise_dir, grader_dir, folder):
        (place / "._test_x.py").write_bytes(APPLE_DOUBLE)
        (place / ".#x").symlink_to("nowhere")
    strew(exercise_dir)
    strew(grader_dir)
    (exercise_dir / "._brief.md.j2").write_bytes(APPLE_DOUBLE)
    (grader_dir / "references/__MACOSX").mkdir(exist_ok=True)
    assert seen() == before
    (exercise_dir / "starter/new.py").touch()
    assert seen() != before


def test_known_submission_is_laid_out_without_droppings(catalogue: Catalogue, home: Path, tmp_path: Path) -> None:
    """A link of an editor would stop the copy, a virtual environment would make it slow."""
    reference = next(one for one in subjects.all_of(catalogue.pair("tiny")) if one.kind == "reference")
    (reference.source / ".#solve.py").symlink_to("nowhere")
    (reference.source / "venv").mkdir()
    reference.lay_out(tmp_path / "there")
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["service.toml", "solve.py"]


def test_droppings_do_not_rebuild_images(tmp_path: Path) -> None:
    """The identity of an image is part of every row of a record."""
    shutil.copytree(recipes.directory(), tmp_path / "docker")
    before = recipes._load(tmp_path / "docker", "base").digest
    (tmp_path / "docker/base/.Dockerfile.swp").touch()
    (tmp_path / "docker/base/._Dockerfile").touch()
    recipes._load.cache_clear()
    assert recipes._load(tmp_path / "docker", "base").digest == before
    (tmp_path / "docker/base/more").touch()
    recipes._load.cache_clear()
    assert recipes._load(tmp_path / "docker", "base").digest != before
