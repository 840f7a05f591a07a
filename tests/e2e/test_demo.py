"""What the README promises first: two real gradings, and examples that are real results of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "docs" / "examples"
KEPT = ("result.json", "report.txt", "candidate.txt", "junit.xml")
"""Logs are left out: megabytes, and no report needs them."""


def result(folder: Path) -> dict[str, object]:
    """Return the one result below a folder."""
    (file,) = folder.rglob("result.json")
    found: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return found


@pytest.mark.timeout(900)
def test_demo_passes_one_and_fails_the_other_as_the_examples_show(tmp_path: Path) -> None:
    """Exit code 0, both reports on stdout; docs/examples holds the same verdicts of the same exercise.

    With RENEW_EXAMPLES=1 the examples are replaced by these results.
    """
    demo = [sys.executable, str(CHECKOUT / "scripts" / "demo.py"), "results/demo"]
    done = subprocess.run(demo, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("VERDICT") == 2
    for alias, verdict in (("otter", "passed"), ("heron", "failed")):
        made = result(tmp_path / "results" / "demo" / alias)
        assert made["verdict"] == verdict
        if os.environ.get("RENEW_EXAMPLES"):
            _renew(tmp_path / "results" / "demo" / alias, EXAMPLES / alias)
        shown = result(EXAMPLES / alias)
        assert shown["verdict"] == verdict
        assert shown["exercise"] == made["exercise"], "renew docs/examples: RENEW_EXAMPLES=1, then scripts/readme.py"


def _renew(source: Path, target: Path) -> None:
    (file,) = source.rglob("result.json")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in KEPT:
        shutil.copy(file.parent / name, target / name)
