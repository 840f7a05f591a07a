"""The validation record: which rows are current, and what a change makes of them."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue, digest
from harness.errors import ExerciseError, UsageError
from harness.grading import subjects, trust, validation
from harness.model import Measure
from tests.unit.factories import failed, grading, reports

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """A copy of the skeleton that a test may change, without a record."""
    for kind in ("exercises", "graders"):
        shutil.copytree(ROOT / kind / "skeleton", tmp_path / kind / "skeleton")
    (tmp_path / "graders" / "skeleton" / "validation.json").unlink(missing_ok=True)
    return Catalogue((tmp_path,))


def fresh(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue as the next command sees it."""
    return Catalogue(catalogue._dirs)


def table(catalogue: Catalogue, *, images: str = "i" * 64, only: tuple[str, ...] = ()) -> validation.Matrix:
    """Return the matrix with two repeats of each reference."""
    return validation.matrix(fresh(catalogue), "skeleton", only=only, repeat=2, images=images)


def filled(catalogue: Catalogue) -> validation.Matrix:
    """Record every wanted row."""
    matrix = table(catalogue)
    for wanted in matrix.wanted:
        matrix = validation.save(matrix, validation.row_of(wanted, grading()))
    return matrix


def test_matrix_wants_references_repeated_and_everything_else_once(catalogue: Catalogue) -> None:
    """Two repeats differ in seed, a mutant has one row."""
    wanted = table(catalogue).wanted
    names = [one.subject.name for one in wanted]
    assert {name: names.count(name) for name in names} == {
        "starter/plain": 1,
        "reference/digit-by-digit": 2,
        "reference/plain": 2,
        "mutant/wraps-at-64-bits": 1,
        "cheat/hard-coded": 1,
        "cheat/drawn": 1,
    }
    assert len({one.seed for one in wanted if one.subject.name == "reference/plain"}) == 2


def test_trust_line_of_a_part_is_a_draft(catalogue: Catalogue) -> None:
    """Two runs of each reference are no licence, and the report's reader is told."""
    filled(catalogue)
    said = trust.line(catalogue.pair("skeleton"))
    assert f"validated in part (2 of {trust.REPEATS} runs of a reference)" in said
    assert "draft" in said


@pytest.mark.parametrize("enough", [1, 2])
def test_trust_line_of_a_whole_record_says_what_held(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, enough: int
) -> None:
    """As often as is asked for, or more often: neither is a part."""
    monkeypatch.setattr(trust, "REPEATS", enough)
    filled(catalogue)
    said = trust.line(catalogue.pair("skeleton"))
    assert said.startswith("validated 20")
    assert said.endswith("2 references 100-100, 1 mutants, 0 of 4 repeats differed")


def test_saved_rows_are_current_and_read_back(catalogue: Catalogue) -> None:
    """What was run is not run again, by this process or the next."""
    filled(catalogue)
    assert table(catalogue).missing == ()
    assert len(table(catalogue).current) == 8


@pytest.mark.parametrize(
    ("path", "stale"),
    [
        ("exercises/skeleton/brief.md.j2", 0),
        ("exercises/skeleton/checks/test_answers.py", 8),
        ("graders/skeleton/checks.toml", 0),
        ("graders/skeleton/references/plain/solve.py", 3),
        ("graders/skeleton/mutants/wraps-at-64-bits.patch", 1),
        ("graders/skeleton/README.md", 0),
    ],
)
def test_change_makes_stale_what_depends_on_it(catalogue: Catalogue, tmp_path: Path, path: str, stale: int) -> None:
    """The exercise and the grader concern all; a reference itself and its mutants; prose nothing."""
    filled(catalogue)
    with (tmp_path / path).open("a") as file:
        file.write("\n")
    assert len(table(catalogue).missing) == stale


@pytest.mark.parametrize(
    ("path", "old", "new", "stale"),
    [
        ("exercises/skeleton/exercise.toml", 'status = "draft"', 'status = "validated"', False),
        ("exercises/skeleton/exercise.toml", 'title = "The sum', 'title = "Each sum', False),
        ("exercises/skeleton/exercise.toml", "minutes = 10", "minutes = 20  # slower", False),
        ("exercises/skeleton/exercise.toml", "pass_mark = 70", "pass_mark = 71", True),
        ("exercises/skeleton/exercise.toml", "memory_mb = 128", "memory_mb = 129", True),
        ("graders/skeleton/checks.toml", "seed = ", "seed = 1", True),
    ],
)
def test_only_what_may_change_a_verdict_makes_a_record_stale(
    catalogue: Catalogue, tmp_path: Path, path: str, old: str, new: str, *, stale: bool
) -> None:
    """A status that is set, or a corrected title, costs nobody forty gradings; result digests follow every byte."""
    before = fresh(catalogue).pair("skeleton").digests
    filled(catalogue)
    text = (tmp_path / path).read_text()
    assert old in text
    (tmp_path / path).write_text(text.replace(old, new, 1))
    assert bool(table(catalogue).missing) is stale
    assert fresh(catalogue).pair("skeleton").digests != before


def test_references_are_repeated_after_everything_ran_once(catalogue: Catalogue) -> None:
    """What is wrong with the matrix is known before the long part."""
    kinds = [one.subject.kind for one in table(catalogue).wanted]
    assert kinds == ["starter", "reference", "reference", "mutant", "cheat", "cheat", "reference", "reference"]


def test_row_keeps_what_was_measured_and_what_was_not_expected(catalogue: Catalogue) -> None:
    """And gives it back: that is what ``--why`` shows."""
    (wanted, *_) = [one for one in table(catalogue).wanted if one.subject.kind == "reference"]
    graded = grading([failed("recovery/retry-storm", "It asked 9 times.")])
    measure = Measure(name="calls", value=9.0, limit=3.0, better="less")
    outcomes = tuple(
        dataclasses.replace(one, measures=(measure,)) if one.check.id == "recovery/retry-storm" else one
        for one in graded.outcomes
    )
    row = validation.row_of(wanted, dataclasses.replace(graded, outcomes=outcomes))
    assert row.measures == (("recovery/retry-storm", measure),)
    assert row.said["recovery/retry-storm"] == "failed\nIt asked 9 times."
    validation.save(table(catalogue), row)
    assert row in table(catalogue).record.rows


def test_row_tells_what_was_not_judged_from_what_failed(catalogue: Catalogue) -> None:
    """Unproven because of a requirement is one thing, unproven or failed by itself another; all of them lost points."""
    (wanted,) = [one for one in table(catalogue).wanted if one.subject.kind == "mutant"]
    expected = dataclasses.replace(wanted.subject.expected, required=("throughput/ratio",))
    wanted = dataclasses.replace(wanted, subject=dataclasses.replace(wanted.subject, expected=expected))
    silent = dataclasses.replace(failed("recovery/retry-storm"), status="unproven")
    row = validation.row_of(wanted, grading(reports(failed("safety/concurrent-duplicates"), silent)))
    assert row.withheld == ("throughput/ratio",)
    assert set(row.failed) == {"safety/concurrent-duplicates", "recovery/retry-storm", "throughput/ratio"}
    assert row.seen == ("safety/concurrent-duplicates", "recovery/retry-storm")
    assert "needs safety/concurrent-duplicates" in row.said["throughput/ratio"]
    validation.save(table(catalogue), row)
    assert row in table(catalogue).record.rows


def test_record_says_how_often_each_mutant_was_caught(catalogue: Catalogue, tmp_path: Path) -> None:
    """Also when only some rows were run last."""
    filled(catalogue)
    validation.save(table(catalogue, only=("starter",)), table(catalogue).record.rows[0])
    document = json.loads((tmp_path / "graders/skeleton" / trust.RECORD).read_text())
    assert (document["schema"], document["caught"]) == (3, {"mutant/wraps-at-64-bits": "0/1"})


def test_older_record_is_read_and_stale(catalogue: Catalogue, tmp_path: Path) -> None:
    """An upgrade ends no grading: the rows are there, and count for nothing."""
    filled(catalogue)
    file = tmp_path / "graders/skeleton" / trust.RECORD
    document = json.loads(file.read_text())
    for row in document["rows"]:
        del row["measures"], row["said"]
        row["key"] = "1-0000"
    file.write_text(json.dumps({**document, "schema": 1}))
    assert (len(table(catalogue).record.rows), table(catalogue).current) == (8, ())
    assert "changed since it was validated" in trust.line(fresh(catalogue).pair("skeleton"))


def test_other_images_make_everything_stale(catalogue: Catalogue) -> None:
    """A row says what happened in particular images."""
    filled(catalogue)
    assert len(table(catalogue, images="j" * 64).missing) == 8


def test_row_of_a_grading_with_other_digests_is_refused(catalogue: Catalogue) -> None:
    """Files that change while a validation runs must not get a row that says they did not."""
    wanted = table(catalogue).wanted[0]
    as_wanted = dataclasses.replace(grading(), digests=catalogue.pair("skeleton").digests)
    assert not validation.changed(wanted, as_wanted)
    assert validation.changed(wanted, dataclasses.replace(as_wanted, digests={"verdict": "x"}))


def test_only_chooses_and_brings_what_a_cheat_is_compared_with(catalogue: Catalogue) -> None:
    """A cheat is judged beside the starter, so that is run as well."""
    names = {one.subject.name for one in table(catalogue, only=("cheat/hard-coded",)).wanted}
    assert names == {"cheat/hard-coded", "starter/plain"}
    with pytest.raises(UsageError, match="mutant/wraps-at-64-bits"):
        table(catalogue, only=("mutant/nothing",))


def test_damaged_record_is_told_in_words(catalogue: Catalogue, tmp_path: Path) -> None:
    """A record that can't be read is never taken for an empty one."""
    file = tmp_path / "graders" / "skeleton" / trust.RECORD
    file.write_text("{")
    with pytest.raises(ExerciseError, match="remove it and validate"):
        table(catalogue)
    file.write_text(json.dumps({"schema": 99, "rows": []}))
    with pytest.raises(ExerciseError, match="expected schema 3, found 99"):
        table(catalogue)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"key": 3}, "row 1: key: expected text in quotes, found 3"),
        ({"variant": "0"}, "row 1: variant: expected a whole number"),
        ({"earned": "100"}, "row 1: earned: expected a number"),
        ({"earned": float("nan")}, "not JSON compliant"),
        ({"verdict": "great"}, "row 1: verdict: expected 'passed'"),
        ({"failed": "answers/sums"}, "row 1: failed: expected a list"),
        ({"failed": [1]}, "row 1: failed"),
        ({"graded_on": "2026-99-99"}, "month must be in 1..12"),
        ({"said": {"answers/sums": 1}}, "row 1: said"),
        ({"measures": [{"check": "a/b", "measure": {"name": "n", "value": "1"}}]}, "row 1:"),
        ({"novelty": 1}, "row 1: novelty: unknown key"),
        (3, "row 1: document: expected a table, found 3"),
        ([], "row 1: document"),
        (None, "expected a list of rows, found {}"),
    ],
    ids=str,
)
def test_record_of_other_types_is_told_in_words_and_keeps_nobody_from_a_grading(
    catalogue: Catalogue, tmp_path: Path, wrong: object, words: str
) -> None:
    """JSON that nobody wrote is refused where records are made; a grading says that it knows nothing of its exercise."""
    filled(catalogue)
    file = tmp_path / "graders/skeleton" / trust.RECORD
    document = json.loads(file.read_text())
    first = {**document["rows"][0], **wrong} if isinstance(wrong, dict) else wrong
    file.write_text(json.dumps({**document, "rows": {} if wrong is None else [first, *document["rows"][1:]]}))
    with pytest.raises(ExerciseError, match=r"found one that can't be read .*: remove it and validate") as caught:
        table(catalogue)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert trust.line(fresh(catalogue).pair("skeleton")) == trust.UNREADABLE


def test_patch_that_does_not_apply_exactly_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    """A mutant is a patch on a reference as it is, without fuzz."""
    reference = tmp_path / "graders" / "skeleton" / "references" / "plain" / "solve.py"
    reference.write_text(reference.read_text().replace("sum(", "total(", 1))
    (mutant,) = [one for one in subjects.all_of(fresh(catalogue).pair("skeleton")) if one.kind == "mutant"]
    with pytest.raises(ExerciseError, match="applies exactly"):
        mutant.lay_out(tmp_path / "laid-out")


def test_mutant_is_patched_inside_a_repository_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Laid out by a relative path below a git repository, as the demo does, a mutant is still the mutant."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    known = subjects.all_of(Catalogue((ROOT,)).pair("idempotent-payments"))
    (mutant,) = [one for one in known if one.name == "mutant/new-ref-on-retry"]
    mutant.lay_out(Path("some") / "laid-out")
    assert digest(tmp_path / "some" / "laid-out") != digest(mutant.source)


def test_cheat_is_a_patch_on_what_it_is_like(tmp_path: Path) -> None:
    """On a mutant its patch comes after the mutant's own: what differs from its control is the cheat alone."""
    known = {one.name: one for one in subjects.all_of(Catalogue((ROOT,)).pair("idempotent-payments"))}
    cheat, control = known["cheat/slow-yardstick"], known["mutant/serialise-everything"]
    for one, folder in ((cheat, "cheat"), (control, "control")):
        one.lay_out(tmp_path / folder)
    added = {path.name for path in (tmp_path / "cheat").rglob("*")} - {
        path.name for path in (tmp_path / "control").rglob("*")
    }
    assert added == {"003_yardstick.sql"}
    (tmp_path / "cheat/migrations/003_yardstick.sql").unlink()
    assert digest(tmp_path / "cheat") == digest(tmp_path / "control")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "starter/plain",
            "mutant/nothing",
            r"cheats.toml: cheat hard-coded: like: unknown submission.*mutant/wraps-at-64",
        ),
        ('"hard-coded"', '"other"', r"cheats.toml: cheat other: expected .*cheats/other.patch to exist, found nothing"),
    ],
)
def test_cheat_that_is_like_nothing_is_refused(
    catalogue: Catalogue, tmp_path: Path, old: str, new: str, words: str
) -> None:
    """What it is like, and its patch, must be there."""
    file = tmp_path / "graders/skeleton/cheats.toml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ExerciseError, match=words):
        subjects.all_of(fresh(catalogue).pair("skeleton"))


def test_patch_that_changes_nothing_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    """A mutant that is its reference would prove nothing, whatever git says of the patch."""
    (mutant,) = [one for one in subjects.all_of(fresh(catalogue).pair("skeleton")) if one.kind == "mutant"]
    first, second, *_ = (mutant.source / "solve.py").read_text().splitlines()
    (patch,) = mutant.patches
    patch.write_text(f"--- a/solve.py\n+++ b/solve.py\n@@ -1,2 +1,2 @@\n-{first}\n+{first}\n {second}\n")
    with pytest.raises(ExerciseError, match="changes what it is for"):
        mutant.lay_out(tmp_path / "laid-out")
