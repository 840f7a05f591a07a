"""Who handed in nearly the same code: over the exercise's own solutions, whose kinship is known, and over synthetic ones."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness import patches, store
from harness.catalogue.finder import Catalogue
from harness.grading import subjects
from harness.model import SubmissionFile
from harness.patches import Change
from harness.reports.cohort import alike, fingerprints, gather, listing, machine, markdown, reading
from harness.reports.html import cohort as page
from tests.unit import cohorts

CHECKOUT = Path(__file__).parents[4]


def files(folder: Path) -> list[SubmissionFile]:
    """Return the files of a submission."""
    return [
        SubmissionFile(path=path.relative_to(folder).as_posix(), content=path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    ]


@pytest.fixture(scope="module")
def kin(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, frozenset[int]]:
    """Return solution -> fingerprints: the references, all right solutions of other designs, and every sixth mutant."""
    pair = Catalogue((CHECKOUT,)).pair("idempotent-payments")
    known = subjects.all_of(pair)
    chosen = [one for one in known if one.right] + [one for one in known if one.kind == "mutant"][::6]
    found = {}
    for one in chosen:
        folder = tmp_path_factory.mktemp("kin") / "laid-out"
        one.lay_out(folder)
        starter = pair.home / "starter" / one.source.name.partition("-")[0]
        found[one.name] = fingerprints.of(patches.compare(files(starter), files(folder)))
        base = f"reference/{one.source.name}"
        if one.kind == "mutant":
            assert found[one.name] != found[base]
    return {name: wrote for name, wrote in found.items() if len(wrote) >= alike.FEWEST}


def test_a_mutant_is_nearly_its_reference_and_references_are_nothing_like(kin: Mapping[str, frozenset[int]]) -> None:
    """Of an exercise's own solutions, whose kinship is declared: with room on both sides of the limit."""
    pair = Catalogue((CHECKOUT,)).pair("idempotent-payments")
    bases = {one.name: f"reference/{one.source.name}" for one in subjects.all_of(pair)}
    shares = {
        (one, other): len(kin[one] & kin[other]) / min(len(kin[one]), len(kin[other]))
        for one, other in itertools.combinations(kin, 2)
    }
    near = [share for (one, other), share in shares.items() if other.startswith("mutant/") and bases[other] == one]
    # Unlike designs in one language, though by one author who kept much of the starter's shape.
    unlike = ("honest/event-log", "honest/queue-with-leases", "reference/python-unique-key")
    far = [share for pair_, share in shares.items() if set(pair_) <= set(unlike)]
    other_languages = [share for (one, other), share in shares.items() if bases[one] != bases[other]]

    assert len(near) >= 10
    assert len(far) == 3
    assert min(near) > alike.SHARE + 0.05
    assert max(far) < alike.SHARE - 0.1
    assert max(other_languages) < 0.1


def solution(function: str = "settle", *, more: str = "") -> tuple[Change, ...]:
    """Return a submission of 30 functions that call each other, named after ``function``."""
    body = "\n".join(
        f"def {function}_{n}(row, {'ab'[n % 2]}):\n"
        f"    if row[{n}] {'<>'[n % 2]} {n} and a{' + b' * (n % 5)}:\n"
        f"        return {function}_{n + 1}(row{', row' * (n % 3)}{'[1:]' * (n % 4)})\n"
        f"    raise ValueError({', '.join('xyz'[: 1 + n % 3])})\n"
        for n in range(30)
    )
    return added(f"{body}\n{more}")


def added(text: str, path: str = "app.py") -> tuple[Change, ...]:
    """Return the change that adds a file."""
    return patches.compare([], [SubmissionFile(path=path, content=text.encode())])


def share(one: tuple[Change, ...], other: tuple[Change, ...]) -> float:
    """Return what two have in common, of the smaller."""
    mine, theirs = fingerprints.of(one), fingerprints.of(other)
    return len(mine & theirs) / min(len(mine), len(theirs))


def test_who_renames_and_reorders_is_found() -> None:
    """Names, numbers, texts, remarks, layout and the order of functions are what is changed first."""
    text = "\n".join(line.text for change in solution() for hunk in change.hunks for line in hunk.lines)
    functions = text.split("\ndef ")
    moved = "\n\n# mine\ndef ".join([functions[0], *reversed(functions[1:])])
    renamed = re.sub(r"\brow\b", "entry", moved).replace("settle", "finish")
    assert share(solution(), added(renamed)) > 0.9


def test_text_that_is_added_lowers_no_share() -> None:
    """Who wraps another's work into more of their own has it all the same."""
    more = "".join(f"class C{n}({', '.join('abcdef'[: n % 6])}): x[{n}] = {{{n}: [{n}]}}\n" for n in range(200))
    (pair,) = alike.pairs({"a": fingerprints.of(solution()), "b": fingerprints.of(solution(more=more))})
    assert pair.of_one > 0.95
    assert pair.of_other < 0.8
    assert pair.share == pair.of_one


def test_what_the_starter_has_is_nobodys() -> None:
    """Not even where it was moved to another line."""
    text = "\n".join(line.text for change in solution() for hunk in change.hunks for line in hunk.lines).encode()
    old = SubmissionFile(path="app.py", content=text)
    moved = SubmissionFile(path="app.py", content=b"x = (1)\n" + text[len(text) // 2 :] + text[: len(text) // 2])
    assert len(fingerprints.of(solution())) > 90
    assert len(fingerprints.of(patches.compare([old], [moved]))) < 10


def test_documents_prose_and_short_changes_are_not_compared() -> None:
    """What everybody writes alike says nothing."""
    prose = '"""' + "The service answers and waits for it, always.\n" * 100 + '"""\n# f(a)[b]\nimport x\n'
    assert fingerprints.of(added("f(a)\n" * 100, "README.md")) == frozenset()
    assert len(fingerprints.of(added(prose))) <= 1
    short = fingerprints.of(added("def f(a):\n    return a[0] + {1: [2]}.get(a, (3, 4))\n" * 2))
    assert short
    assert alike.pairs({"a": short, "b": short}) == ()


def test_a_stretch_of_23_symbols_is_always_seen() -> None:
    """What winnowing promises, wherever it stands."""
    common = "x[1](y, {z: 2}) + [a, b](c)"
    for n in range(1, 40):
        one = added(f"{'(a)' * n}; {common}; {'[b]' * n}\n")
        other = added(f"{'{c}' * 40}; {common}; {'<d>' * (40 - n)}\n")
        assert fingerprints.of(one) & fingerprints.of(other), n


def test_fingerprints_are_the_same_in_every_process() -> None:
    """Two runs of one cohort say the same."""
    assert min(fingerprints.of(added("def f(a):\n    return a[0] + {1: [2]}.get(a, (3, 4))\n"))) == 311347798


def stored(results: Path, *names: str, changes: tuple[Change, ...]) -> None:
    """Write gradings of submissions that changed the same."""
    for made, name in zip(cohorts.gradings(len(names), seed=8, plain=True), names, strict=True):
        one = dataclasses.replace(made, submission_name=name, submission_alias=name)
        store.save(one, results, {patches.FILE: patches.render(changes)})


def test_a_folder_says_who_is_alike_everywhere(tmp_path: Path) -> None:
    """Both names and the share in the table, the page, the CSV, the JSON and Markdown, with what it means; no other row."""
    stored(tmp_path, "heron", "otter", changes=solution())
    stored(
        tmp_path, "lynx", changes=added("def other(a):\n    return [a, {1: (2, 3)}][0]\n" * 3 + "x = y[1] + (z)\n" * 40)
    )
    found = gather.read(tmp_path)
    (exercise,) = found.exercises
    (pair,) = exercise.alike

    assert ({pair.one, pair.other}, pair.share) == ({"heron", "otter"}, 1.0)
    for text in (" ".join(" ".join(listing.lines(found)).split()), page.render(found), markdown.render(found)):
        assert "100 % of what heron wrote anew is in what otter wrote, 100 % the other way round" in text
        assert reading.ALIKE_MEANS in text
    assert "nearly the same code as otter (100 %)" in " ".join(listing.lines(found))
    assert "code nearly as otter (100 %)" in page.render(found)
    rows = machine.as_csv(found).splitlines()
    assert sum("(100 %)" in row for row in rows) == 2
    assert json.loads(machine.as_json(found))["exercises"][0]["alike"][0]["share"] == 1.0


def test_many_alike_are_one_group(tmp_path: Path) -> None:
    """A solution that went round is said once, with everybody who has it."""
    stored(tmp_path, "a", "b", "c", "d", changes=solution())
    (exercise,) = gather.read(tmp_path).exercises
    (text,) = reading.alike_groups(exercise)
    assert len(exercise.alike) == 6
    assert text.startswith("4 candidates (a, b, c, d): each has at least 100 % of their new code in common")


def test_nobody_alike_is_nothing_said(tmp_path: Path) -> None:
    """No heading without a finding."""
    stored(tmp_path, "heron", changes=solution())
    found = gather.read(tmp_path)
    assert found.exercises[0].alike == ()
    assert "ALIKE" not in "\n".join(listing.lines(found))
    assert "Nearly the same" not in page.render(found)


def test_changes_that_cannot_be_read_cost_the_comparison_and_are_said(tmp_path: Path) -> None:
    """The candidate is there all the same."""
    stored(tmp_path, "heron", "otter", changes=solution())
    (damaged, *_) = sorted(tmp_path.glob("heron/*/diff.patch"))
    damaged.write_bytes(b"no patch")
    found = gather.read(tmp_path)
    assert len(found.exercises[0].candidates) == 2
    assert found.exercises[0].alike == ()
    assert found.unreadable[0].why.startswith("not compared with others: ")


def test_whoever_is_graded_does_not_choose_how_long_it_takes() -> None:
    """Two hundred of the largest that are read: bounded symbols, and so bounded sets."""
    huge = added("".join(f"f({n}, [{'a' * (n % 7)}])[{'(' * (n % 5)}x\n" for n in range(8_000)))
    wrote = fingerprints.of(huge)
    assert len(wrote) <= 30_000
