"""The command to repeat a grading: it runs as it is printed."""

from __future__ import annotations

import copy
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.cli import cli
from harness.errors import ExitCode
from harness.grading.unknown import NO_EXERCISE
from harness.model import Grading, Verdict
from harness.reports import again, build, terminal
from harness.reports.again import Caller
from harness.reports.text import WIDTH, columns
from tests.unit.factories import grading, refused

ODD = [
    "inbox/heron.tar.gz",
    'in box/zoë\'s "own"',
    "-x.tar.gz",
    "--seed",
    "李雷/$HOME/`id`/*?.gz",
    "~/a;b&c|d",
    "back\\slash",
    "/very/long" * 30,
    "it's very long /" * 20,
    "ü" * 120,
]
UNSEEN = ["new\nline", "\x1b[31mred", "nbsp\u00a0", "bidi\u202eevil", "byte\udcff'\\", "tab\t" * 60]


def printed(made: Grading) -> str:
    """Return the command in the report of ``made``, as a shell gets it."""
    text = terminal.render(build(made))
    assert max(map(columns, text.splitlines())) <= WIDTH
    return text.split("\nAGAIN", 1)[1].split("\nFILES", 1)[0].strip()


def ran(command: str) -> list[str]:
    """Return the words bash makes of ``command``."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True)
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


def called(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> dict[str, object]:
    """Return what the command line hands to ``grade`` for ``words``."""
    kept: dict[str, object] = {}

    def note(paths: tuple[str, ...], **options: object) -> ExitCode:
        kept.update(options, paths=paths)
        return ExitCode.PASSED

    monkeypatch.setattr("harness.commands.grade.grade", note)
    assert words[0] == "harness"
    copy.deepcopy(cli).main(words[1:], standalone_mode=False)  # click remembers in a command how it was called
    return kept


@pytest.mark.parametrize("path", ODD)
def test_again_is_what_the_command_line_takes(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Words as any shell splits them; the path arrives as it was, and so do exercise, seed, variant and bar."""
    made = grading(submission_path=path, bar=80, variant=3, submission_alias_from="the folder's name")

    kept = called(monkeypatch, shlex.split(printed(made).replace("\\\n", "")))

    assert (kept["paths"], kept["exercise"]) == ((path,), "idempotent-payments")
    assert (kept["seed"], kept["variant"], kept["bar"]) == (4711, 3, 80.0)


@pytest.mark.parametrize("path", [*ODD, *UNSEEN])
def test_again_runs_in_a_shell(path: str) -> None:
    """What can't be seen is written so that bash makes the same bytes of it."""
    assert ran(printed(grading(submission_path=path)))[-1] == path


def test_again_of_a_stored_result_has_the_bytes_of_the_path() -> None:
    """A stored result writes a byte that is no UTF-8 as an escape; the command has the byte."""
    assert ran(printed(grading(submission_path="inbox/\\udcff.gz")))[-1] == "inbox/\udcff.gz"


def test_again_names_a_catalogue_that_is_not_the_harness_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exercises of somebody's own are found again; the ones that come with the harness need no option."""
    own = tmp_path / "our exercises"
    (own / "exercises").mkdir(parents=True)

    words = shlex.split(printed(grading(catalogue=(str(own),))).replace("\\\n", ""))

    catalogue = called(monkeypatch, words)["catalogue"]
    assert words[1:3] == ["--catalogue", str(own)]
    assert str(own) in str(vars(catalogue))
    checkout = Path(__file__).resolve().parents[3]
    assert "--catalogue" not in printed(grading(catalogue=(str(checkout),)))


def test_again_of_what_says_its_exercise_leaves_that_out() -> None:
    """A packed file and a workspace know what they are for, so the command is short enough for one line."""
    made = grading(submission_alias_from="the packed file")
    assert "AGAIN     harness grade --seed 4711 inbox/heron.tar.gz\n" in terminal.render(build(made))
    assert "--exercise" not in printed(grading(submission_alias_from="its workspace", submission_path="work"))
    assert "--exercise" in printed(grading(submission_alias_from="whoever graded it"))


def test_again_of_a_refused_submission_asks_for_no_seed() -> None:
    """Nothing was graded: there is no seed, and perhaps no exercise."""
    assert printed(refused()) == "harness grade --exercise idempotent-payments inbox/heron.tar.gz"
    unknown = refused(exercise=NO_EXERCISE, verdict=Verdict.REFUSED, bar=0.0)
    assert printed(unknown) == "harness grade inbox/heron.tar.gz"


def test_again_of_a_check_names_the_workspace_unless_it_is_here() -> None:
    """``harness check`` in another folder is repeated for that folder."""
    assert again.command(Caller(), "check", "--only", "contract/a") == ("harness", "check", "--only", "contract/a")
    assert again.command(Caller(path="-w"), "check", "--only", "contract/a")[-2:] == ("--", "-w")


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    words=st.lists(st.text(st.characters(codec="utf-8"), max_size=120), max_size=6),
    margin=st.integers(0, 12),
)
@example(words=["a" * 79, "", "b" * 200], margin=10)
def test_lines_say_the_words_and_fit(words: list[str], margin: int) -> None:
    """Whatever the words are, no line is too wide, and putting the lines together gives the words again."""
    made = again.lines(words, first="x" * margin, rest=" " * margin)

    assert max(map(columns, made)) <= WIDTH
    assert all(line.isprintable() for line in made)
    if all(word.isprintable() for word in words):
        assert shlex.split("\n".join(made).replace("\\\n", "")[margin:]) == words
