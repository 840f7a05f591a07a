"""A candidate with a pack, a Python and nothing else: what START-HERE says is done, word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.grading.runner import Task, take_in
from harness.packs import record
from tests.e2e.cli import CHECKOUT
from tests.e2e.laptop import ALIAS, DELIVER, REFERENCES, Laptop, received

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the record is."""
    return tmp_path_factory.mktemp("company")


@pytest.fixture(scope="module")
def laptop(company: Path) -> Iterator[Laptop]:
    """The candidate's folder, with spaces and letters of other scripts in its name, and the pack unpacked in it."""
    with received(company) as here:
        yield here


def steps(laptop: Laptop) -> list[str]:
    """Return the commands that START-HERE names, in order."""
    (text,) = laptop.folder.glob("*/START-HERE.txt")
    lines = text.read_text(encoding="utf-8").splitlines()
    return [re.split(r" {3,}", line.strip())[0] for line in lines if re.match(r"  \S", line)]


def test_start_here_is_walked_as_it_stands(laptop: Laptop, company: Path) -> None:
    """From the mail to a packed answer, without an index, a checkout, a catalogue or root; what needs an engine is only asked for its help."""
    unpacked = laptop.unpacked
    wanted = [f"{line} --help" if re.search(r"/harness (doctor|up|check)\b", line) else line for line in steps(laptop)]
    assert [line.partition(" ")[0] for line in wanted] == [
        "python3",
        ".venv/bin/python",
        *2 * (".venv/bin/harness",),
        *3 * ("../.venv/bin/harness",),
    ]
    wanted[-1] += " || test $? = 5"  # packed, and not tried where no engine answers to a stranger
    said = laptop.shell("\n".join(wanted), cwd=unpacked)
    assert f"hand in  {DELIVER}" in said
    (answer,) = (unpacked / ALIAS / "submissions").iterdir()
    (given,) = record.read(company).given
    taken = take_in(Task(path=str(answer)), Catalogue([CHECKOUT]), company)
    assert (taken.fit.hold, taken.submission.variant, taken.submission.alias) == ("", given.variant, ALIAS)


def test_every_language_starts_from_the_file_itself(laptop: Laptop) -> None:
    """The zip as it came, beside what came out of it; and what is handed in is what was started."""
    harness = f"'{laptop.unpacked}/.venv/bin/harness'"
    for language in REFERENCES:
        laptop.shell(
            f"{harness} start {ALIAS}.zip --language {language} --into 'in {language}'\n{harness} submit --no-check 'in {language}'"
        )
        assert f'language = "{language}"' in (laptop.folder / f"in {language}" / "service.toml").read_text(
            encoding="utf-8"
        )
        assert len(list((laptop.folder / f"in {language}" / "submissions").iterdir())) == 1
