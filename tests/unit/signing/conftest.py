"""A stored, signed result and the keys that signed it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import signing, store
from harness.model import Grading
from harness.signing import Found, keys
from tests.unit.factories import heron


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """A result folder, and the folder of the keys that signed it."""

    folder: Path
    keys: Path

    def check(self) -> Found:
        """Compare it with what was signed, by the keys that it was signed with."""
        return checked(self.folder, self.keys)

    def said(self) -> dict[str, str]:
        """Return what does not match -> why."""
        return {one.what: one.why for one in self.check().findings}


def checked(folder: Path, trusted: Path) -> Found:
    """Compare ``folder`` with what was signed, by the keys in ``trusted``."""
    return signing.check(folder, store.RESULT, lambda data: store.decode(data, name="it"), keys.trusted(trusted))


def signed(root: Path, made: Grading) -> Signed:
    """Store ``made`` below ``root`` with a report and a log, signed."""
    files = {"report.txt": b"REPORT\n", "logs/app.log": b"started\n"}
    folder = store.save(made, root / "out", files, lambda content: signing.seal(made, content, root / "keys"))
    return Signed(folder=folder, keys=root / "keys")


@pytest.fixture
def heron_signed(tmp_path: Path) -> Signed:
    """The example everybody knows, stored and signed."""
    return signed(tmp_path, heron(submission_packed_at="2026-11-24T15:00:00Z"))
