"""Where a finding is shown: the line that a check names, else what the candidate changed, else a file that is always there."""

from __future__ import annotations

import pytest

from harness.model import SubmissionFile
from harness.patches import compare
from harness.reports.places import EVERYBODYS, Stretch, place, stretches

CHANGED = (
    Stretch(path="app/main.py", first=10, last=20),
    Stretch(path="app/main.py", first=40, last=41),
    Stretch(path="ledger.go", first=1, last=5),
)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ('File "/box/app/main.py", line 41, in charge', ("app/main.py", 41)),
        ("panic: ledger.go:3 +0x1d", ("ledger.go", 3)),
        ("at app/main.py:30: not one of theirs", ("app/main.py", 10)),
        ("other/ledger.py:3, 5.1 s: k-17", ("app/main.py", 10)),
        ("my-ledger.go:3", ("app/main.py", 10)),
        ("", ("app/main.py", 10)),
    ],
)
def test_place_is_the_line_that_is_named(words: str, found: tuple[str, int]) -> None:
    """A stack trace names one; a line that is not the candidate's, or another file, is no place."""
    where = place([words], CHANGED)

    assert (where.path, where.first) == found
    assert ("names this line" in where.why) == (where.first == where.last)


def test_place_without_changes_is_the_file_that_everybody_has() -> None:
    """A platform wants some line."""
    assert (place(["app/main.py:10"], ()).path, place([], ()).first) == (EVERYBODYS, 1)


def test_place_is_found_in_a_flood_at_once() -> None:
    """Whoever is graded does not choose how long it takes."""
    assert place(["a:1" * 500_000, "/" * 1_000_000, "x.py:" * 200_000], CHANGED).first == 10


def test_stretches_are_new_lines_that_lie_together() -> None:
    """Removed lines have no place in a submission, and neither has what is around a change."""

    def files(**texts: str) -> list[SubmissionFile]:
        return [SubmissionFile(path=f"{name}.py", content=text.encode()) for name, text in texts.items()]

    old = files(a="1\n2\n3\n4\n5\n6\n7\n8\n9\n", b="1\n2\n", c="1\n")
    new = files(a="1\nx\ny\n3\n4\n5\n6\n7\n8\n9\nz", b="1\n", d="1\n2\n")

    assert stretches(compare(old, new)) == (
        Stretch(path="a.py", first=2, last=3),
        Stretch(path="a.py", first=11, last=11),
        Stretch(path="d.py", first=1, last=2),
    )
