"""A candidate with a pack, a Python and nothing else: what START-HERE says is done, word for word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.grading.runner import Task, take_in
from harness.packs import record
from tests.e2e.cli import CHECKOUT, Cli

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
EXERCISE = "idempotent-payments"
LANGUAGES = ("python", "go", "java")
STRANGER = 54321


class Laptop:
    """A folder of somebody who is not root, with what came by mail in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = folder.parent / "bin"
        self._programs.mkdir()
        # What a candidate has: Python as a system installs it, and not the environment these tests run in.
        (self._programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")

    def own(self) -> None:
        """Give all that is there to whoever works here."""
        if os.getuid() == 0:
            for path in (self.folder.parent, self.folder, *self.folder.rglob("*")):
                os.chown(path, STRANGER, STRANGER, follow_symlinks=False)

    def shell(self, lines: str, cwd: Path | None = None) -> str:
        """Run lines in a shell, as that person, and return what they printed; each must end well."""
        env = {"PATH": f"{self._programs}:/usr/bin:/bin", "HOME": str(self.folder.parent), "LANG": "C.UTF-8"}
        somebody = {"user": STRANGER, "group": STRANGER, "extra_groups": ()} if os.getuid() == 0 else {}
        done = subprocess.run(
            ["sh", "-ec", lines],
            cwd=cwd or self.folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
            **somebody,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert isinstance(done.stdout, str)
        return done.stdout


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the record is."""
    return tmp_path_factory.mktemp("company")


@pytest.fixture(scope="module")
def laptop(company: Path) -> Iterator[Laptop]:
    """The candidate's folder, with spaces and letters of other scripts in its name, and the pack unpacked in it."""
    made = Cli(folder=company)(
        "pack", EXERCISE, "--candidate", "Jürgen", "--deliver", "reply to the mail", env={"HARNESS_PACKS": str(company)}
    )
    assert made.code == 0, made.err
    assert "no wheels but ours" not in made.err, made.err
    with tempfile.TemporaryDirectory(prefix="harness-walk-") as scratch:
        Path(scratch).chmod(0o755)
        folder = Path(scratch) / "Bewerbung für 会社"
        folder.mkdir()
        with zipfile.ZipFile(company / "Jürgen.zip") as archive:
            archive.extractall(folder)
        shutil.copy(company / "Jürgen.zip", folder)
        walker = Laptop(folder)
        walker.own()
        yield walker


def steps(laptop: Laptop) -> list[str]:
    """Return the commands that START-HERE names, in order."""
    (text,) = laptop.folder.glob("*/START-HERE.txt")
    lines = text.read_text(encoding="utf-8").splitlines()
    return [re.split(r" {3,}", line.strip())[0] for line in lines if re.match(r"  \S", line)]


def test_start_here_is_walked_as_it_stands(laptop: Laptop, company: Path) -> None:
    """From the mail to a packed answer, without an index, a checkout, a catalogue or root; what needs an engine is only asked for its help."""
    (unpacked,) = (path for path in laptop.folder.iterdir() if path.is_dir())
    wanted = [f"{line} --help" if re.search(r"/harness (doctor|up|check)\b", line) else line for line in steps(laptop)]
    assert [line.partition(" ")[0] for line in wanted] == [
        "python3",
        ".venv/bin/python",
        *2 * (".venv/bin/harness",),
        *3 * ("../.venv/bin/harness",),
    ]
    wanted[-1] += " || test $? = 5"  # packed, and not tried where no engine answers to a stranger
    said = laptop.shell("\n".join(wanted), cwd=unpacked)
    assert "hand in  reply to the mail" in said
    (answer,) = (unpacked / "Jürgen" / "submissions").iterdir()
    (given,) = record.read(company).given
    taken = take_in(Task(path=str(answer)), Catalogue([CHECKOUT]), company)
    assert (taken.fit.hold, taken.submission.variant, taken.submission.alias) == ("", given.variant, "Jürgen")


def test_every_language_starts_from_the_file_itself(laptop: Laptop) -> None:
    """The zip as it came, beside what came out of it; and what is handed in is what was started."""
    (unpacked,) = (path for path in laptop.folder.iterdir() if path.is_dir())
    harness = f"'{unpacked}/.venv/bin/harness'"
    for language in LANGUAGES:
        laptop.shell(
            f"{harness} start Jürgen.zip --language {language} --into 'in {language}'\n{harness} submit --no-check 'in {language}'"
        )
        assert f'language = "{language}"' in (laptop.folder / f"in {language}" / "service.toml").read_text(
            encoding="utf-8"
        )
        assert len(list((laptop.folder / f"in {language}" / "submissions").iterdir())) == 1


@pytest.mark.docker
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_checked_with_nothing_but_the_pack(laptop: Laptop, language: str) -> None:
    """One public check of each starter runs in the candidate's own environment, as root: an engine answers only to that here."""
    (unpacked,) = (path for path in laptop.folder.iterdir() if path.is_dir())
    harness = unpacked / ".venv" / "bin" / "harness"
    target = laptop.folder / f"checked {language}"
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    plain |= {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    for arguments in (
        ("start", "Jürgen.zip", "--language", language, "--into", str(target)),
        ("check", str(target), "--only", "contract/create-then-read"),
    ):
        done = subprocess.run(
            [harness, *arguments], cwd=laptop.folder, env=plain, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS  contract/create-then-read" in done.stdout
    assert "--catalogue" not in done.stdout
