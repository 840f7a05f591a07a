"""A grader with a bug never costs the candidate a point, and never gives one."""

from __future__ import annotations

import pytest

from tests.e2e import tiny
from tests.e2e.cli import Cli, Ended

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
HEAD = "import os, threading, time\nimport pytest\nfrom harness.testing import check, expect\n"


def grade(cli: Cli, test: str, *, deadline: int = 60) -> Ended:
    """Grade a good service with one hidden test file."""
    catalogue = tiny.catalogue(cli.folder / "catalogue", {"test_hidden.py": HEAD + test}, deadline=deadline)
    submission = tiny.submission(cli.folder)
    return cli("--catalogue", str(catalogue), "grade", str(submission), "--exercise", "tiny", "--json")


@pytest.mark.parametrize(
    "test",
    [
        '@check("life/again")\ndef test_again(app):\n    raise RuntimeError("a bug")\n',
        '@pytest.fixture\ndef broken():\n    raise ValueError("a bug")\n@check("life/again")\ndef test_again(broken): ...\n',
        '@check("life/again")\ndef test_again(app):\n    pytest.skip("not today")\n',
        '@check("life/again")\ndef test_again(app):\n    t = threading.Thread(target=lambda: 1 / 0)\n    t.start(); t.join()\n',
    ],
    ids=["raises", "fixture raises", "skips", "thread raises"],
)
def test_grader_bug_is_inconclusive(cli: Cli, test: str) -> None:
    """The broken check decides nothing: 60 of 100 are sure, the bar of 70 is open."""
    done = grade(cli, test)
    assert done.code == 2, done.out + done.err
    (line,) = done.lines
    assert [outcome["status"] for outcome in line["outcomes"]] == ["passed", "inconclusive"]
    assert line["score"] == {"earned": 60.0, "decided": 60.0, "possible": 100.0}


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("", "declared, but no test judges it: life/again"),
        (tiny.AGAIN + "\ndef (\n", "graders/tiny/test_hidden.py, line "),
        (tiny.AGAIN + "\nimport numpy\n", "No module named 'numpy'"),
        (tiny.AGAIN.replace("(app, broker)", "(app, brokr)"), "needs the fixture 'brokr'"),
    ],
    ids=["missing", "no Python", "no such module", "no such fixture"],
)
def test_grader_that_cannot_be_run_is_its_authors(cli: Cli, test: str, told: str) -> None:
    """Exit code 5 with what is wrong and where; grading again would not help, and nobody is told to."""
    done = grade(cli, test)
    assert done.code == 5, done.out + done.err
    assert told in done.err
    assert "again" not in done.err.replace("life/again", "").replace("test_again", "")


@pytest.mark.parametrize(
    "test",
    [
        '@check("life/unknown")\ndef test_unknown(app): ...\n' + tiny.AGAIN,
        tiny.AGAIN + '\n@check("life/again")\ndef test_twice(app): ...\n',
        tiny.AGAIN + "\ndef test_unmarked(app): ...\n",
    ],
    ids=["undeclared id", "duplicate id", "no id"],
)
def test_grader_that_does_not_fit_its_declaration_is_held(cli: Cli, test: str) -> None:
    """Unknown, duplicate and unmarked tests hold the result for a human: exit code 6."""
    done = grade(cli, test)
    assert done.code == 6, done.out + done.err


def test_grader_that_prints_keeps_its_frames_clean(cli: Cli) -> None:
    """Whatever a test, or a process it starts, writes to stdout goes to the log."""
    test = (
        '@check("life/again")\ndef test_again(app):\n    print("x" * 10_000)\n    os.write(1, b"\\x00\\x00\\x00\\x02{}")\n'
        '    os.system("echo hello")\n'
    )
    done = grade(cli, test)
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize(
    "test",
    [
        '@check("life/again")\ndef test_again(app):\n    os._exit(0)\n',
        '@check("life/again")\ndef test_again(app):\n    os.kill(os.getpid(), 9)\n',
    ],
    ids=["exits", "is killed"],
)
def test_grader_that_dies_on_everything_is_ours(cli: Cli, test: str) -> None:
    """Twice on the submission and once on the starter: exit code 5, never a verdict."""
    done = grade(cli, test)
    assert done.code == 5, done.out + done.err


def test_grader_that_dies_of_this_submission_alone_is_held(cli: Cli) -> None:
    """The control completes on the starter: exit code 6, never 2, so that nobody can buy a retake."""
    (cli.folder / "catalogue").mkdir()
    test = '@check("life/again")\ndef test_again(app):\n    if app.request("GET", "/kill").status == 418: os._exit(1)\n'
    catalogue = tiny.catalogue(cli.folder / "catalogue", {"test_hidden.py": HEAD + test})
    app = tiny.APP.replace("self.send_response(200)", "self.send_response(418 if self.path == '/kill' else 200)")
    submission = tiny.submission(cli.folder, app)
    done = cli("--catalogue", str(catalogue), "grade", str(submission), "--exercise", "tiny", "--json")
    assert done.code == 6, done.out + done.err


def test_grader_that_hangs_is_ended_at_the_deadline(cli: Cli) -> None:
    """A hang costs the deadline, not the machine, and is never the candidate's."""
    done = grade(cli, '@check("life/again")\ndef test_again(app):\n    time.sleep(3600)\n', deadline=12)
    assert done.code in {2, 5}, done.out + done.err
