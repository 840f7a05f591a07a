"""What the brief judges beside the public checks is named where they end, from a catalogue as from a pack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands.check import check
from harness.commands.start import start
from tests.unit.packs import giving

TABLE = "\n| 50 | It says its {{ parameters.colour }} mode: aloud | graded only |\n| 50 | It knows | public |\n"


@pytest.mark.parametrize("packed", [False, True])
def test_check_names_what_no_public_check_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, packed: bool
) -> None:
    """As this candidate's own brief names it; a part of the checks says nothing of it."""
    brief = {"exercises/harbour/brief.md.j2": giving.BRIEF + TABLE}
    known = giving.catalogue(tmp_path / "company", brief)
    work = tmp_path / "w"
    if packed:
        named = str(giving.give(tmp_path, known, variant=1))
        known = Catalogue([])
    else:
        named = "harbour"
    start(named, language="python", into=work, alias=None, catalogue=known)
    capsys.readouterr()
    check(str(work), only=(), keep=False, as_json=False, engine="fake", catalogue=known)
    shown = capsys.readouterr()
    said = " ".join(shown.out.split())
    assert re.search(r"^(PASS|FAIL)  speech/env  \d+\.\d s  \(1 of 1\)$", shown.err, re.MULTILINE)
    assert "These checks stand for 50 of the 100" not in said  # one check: the sentence is about one
    assert "This check stands for 50 of the 100 automatic points." in said
    colour = "green" if packed else "red"
    assert f"without a public check, in points: speech 50. Among it: It says its {colour} mode." in said
