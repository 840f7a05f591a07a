"""One-shots: files that a check gives, and what they said, on the fake engine."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from harness.engines.base import ExecResult
from harness.grading import args, content
from harness.grading.args import Args, RequestError
from harness.grading.runlog import RunLog
from harness.model import Json, SubmissionFile


def asked(files: Json) -> Mapping[str, bytes]:
    """Return the files of a request."""
    return Args("run", {"files": files}, frozenset({"submission"})).files("files")


def b64(data: bytes) -> str:
    """Return ``data`` as it travels."""
    return base64.b64encode(data).decode()


def test_files_of_a_run_are_read() -> None:
    """Relative paths and bytes, and nothing where nothing is asked for."""
    assert asked({"input.txt": b64(b"\x00\xff"), "data/a-1_b.csv": b64(b"")}) == {
        "input.txt": b"\x00\xff",
        "data/a-1_b.csv": b"",
    }
    assert asked(None) == {}


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/passwd": ""},
        {"../a": ""},
        {"a/../b": ""},
        {"a//b": ""},
        {"./a": ""},
        {"": ""},
        {"a\0b": ""},
        {"a b": ""},
        {"x" * 201: ""},
        {"a": "not base64"},
        {"a": 7},
        ["a"],
        {str(n): "" for n in range(args.MAX_FILES + 1)},
        {"a": b64(b"x" * (args.MAX_FILE_BYTES // 2)), "b": b64(b"x" * (args.MAX_FILE_BYTES // 2 + 1))},
    ],
)
def test_files_of_a_run_that_cannot_be_are_the_authors(files: Json) -> None:
    """A name that leaves the box, or more than the cap, is refused with what was expected."""
    with pytest.raises(RequestError, match="run: expected"):
        asked(files)


def test_no_submission_keeps_an_input_out() -> None:
    """A file of the check replaces whatever stands at its place, above it or below it."""
    files = [SubmissionFile(path=path, content=b"theirs") for path in ("run.sh", "in", "data/x/y", "deep", "deeper/a")]
    extra = {"in": b"ours", "data/x": b"ours", "deep/er/file": b"ours", "new": b"ours"}
    merged = {file.path: file.content for file in content.with_files(files, extra)}
    assert merged == {"run.sh": b"theirs", "deeper/a": b"theirs", **extra}
    assert content.tar_of(content.with_files(files, extra))


def test_run_log_tells_how_each_run_ended_and_is_capped() -> None:
    """How it ended and what it wrote, its beginning and its end, for each sandbox."""
    log = RunLog()
    log.add("submission", (), ExecResult(exit_code=126, stdout=b"", stderr=b"sh: Permission denied", seconds=0.1))
    log.add("submission", ("ls", "-l"), ExecResult(exit_code=0, stdout=b"begin" + b"x" * 10**6 + b"end", stderr=b""))
    log.add("tests", (), ExecResult(exit_code=137, stdout=b"", stderr=b"", oom_killed=True))
    log.add("tests", (), ExecResult(exit_code=137, stdout=b"", stderr=b"", timed_out=True))
    kept = {name: text.decode() for name, text in log.logs().items()}
    assert "run 1: exit code 126, 0.10 s" in kept["submission"]
    assert "-- stderr\nsh: Permission denied\n" in kept["submission"]
    assert "run 2 'ls -l': exit code 0" in kept["submission"]
    assert "begin" in kept["submission"]
    assert f"\n[{10**6 + 8 - 4096} bytes left out]\n" in kept["submission"]
    assert "end\n" in kept["submission"]
    assert len(kept["submission"]) < 5000
    assert "exit code 137, out of memory" in kept["tests"]
    assert "stopped when its time was over" in kept["tests"]
    for _ in range(1000):
        log.add("tests", (), ExecResult(exit_code=0, stdout=b"y" * 9000, stderr=b""))
    assert len(log.logs()["tests"]) < 200 * 5000
