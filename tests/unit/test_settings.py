"""Settings and catalogues: who may name them, and that whoever is graded may not."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import settings
from harness.catalogue.finder import Catalogue
from harness.cli import cli
from harness.commands.new import skeleton
from harness.errors import ExerciseError, UsageError

ROOT = Path(__file__).resolve().parents[2]


def make(root: Path, *exercise_ids: str, parts: tuple[str, ...] = ("exercise", "grader")) -> Path:
    """Make a catalogue at ``root``."""
    for exercise_id in exercise_ids:
        for part in parts:
            for path, content in skeleton(part, exercise_id):
                file = root / f"{part}s" / exercise_id / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
    return root


def written(folder: Path, text: str = 'catalogue = ["evil"]\n') -> Path:
    """Write a ``harness.toml`` into ``folder``, and the catalogue that it names beside it."""
    make(folder / "evil", "skeleton")
    (folder / settings.FILE).write_text(text, encoding="utf-8")
    return folder / settings.FILE


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., settings.Settings]:
    """Load settings in a folder for the grading of some paths, as typed there."""

    def call(here: Path, *graded: str, catalogue: tuple[str, ...] = (), **environment: str) -> settings.Settings:
        monkeypatch.chdir(here)
        flags = tuple(map(Path, catalogue))
        return settings.load(catalogue=flags, environment=environment, graded=graded)

    return call


Load = Callable[..., settings.Settings]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An assessor's folder with two submissions that were unpacked in it."""
    for name in ("heron", "otter"):
        (tmp_path / "assess/inbox" / name / "src").mkdir(parents=True)
    return tmp_path / "assess/inbox"


@pytest.mark.parametrize(
    ("file", "here", "graded"),
    [
        ("heron", "heron", ["."]),
        ("heron", "heron", ["../heron"]),
        ("heron", "heron/src", [".."]),
        ("heron", "heron/src", ["."]),  # a repository with its settings at the top, of which a part is graded
        ("heron", "heron", ["../otter", "."]),
        ("heron/src", "heron/src", [".."]),
        (".", ".", ["heron"]),  # an archive without a top folder, unpacked beside others
        (".", ".", ["otter", "heron.tar.gz"]),
        (".", "otter", ["../heron"]),
        ("..", ".", ["heron"]),
    ],
)
def test_settings_in_reach_of_the_graded_are_refused(
    inbox: Path, load: Load, file: str, here: str, graded: list[str]
) -> None:
    """Inside a submission or above it: the sentence names the file and what to do; with a catalogue named they count for nothing."""
    found = Path(os.path.normpath(written(inbox / file)))
    (inbox / "heron.tar.gz").touch()
    with pytest.raises(UsageError) as caught:
        load(inbox / here, *graded)
    assert str(found) in str(caught.value)
    assert "--catalogue DIR or HARNESS_CATALOGUE" in str(caught.value)
    assert f"HARNESS_SETTINGS={found}" in str(caught.value)
    ours = make(inbox.parent.parent / "ours", "mine")
    for named in (
        load(inbox / here, *graded, catalogue=(str(ours),)),
        load(inbox / here, *graded, HARNESS_CATALOGUE=str(ours)),
    ):
        assert named.catalogue_dirs == (ours, ROOT)
        assert "so nothing in it is used" in named.not_taken


def test_engine_of_a_file_in_reach_is_not_taken_either(inbox: Path, load: Load) -> None:
    """An engine decides as much as a catalogue does."""
    written(inbox / "heron", 'engine = "fake"\nnetwork_range = "8.0.0.0/8"\n')
    with pytest.raises(UsageError, match="expected settings that are yours"):
        load(inbox / "heron", ".")
    found = load(inbox / "heron", ".", catalogue=(str(ROOT),))
    assert (found.engine, found.network_range) == (None, settings.DEFAULT_NETWORK_RANGE)


def test_links_do_not_hide_where_a_file_lies(inbox: Path, load: Load) -> None:
    """Neither a link to a submission nor a current folder that was reached by one."""
    written(inbox / "heron")
    elsewhere = inbox.parent / "links"
    elsewhere.mkdir()
    (elsewhere / "h").symlink_to(inbox / "heron")
    for here, graded in (
        (inbox / "heron", "../../links/h"),
        (elsewhere / "h", "."),
        (elsewhere / "h/src", str(inbox / "heron")),
    ):
        with pytest.raises(UsageError, match=r"harness\.toml"):
            load(here, graded)
    written(elsewhere)
    with pytest.raises(UsageError, match=r"links/harness\.toml"):
        load(elsewhere, "h")


def test_settings_of_the_assessor_are_taken(inbox: Path, load: Load) -> None:
    """The twins: a file that no submission reaches, a file that was named, a folder beside, and no grading at all."""
    file = written(inbox.parent / "own", 'catalogue = ["evil"]\nengine = "docker"\n')
    expected = (file.parent / "evil", ROOT)
    found = load(file.parent, "../inbox/heron", "../inbox/otter")
    assert (found.catalogue_dirs, found.engine, found.not_taken) == (expected, "docker", "")
    assert load(inbox / "heron", ".", HARNESS_SETTINGS=str(file)).catalogue_dirs == expected
    assert load(file.parent).catalogue_dirs == expected
    inside = written(inbox / "heron")
    assert load(inbox, "heron").catalogue_dirs == (ROOT,), "a file inside a submission is not looked for"
    assert load(inbox / "heron").catalogue_dirs == (inside.parent / "evil", ROOT), "nothing is graded"


@pytest.mark.parametrize("variable", ["HARNESS_CATALOGUE", "HARNESS_SETTINGS"])
def test_relative_variable_that_leads_into_a_submission_is_refused(inbox: Path, load: Load, variable: str) -> None:
    """It was set for another folder; in this one it would lead to what a candidate wrote. A whole path was meant."""
    file = written(inbox / "heron")
    relative = "evil" if variable == "HARNESS_CATALOGUE" else "harness.toml"
    with pytest.raises(UsageError, match=f"{variable}={relative}: .* write the whole path"):
        load(inbox / "heron", ".", **{variable: relative})
    whole = load(inbox / "heron", ".", **{variable: str(file.parent / relative)})
    assert whole.catalogue_dirs == (file.parent / "evil", ROOT)
    assert load(inbox / "heron", "../otter", HARNESS_SETTINGS="harness.toml").catalogue_dirs == whole.catalogue_dirs


def test_exercises_of_the_current_folder_are_not_taken_from_a_submission(
    inbox: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed without a checkout, the current folder may be the catalogue; a submission may not."""
    monkeypatch.setattr(settings, "CHECKOUT", inbox.parent / "site")
    make(inbox / "heron", "skeleton")
    assert load(inbox / "heron").catalogue_dirs == (inbox / "heron",)
    assert load(inbox / "heron", "../otter").catalogue_dirs == (inbox / "heron",)
    with pytest.raises(UsageError, match="heron/exercises: expected settings that are yours"):
        load(inbox / "heron", ".")
    assert load(inbox / "heron", ".", catalogue=(str(ROOT),)).catalogue_dirs == (ROOT,)
    assert load(inbox).catalogue_dirs == ()


def test_catalogue_adds_and_the_nearest_is_taken(tmp_path: Path, load: Load) -> None:
    """Flag, variable, file, checkout: all are looked in, in this order, and each folder once."""
    flag, variable, file = (make(tmp_path / name, "skeleton", name) for name in ("one", "two", "three"))
    (tmp_path / settings.FILE).write_text('catalogue = ["three", "one"]\n', encoding="utf-8")
    found = load(tmp_path, catalogue=("one",), HARNESS_CATALOGUE="two")
    assert found.catalogues == ((flag,), (variable,), (file,), (ROOT,))
    catalogue = Catalogue(*found.catalogues)
    assert {"one", "two", "three", "skeleton", "idempotent-payments"} <= set(catalogue.ids())
    assert catalogue.pair("skeleton").sources == (str(flag),)
    assert catalogue.pair("idempotent-payments").sources == ("harness",)


def test_exercise_hides_another_of_its_id_with_its_grader(tmp_path: Path) -> None:
    """A grader without the exercise is a company's own for it; one that lies with another exercise is not."""
    near = make(tmp_path / "near", "skeleton", parts=("grader",))
    far = make(tmp_path / "far", "skeleton")
    assert Catalogue([near], [far]).pair("skeleton").sources == (str(far), str(near))
    only = make(tmp_path / "only", "skeleton", parts=("exercise",))
    with pytest.raises(UsageError, match="expected a grader in"):
        Catalogue([only], [far]).grader_dir("skeleton")
    assert Catalogue([only], [near]).pair("skeleton").sources == (str(only), str(near))
    with pytest.raises(ExerciseError, match="expected it in one catalogue, found"):
        Catalogue([only, far]).exercise_dir("skeleton")


def test_unreadable_or_wrong_file_is_a_sentence(tmp_path: Path, load: Load) -> None:
    """An unknown key is named, and so is a folder that is no catalogue."""
    (tmp_path / settings.FILE).write_text('catalog = ["x"]\n', encoding="utf-8")
    with pytest.raises(UsageError, match="catalogue"):
        load(tmp_path)
    (tmp_path / settings.FILE).write_text('catalogue = ["x"]\n', encoding="utf-8")
    with pytest.raises(UsageError, match="expected a catalogue"):
        load(tmp_path)
    with pytest.raises(UsageError, match="expected a readable file"):
        load(tmp_path, HARNESS_SETTINGS="nowhere.toml")


@pytest.mark.parametrize(
    ("make_it", "words"),
    [
        (Path.mkdir, "expected a regular file, found a folder: replace it"),
        (os.mkfifo, "expected a regular file, found a pipe"),
        (lambda file: file.symlink_to("nowhere"), "expected a readable file, found: No such file"),
    ],
    ids=["folder", "pipe", "link to nothing"],
)
def test_what_is_no_file_of_settings_is_not_passed_over(
    tmp_path: Path, load: Load, make_it: Callable[[Path], None], words: str
) -> None:
    """Whoever has something of that name means it: settings of a folder farther up, or none, would be a surprise."""
    written(tmp_path)
    (tmp_path / "below").mkdir()
    make_it(tmp_path / "below" / settings.FILE)
    with pytest.raises(UsageError, match=words):
        load(tmp_path / "below")


PAGE = ROOT / "docs" / "reference" / "settings.md"
SOURCES = [path for path in (ROOT / "harness").rglob("*.py") if "testing" not in path.relative_to(ROOT).parts]


def test_every_key_and_variable_is_documented() -> None:
    """What the code reads stands on the page, and what stands there the code reads."""
    page = PAGE.read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `?([^|]*?)`? \|", page, re.MULTILINE))
    told = {name for cell in told for name in re.findall(r"[A-Za-z_]+", cell)}
    assert set(settings.keys()) <= told
    read = set()
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        read |= set(re.findall(r"\bHARNESS_[A-Z_]+\b", text))
        if path.name == "company.py":
            read |= set(re.findall(r"\"([A-Za-z_]+)\",", text))  # its lists of names
        read |= set(re.findall(r"(?:environ|env|environment)(?:\.get\(|\[)\s*\"([A-Za-z_]+)\"(?!\] =)", text))
    assert "HARNESS_CATALOGUE" in read
    assert "XDG_STATE_HOME" in read
    assert read - told == set()
    known = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    known += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "scripts").iterdir() if path.is_file())
    assert {name for name in told if name.isupper() and len(name) > 3 and name not in known} == set()


def test_keys_of_the_file_are_those_that_can_be_read(tmp_path: Path) -> None:
    """``keys`` is what the drift test stands on."""
    shutil.copytree(ROOT / "exercises/skeleton", tmp_path / "exercises/skeleton")
    values = {
        "catalogue": '["."]',
        "engine": '"fake"',
        "network_range": '"10.0.0.0/16"',
        "packs": '"given"',
        "wheels": '"wheels"',
        "keys": '"keys"',
    }
    assert set(values) == set(settings.keys())
    text = "".join(f"{key} = {value}\n" for key, value in values.items())
    (tmp_path / settings.FILE).write_text(text, encoding="utf-8")
    found = settings.load(directory=tmp_path, environment={})
    assert (found.catalogue_dirs[0], found.engine, found.network_range) == (tmp_path, "fake", "10.0.0.0/16")
    assert (found.packs, found.wheels, found.keys) == (tmp_path / "given", tmp_path / "wheels", tmp_path / "keys")


def test_grade_says_which_file_it_does_not_take(
    inbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line hands the graded paths on: nothing is graded, and the file is named."""
    file = written(inbox / "heron")
    monkeypatch.chdir(file.parent)
    for name in ("HARNESS_CATALOGUE", "HARNESS_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match=r"heron/harness\.toml: expected settings that are yours"):
        cli(["grade", ".", "--exercise", "skeleton"], standalone_mode=False)
    with pytest.raises(UsageError, match='no exercise "nothing"'):
        cli(["--catalogue", str(ROOT), "grade", ".", "--exercise", "nothing"], standalone_mode=False)
    assert "so nothing in it is used" in capsys.readouterr().err
