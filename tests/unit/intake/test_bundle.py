"""What a candidate receives: all they need, nothing of a grader, and nothing of theirs overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.errors import ExerciseError, HarnessError, UsageError
from harness.intake import bundle
from harness.model import Exercise

REPOSITORY = Path(__file__).resolve().parents[3]
READER = briefs.Reader(alias="heron", variant=0, language="")
CANARY = "canary-6f1d"


def build(catalogue: Catalogue) -> bundle.Bundle:
    """Return the bundle of ``tiny``."""
    return bundle.build(catalogue.exercise("tiny"), catalogue.exercise_dir("tiny"), READER)


def test_bundle_is_brief_and_starter(catalogue: Catalogue) -> None:
    """The allow-list, exactly."""
    assert [file.path for file in build(catalogue).files] == ["BRIEF.md", "service.toml", "solve.py"]


def test_bundle_holds_no_canary(home: Path, catalogue: Catalogue) -> None:
    """A mark in every grader file, and in every part of the exercise off the list, reaches no candidate."""
    marked = 0
    for path in [*home.rglob("*")]:
        listed = "starter" in path.parts or path.name.endswith(".j2") or path.name == "exercise.toml"
        if path.is_file() and not ("exercises" in path.parts and listed):
            path.write_bytes(path.read_bytes() + f"\n# {CANARY}\n".encode())
            marked += 1
    (home / "exercises/tiny/solution").mkdir()
    (home / "exercises/tiny/solution/solve.py").write_text(CANARY, encoding="utf-8")
    assert marked >= 10
    files = build(catalogue).files
    assert all(CANARY not in file.path and CANARY.encode() not in file.content for file in files)


@pytest.mark.parametrize(
    ("exercise_id", "language"),
    [
        (exercise_id, language)
        for exercise_id in Catalogue([REPOSITORY]).ids()
        for language in Catalogue([REPOSITORY]).exercise(exercise_id).languages or ("",)
        if (REPOSITORY / "exercises" / exercise_id / "starter" / language).is_dir()
        and (REPOSITORY / "exercises" / exercise_id / briefs.BRIEF).is_file()
    ],
)
def test_bundles_of_the_repository_tell_nothing_of_graders(exercise_id: str, language: str) -> None:
    """No hidden check's id or title, and no name of a hidden test, is in anything a candidate gets or may read."""
    catalogue = Catalogue([REPOSITORY])
    folder = catalogue.exercise_dir(exercise_id)
    reader = briefs.Reader(alias="heron", variant=0, language=language)
    made = bundle.build(catalogue.exercise(exercise_id), folder, reader)
    secrets = [text for check in catalogue.pair(exercise_id).hidden for text in (check.id, check.title)]
    secrets += [path.name for path in catalogue.grader_dir(exercise_id).glob("test_*.py")]
    public = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    told = [
        secret for secret in secrets for text in (*public, *(f.content for f in made.files)) if secret.encode() in text
    ]
    assert told == []


def test_brief_can_say_what_a_gate_leaves(home: Path) -> None:
    """In both of its states: a candidate knows beforehand that hiding does not pay."""
    folder = home / "exercises/tiny"
    toml = folder / "exercise.toml"
    gate = '[[gates]]\nid = "wrong"\ntitle = "Sums can be wrong"\ncap = 80\nchecks = ["answers/sums"]\n'
    toml.write_text(toml.read_text(encoding="utf-8") + gate, encoding="utf-8")
    template = "{% for gate in exercise.gates %}{{ gate.cap }} or {{ exercise.cap_not_shown(gate) }}\n{% endfor %}"
    (folder / "brief.md.j2").write_text(template, encoding="utf-8")
    exercise = Catalogue([home]).exercise("tiny")
    texts = briefs.render(exercise, folder, briefs.Reader(alias="heron", variant=0, language=""))
    assert texts["BRIEF.md"] == f"80.0 or {exercise.pass_mark - 1}\n"


def test_brief_is_rendered_with_the_variant(home: Path, catalogue: Catalogue) -> None:
    """Facts and knobs stand in the text; other templates at the top are rendered beside the brief."""
    folder = home / "exercises/tiny"
    toml = folder / "exercise.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + '\n[parameters]\nstate = ["done", "over"]\n', encoding="utf-8")
    (folder / "brief.md.j2").write_text(
        "{{ exercise.title }}: {{ parameters.state }}\r\n", encoding="utf-8", newline=""
    )
    (folder / "OTHER.md.j2").write_text("{{ alias }} {{ variant }} {{ limits.memory_mb }}\n", encoding="utf-8")
    exercise = catalogue.exercise("tiny")
    reader = briefs.Reader(alias="heron", variant=1, language="")
    texts = briefs.render(exercise, folder, reader)
    assert texts == {"BRIEF.md": "Add the numbers up: over\n", "OTHER.md": "heron 1 128\n"}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ titel }}", "'titel' is undefined"),
        ("{{ exercise.titel }}", "has no attribute 'titel'"),
        ("{% if %}", "brief.md.j2:1: expected a Jinja2 template"),
        ("{{ exercise.__class__.__mro__ }}", "expected a template that renders"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% include '/etc/passwd' %}", "expected a template that renders"),
    ],
)
def test_brief_with_a_hole_or_a_trick_is_refused(home: Path, catalogue: Catalogue, template: str, words: str) -> None:
    """A name that is not defined, and anything the sandbox forbids, is the author's error with file and reason."""
    (home / "exercises/tiny/brief.md.j2").write_text(template, encoding="utf-8")
    with pytest.raises(ExerciseError) as caught:
        build(catalogue)
    assert words in str(caught.value)
    assert "brief.md.j2" in str(caught.value)


def test_incomplete_exercise_is_the_authors_error(home: Path, catalogue: Catalogue) -> None:
    """A missing brief, a link in the starter, and a starter file with a brief's name are named."""
    starter = home / "exercises/tiny/starter"
    (starter / "BRIEF.md").touch()
    with pytest.raises(ExerciseError, match="expected no file with the name of a brief"):
        build(catalogue)
    (starter / "BRIEF.md").unlink()
    (starter / "link").symlink_to("/etc")
    with pytest.raises(ExerciseError, match="found a link"):
        build(catalogue)
    (starter / "link").unlink()
    (home / "exercises/tiny/brief.md.j2").unlink()
    with pytest.raises(ExerciseError, match="expected the brief, found none"):
        build(catalogue)


def test_language_is_chosen_or_asked_for(tiny: Exercise) -> None:
    """One language needs no choice, several do, and a wrong one is answered with the right ones."""
    fields = {name: getattr(tiny, name) for name in Exercise.__dataclass_fields__}
    both = Exercise(**fields | {"languages": ("go", "java")})
    assert bundle.choose_language(tiny, None) == ""
    assert bundle.choose_language(Exercise(**fields | {"languages": ("go",)}), None) == "go"
    assert bundle.choose_language(both, "java") == "java"
    for exercise, wanted, words in (
        (tiny, "go", "has no languages"),
        (both, None, "choose one with --language"),
        (both, "jva", 'did you mean "java"'),
    ):
        with pytest.raises(UsageError, match=words):
            bundle.choose_language(exercise, wanted)


def test_workspace_never_overwrites(catalogue: Catalogue, tmp_path: Path) -> None:
    """A new or an empty folder is filled; anything else is left as it is, and nothing half-made stays."""
    made = build(catalogue)
    (tmp_path / "empty").mkdir()
    for name in ("new/deeper", "empty"):
        space = bundle.lay_out(made, tmp_path / name, started_at="now")
        assert (space.root / "BRIEF.md").is_file()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))
    for name in ("new/deeper", "empty", "file", "link"):
        with pytest.raises(UsageError, match="choose another with --into DIR"):
            bundle.lay_out(made, tmp_path / name, started_at="now")
    assert sorted(tmp_path.rglob("*")) == before


def test_workspace_is_whole_or_not_there(catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up half-way leaves nothing behind."""
    made = build(catalogue)
    original = Path.write_bytes

    def fill_up(self: Path, data: bytes) -> int:
        if self.name == "solve.py":
            raise OSError(28, "No space left on device")
        return original(self, data)

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(HarnessError, match="No space left"):
        bundle.lay_out(made, tmp_path / "work", started_at="now")
    assert not [path for path in tmp_path.iterdir() if path.name != "catalogue"]
