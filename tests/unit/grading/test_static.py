"""What can be seen without running an exercise is said before anything runs, with file and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands.validate import validate
from harness.grading import static
from tests.unit.grading import harbour

ROOT = Path(__file__).resolve().parents[3]
Edit = Callable[[Path], object]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A catalogue with a copy of the skeleton that a test may change."""
    for kind in ("exercises", "graders"):
        shutil.copytree(ROOT / kind / "skeleton", tmp_path / kind / "skeleton")
    return tmp_path


def change(path: str, old: str, new: str) -> Edit:
    """Return an edit that replaces ``old`` in a file."""

    def edit(home: Path) -> None:
        text = (home / path).read_text(encoding="utf-8")
        assert old in text
        (home / path).write_text(text.replace(old, new), encoding="utf-8")

    return edit


def write(path: str, text: str) -> Edit:
    """Return an edit that writes a file."""
    return lambda home: (home / path).write_text(text, encoding="utf-8")


def test_droppings_among_patches_are_no_patches(home: Path) -> None:
    (home / "graders/skeleton/mutants/._wraps-at-64-bits.patch").write_bytes(b"\0")
    assert static.problems(Catalogue([home]).pair("skeleton")) == []


@pytest.mark.parametrize("exercise_id", Catalogue([ROOT]).ids())
def test_exercises_of_the_catalogue_have_no_problem(exercise_id: str) -> None:
    """The rules hold for what we ship."""
    assert static.problems(Catalogue([ROOT]).pair(exercise_id)) == []


TESTS, MANIFEST = "exercises/skeleton/checks/test_answers.py", "exercises/skeleton/exercise.toml"
HIDDEN = "graders/skeleton/test_hidden.py"
MUTANTS, PATCH = "graders/skeleton/mutants.toml", "graders/skeleton/mutants/wraps-at-64-bits.patch"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            change(TESTS, 'check("answers/sums")', 'check("answers/sum")'),
            ['unknown check "answers/sum"', "test_answers.py:"],
        ),
        (
            change(TESTS, '@check("answers/sums")\n', ""),
            ["expected @check(id) on test_sum_is_exact", "test_answers.py:"],
        ),
        (
            write("graders/skeleton/rubric.toml", "[[talk]]\nask = 'Why?'\nholds = 'x'\ncheck = 'answers/sum'\n"),
            ["rubric.toml: expected a [[talk]] to be about a check, found", "answers/sums"],
        ),
        (change(TESTS, "def test_sum", "def sum"), ["checks.answers/sums: expected a test with @check"]),
        (write(HIDDEN, "def test_x(:\n"), ["test_hidden.py:1: expected Python"]),
        (
            write(HIDDEN, 'from harness.testing import check\nX = "answers/sums"\n@check(X)\ndef test_x(): pass\n'),
            ["test_hidden.py:4", 'unknown check "answers/sums"', "declare it in checks.toml"],
        ),
        (
            write(
                "exercises/skeleton/checks/test_b.py",
                'from harness.testing import check\n@check("answers/sums")\ndef test_x(): pass\n',
            ),
            ["expected one test of answers/sums, found another at", "test_answers.py:"],
        ),
        (
            change(MUTANTS, '"answers/sums"', '"answers/summs"'),
            ["mutants.toml: mutant/wraps-at-64-bits", "did you mean"],
        ),
        (
            change(MUTANTS, 'reference = "plain"', 'reference = "plane"'),
            ["mutants.toml: mutant wraps-at-64-bits", "plane"],
        ),
        (change(PATCH, "sum(int(line)", "sum(float(line)"), ["wraps-at-64-bits.patch: expected a patch that applies"]),
        (write("graders/skeleton/mutants/lost.patch", ""), ["lost.patch: expected an entry in mutants.toml"]),
        (write("graders/skeleton/cheats/lost.patch", ""), ["lost.patch: expected an entry in cheats.toml"]),
        (change("graders/skeleton/cheats.toml", "starter/plain", "starter/plane"), ["like: unknown submission"]),
        (
            change("exercises/skeleton/brief.md.j2", "{{ exercise.title }}", "{{ exercise.titel }}"),
            ["brief.md.j2", "variant 0"],
        ),
        (
            change(MANIFEST, "[sandboxes.limits]", '[sandboxes.env]\nA = "{timeouts.no}"\n[sandboxes.limits]'),
            ["sandboxes.submission.env.A", "'timeouts.'"],
        ),
        (
            change(MANIFEST, "[sandboxes.limits]", '[sandboxes.env]\nA = "{timeout.x}"\n[sandboxes.limits]'),
            ["sandboxes.submission.env.A", 'found "{timeout.x}"'],
        ),
        (
            change(MANIFEST, "[sandboxes.limits]", '[sandboxes.env]\nA = "{address.db}"\n[sandboxes.limits]'),
            ["sandboxes.submission.env.A", "'address.'"],
        ),
        (
            write("graders/skeleton/references/plain/service.toml", 'runn = ["x"]'),
            ["reference/plain: service.toml", "runn"],
        ),
    ],
)
def test_mistake_is_named_with_its_place(home: Path, edit: Edit, words: list[str]) -> None:
    """Each kind of mistake gives one sentence with its file; the copy without it has none."""
    edit(home)
    found = static.problems(Catalogue([home]).pair("skeleton"))
    assert found
    assert all(word in "\n".join(found) for word in words), found


HEAD = "from harness.testing import check\n"
TEST = '@check("answers/hidden-sums")\ndef test_x(broker, job, world):\n'


@pytest.mark.parametrize(
    ("source", "line", "name"),
    [
        (f'{HEAD}{TEST}    broker.kill("ap")\n', 4, "ap"),
        (f'{HEAD}{TEST}    world.broker.start("ap", env={{}})\n', 4, "ap"),
        (f'{HEAD}{TEST}    broker.run(["true"], sandbox="ap")\n', 4, "ap"),
        (f'{HEAD}{TEST}    with broker.paused("ap"):\n        pass\n', 4, "ap"),
        (f"{HEAD}{TEST}    print(f\"http://{{job.address('ap')}}\")\n", 4, "ap"),
        (f'{HEAD}{TEST}    broker.partition("submission", ["grader", "ap"])\n', 4, "ap"),
        (f'{HEAD}{TEST}    broker.partition("submission", peers=("ap",))\n', 4, "ap"),
        (f'{HEAD}{TEST}    broker.kill("grader")\n', 4, "grader"),
        (f'{HEAD}APP, _ = "ap", 1\n{TEST}    broker.kill(APP)\n', 5, "ap"),
        (f"from names import APP as ME\n{HEAD}{TEST}    broker.kill(ME)\n", 5, "ap"),
    ],
)
def test_sandbox_that_nobody_declared_is_named_with_its_place(home: Path, source: str, line: int, name: str) -> None:
    """Written out or as a constant, at the fixture or at what holds it."""
    write(HIDDEN, source)(home)
    write("exercises/skeleton/checks/names.py", 'APP = "ap"\n')(home)
    found = [one for one in static.problems(Catalogue([home]).pair("skeleton")) if "unknown sandbox" in one]
    (said,) = found
    assert f"test_hidden.py:{line}: " in said
    assert f'unknown sandbox "{name}", ' in said
    assert "declare the sandbox in exercise.toml" in said


@pytest.mark.parametrize(
    "source",
    [
        f'{HEAD}{TEST}    broker.kill("submission"), job.address("grader"), broker.partition("submission", ["grader"])\n',
        f'{HEAD}{TEST}    broker.locked(), broker.request("ap"), job.timeout("ap"), world.kill("ap"), "a".partition("ap")\n',
        f'{HEAD}def of(APP, broker):\n    broker.kill(APP)\nAPP = "ap"\n{TEST}    pass\n',
        f'{HEAD}APP = "ap"\nAPP = "submission"\n{TEST}    broker.kill(APP)\n',
        f'{HEAD}{TEST}    broker = world.queue\n    broker.stop("ap")\n',
        f"{HEAD}def broker():\n    return 1\n{TEST}    broker.stop('ap')\n",
    ],
)
def test_what_may_be_another_name_is_left_alone(home: Path, source: str) -> None:
    """An exercise about message brokers, a helper's argument, a name that is given twice: none can be told."""
    write(HIDDEN, source)(home)
    assert not [one for one in static.problems(Catalogue([home]).pair("skeleton")) if "unknown sandbox" in one]


def test_image_that_nobody_has_is_named_with_its_place(home: Path) -> None:
    """No recipe makes it: that is said before any engine is asked, with the nearest that there is."""
    change(MANIFEST, 'image = "python"', 'image = "pyhton"')(home)
    (said,) = static.problems(Catalogue([home]).pair("skeleton"))
    line = (home / MANIFEST).read_text(encoding="utf-8").splitlines().index('image = "pyhton"') + 1
    assert said.startswith(f"{home / MANIFEST}:{line}: sandboxes.submission.image: unknown image ")
    assert '"pyhton", did you mean "python"?: correct it, or add a recipe in docker/pyhton/ of the catalogue' in said


def test_language_that_nobody_has_is_named_with_its_place(home: Path) -> None:
    """Where the image is that of the candidate's language, each language needs one."""
    change(MANIFEST, 'image = "python"', 'image = "language"')(home)
    change(MANIFEST, "languages = []  # empty:", 'languages = ["cobol"]  # empty\n#')(home)
    (home / "exercises/skeleton/starter").rename(home / "cobol")
    (home / "exercises/skeleton/starter").mkdir()
    (home / "cobol").rename(home / "exercises/skeleton/starter/cobol")
    found = [one for one in static.problems(Catalogue([home]).pair("skeleton")) if "unknown image" in one]
    (said,) = found
    line = (home / MANIFEST).read_text(encoding="utf-8").splitlines().index('languages = ["cobol"]  # empty') + 1
    assert f'exercise.toml:{line}: languages: cobol: unknown image "cobol", ' in said


def test_brief_is_rendered_for_every_variant(tmp_path: Path) -> None:
    """A hole that only some candidates would get is found, and says for which values."""
    brief = "# {{ exercise.title }} {% if parameters.colour == 'green' %}{{ nothing }}{% endif %}\n"
    known = harbour.catalogue(tmp_path, {"exercises/harbour/brief.md.j2": brief})
    (found,) = static.problems(known.pair("harbour"))
    assert found.endswith("(variant 1: colour = green)")


def test_validate_says_it_before_an_engine_is_looked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and the sentence; an engine of that name does not exist."""
    write("graders/skeleton/mutants/lost.patch", "")(home)
    code = validate(
        "skeleton",
        only=(),
        repeat=None,
        jobs=1,
        as_json=False,
        recorded=False,
        why=False,
        engine="none",
        catalogue=Catalogue([home]),
    )
    assert code == 1
    assert "lost.patch: expected an entry in mutants.toml" in capsys.readouterr().out
