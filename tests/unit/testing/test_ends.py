"""How a process ended, in words."""

from __future__ import annotations

import pytest

from harness.testing.broker import RunResult
from harness.testing.ends import ended, exit_words, how_it_ended, last_lines


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (7, "exit code 7"),
        (126, "exit code 126: it could not be executed"),
        (127, "exit code 127: its program was not found"),
        (128, "exit code 128"),
        (137, "exit code 137, as after SIGKILL"),
        (139, "exit code 139, as after SIGSEGV"),
        (-11, "exit code 139, as after SIGSEGV"),
        (255, "exit code 255"),
        (None, "an unknown exit code"),
    ],
)
def test_exit_words(code: int | None, words: str) -> None:
    """Codes that a shell or a signal leaves are explained, all others are only said."""
    assert exit_words(code) == words


def test_how_it_ended_says_memory() -> None:
    """Whoever was killed for memory reads that its limit was reached, and which it is."""
    killed = how_it_ended(137, oom_killed=True, memory_mb=512)
    assert killed == "was killed out of memory: its memory limit of 512 MiB was reached (exit code 137)"
    assert how_it_ended(137) == "ended with exit code 137, as after SIGKILL"
    assert "its memory limit was reached" in how_it_ended(137, oom_killed=True)


def test_how_it_ended_says_memory_of_a_worker() -> None:
    """A process that ends because a worker of it was killed for memory says both."""
    words = how_it_ended(1, oom_killed=True, memory_mb=512)
    assert words.startswith("ended with exit code 1, and its memory limit of 512 MiB was reached")


def test_last_lines_are_the_end_made_safe() -> None:
    """Blank lines are no lines, escapes are made visible, and ten megabytes are told by their end."""
    log = b"x" * 10_000_000 + b"\nfirst\n\n\x1b[31mred\r\n   \nRuntimeError: no config found\n"
    assert last_lines(log, 3) == ("first", "<U+001B>[31mred", "RuntimeError: no config found")
    assert len(last_lines(b"y" * 5000)[0]) == 200
    assert last_lines(b"") == ()


def ran(
    exit_code: int = 0,
    *,
    stdout: bytes = b"",
    stderr: bytes = b"",
    oom_killed: bool = False,
    timed_out: bool = False,
    seconds: float = 0.1,
) -> RunResult:
    """Return a command that ran."""
    return RunResult(
        exit_code=exit_code,
        stdout=stdout,
        stderr=stderr,
        truncated=False,
        timed_out=timed_out,
        seconds=seconds,
        oom_killed=oom_killed,
        memory_mb=64,
    )


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (ran(126, stderr=b"sh: 1: exec: ./s: Permission denied\n"), ["x bit", "| sh: 1: exec: ./s: Permission denied"]),
        (
            ran(127, stderr=b"sh: 1: exec: node: not found"),
            ["its program was not found", "CRLF", "| sh: 1: exec: node"],
        ),
        (ran(127, stderr=b"env: 'python3\r': No such file"), ["| env: 'python3", "': No such file"]),
        (
            ran(1, stderr=b"Traceback\n  File\nModuleNotFoundError: No module named 'numpy'\n"),
            ["exit code 1.", "numpy"],
        ),
        (ran(1, stdout=b"panic: no input\n"), ["Last on stdout:", "panic: no input"]),
        (ran(139), ["as after SIGSEGV", "It wrote nothing."]),
        (ran(137, oom_killed=True), ["its memory limit of 64 MiB was reached"]),
        (ran(1, oom_killed=True, stderr=b"fork failed"), ["memory limit of 64 MiB", "exit code 1", "fork failed"]),
        (ran(137, timed_out=True, seconds=5.02, stderr=b"waiting"), ["still running after 5.0 s", "| waiting"]),
        (ran(3, stderr=b"\x1b]0;title\x07\xff" + b"x" * 5000), ["<U+001B>"]),
    ],
)
def test_ended_names_the_cause(one: RunResult, wanted: list[str]) -> None:
    """Each way a one-shot ends is named with the last that it said, safe to print and short enough to keep."""
    text = ended(one)
    assert [part for part in wanted if part not in text] == []
    assert text.replace("\n", "").isprintable()
    assert len(text) <= 2000


def test_result_names_its_signal() -> None:
    """128 + n is signal n, anything else none."""
    assert [ran(code).signal for code in (139, 137, 143, 1, 0, 128, 255)] == [
        "SIGSEGV",
        "SIGKILL",
        "SIGTERM",
        None,
        None,
        None,
        None,
    ]
