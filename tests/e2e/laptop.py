"""A candidate's laptop: a person who is not root, what came to them by mail, and the terminals they sit at."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

import pytest

from harness.engines.docker.connect import connect
from tests.e2e.cli import CHECKOUT, Cli

EXERCISE = "idempotent-payments"
ALIAS = "Jürgen"
DELIVER = "reply to the mail"
REFERENCES = {"python": "python-unique-key", "go": "go-outbox", "java": "java-advisory-locks"}
"""Language -> a right solution of the grader's."""
STRANGER = 54321
ROWS, COLUMNS = 40, 100
_PROMPT = r"\[(\d+)\]> "
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78])")


def _is_root() -> bool:
    return os.getuid() == 0


class Laptop:
    """A folder of somebody who is not root, with what came by mail in it."""

    def __init__(self, folder: Path, *, groups: Sequence[int] = ()) -> None:
        """``groups``: what the person is a member of."""
        self.folder = folder
        self._groups = tuple(groups)
        self._programs = folder.parent / "bin"
        self._programs.mkdir()
        # What a candidate has: Python as a system installs it, and not the environment these tests run in.
        (self._programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")

    @property
    def unpacked(self) -> Path:
        """The folder that came out of the pack."""
        (folder,) = self.folder.glob(f"*-{ALIAS}")
        return folder

    @property
    def environment(self) -> dict[str, str]:
        """What a new terminal has, and how this machine's engine is reached."""
        path = {"PATH": f"{self._programs}:/usr/bin:/bin", "HOME": str(self.folder.parent), "LANG": "C.UTF-8"}
        return path | {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}

    def own(self) -> None:
        """Give all that is there to whoever works here."""
        if _is_root():
            for path in (self.folder.parent, self.folder, *self.folder.rglob("*")):
                os.chown(path, STRANGER, STRANGER, follow_symlinks=False)

    def become(self) -> None:
        """Be that person, for good; for a process that has just been forked."""
        if _is_root():
            os.setgroups(self._groups)
            os.setgid(STRANGER)
            os.setuid(STRANGER)

    def shell(self, lines: str, cwd: Path | None = None) -> str:
        """Run lines in a shell, as that person, and return what they printed; each must end well."""
        done = subprocess.run(
            ["sh", "-ec", lines],
            cwd=cwd or self.folder,
            env=self.environment,
            user=STRANGER if _is_root() else None,
            group=STRANGER if _is_root() else None,
            extra_groups=self._groups if _is_root() else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def terminal(self, folder: Path) -> Terminal:
        """Open a terminal in ``folder``, as that person."""
        return Terminal(folder, self.environment, become=self.become)


def solve(workspace: Path, language: str) -> None:
    """Put a right solution in place of the starter, as if it had been written there."""
    solution = CHECKOUT / "graders" / EXERCISE / "references" / REFERENCES[language]
    for entry in solution.iterdir():
        there = workspace / entry.name
        if there.is_dir():
            shutil.rmtree(there)
        if entry.is_dir():
            shutil.copytree(entry, there)
        else:
            shutil.copy(entry, there)


@contextlib.contextmanager
def received(company: Path, *, groups: Sequence[int] = ()) -> Iterator[Laptop]:
    """Have ``company`` pack the exercise, and yield the laptop it came to: spaces and letters of other scripts in every path."""
    made = Cli(folder=company)(
        "pack", EXERCISE, "--candidate", ALIAS, "--deliver", DELIVER, env={"HARNESS_PACKS": str(company)}
    )
    assert made.code == 0, made.err
    assert "no wheels but ours" not in made.err, made.err
    with tempfile.TemporaryDirectory(prefix="harness-walk-") as scratch:
        Path(scratch).chmod(0o755)
        folder = Path(scratch) / "Bewerbung für 会社"
        folder.mkdir()
        with zipfile.ZipFile(company / f"{ALIAS}.zip") as archive:
            archive.extractall(folder)
        shutil.copy(company / f"{ALIAS}.zip", folder)
        laptop = Laptop(folder, groups=groups)
        laptop.own()
        yield laptop


def engine_groups() -> tuple[int, ...]:
    """Return the groups that may use this machine's engine. Skips where only root may."""
    link = connect()
    link.close()
    place = link.place.url
    if not place.startswith("unix://"):
        return ()
    socket = Path(place.removeprefix("unix://")).stat()
    if socket.st_mode & 0o006 == 0o006:
        return ()
    if socket.st_mode & 0o060 != 0o060:
        pytest.skip("the engine of this machine lets in nobody but root")
    return (socket.st_gid,)


class _Spawned(Protocol):
    """What is used of pexpect's child."""

    before: str | None
    match: re.Match[str]

    def expect(self, pattern: str, timeout: float) -> int: ...

    def sendline(self, text: str) -> int: ...

    def send(self, text: str) -> int: ...

    def close(self, *, force: bool) -> None: ...


class Terminal:
    """A shell in a window of its own."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *, become: Callable[[], None] = lambda: None
    ) -> None:
        """Open it in ``folder``; ``become`` is called by its process to be somebody else."""
        import pexpect

        self._window = cast(
            "_Spawned",
            pexpect.spawn(
                "/bin/bash",
                ["--noprofile", "--norc", "--noediting", "-i"],
                cwd=str(folder),
                env={**environment, "TERM": "xterm-256color", "PS1": r"[$?]> "},
                preexec_fn=become,
                dimensions=(ROWS, COLUMNS),
                encoding="utf-8",
            ),
        )
        self.prompt(0)

    def __enter__(self) -> Self:
        """Use it until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the window: what still runs in it is hung up."""
        self._window.close(force=True)

    def run(self, line: str, *, code: int = 0, seconds: float = 120) -> str:
        """Type a line, wait for the prompt, and return what was shown between."""
        self._window.sendline(line)
        return self.prompt(code, seconds=seconds)

    def prompt(self, code: int, *, seconds: float = 120) -> str:
        """Wait for the prompt, which says how the last command ended, and return what was shown before it."""
        self._expect(_PROMPT, seconds)
        said = self._shown()
        assert int(self._window.match[1]) == code, said
        return said

    def type(self, text: str) -> None:
        """Type a line, for whatever reads it."""
        self._window.sendline(text)

    def press(self, key: str) -> None:
        """Press one key."""
        self._window.send(key)

    def wait_for(self, pattern: str, *, seconds: float = 120) -> str:
        """Wait until ``pattern`` is shown; return what was shown before it, and it."""
        self._expect(pattern, seconds)
        return self._shown() + self._window.match[0]

    def _expect(self, pattern: str, seconds: float) -> None:
        import pexpect

        try:
            self._window.expect(pattern, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            text = f"{pattern!r} was not shown in {seconds:.0f} s, but: {self._shown()}"
            raise AssertionError(text) from error

    def _shown(self) -> str:
        # A line that is written over is a line each time.
        said = _ESCAPES.sub("", self._window.before or "").replace("\r\n", "\n").replace("\r", "\n")
        assert "Traceback (most recent call last)" not in said, said
        return said
