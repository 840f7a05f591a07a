"""An inbox as an assessor gets it, of submissions whose worth is known: ``scripts/cohort.py OUT``.

Each known submission (starters, references, honest designs, mutants, cheats) is handed in the way a candidate does it: a workspace of
``harness start`` that holds its files, packed by ``harness submit``. Two more can't be read. Who is who is in
``OUT/key.csv``, to be opened after the reports. docs/explanation/a-cohort.md has a run of it.
"""

from __future__ import annotations

import csv
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness import console, progress
from harness.catalogue.finder import Catalogue
from harness.catalogue.pair import Pair
from harness.grading import subjects
from harness.grading.subjects import Subject

CHECKOUT = Path(__file__).resolve().parent.parent
HARNESS = Path(sys.executable).with_name("harness")
NAMES = (CHECKOUT / "scripts" / "cohort.names").read_text(encoding="utf-8").split()
MUTANTS_OF_EACH = 22
"""Of one exercise; with all that are no mutants, a run takes about forty minutes on two cores."""
SHUFFLED = 14
"""Seed: the same inbox each time, so that two runs can be compared."""


def main(out: Path) -> int:
    """Fill ``out/inbox`` and write ``out/key.csv``; 0 when every submission could be packed."""
    dice = random.Random(SHUFFLED)  # noqa: S311 - nothing is kept secret by it
    catalogue = Catalogue((CHECKOUT,))
    pairs = [catalogue.pair(one) for one in catalogue.ids()]
    chosen = [(pair, subject) for pair in pairs for subject in _chosen(pair, dice)]
    aliases = dice.sample(NAMES, len(chosen) + 2)
    (out / "inbox").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as held, progress.step(f"packing {len(chosen)} submissions"):
        for alias, (pair, subject) in zip(aliases, chosen, strict=False):
            _hand_in(pair, subject, Path(held) / alias, out / "inbox")
    broken, empty = aliases[-2:]
    whole = next((out / "inbox").iterdir())
    (out / "inbox" / f"{broken}.tar.gz").write_bytes(whole.read_bytes()[:2000])
    (out / "inbox" / f"{empty}.tar.gz").write_bytes(b"")
    with (out / "key.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(alias, pair.exercise.id, one.name) for alias, (pair, one) in zip(aliases, chosen, strict=False)]
        csv.writer(file).writerows([*rows, (broken, "", "cut off in the mail"), (empty, "", "an empty file")])
    console.line(f"harness grade {out / 'inbox'} --jobs 2 --out {out / 'results'}")
    return 0


def _chosen(pair: Pair, dice: random.Random) -> Iterator[Subject]:
    """All but mutants and cheats, and of these as many as fit into an afternoon."""
    known = subjects.all_of(pair)
    mutants = [one for one in known if one.kind == "mutant"]
    cheats = [one for one in known if one.kind == "cheat"]
    yield from (one for one in known if one.kind in {"starter", "reference", "honest"})
    yield from dice.sample(mutants, min(MUTANTS_OF_EACH, len(mutants)))
    yield from dice.sample(cheats, min(MUTANTS_OF_EACH // 5, len(cheats)))


def _hand_in(pair: Pair, subject: Subject, workspace: Path, inbox: Path) -> None:
    """Start a workspace, put the submission's files in it, and pack it."""
    language = ("--language", _language(pair, subject)) if pair.exercise.languages else ()
    _run("start", pair.exercise.id, "--into", str(workspace), *language)
    laid = workspace.with_name(f"{workspace.name}-laid")
    subject.lay_out(laid)
    shutil.copytree(laid, workspace, dirs_exist_ok=True)
    _run("submit", str(workspace), "--no-check", "--out", str(inbox))


def _language(pair: Pair, subject: Subject) -> str:
    """Return the language whose starter shares most files with the submission."""
    there = {path.name for path in subject.source.rglob("*")}
    starters = pair.home / "starter"
    return max(
        pair.exercise.languages,
        key=lambda one: len(there & {path.name for path in (starters / one).rglob("*")}),
    )


def _run(*arguments: str) -> None:
    ended = subprocess.run([str(HARNESS), *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if ended.returncode:
        text = f"harness {' '.join(arguments)}: exit {ended.returncode}\n{ended.stderr}"
        raise SystemExit(text)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "cohort").resolve()))
