"""A mistake of an author is named with its file, line and text, whatever kind it is; nothing is run or said of a check."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.testing.grader import Grader, job

GOOD = "from harness.testing import check\n\n\n@check('a/b')\ndef test_it(job):\n    pass\n"
TWICE = GOOD.replace("@check", "@p('n', [1])\n@p('n', [2])\n@check").replace("(job)", "(n)")
PUBLIC, HIDDEN = "exercises/demo/checks", "graders/demo"


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    """One warm grader: a broken job must not spoil the next."""
    with Grader(tmp_path_factory.mktemp("grader")) as started:
        yield started


def broken(grader: Grader, files: dict[str, str]) -> list[str]:
    """Return what is said of checks that can't be run, with nothing else said of them."""
    seen = grader.run(job({"test_it.py": GOOD, **files}, "a/b"))
    assert (seen.outcomes, seen.of("phase"), seen.finished["exit"]) == ({}, [], 1)
    return [str(event["text"]) for event in seen.of("broken")]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"test_it.py": GOOD + "def (\n"}, [f"{PUBLIC}/test_it.py, line 7: SyntaxError: ", "'def ('"]),
        ({"test_it.py": GOOD + "  pass\n"}, [f"{PUBLIC}/test_it.py, line 7: IndentationError: "]),
        ({"test_it.py": GOOD + "if 1:\n\tpass\n        pass\n"}, [f"{PUBLIC}/test_it.py, line 9: TabError: "]),
        ({"test_it.py": GOOD + "x = 1\0\n"}, [f"{PUBLIC}/test_it.py, line 7: ", "null byte"]),
        (
            {"test_it.py": "import numpy_is_not_here\n"},
            [f"{PUBLIC}/test_it.py, line 1: ModuleNotFoundError", "numpy_is"],
        ),
        ({"test_it.py": "from harness.testing import nope\n"}, [f"{PUBLIC}/test_it.py, line 1: ImportError", "nope"]),
        ({"test_it.py": GOOD + "1 / 0\n"}, [f"{PUBLIC}/test_it.py, line 7: ZeroDivisionError"]),
        ({"test_it.py": GOOD + "raise SystemExit(3)\n"}, [f"{PUBLIC}/test_it.py, line 7: SystemExit: 3"]),
        ({"test_it.py": GOOD + "raise KeyboardInterrupt\n"}, [f"{PUBLIC}/test_it.py, line 7: KeyboardInterrupt"]),
        ({"test_it.py": GOOD + "class Odd(BaseException): ...\nraise Odd('x')\n"}, ["test_it.py, line 8: ", "Odd: x"]),
        ({"hidden/test_h.py": "import world_is_not_here\n"}, [f"{HIDDEN}/test_h.py, line 1: ModuleNotFoundError"]),
        ({"hidden/conftest.py": "x = [\n"}, [f"{HIDDEN}/conftest.py, line 1: SyntaxError: "]),
        ({"hidden/conftest.py": "\nboom\n"}, [f"{HIDDEN}/conftest.py, line 2: NameError: "]),
        ({"conftest.py": "def f(:\n"}, [f"{PUBLIC}/conftest.py, line 1: SyntaxError: "]),
        (
            {"conftest.py": "import os\nos.environ['NOT_THERE']\n"},
            [f"{PUBLIC}/conftest.py, line 2: KeyError: 'NOT_THERE'"],
        ),
        (
            {"conftest.py": "def pytest_collection_finish():\n    {}['x']\n"},
            [f"{PUBLIC}/conftest.py, line 2: KeyError"],
        ),
        ({"conftest.py": "def pytest_no_such_hook(): ...\n"}, ["pytest_no_such_hook"]),
        (
            {"world.py": "VALUE = int('x')\n", "test_it.py": "import world\n" + GOOD},
            [f"{PUBLIC}/world.py, line 1: ValueError: invalid literal"],
        ),
        ({"world.py": "x = (\n", "test_it.py": "import world\n" + GOOD}, [f"{PUBLIC}/world.py, line 1: SyntaxError"]),
        (
            {"test_it.py": GOOD.replace("(job)", "(app)")},
            [f"{PUBLIC}/test_it.py, line 4: test_it needs the fixture 'app'"],
        ),
        (
            {"conftest.py": "import pytest\n@pytest.fixture\ndef job(sandbox): ...\n"},
            [f"{PUBLIC}/test_it.py, line 4: test_it needs the fixture 'sandbox'"],
        ),
        (
            {"test_it.py": "import pytest\np = pytest.mark.parametrize\n" + TWICE},
            [f"{PUBLIC}/test_it.py, line 9: ", "duplicate parametrization of 'n'"],
        ),
        (
            {"test_it.py": "import pytest\n" + GOOD.replace("@check", "@pytest.mark.parametrize('m', [1])\n@check")},
            [f"{PUBLIC}/test_it.py, line 7: ", "uses no argument 'm'"],
        ),
        (
            {"test_it.py": "import pytest\n" + GOOD.replace("@check", "@pytest.mark.sloow\n@check")},
            ["test_it.py", "sloow"],
        ),
        ({"test_it.py": "x = 1\n"}, ["declared, but no test judges it: a/b"]),
        (
            {"test_it.py": "import pytest\npytest.skip('later', allow_module_level=True)\n"},
            ["no test judges it: a/b", "left out by a skip: test_it.py"],
        ),
    ],
)
def test_mistake_of_an_author_is_named(grader: Grader, files: dict[str, str], wanted: list[str]) -> None:
    """File as its author finds it, line where there is one, and the text of the error."""
    told = "\n".join(broken(grader, files))
    assert [part for part in wanted if part not in told] == [], told
    assert str(grader.root) not in told


def test_every_file_that_is_no_python_is_named_at_once(grader: Grader) -> None:
    """An author mends all of them, not one a run."""
    told = broken(grader, {"test_it.py": "def (\n", "world.py": "x = (\n", "hidden/test_h.py": "y = 'open\n"})
    assert [text.partition(",")[0] for text in told] == [
        f"{HIDDEN}/test_h.py",
        f"{PUBLIC}/test_it.py",
        f"{PUBLIC}/world.py",
    ]


def test_fixture_that_asks_for_a_wider_or_unknown_one_at_run_time_is_named(grader: Grader) -> None:
    """What pytest finds out only at set-up is named as well."""
    text = "import pytest\n@pytest.fixture\ndef world(request):\n    return request.getfixturevalue('moon')\n"
    seen = grader.run(job({"conftest.py": text, "test_it.py": GOOD.replace("(job)", "(world)")}, "a/b"))
    (told,) = seen.of("broken")
    assert "moon" in str(told["text"])


def test_grader_is_as_before_after_a_broken_job(grader: Grader) -> None:
    """The next job runs."""
    assert broken(grader, {"conftest.py": "def (\n"})
    assert grader.run(job({"test_it.py": GOOD}, "a/b")).statuses == {"a/b": "passed"}
