"""How a process ended, in words."""

from __future__ import annotations

import pytest

from harness.testing.ends import exit_words, how_it_ended, last_lines


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
