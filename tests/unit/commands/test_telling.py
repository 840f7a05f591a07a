"""``harness grade --format``, ``--summary`` and ``--audience``: who reads the log of a job reads what is theirs, and no more."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import console, progress, store
from harness.commands.opening import Opener
from harness.errors import ExerciseError, HarnessError
from harness.grading.runner import Graded, Progress, Task
from harness.reports import FORMATS, markdown
from tests.unit.commandline import EXPECTED, Ended, Scripted, command, world
from tests.unit.reports.actions import commands
from tests.unit.reports.test_redact import SECRETS

JOINING = [name for name, fmt in FORMATS.items() if fmt.joins]
HELD_OUT = [secret for secret in SECRETS if secret != "inbox/"]  # the reason of a refusal that is scripted names it
ACTIONS = {"GITHUB_ACTIONS": "true"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with submissions whose names say how their gradings end."""
    return world(tmp_path_factory.mktemp("telling"))


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Opener, "__call__", lambda _, stack, progress: Scripted()(stack, progress))


def grade(here: Path, *arguments: str, environment: dict[str, str] | None = None, out: str = "res") -> Ended:
    """Run ``harness grade`` with results in a folder of their own."""
    # Where nobody takes what is logged, as outside of pytest, warnings go to standard error.
    alone = logging.getLogger().handlers.clear
    return command("grade", "--out", out, *arguments, cwd=here, environment=environment, before=alone)


def report(here: Path, out: Path, name: str, fmt: str) -> Ended:
    """Return what ``harness report`` prints of the submission ``name``."""
    (folder,) = (kept.parent for kept in out.glob("*/*/result.json") if store.load(kept).submission_alias == name)
    return command("report", str(folder), "--format", fmt, cwd=here)


def failing(error: Exception, said: str = "") -> type[Scripted]:
    """Return a runner whose gradings end with ``error``, after it said ``said`` of its progress."""

    class Failing(Scripted):
        def __call__(self, stack: object, progress: Progress | None) -> Scripted:
            if progress is not None:
                progress(said)
            return self

        def grade(self, task: Task, *, ready: Callable[[], None] = lambda: None, ended: object = None) -> Graded:
            logging.getLogger("harness.grading.attempts").warning(said)
            raise error

    return Failing


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("name", ["failed", "refused", "inconclusive"])
def test_format_is_what_report_prints(here: Path, tmp_path: Path, fmt: str, name: str) -> None:
    """One submission, its document alone on standard output, and the code of its verdict."""
    ended = grade(here, f"{name}.tar.gz", "--format", fmt, out=str(tmp_path))
    again = report(here, tmp_path, name, fmt)

    assert (ended.code, again.code) == (EXPECTED[name], 0)
    assert ended.out == again.out


@pytest.mark.parametrize("fmt", [*FORMATS, "json line", "report", "rows"])
@pytest.mark.parametrize("name", ["failed", "refused", "inconclusive", "held"])
def test_candidates_log_tells_nothing_that_is_held_out(here: Path, tmp_path: Path, fmt: str, name: str) -> None:
    """In no format, on neither stream, and not in the summary."""
    asked = {"json line": ["--json"], "report": [], "rows": ["passed.tar.gz"]}.get(fmt, ["--format", fmt])
    page = tmp_path / "summary.md"
    ended = grade(here, f"{name}.tar.gz", *asked, "--audience", "candidate", "--summary", str(page), out=str(tmp_path))

    assert ended.code == EXPECTED[name]
    seen = ended.out + ended.err + page.read_text(encoding="utf-8")
    assert [secret for secret in HELD_OUT if secret in seen] == []


def test_results_hold_everything_whoever_reads_the_log(here: Path, tmp_path: Path) -> None:
    """What is kept is the assessor's."""
    grade(here, "failed.tar.gz", "--audience", "candidate", out=str(tmp_path))

    (result,) = tmp_path.glob("*/*/result.json")
    assert "safety/webhook-before-answer" in result.read_text(encoding="utf-8")


@contextlib.contextmanager
def at_once(label: str) -> Iterator[Callable[[str], None]]:
    """Say every step of a grading on standard error, however short it is."""
    yield lambda text: console.notice(f"{label}: {text}")


@pytest.mark.parametrize("who", ["assessor", "candidate"])
def test_candidates_log_tells_no_step_of_a_grading(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """It may name a held-out check that runs, and so may what is logged."""
    error = HarnessError("expected a grader, found none")
    monkeypatch.setattr(progress, "step", at_once)
    monkeypatch.setattr(
        Opener, "__call__", lambda _, stack, say: failing(error, "safety/killed-at-commit runs")()(stack, say)
    )
    ended = grade(here, "passed.tar.gz", "--audience", who, out=str(tmp_path))

    assert ended.err.count("killed-at-commit") == (2 if who == "assessor" else 0)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        ExerciseError("graders/tiny/checks.toml: safety/killed-at-commit has no test"),
        HarnessError("safety/killed-at-commit: expected a grader, found none"),
        ZeroDivisionError("safety/killed-at-commit"),
    ],
    ids=["exercise", "ours", "bug"],
)
def test_candidates_log_does_not_quote_an_error_of_ours(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, *, as_json: bool
) -> None:
    """It may name a held-out check. Who runs the job finds it beside the results."""
    monkeypatch.setattr(Opener, "__call__", lambda _, stack, progress: failing(error)()(stack, progress))
    page = tmp_path / "summary.md"
    options = ["--audience", "candidate", "--summary", str(page), *(["--json"] if as_json else [])]
    ended = grade(here, "passed.tar.gz", *options, out=str(tmp_path / "res"))

    assert ended.code == 5
    assert "killed-at-commit" not in ended.out + ended.err + page.read_text(encoding="utf-8")
    assert "our error, which says nothing about the submission" in ended.err
    (kept,) = (tmp_path / "res").glob("error-*.txt")
    assert str(kept) in ended.err
    if not isinstance(
        error, ZeroDivisionError
    ):  # the traceback of a bug is in a file of its own, which the other names
        assert "killed-at-commit" in kept.read_text(encoding="utf-8")


def test_assessor_reads_an_error_of_ours_at_once(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: nothing is withheld from who must act on it."""
    error = HarnessError("expected a grader, found none")
    monkeypatch.setattr(Opener, "__call__", lambda _, stack, progress: failing(error)()(stack, progress))

    assert "expected a grader, found none" in grade(here, "passed.tar.gz", out=str(tmp_path)).err
    assert not list(tmp_path.glob("error-*"))


def test_json_of_a_candidate_has_the_keys_of_all(here: Path, tmp_path: Path) -> None:
    """A script need not know who reads the log; numbers are the same, held-out checks are counted by skill."""
    mine, theirs = (
        json.loads(grade(here, "failed.tar.gz", "--json", "--audience", who, out=str(tmp_path / who)).out)
        for who in ("assessor", "candidate")
    )

    assert set(mine) == set(theirs)
    assert mine["score"] == theirs["score"]
    assert "held-out/recovery" in {outcome["id"] for outcome in theirs["outcomes"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "sariff"], r"expected a format of terminal, .*found 'sariff': did you mean sarif\?"),
        (["--format", "sarif", "--json"], "expected --json or --format, found both"),
        (["--format", "sarif", "failed.tar.gz"], r"one document, found 2: .*harness report .*/NAME --format sarif"),
        (["--summary", "none/summary.md"], r"expected to write the summary \(--summary\) to none/summary.md"),
        (["--summary", "."], "expected to write the summary"),
        (["--audience", "boss"], "boss"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(here: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    """Said before anything is graded."""
    ended = grade(here, "passed.tar.gz", *arguments, out=str(tmp_path / "res"))

    assert ended.code == 4
    assert re.search(said, " ".join(ended.err.split()))
    assert not (tmp_path / "res").exists()


@pytest.mark.parametrize("fmt", JOINING)
def test_formats_that_join_are_for_many(here: Path, tmp_path: Path, fmt: str) -> None:
    """The documents follow each other."""
    ended = grade(here, "failed.tar.gz", "passed.tar.gz", "--format", fmt, out=str(tmp_path))

    assert ended.out == "".join(report(here, tmp_path, name, fmt).out for name in ("failed", "passed"))


def test_summary_adds_to_what_is_there(here: Path, tmp_path: Path) -> None:
    """A page of a step may have something already; every submission gets its part, a missing result too."""
    page = tmp_path / "summary.md"
    page.write_text("# Mine\n", encoding="utf-8")
    ended = grade(here, "failed.tar.gz", "passed.tar.gz", "memory.tar.gz", "--summary", str(page), out=str(tmp_path))

    text = page.read_text(encoding="utf-8")
    assert ended.code == 5
    assert text.startswith("# Mine\n\n## failed: ")
    assert re.findall(r"^## (\w+)", text, re.MULTILINE) == ["failed", "passed", "memory"]
    assert "## memory.tar.gz: no result" in text


def test_summary_is_never_more_than_a_step_shows(here: Path, tmp_path: Path) -> None:
    """One byte more and a platform shows nothing of it: what is there already counts, and what no longer fits is left out."""
    page = tmp_path / "summary.md"
    page.write_bytes(b"x" * (markdown.SUMMARY_BYTES - 1500))
    for _ in range(3):
        assert grade(here, "failed.tar.gz", "--summary", str(page), out=str(tmp_path)).code == 1
    added = page.read_bytes()[markdown.SUMMARY_BYTES - 1500 :].decode()

    assert page.stat().st_size <= markdown.SUMMARY_BYTES
    assert added.count("45 of 100 automatic points") == 1
    assert re.search(r"_\d sections left out for want of room: see the report._\n\nMore was graded [^\n]+\n$", added)


def test_what_a_full_summary_leaves_out_is_said_once(here: Path, tmp_path: Path) -> None:
    """Of what is graded when there is no room for the beginning of a report nobody would know that it was graded at all."""
    page = tmp_path / "summary.md"
    page.write_bytes(b"x" * (markdown.SUMMARY_BYTES - 200))
    both = ("failed.tar.gz", "passed.tar.gz")
    for _ in range(2):
        assert grade(here, *both, "--summary", str(page), out=str(tmp_path)).code == 1
    assert page.read_bytes().decode().count("More was graded than there is room for here") == 1
    page.write_bytes(b"x" * (markdown.SUMMARY_BYTES - 10))
    assert grade(here, *both, "--summary", str(page), out=str(tmp_path)).code == 1
    assert page.stat().st_size == markdown.SUMMARY_BYTES - 10


def test_summary_that_cannot_be_written_is_said_with_the_code_of_our_error(here: Path, tmp_path: Path) -> None:
    """Somebody counts on it; the result itself is kept."""
    ended = grade(here, "failed.tar.gz", "--summary", "/dev/full", out=str(tmp_path))

    assert ended.code == 5
    assert "the summary (--summary)" in ended.err
    assert list(tmp_path.glob("*/*/result.json"))
    assert grade(here, "held.tar.gz", "--summary", "/dev/full", out=str(tmp_path)).code == 6


@pytest.mark.parametrize(
    "name", ["::error::you passed.tar.gz", "  ::stop-commands::x.tar.gz", "x##[error]y.tar.gz", "\n::add-mask::failed"]
)
@pytest.mark.parametrize(
    "options", [[], ["--json"], ["--format", "terminal"], ["--format", "junit"], ["--format", "github"]]
)
def test_a_submission_commands_no_job(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: list[str]
) -> None:
    """A job of GitHub Actions acts on lines of its log, whoever wrote them: nothing of a submission begins one."""
    monkeypatch.chdir(here)
    path = here / name
    path.write_bytes(b"junk")
    try:
        ended = grade(here, "--exercise", "tiny", "--", name, environment=ACTIONS, out=str(tmp_path))
        ended = grade(here, "--exercise", "tiny", *options, "--", name, environment=ACTIONS, out=str(tmp_path))
    finally:
        path.unlink()

    acted = commands(ended.out) + commands(ended.err)
    assert {one.name for one in acted} <= ({"notice", "error"} if options == ["--format", "github"] else set())
    if options == ["--json"]:
        assert all(json.loads(line)["schema"] for line in ended.out.splitlines())


@pytest.mark.parametrize("variable", ["TF_BUILD", "TEAMCITY_VERSION"])
def test_a_submission_commands_no_job_of_other_build_servers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    """Azure acts on ``##vso[...]`` wherever it stands in a line, TeamCity on ``##teamcity[...]``; by whichever way it comes."""
    words = "seen ##vso[task.complete result=Succeeded;]\n##TeamCity[buildStatus status='SUCCESS']\n##[error]x"
    monkeypatch.setenv(variable, "True")
    writers: tuple[Callable[[str], None], ...] = (
        *(console.line, console.entry, console.report),
        *(console.notice, console.document, console.whole),
    )
    for write in writers:
        write(words)
    console.whole(words, commands=True)
    said = "".join(capsys.readouterr())
    assert said.count("\\u0023#vso[task") == 7
    assert not re.search(r"##(vso|teamcity|)\[", said, re.IGNORECASE)


def test_text_stays_as_it_is_elsewhere(here: Path, tmp_path: Path) -> None:
    """The twin: only such a job is written to in this way."""
    name = "::error::failed"
    (here / name).write_bytes(b"junk")
    try:
        ended = grade(here, "--exercise", "tiny", "--", name, out=str(tmp_path))
    finally:
        (here / name).unlink()

    assert commands(ended.err + ended.out) != [] or "::error::" in ended.out + ended.err
