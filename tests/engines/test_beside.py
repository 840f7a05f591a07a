"""Commands beside a sandbox's process that take their time: with streams, and with a terminal of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import cast

import pytest

from harness.engines.base import Kind, SandboxSpec, Scenario, Terminal
from harness.engines.docker.connect import Link
from harness.engines.docker.execs import ExecTerminal
from harness.engines.docker.streams import Stream
from harness.errors import SandboxError

Opener = Callable[..., AbstractContextManager[Scenario]]


def seen(terminal: Terminal, words: bytes) -> bytes:
    """Return what there was to see until ``words`` were in it."""
    shown = b""
    while words not in shown:
        data = terminal.read()
        assert data, shown
        shown += data
    return shown


def rest(terminal: Terminal) -> bytes:
    return b"".join(iter(terminal.read, b""))


def test_a_pipe_goes_both_ways_until_it_is_closed(opened: Opener, image: str) -> None:
    """What is written comes back, also after a while, and the process sees its input end."""
    with opened(SandboxSpec(name="one", image=image, command=("sleep", "60"))) as scenario:
        scenario.start("one")
        pipe = scenario.pipe("one", ("cat",))
        for word in (b"first", b"second", bytes(range(256)) * 1000):
            pipe.write(word)
            assert pipe.read_exactly(len(word)) == word
        pipe.close()


def test_a_terminal_shows_what_is_typed_and_how_it_ended(opened: Opener, image: str) -> None:
    with opened(SandboxSpec(name="one", image=image, command=("sleep", "60"))) as scenario:
        scenario.start("one")
        terminal = scenario.terminal("one", ("cat",), rows=24, columns=80)
        terminal.write(b"hello\n")
        seen(terminal, b"hello")
        terminal.resize(40, 120)
        terminal.write(b"\x04")
        rest(terminal)
        assert terminal.exit_code() == 0
        terminal.close()


@pytest.mark.parametrize("verb", ["pipe", "terminal"])
def test_where_nothing_runs_there_is_none(opened: Opener, image: str, verb: str) -> None:
    more = {"rows": 24, "columns": 80} if verb == "terminal" else {}
    with opened(SandboxSpec(name="one", image=image, command=("true",))) as scenario:
        with pytest.raises(SandboxError, match="expected sandbox one to run"):
            getattr(scenario, verb)("one", ("cat",), **more)
        scenario.start("one")
        scenario.wait("one", timeout_seconds=30)
        with pytest.raises(SandboxError, match="expected sandbox one to run"):
            getattr(scenario, verb)("one", ("cat",), **more)


def test_a_terminal_knows_how_it_ended_once_the_engine_does() -> None:
    """What it shows is at its end a moment earlier."""
    answers = iter([{"Running": True, "ExitCode": None}, {"Running": False, "ExitCode": 7}])
    client = SimpleNamespace(exec_inspect=lambda _: next(answers))
    link = cast("Link", SimpleNamespace(api=lambda: client))
    assert ExecTerminal(link, "number", cast("Stream", SimpleNamespace())).exit_code() == 7


@pytest.mark.docker
def test_a_real_terminal(kernel: Opener, base_image: str) -> None:
    """It has the size that it was given, then and later, its keys are keys, and colours are not touched."""
    with kernel(SandboxSpec(name="one", image=base_image, command=("sleep", "60"))) as scenario:
        scenario.start("one")
        shell = scenario.terminal("one", ("sh", "-i"), rows=30, columns=100, env={"TERM": "xterm-256color"})
        shell.write(b"stty size; echo $TERM; tty\n")
        shown = seen(shell, b"/dev/pts/")
        assert b"30 100" in shown
        assert b"xterm-256color\r\n" in shown
        shell.resize(50, 132)
        shell.write(b"stty size\n")
        seen(shell, b"50 132")
        shell.write(b"printf '\\033[31mred\\033[0m'; echo done\n")
        seen(shell, b"\x1b[31mred\x1b[0m")
        shell.write(b"echo be''gun; sleep 600\n")
        seen(shell, b"begun")
        shell.write(b"\x03")
        # As a person does: what is typed before a shell has taken the signal, it forgets.
        seen(shell, b"$ ")
        shell.write(b"echo af''ter; exit 7\n")
        seen(shell, b"after")
        rest(shell)
        assert shell.exit_code() == 7
        shell.close()


@pytest.mark.docker
def test_a_terminal_that_is_hung_up_leaves_no_shell(kernel: Opener, base_image: str) -> None:
    with kernel(SandboxSpec(name="one", image=base_image, command=("sleep", "60"))) as scenario:
        scenario.start("one")
        shell = scenario.terminal("one", ("sh", "-i"), rows=24, columns=80)
        shell.write(b"echo rea''dy\n")
        seen(shell, b"ready")
        shell.close()
        count = ("sh", "-c", "grep -l '^sh' /proc/[0-9]*/comm | wc -l")
        until = time.monotonic() + 20
        while scenario.exec("one", count, timeout_seconds=10).stdout.strip() != b"1":  # the one that counts
            assert time.monotonic() < until
            time.sleep(0.2)


@pytest.mark.docker
def test_a_terminal_in_a_candidates_sandbox_is_another_user(kernel: Opener, base_image: str) -> None:
    """As every command beside a candidate's process is; in a sandbox of ours it is the process's own."""
    sandboxes = [
        SandboxSpec(name="theirs", image=base_image, command=("sleep", "60"), kind=Kind.CANDIDATE),
        SandboxSpec(name="ours", image=base_image, command=("sleep", "60"), kind=Kind.SERVICE),
    ]
    with kernel(*sandboxes) as scenario:
        same = {}
        for name in ("theirs", "ours"):
            scenario.start(name)
            terminal = scenario.terminal(
                name,
                ("sh", "-c", '[ "$(stat -c %u /proc/1)" = "$(id -u)" ] && echo same || echo other'),
                rows=24,
                columns=80,
            )
            same[name] = rest(terminal).strip()
            terminal.close()
        assert same == {"theirs": b"other", "ours": b"same"}
