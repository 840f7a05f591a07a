"""The candidate's whole path at a real terminal, in each language: from the file that came by mail to a packed answer."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.grading.runner import Task, take_in
from harness.packs import record
from tests import turns
from tests.e2e.cli import CHECKOUT, Cli
from tests.e2e.laptop import (
    ALIAS,
    COLUMNS,
    DELIVER,
    EXERCISE,
    REFERENCES,
    ROWS,
    Laptop,
    Terminal,
    engine_groups,
    received,
    solve,
)

pytestmark = [pytest.mark.docker, pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the record is."""
    return tmp_path_factory.mktemp("company")


@pytest.fixture(scope="module")
def laptop(company: Path) -> Iterator[Laptop]:
    """The pack, unpacked; what is in it is installed as its START-HERE says, by somebody who may use the engine."""
    with received(company, groups=engine_groups()) as here:
        with here.terminal(here.unpacked) as shell:
            shell.run("python3 -m venv .venv", seconds=300)
            shell.run(
                ".venv/bin/python -m pip install -q --no-index --find-links wheels wheels/assessment_harness-*.whl",
                seconds=600,
            )
        yield here


def command(said: str, label: str) -> str:
    """Return the command that ``harness start`` printed beside a label."""
    found = re.search(rf"^{label} +(\S.*)$", said, re.MULTILINE)
    assert found, said
    return found[1].strip()


LANGUAGES = tuple(REFERENCES)
"""One has its turn each day: a walk is minutes of a whole run."""


@pytest.mark.parametrize("language", [LANGUAGES[turns.day() % len(LANGUAGES)]])
def test_from_the_mail_to_a_packed_answer(laptop: Laptop, company: Path, cli: Cli, language: str) -> None:
    """Doctor, start, up, logs, shell, kill, reload, down, check, submit: each from where they stand, as it was printed."""
    name = f"Lösung in {language}"
    workspace = laptop.unpacked / name
    with laptop.terminal(laptop.unpacked) as shell, laptop.terminal(laptop.unpacked) as other:
        said = shell.run(f".venv/bin/harness doctor . --language {language}")
        assert f"{EXERCISE} can be done here" in said
        said = shell.run(f".venv/bin/harness start . --language {language} --into '{name}'")
        assert f"then       {DELIVER}" in said
        printed = {
            verb: command(said, label) for verb, label in (("up", "run"), ("check", "try"), ("submit", "hand in"))
        }
        solve(workspace, language)
        laptop.own()
        hold(shell, other, printed["up"], workspace)
        checked(shell, printed["check"])
        handed_in(shell, printed["submit"])
    (answer,) = (workspace / "submissions").iterdir()
    (given,) = record.read(company).given
    taken = take_in(Task(path=str(answer)), Catalogue([CHECKOUT]), company)
    assert (taken.fit.hold, taken.submission.variant, taken.submission.alias) == ("", given.variant, ALIAS)
    assert "nothing" in cli("clean", "--dry-run").out


def hold(shell: Terminal, other: Terminal, up: str, workspace: Path) -> None:
    """Have the service in their hands in one window, and work with it in the other, in a folder of the workspace."""
    other.type(up)
    said = other.wait_for("app is ready", seconds=300)
    assert re.search(r"^  app +http://127\.0\.0\.1:\d+", said, re.MULTILINE), said
    (workspace / "notes").mkdir(mode=0o777)
    shell.run(line(said, "cd "))
    harness = "../" + line(said, r"\S+ logs ").partition(" logs ")[0]
    shell.run("cd notes")
    with urllib.request.urlopen(f"{url(said, 'app')}/health", timeout=30) as answer:
        assert answer.status == 200
    shell.run(f"{harness} logs app")
    sit_in(shell, harness)
    assert "app is killed" in shell.run(f"{harness} kill app")
    other.wait_for("app is killed, as you asked")
    with (workspace / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("\nTried with a kill.\n")
    said = shell.run(f"{harness} reload", seconds=300)
    assert re.search(r"built in \d+\.\d s and started again, ready after \d", said), said
    shell.type(f"{harness} shell db")
    shell.wait_for("app=> ?")
    shell.type("SELECT n FROM kept;")
    shell.wait_for("4711")
    shell.type(r"\q")
    shell.prompt(0)
    assert "down: nothing of it is left" in shell.run(f"{harness} down")
    assert "down: nothing of it is left" in other.prompt(0)
    shell.run("cd ../..")


def line(said: str, start: str) -> str:
    """Return the command after "in another terminal" that begins so."""
    found = re.search(rf"^in another terminal:\n(?:.*\n)*?  ({start}.*)$", said, re.MULTILINE)
    assert found, said
    return found[1]


def url(said: str, name: str) -> str:
    """Return the URL of what is called so."""
    found = re.search(rf"^  {name} +(\S+)", said, re.MULTILINE)
    assert found, said
    return found[1]


def sit_in(shell: Terminal, harness: str) -> None:
    """Use a shell beside the service, and one of the database: size, terminal, keys and exit code are those of a shell here."""
    shell.type(f"{harness} shell app")
    shell.wait_for(r"[$#] ")
    shell.type("stty size; echo $TERM in $PWD")
    shell.wait_for(f"{ROWS} {COLUMNS}\r\n")
    shell.wait_for("xterm-256color in /box")
    shell.type("sleep 600; echo it slept")
    shell.press("\x03")
    shell.type("echo still he''re; exit 7")
    assert "it slept" not in shell.wait_for("still here").replace("echo it slept", "")
    shell.prompt(7)
    shell.type(f"{harness} shell db")
    shell.wait_for("app=> ?")
    shell.type("CREATE TABLE kept (n int); INSERT INTO kept VALUES (4711);")
    shell.wait_for("INSERT 0 1")
    shell.type(r"\q")
    shell.prompt(0)


def checked(shell: Terminal, check: str) -> None:
    """See every check pass, each as it ends."""
    said = shell.run(check, seconds=600)
    words = " ".join(said.split())
    ended = re.findall(r"^\S+  \S+/\S+  \d+\.\d s  \((\d+) of (\d+)\)", said, re.MULTILINE)
    assert [int(position) for position, _ in ended] == list(range(1, int(ended[0][1]) + 1)), said
    assert f" {len(ended)} passed, 0 failed, in " in words
    assert "This is not your score" in words
    assert "--catalogue" not in said


def handed_in(shell: Terminal, submit: str) -> None:
    """Pack it, have it tried, and read where it goes."""
    words = " ".join(shell.run(submit, seconds=600).split())
    assert "unpacked elsewhere, built, and public checks run from it alone" in words
    assert " passed, 0 failed, 0 not measurable here" in words
    assert f" hand in {DELIVER} " in words
