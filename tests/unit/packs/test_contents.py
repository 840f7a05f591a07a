"""What a pack holds: all that a candidate needs, nothing of a grader, of another variant, no seed and no secret."""

from __future__ import annotations

import functools
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness import settings
from harness.catalogue import briefs, variants
from harness.catalogue.finder import Catalogue
from harness.commands.start import start
from harness.errors import ExerciseError, UsageError
from harness.images import recipes
from harness.model import SubmissionFile
from harness.packs import listing, making, record, source, wheels
from harness.packs.listing import Invitation
from harness.packs.making import Wheels
from tests.unit.grading import harbour
from tests.unit.packs import giving

REPOSITORY = Path(__file__).resolve().parents[3]
CANARY = "canary-9c41"
TRIVIAL = 12
"""Characters of a line that says nothing by itself: a bracket, an else, a pass."""


@functools.cache
def own() -> SubmissionFile:
    """Our wheel, made once."""
    return wheels.own()


def made(known: Catalogue, exercise_id: str = "harbour", variant: int = 1, language: str = "") -> making.Made:
    """Return a pack that is on no disk."""
    pair = known.pair(exercise_id)
    invitation = Invitation(
        exercise_id=exercise_id, version=pair.exercise.version, variant=variant, alias="heron", language=language
    )
    return making.make(pair, invitation, Wheels(own=own(), needed=()))


def texts(folder: Path) -> list[bytes]:
    """Return what is in every file below ``folder``."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]


def leaks(held: Mapping[str, bytes], home: Path, hidden: Path) -> list[str]:
    """Return each line of ``hidden`` that is in a pack, whole or in another one, but for what everybody may read anyway."""
    secret = {line.strip() for text in texts(hidden) for line in text.splitlines() if len(line.strip()) > TRIVIAL}
    assert len(secret) > 3
    # The list of a pack has words in common with any other JSON; what may stand in it is pydantic's to say.
    everything = b"\n".join(content for path, content in held.items() if path != listing.FILE)
    public = b"\n".join(
        text for folder in (home, REPOSITORY / "harness", REPOSITORY / "docker") for text in texts(folder)
    )
    return sorted(line.decode(errors="replace") for line in secret if line in everything and line not in public)


def test_a_pack_holds_what_is_on_the_list(tmp_path: Path) -> None:
    """Exactly that, of every language."""
    held = giving.unpacked(made(giving.catalogue(tmp_path)).data)
    home = "exercises/harbour"
    assert sorted(path for path in held if "!" not in path) == [
        "START-HERE.txt",
        f"{home}/briefs/go/BRIEF.md",
        f"{home}/briefs/go/STORE.md",
        f"{home}/briefs/python/BRIEF.md",
        f"{home}/briefs/python/STORE.md",
        f"{home}/checks/test_env.py",
        f"{home}/environment/tides.txt",
        f"{home}/exercise.toml",
        f"{home}/starter/go/mode",
        f"{home}/starter/go/service.toml",
        f"{home}/starter/python/mode",
        f"{home}/starter/python/service.toml",
        f"{home}/up.py",
        "harness-pack.json",
        f"wheels/{own().path}",
    ]
    assert held[f"{home}/briefs/go/BRIEF.md"] == b"# Say what you were told\n\nheron, say it in green and in go.\n"
    here = held["START-HERE.txt"].decode().splitlines()
    assert len(here) == 10 + 1
    (faults,) = [line for line in here if "harness fault NAME" in line]
    assert faults.endswith(": {berth,store}-{cut,down,frozen}")
    verbs = [line.split("harness ")[1].split()[0] for line in here if "bin/harness " in line]
    assert verbs == ["doctor", "start", "up", "check", "submit"]


def test_images_of_a_catalogue_travel_where_they_are_needed(tmp_path: Path) -> None:
    """The recipe of what the exercise runs in, and of what that starts from; no other, and none of ours."""
    dockerfile = "ARG BASE={}\nFROM ${{BASE}} AS work\nLABEL harness.stage=work\nFROM scratch\nCOPY --from=work / /\n"
    bases = {"redis": "memory", "memory": "base", "other": "base"}
    changes = {f"docker/{name}/Dockerfile": dockerfile.format(base) for name, base in bases.items()}
    toml = giving.FILES["exercises/harbour/exercise.toml"].replace('image = "postgres"', 'image = "redis"')
    known = giving.catalogue(tmp_path, {**changes, "exercises/harbour/exercise.toml": toml})
    held = giving.unpacked(giving.give(tmp_path, known).read_bytes())
    assert [path for path in held if path.startswith("docker/")] == [
        "docker/memory/Dockerfile",
        "docker/redis/Dockerfile",
    ]
    start(str(tmp_path / "heron.zip"), language="go", into=tmp_path / "w", alias=None, catalogue=Catalogue([]))
    brought = recipes.folders([tmp_path / "w/.harness/pack"])
    assert recipes.recipe("redis", brought).tag == recipes.recipe("redis", (tmp_path / "docker",)).tag


def test_a_pack_for_one_language_has_only_that(tmp_path: Path) -> None:
    """Starter, brief, and the choice that the exercise offers."""
    held = giving.unpacked(made(giving.catalogue(tmp_path), language="go").data)
    assert not [path for path in held if "/python/" in path and "!" not in path]
    assert b'languages = ["go"]' in held["exercises/harbour/exercise.toml"]
    assert b"--language" not in held["START-HERE.txt"]


def test_a_pack_holds_no_canary(tmp_path: Path) -> None:
    """A mark in every file of the grader, and in every file of the exercise that is on no list, reaches no candidate."""
    known = giving.catalogue(tmp_path)
    marked = [path for path in (tmp_path / "graders").rglob("*") if path.is_file()]
    marked += [tmp_path / "exercises/harbour" / name for name in ("notes-of-the-author.md", "solution.md", CANARY)]
    for path in marked:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(f"{text}\n# {CANARY}\n", encoding="utf-8")
    assert len(marked) >= 7
    held = giving.unpacked(made(known).data)
    assert [path for path, content in held.items() if CANARY in path or CANARY.encode() in content] == []


@pytest.mark.parametrize("exercise_id", sorted(set(Catalogue([REPOSITORY]).ids()) - {"skeleton"}))
def test_no_line_of_a_hidden_file_is_in_a_pack(exercise_id: str) -> None:
    """Every line of every file of the grader, references, mutants and cheats included, is looked for in the open pack.

    The skeleton is left out: all of its grader is in ``harness new``, and so in our wheel.
    """
    known = Catalogue([REPOSITORY])
    data = made(known, exercise_id, variant=0).data
    assert leaks(giving.unpacked(data), known.exercise_dir(exercise_id), known.grader_dir(exercise_id)) == []


def test_the_search_for_hidden_lines_finds_one(tmp_path: Path) -> None:
    """Seen to find: a line of a hidden test in a public check, a line of a patch in a starter, a hidden file in a wheel."""
    known = giving.catalogue(tmp_path)
    home, hidden = tmp_path / "exercises/harbour", tmp_path / "graders/harbour"
    held = giving.unpacked(made(known).data)
    assert leaks(held, home, hidden) == []
    for line in (
        b'    expect(said == "loud", "It did not say loud.", expected="loud", found=said)',
        b"a mistake that nobody may read",
    ):
        for path in ("exercises/harbour/checks/test_env.py", f"wheels/{own().path}!harness/model.py"):
            found = leaks({**held, path: b"first\n" + line + b"\n"}, home, hidden)
            assert found == [line.decode().strip()]


def test_an_author_who_names_a_hidden_check_gives_nothing_away(tmp_path: Path) -> None:
    """The pack is refused with the file, before anything is written."""
    known = giving.catalogue(tmp_path, {"exercises/harbour/checks/notes.py": "# speech/mode comes later\n"})
    with pytest.raises(ExerciseError, match=r"checks/notes\.py: expected nothing of the grader .* \(speech/mode\)"):
        giving.give(tmp_path, known)
    assert not (tmp_path / "heron.zip").exists()
    assert record.read(tmp_path / "packs").given == ()


@pytest.mark.parametrize("word", ["speech/mode-of-talk", "a-speech/mode", "speech/modes", "speech/mode/2"])
def test_a_longer_word_is_no_hidden_check(tmp_path: Path, word: str) -> None:
    """An id that another begins with can be given out."""
    known = giving.catalogue(tmp_path, {"exercises/harbour/checks/notes.py": f"# {word} is for everybody\n"})
    assert giving.give(tmp_path, known).exists()


@pytest.mark.parametrize("folder", ["exercises/harbour/environment/packs", "exercises", "docker/packs"])
def test_a_record_where_candidates_files_are_is_refused(tmp_path: Path, folder: str) -> None:
    """Beside it lies the secret, and both would be in the next pack."""
    known = giving.catalogue(tmp_path)
    found = giving.surroundings(tmp_path, HARNESS_PACKS=str(tmp_path / folder))
    with pytest.raises(UsageError, match="outside of what candidates get, found one in exercises or docker"):
        giving.give(tmp_path, known, found=found)
    assert not (tmp_path / folder / "secret").exists()
    assert not (tmp_path / "heron.zip").exists()


@pytest.mark.parametrize("what", ["a pack", "the record of packs"])
def test_nothing_of_another_candidate_is_in_a_pack(tmp_path: Path, what: str) -> None:
    """Written or copied to among the files that travel, zipped or not: refused, with the file."""
    known = giving.catalogue(tmp_path)
    given = giving.give(tmp_path, known, candidate="crane")
    home = tmp_path / "exercises/harbour/environment"
    if what == "a pack":
        shutil.copy(given, home / "zipped")
    else:
        shutil.copytree(tmp_path / "packs", home / "packs")
    with pytest.raises(ExerciseError, match=f"expected nothing of other candidates .* found {what}"):
        giving.give(tmp_path, giving.catalogue(tmp_path))
    assert not (tmp_path / "heron.zip").exists()


@pytest.mark.parametrize("variant", [0, 1])
def test_a_pack_says_nothing_of_other_variants(tmp_path: Path, variant: int) -> None:
    """Neither values, nor what a template says for them, nor the template: what differs is not there."""
    known = giving.catalogue(tmp_path)
    exercise, home = known.exercise("harbour"), known.exercise_dir("harbour")
    held = giving.unpacked(made(known, variant=variant).data)
    own_files = {path: content for path, content in held.items() if path.startswith("exercises/")}
    told = {line for content in own_files.values() for line in content.decode().splitlines()}

    def words(number: int) -> set[str]:
        readers = [briefs.Reader(alias="heron", variant=number, language=one) for one in exercise.languages]
        return {
            line
            for reader in readers
            for text in briefs.render(exercise, home, reader).values()
            for line in text.splitlines()
        }

    others = words(1 - variant) - words(variant)
    assert others
    assert others & told == set()
    assert not [path for path in own_files if path.endswith(".j2")]
    (other,) = set(exercise.parameters["colour"]) - set(variants.parameters(exercise, variant).values())
    text = own_files["exercises/harbour/exercise.toml"].decode()
    assert other not in text
    assert variants.parameters(exercise, variant)["colour"] in text


def test_seed_and_secret_are_in_no_pack_and_are_not_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The seed of gradings stays with the grader, the secret beside the catalogue, for its owner's eyes."""
    known = giving.catalogue(tmp_path, {"graders/harbour/checks.toml": "seed = 730291445\n" + harbour.CHECKS_TOML})
    data = giving.give(tmp_path, known).read_bytes()
    file = tmp_path / "packs" / "secret"
    secret = file.read_text(encoding="ascii").strip()
    assert (len(secret), file.stat().st_mode & 0o777) == (64, 0o600)
    out = "".join(capsys.readouterr())
    for content in (
        data,
        *giving.unpacked(data).values(),
        out.encode(),
        (tmp_path / "packs/record.jsonl").read_bytes(),
    ):
        for hidden in (secret.encode(), bytes.fromhex(secret), b"730291445"):
            assert hidden not in content


def test_the_same_pack_has_the_same_bytes(tmp_path: Path) -> None:
    """Whoever makes it, in whatever order and at whatever time: nothing in it tells."""
    first, second = (made(giving.catalogue(tmp_path / name)) for name in ("a", "b"))
    assert (first.sha256, first.digest) == (second.sha256, second.digest)
    assert made(giving.catalogue(tmp_path / "a"), variant=0).digest != first.digest
    (tmp_path / "p.zip").write_bytes(first.data)
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_our_wheel_is_the_one_that_a_build_makes(tmp_path: Path) -> None:
    """Package, recipes and entry point; the same bytes each time; no README, which is for others."""
    held = {
        path.partition("!")[2]: content
        for path, content in giving.unpacked(made(giving.catalogue(tmp_path)).data).items()
    }
    expected = {
        f"{prefix}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for folder, prefix in ((REPOSITORY / "harness", "harness"), (recipes.directory(), "harness/_recipes"))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path: held.get(path) for path in expected} == expected
    info = own().path.removesuffix("-py3-none-any.whl") + ".dist-info"
    beside = {path for path in held if path} - set(expected)
    assert beside == {
        f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }
    assert b"harness = harness.__main__:main" in held[f"{info}/entry_points.txt"]
    assert b"Requires-Dist: pydantic" in held[f"{info}/METADATA"]
    assert b"VERDICT" not in held[f"{info}/METADATA"]
    assert wheels.own().content == own().content


def test_a_named_folder_of_wheels_must_have_some(tmp_path: Path) -> None:
    """A mistyped folder is not a pack that can't be installed."""
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere"):
        found = settings.load(environment={"HARNESS_WHEELS": str(tmp_path / name)}, directory=tmp_path)
        with pytest.raises(UsageError, match=f"{name}"):
            wheels.needed(found.wheels, tmp_path, lambda _: None)


def test_wheels_that_a_cleaner_took_are_had_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves the folder that they were kept in: a pack would have none, and nobody would be told."""

    def downloaded(folder: Path, _: str) -> str:
        (folder / "wheels").mkdir()
        (folder / "wheels" / giving.WHEEL).write_bytes(b"again")
        return ""

    monkeypatch.setattr(wheels, "_pip", downloaded)
    for _ in range(2):
        found, why = wheels.needed(None, tmp_path, lambda _: None)
        assert ([one.path for one in found], why) == ([giving.WHEEL], "")
        (kept,) = (tmp_path / "wheels").iterdir()
        (kept / giving.WHEEL).unlink()
    monkeypatch.setattr(wheels, "_pip", lambda folder, _: str((folder / "wheels").mkdir() or ""))
    assert wheels.needed(None, tmp_path, lambda _: None) == ((), f"none were kept in {kept}")


def test_what_an_index_says_is_said_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's index may have one in its address; pip repeats it."""
    said = "WARNING: retrying\nERROR: no wheels at https://hiring:pass@w0rd@index.example/simple\n"
    ended = subprocess.CompletedProcess[str]([], 1, stdout="", stderr=said)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: ended)
    found, why = wheels.needed(None, tmp_path, lambda _: None)
    assert found == ()
    assert why == "pip found no package index that has them (ERROR: no wheels at https://index.example/simple)"


def test_without_an_index_a_pack_says_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sentence to the company, and in START-HERE to the candidate; nothing half-downloaded is kept for one."""
    monkeypatch.setattr(wheels, "_pip", lambda *_: "pip found no package index that has them (ERROR: no route)")
    known = giving.catalogue(tmp_path)
    nobody = settings.load(environment={"HOME": str(tmp_path)}, directory=tmp_path)
    data = giving.give(tmp_path, known, found=nobody).read_bytes()
    assert "the pack has no wheels but ours: pip found no package index" in capsys.readouterr().err
    held = giving.unpacked(data)
    assert [path for path in held if path.startswith("wheels/") and "!" not in path] == [f"wheels/{own().path}"]
    assert b"--no-index" not in held["START-HERE.txt"]
    assert b"the next line needs a package index" in held["START-HERE.txt"]
    assert list((tmp_path / ".cache/harness/wheels").iterdir()) == []
    offline = giving.unpacked(giving.give(tmp_path, known, candidate="crane").read_bytes())
    assert f"wheels/{giving.WHEEL}" in offline
    assert f"--no-index --find-links wheels wheels/{own().path}".encode() in offline["START-HERE.txt"]
    assert source.read(tmp_path / "crane.zip").invitation.alias == "crane"
