"""What comes back, beside what was given out: graded as recorded where it fits, held for a person where it does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import settings
from harness.catalogue.finder import Catalogue
from harness.commands.grade import grade
from harness.commands.start import start
from harness.commands.submit import submit
from harness.engines.fake.engine import FakeEngine
from harness.errors import ExitCode, UsageError
from harness.grading.runner import Runner, Task
from harness.intake import workspace
from harness.intake.senders import Invited
from harness.model import Grading, Status, Verdict
from harness.packs import fit, home, record
from harness.packs.fit import Fit, compare
from harness.packs.record import Record
from harness.reports import FORMATS, Audience, build
from tests.unit.factories import heron
from tests.unit.grading import harbour
from tests.unit.packs import giving
from tests.unit.packs.test_record import line

SAID = Invited(alias="heron", version="1.0", variant=1, pack="ab" * 32)
KNOWN = Record(given=(line("heron"), line("crane", variant=0, pack="ef" * 32)))


def test_what_fits_is_graded_as_it_was_given() -> None:
    """With the pack, and without one said: a workspace of a catalogue, or of an older version, may not say it."""
    for said in (SAID, replace(SAID, pack="")):
        words = "alias, variant and version are those of the pack recorded 2026-11-26"
        assert compare(said, "harbour", KNOWN) == Fit(variant=1, words=words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alias": "otter"}, 'none of this exercise was given to "otter", as it calls itself'),
        ({"alias": "crane"}, 'it says that it is of pack abababababab, which was not given to "crane"'),
        ({"alias": "Heron"}, 'none of this exercise was given to "Heron"'),
        ({"variant": 0}, '"heron" was given variant 1, and its brief was variant 0, by its own words'),
        ({"version": "0.9"}, '"heron" was given version 1.0, and it is for "0.9", by its own words'),
        ({"version": "0.9", "variant": 0}, 'it is for "0.9", and "heron" was given variant 1'),
        ({"pack": "12" * 32}, "it says that it is of pack 121212121212, which was not given to"),
    ],
)
def test_what_does_not_fit_is_held_with_the_reason(changes: dict[str, object], words: str) -> None:
    """One thing after the other: whoever looks needs no other file."""
    found = compare(replace(SAID, **changes), "harbour", KNOWN)  # type: ignore[arg-type]
    assert words in found.hold
    assert found.hold.startswith("It does not fit the record of packs: ")
    assert found.words == "it does not fit the record of packs"


def test_without_a_record_that_is_said() -> None:
    """None at all, or none of this exercise: then all that a submission says is its own word."""
    for known in (Record(), Record(given=(line("heron", exercise="other"),))):
        assert compare(SAID, "harbour", known) == Fit(words=fit.UNRECORDED)
    assert "(2 lines of the record can't be read)" in compare(SAID, "harbour", Record(unreadable=2)).words
    torn = replace(KNOWN, unreadable=1)
    assert "(1 line of the record can't be read)" in compare(replace(SAID, alias="otter"), "harbour", torn).hold


def test_what_says_nothing_is_not_compared() -> None:
    """Somebody named its exercise: they know what it is."""
    assert compare(None, "harbour", KNOWN) == Fit(words=fit.UNNAMED)


def test_a_variant_that_was_asked_for_is_not_the_submissions_to_be_wrong_about() -> None:
    """Alias and version still are."""
    assert compare(replace(SAID, variant=7), "harbour", KNOWN, asked=7).hold == ""
    assert compare(replace(SAID, alias="otter"), "harbour", KNOWN, asked=7).hold


def test_who_was_given_two_packs_may_hand_in_either() -> None:
    """The pack tells which; without one, any of them fits."""
    both = Record(given=(line("heron"), line("heron", variant=5, chosen=True, pack="ef" * 32)))
    assert compare(replace(SAID, variant=5, pack="ef" * 32), "harbour", both).variant == 5
    assert compare(SAID, "harbour", both).variant == 1
    assert compare(replace(SAID, variant=5, pack=""), "harbour", both).variant == 5
    assert "was given variant 5" in compare(replace(SAID, pack="ef" * 32), "harbour", both).hold
    again = Record(given=(line("heron"), line("heron", packed_at="2026-12-24T08:00:00Z")))
    assert "recorded 2026-12-24" in compare(SAID, "harbour", again).words, "it is not the last one that is named"


# From here on: real packs, real submissions, and the fake engine.


@pytest.fixture
def known(tmp_path: Path) -> Catalogue:
    """The harbour, whose public check wants red: the colour of variant 0."""
    return giving.catalogue(tmp_path / "company")


def work(tmp_path: Path, known: Catalogue, alias: str = "heron", variant: int = 0) -> Path:
    """Give a pack out and return the workspace that was started from it, with a right answer in it."""
    sent = giving.give(tmp_path / "company", known, candidate=alias, out=tmp_path / f"{alias}.zip", variant=variant)
    start(str(sent), language="python", into=tmp_path / alias, alias=None, catalogue=Catalogue([]))
    (tmp_path / alias / "mode").write_text("loud\n", encoding="utf-8")
    return tmp_path / alias


def handed_in(space: Path) -> Path:
    """Return what the candidate sends."""
    submit(space, out=None, as_json=False, catalogue=Catalogue([]), try_it=False)
    return max((space / "submissions").iterdir())


def zipped(space: Path) -> Path:
    """Return the workspace as a file manager packs it."""
    return Path(shutil.make_archive(str(space.parent / "zipped"), "zip", space))


def itself(space: Path) -> Path:
    """Return the workspace."""
    return space


def graded(known: Catalogue, path: Path, **changes: object) -> Grading:
    """Grade what came."""
    engine = FakeEngine()
    runner = Runner(known, engine, lambda names: engine.images(names, lambda _: None), lambda _: None)
    return runner.grade(Task(path=str(path), **changes)).grading  # type: ignore[arg-type]


def rewritten(space: Path, **changes: object) -> Path:
    """Change what the workspace says of itself, as anybody can."""
    file = space / ".harness/workspace.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changes), encoding="utf-8")
    return space


FORMS = [handed_in, zipped, itself]


@pytest.mark.parametrize("form", FORMS)
def test_what_was_given_out_is_graded_as_that(tmp_path: Path, known: Catalogue, form: Callable[[Path], Path]) -> None:
    """Packed, zipped or as a folder: the variant is the recorded one, and the trust line says that it fits."""
    found = graded(known, form(work(tmp_path, known, variant=4)))
    assert (found.verdict, found.variant, found.notes[1:]) == (Verdict.PASSED, 4, ())
    assert "; alias, variant and version are those of the pack recorded 20" in found.trust


@pytest.mark.parametrize("form", FORMS)
def test_what_an_exercise_is_a_workspace_does_not_say(
    tmp_path: Path, known: Catalogue, form: Callable[[Path], Path]
) -> None:
    """On their own machine candidates check with what they were sent, and may change it; no grading ever looks at that."""
    space = work(tmp_path, known)
    theirs = space / ".harness/pack/exercises/harbour"
    for file, was, now in (
        ("exercise.toml", "pass_mark = 70", "pass_mark = 0"),
        ("exercise.toml", "cap = 20", "cap = 100"),
        ("checks/test_env.py", "expect(found == wanted", "expect(found == name"),
    ):
        text = (theirs / file).read_text(encoding="utf-8")
        assert was in text
        (theirs / file).write_text(text.replace(was, now), encoding="utf-8")
    assert home.catalogue_of(workspace.find(space), Catalogue([])).exercise("harbour").pass_mark == 0
    found = graded(known, form(space))
    assert (found.verdict, found.bar, found.exercise) == (Verdict.PASSED, 70, known.pair("harbour").scored)
    assert {outcome.status for outcome in found.outcomes} == {Status.PASSED}, "their check would have failed"
    assert found.digests["exercise"] == known.pair("harbour").digests["exercise"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"variant": 0}, "was given variant 1, and its brief was variant 0"),
        ({"alias": "otter"}, 'none of this exercise was given to "otter"'),
        ({"pack": "00" * 32}, "it says that it is of pack 000000000000"),
    ],
    ids=["variant", "alias", "pack"],
)
def test_what_somebody_changed_is_held(
    tmp_path: Path, known: Catalogue, form: Callable[[Path], Path], changes: dict[str, object], words: str
) -> None:
    """A right answer to an easier variant earns nothing by itself; the outcomes are there for whoever looks."""
    found = graded(known, form(rewritten(work(tmp_path, known, variant=1), **changes)))
    assert (found.verdict, found.exit_code, found.variant) == (
        Verdict.HELD,
        ExitCode.INTEGRITY,
        0 if "alias" in changes else 1,
    )
    assert words in found.reason
    assert len(found.outcomes) == 2
    assert "it does not fit the record of packs" in found.trust
    assert words in FORMATS["terminal"].render(build(found)).replace("\n          ", " ")
    theirs = " ".join(FORMATS["terminal"].render(build(found, Audience.CANDIDATE)).split())
    assert "What the file says of itself (for whom, of which version) is not what was given out." in theirs
    assert "variant" not in theirs


def test_without_a_record_a_claim_is_a_claim(tmp_path: Path, known: Catalogue) -> None:
    """As before there were packs: variant 0, a note, and the trust line says why."""
    space = work(tmp_path, known, variant=1)
    shutil.rmtree(tmp_path / "company/packs")
    found = graded(known, handed_in(space))
    assert (found.variant, found.verdict) == (0, Verdict.PASSED)
    assert "says that its brief was variant 1; it was graded as variant 0" in " ".join(found.notes)
    assert found.trust.endswith(fit.UNRECORDED)


def test_a_plain_folder_is_graded_as_whoever_grades_says(tmp_path: Path, known: Catalogue) -> None:
    """The twin: nothing claims anything, so nothing is held, whatever was given out."""
    work(tmp_path, known, variant=1)
    plain = harbour.submission(tmp_path / "plain")
    found = graded(known, plain, exercise_id="harbour")
    assert (found.variant, found.verdict) == (0, Verdict.PASSED)
    assert found.trust.endswith(fit.UNNAMED)
    assert graded(known, plain, exercise_id="harbour", variant=1).variant == 1


def test_a_person_who_looked_names_the_variant(tmp_path: Path, known: Catalogue) -> None:
    """What was asked for is graded and not held, and what the submission says otherwise stays in the notes."""
    space = rewritten(work(tmp_path, known, variant=1), variant=0)
    assert graded(known, space).verdict is Verdict.HELD
    found = graded(known, space, variant=1)
    assert (found.verdict is Verdict.HELD, found.variant) == (False, 1)
    assert "it was graded as variant 1" in " ".join(found.notes)
    assert "alias and version are those of the pack" in found.trust


def test_a_refused_one_stays_refused_and_says_what_does_not_fit(tmp_path: Path, known: Catalogue) -> None:
    """The candidate can mend what does not build; whoever grades hears the rest now."""
    space = rewritten(work(tmp_path, known), alias="otter")
    (space / "service.toml").write_text(harbour.SERVICE + 'build = ["false"]\n', encoding="utf-8")
    found = graded(known, space)
    assert (found.verdict, found.exit_code) == (Verdict.REFUSED, ExitCode.REFUSED)
    assert 'none of this exercise was given to "otter"' in " ".join(found.notes)


def test_a_grading_that_was_held_anyway_keeps_both_reasons() -> None:
    """Neither hides the other."""
    held = replace(heron(), verdict=Verdict.HELD, exit_code=6, reason="an unknown check")
    found = fit.held(held, Fit(hold="It does not fit."))
    assert (found.verdict, found.exit_code, found.reason) == (Verdict.HELD, 6, "It does not fit. an unknown check")
    assert fit.held(held, Fit(words="it fits")) == held


def test_a_record_that_cannot_be_read_stops_a_grading(tmp_path: Path, known: Catalogue) -> None:
    """It is ours, and no candidate's: nothing is graded past it."""
    space = work(tmp_path, known)
    file = tmp_path / "company/packs" / record.FILE
    file.unlink()
    file.mkdir()
    with pytest.raises(Exception, match="expected a regular file, found a folder"):
        graded(known, space)


def test_the_command_ends_with_6_and_reads_the_record_that_settings_name(
    tmp_path: Path, known: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole of it, with the record elsewhere; without that setting there is none."""
    space = rewritten(work(tmp_path, known, variant=1), variant=0)
    shutil.move(tmp_path / "company/packs", tmp_path / "elsewhere")

    def call(packs: Path | None) -> ExitCode:
        return grade(
            [str(space)],
            exercise=None,
            seed=None,
            variant=None,
            jobs=1,
            bar=None,
            advisory=False,
            out=str(tmp_path / "out"),
            as_json=True,
            engine="fake",
            catalogue=known,
            packs=packs,
        )

    capsys.readouterr()
    assert call(tmp_path / "elsewhere") is ExitCode.INTEGRITY
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["exit_code"]) == ("held", 6)
    assert "was given variant 1" in said["reason"]
    assert call(None) is ExitCode.PASSED


def test_relative_record_inside_a_submission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is graded does not bring the record."""
    (tmp_path / "heron").mkdir()
    monkeypatch.chdir(tmp_path / "heron")
    with pytest.raises(UsageError, match="HARNESS_PACKS=packs: expected a place of yours"):
        settings.load(environment={"HARNESS_PACKS": "packs"}, directory=tmp_path / "heron", graded=["."])
