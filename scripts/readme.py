"""Renews the parts of README.md that are facts: lines of a real report, and the table of exercises."""

from __future__ import annotations

import re
from pathlib import Path

from harness.catalogue.finder import Catalogue
from harness.grading import subjects, trust

CHECKOUT = Path(__file__).resolve().parent.parent
README = CHECKOUT / "README.md"
LINES = 16


def renewed(text: str) -> str:
    """Return the README with both parts as they are today."""
    report = (CHECKOUT / "docs" / "examples" / "heron" / "report.txt").read_text(encoding="utf-8")
    first = "\n".join(report.splitlines()[:LINES])
    text = _between(text, "heron", f"```\n{first}\n...\n```")
    return _between(text, "exercises", _exercises(Catalogue((CHECKOUT,))))


def _exercises(catalogue: Catalogue) -> str:
    rows = ["| id | minutes | languages | proven by | record |", "|---|---|---|---|---|"]
    for exercise in catalogue.list():
        known = subjects.all_of(catalogue.pair(exercise.id))
        count = {kind: sum(1 for one in known if one.kind == kind) for kind in subjects.KINDS}
        honest = f"{count['honest']} honest designs, " if count["honest"] else ""
        proof = f"{count['reference']} references, {honest}{count['mutant']} mutants, {count['cheat']} cheats"
        languages = ", ".join(exercise.languages) or "any the image has"
        row = (f"`{exercise.id}`", str(exercise.minutes), languages, proof, trust.line(catalogue.pair(exercise.id)))
        rows.append(f"| {' | '.join(row)} |")
    return "\n".join(rows)


def _between(text: str, name: str, content: str) -> str:
    pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{content}\n{found[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
