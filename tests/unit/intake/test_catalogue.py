"""Finding exercises and graders, and the digests that say whether they changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness import settings
from harness.catalogue import rules, variants
from harness.catalogue.finder import Catalogue
from harness.commands.new import skeleton
from harness.errors import ExerciseError, UsageError
from harness.model import Exercise

REPOSITORY = Path(__file__).resolve().parents[3]


def test_unknown_exercise_is_answered_with_a_suggestion(catalogue: Catalogue) -> None:
    """A mistyped id is the caller's error, and the message has the right one."""
    with pytest.raises(UsageError, match='no exercise "tny": did you mean "tiny"'):
        catalogue.exercise("tny")
    with pytest.raises(UsageError, match="pass --catalogue DIR"):
        Catalogue([]).exercise("tiny")


@pytest.mark.parametrize("wanted", ["../tiny", ".", "", "tiny/starter", "/etc", "tiny\0"])
def test_exercise_id_is_a_name_and_never_a_path(catalogue: Catalogue, wanted: str) -> None:
    """An id from outside can't lead out of the catalogue."""
    with pytest.raises(UsageError, match="no exercise"):
        catalogue.exercise(wanted)


def test_exercise_and_grader_may_live_apart(home: Path, tmp_path: Path) -> None:
    """A company keeps graders in a repository of their own; without it the exercise can still be shown."""
    private = tmp_path / "private"
    private.mkdir()
    shutil.move(home / "graders", private / "graders")
    assert Catalogue([home]).exercise("tiny").id == "tiny"
    with pytest.raises(UsageError, match=r"expected a grader in .* add its repository"):
        Catalogue([home]).grader_dir("tiny")
    assert Catalogue([home, private]).grader_dir("tiny") == private / "graders/tiny"
    assert Catalogue([home, private]).ids() == ["tiny"]


def test_exercise_in_two_catalogues_is_refused(home: Path, tmp_path: Path) -> None:
    """Which of two is meant is not guessed."""
    shutil.copytree(home, tmp_path / "other")
    with pytest.raises(ExerciseError, match="expected it in one catalogue"):
        Catalogue([home, tmp_path / "other"]).exercise("tiny")


def test_folder_name_is_the_id(home: Path, catalogue: Catalogue) -> None:
    """A copied exercise whose id was not changed is refused."""
    shutil.copytree(home / "exercises/tiny", home / "exercises/copy")
    with pytest.raises(ExerciseError, match="expected the name of its folder, copy, found tiny"):
        catalogue.exercise("copy")


def test_headlines_show_what_is_broken_beside_what_is_not(home: Path, catalogue: Catalogue) -> None:
    """One broken manifest does not hide the other exercises from a list."""
    (home / "exercises/broken").mkdir()
    (home / "exercises/broken/exercise.toml").write_text("id = 3 4", encoding="utf-8")
    broken, tiny = catalogue.headlines()
    assert broken.problem == "its manifest is wrong: harness show broken"
    assert (tiny.title, tiny.minutes, tiny.problem) == ("Add the numbers up", 10, "")


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("exercises/tiny/brief.md.j2", {"exercise"}),
        ("exercises/tiny/up.py", {"exercise"}),
        ("exercises/tiny/checks/up.py", {"exercise", "verdict"}),
        ("exercises/tiny/checks/test_answers.py", {"exercise", "verdict"}),
        ("exercises/tiny/starter/new file.py", {"exercise", "verdict"}),
        ("graders/tiny/checks.toml", {"grader"}),
        ("graders/tiny/test_new.py", {"grader", "verdict"}),
        ("graders/tiny/data/case.json", {"grader", "verdict"}),
        ("graders/tiny/validation.json", set()),
        ("graders/tiny/README.md", set()),
        ("graders/tiny/references/plain/solve.py", set()),
        ("graders/tiny/mutants.toml", set()),
        ("graders/tiny/cheats/hard-coded.patch", set()),
        ("exercises/tiny/checks/__pycache__/x.pyc", set()),
    ],
)
def test_digests_change_with_what_they_are_of(home: Path, catalogue: Catalogue, path: str, changes: set[str]) -> None:
    """Two are of the bytes that a grading uses, and not of what proves the grader; the third leaves prose out as well."""
    before = Catalogue([home]).pair("tiny").digests
    file = home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# changed", encoding="utf-8")
    after = Catalogue([home]).pair("tiny").digests
    assert {name for name in before if before[name] != after[name]} == changes


def test_digest_does_not_depend_on_place_or_time(home: Path, tmp_path: Path) -> None:
    """The same files elsewhere, copied later, have the same digests."""
    shutil.copytree(home, tmp_path / "elsewhere", copy_function=shutil.copy)
    assert Catalogue([home]).pair("tiny").digests == Catalogue([tmp_path / "elsewhere"]).pair("tiny").digests


def test_digest_changes_with_the_executable_bit(home: Path, catalogue: Catalogue) -> None:
    """A script that can't be run any more is another script."""
    before = Catalogue([home]).pair("tiny").digests
    (home / "exercises/tiny/starter/solve.py").chmod(0o755)
    assert Catalogue([home]).pair("tiny").digests["exercise"] != before["exercise"]


def test_digest_refuses_links(home: Path, catalogue: Catalogue) -> None:
    """What a link points to could change without the digest changing."""
    (home / "exercises/tiny/checks/more").symlink_to("/etc")
    with pytest.raises(ExerciseError, match="found a link or special file"):
        Catalogue([home]).pair("tiny")


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("exercises/tiny/brief.md.j2", "brief.md.j2: expected it to exist"),
        ("exercises/tiny/starter", "starter: expected it to exist"),
        ("exercises/tiny/checks", "expected test_*.py for the public checks"),
    ],
)
def test_problems_names_what_is_missing(home: Path, catalogue: Catalogue, gone: str, words: str) -> None:
    """A complete pair has no problems; a missing part is named with its path."""
    assert catalogue.problems("tiny") == []
    path = home / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert words in "\n".join(catalogue.problems("tiny"))


@pytest.mark.parametrize("exercise_id", Catalogue([REPOSITORY]).ids())
def test_exercises_of_the_repository_are_well_formed(exercise_id: str) -> None:
    """Every exercise here has a manifest that is right and a grader whose points add up."""
    repository = Catalogue([REPOSITORY])
    exercise = repository.exercise(exercise_id)
    assert rules.leaks(exercise) == []
    assert repository.problems(exercise_id) == []


@pytest.mark.parametrize(("part", "folder"), [("exercise", "exercises"), ("grader", "graders")])
def test_skeleton_of_the_repository_is_what_new_makes(part: str, folder: str) -> None:
    """``harness new`` is proven by validating ``skeleton``, so the two must be the same files."""
    root = REPOSITORY / folder / "skeleton"
    made = dict(skeleton(part, "skeleton", Catalogue([REPOSITORY]).pair("skeleton").seed))
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "validation.json" and not set(path.parts) & {"__pycache__"}
    }
    assert made == found


def test_variants_count_through_all_combinations(tiny: Exercise) -> None:
    """Variant 0 has the first values; all combinations come once before they come again."""
    fields = {name: getattr(tiny, name) for name in Exercise.__dataclass_fields__}
    exercise = Exercise(**fields | {"parameters": {"a": ("1", "2"), "b": ("x", "y", "z")}})
    assert variants.parameters(exercise, 0) == {"a": "1", "b": "x"}
    assert variants.count(exercise) == 6
    assert len({tuple(variants.parameters(exercise, number).values()) for number in range(6)}) == 6
    assert variants.parameters(exercise, 6) == variants.parameters(exercise, 0)
    assert variants.parameters(tiny, 17) == {}


def test_variant_number_depends_on_everything_it_is_made_of() -> None:
    """Equal arguments give equal numbers; another secret, alias, exercise or version gives another."""
    arguments = (b"secret", "heron", "tiny", "1.0")
    assert variants.number(*arguments) == variants.number(*arguments)
    others = [(b"other", *arguments[1:]), *((b"secret", *other) for other in (("crane", "tiny", "1.0"),))]
    others += [(b"secret", "heron", "tony", "1.0"), (b"secret", "heron", "tiny", "1.1")]
    assert len({variants.number(*arguments), *(variants.number(*other) for other in others)}) == 5


def test_settings_look_at_flags_before_environment_before_file(home: Path, tmp_path: Path) -> None:
    """Each engine is overridden, each catalogue preceded, by the one nearer to the caller; paths in the file are relative to it."""
    work = tmp_path / "work" / "below"
    work.mkdir(parents=True)
    (tmp_path / "work/harness.toml").write_text('catalogue = ["../catalogue"]\nengine = "podman"\n', encoding="utf-8")
    other = tmp_path / "other"
    (other / "exercises").mkdir(parents=True)
    found = settings.load(environment={}, directory=work)
    assert ([path.resolve() for path in found.catalogue_dirs], found.engine) == ([home, REPOSITORY], "podman")
    environment = {"HARNESS_CATALOGUE": str(other), "HARNESS_ENGINE": "docker"}
    found = settings.load(environment=environment, directory=work)
    assert (found.catalogue_dirs[0], found.engine) == (other, "docker")
    found = settings.load(environment=environment, directory=work, catalogue=[home], engine="fake")
    assert (found.catalogue_dirs, found.engine) == ((home, other, REPOSITORY), "fake")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('catalog = ["x"]', 'did you mean "catalogue"?'),
        ("engine = 3", "expected text in quotes"),
        ('catalogue = ["nowhere"]', "expected a catalogue"),
        ("engine", "expected TOML"),
    ],
)
def test_settings_say_what_is_wrong_in_the_file(tmp_path: Path, text: str, words: str) -> None:
    """A mistake in ``harness.toml`` is a usage error with place and suggestion."""
    (tmp_path / "harness.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        settings.load(environment={}, directory=tmp_path)
    assert words in str(caught.value)


def test_settings_default_to_the_checkout(tmp_path: Path) -> None:
    """Without any setting the exercises beside the package are used."""
    assert settings.load(environment={}, directory=tmp_path).catalogue_dirs == (REPOSITORY,)


def test_what_up_needs_to_know_is_for_no_grading(home: Path, catalogue: Catalogue) -> None:
    """Nothing of it is sent with the checks, and changing it again changes no verdict."""
    file = home / "exercises/tiny/up.py"
    file.write_text("FAULTS = {}\n", encoding="utf-8")
    pair = Catalogue([home]).pair("tiny")
    assert [one.path for one in pair.script()] == ["up.py"]
    assert "up.py" not in [one.path for one in pair.tests()]
    file.write_text("FAULTS = {'fog': None}\n", encoding="utf-8")
    assert Catalogue([home]).pair("tiny").digests["verdict"] == pair.digests["verdict"]


def test_module_of_checks_that_up_would_take_for_its_own_is_a_problem(home: Path, catalogue: Catalogue) -> None:
    """Both would be imported by one name."""
    (home / "exercises/tiny/checks/up.py").write_text("", encoding="utf-8")
    assert "checks/up.py: expected no module of checks of that name" in "\n".join(catalogue.problems("tiny"))
