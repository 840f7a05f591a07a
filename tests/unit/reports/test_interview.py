"""What to ask in an interview."""

from __future__ import annotations

import dataclasses
import re
import string
import tomllib
from pathlib import Path

import pytest

from harness import patches, store
from harness.marking import Talk, stand
from harness.model import Check, Measure, Outcome, Status, SubmissionFile
from harness.patches import Change
from harness.reports import interview, sequence
from harness.reports.view import Audience, build
from tests.unit.factories import failed, grading, heron, refused, reports

CHECKOUT = Path(__file__).resolve().parents[3]
TABLE = tomllib.loads((CHECKOUT / "harness" / "reports" / "questions.toml").read_text(encoding="utf-8"))
TWICE = "Charge k-1 was captured twice: psp-1111 at 2.00 s; psp-2222 at 4.00 s."
FIRST, AGAIN = "  2.00 s  the provider captures psp-1111", "  4.00 s  the provider captures psp-2222"
FIELDS = {"rule", "found", "first", "again", "down", "held", "upstream"}
NEW_LINES = {
    "logic in the database (functions, triggers)": "CREATE OR REPLACE FUNCTION settle() RETURNS void AS $$",
    "LISTEN/NOTIFY": 'connection.execute("LISTEN charges")',
    "advisory locks": "SELECT pg_advisory_xact_lock(hashtext(?))",
    "serializable or repeatable-read isolation": "connection.isolation_level = IsolationLevel.SERIALIZABLE",
    "a queue or state in files": 'with open(path, "w") as file:',
    "money or quantities as floating point": "amount = float(body['amount'])",
    "a lock inside one process": "_lock = threading.Lock()",
    "state kept in memory": "_seen: dict[str, int] = {}",
    "a fresh random reference": "ref = str(uuid.uuid4())",
    "work in the background": "threading.Thread(target=reconcile, daemon=True)",
    "a wait of a fixed length": "time.sleep(0.2)",
    "every error caught alike": "except Exception: return (500,)",
    "rows locked while working": "SELECT id FROM charges (WHERE) FOR UPDATE SKIP LOCKED",
    "retries": "for attempt in range(max_retries):",
    "tests switched off or taken away": '@pytest.mark.skip(reason="slow")',
    "another dependency": "require example.org/some/queue v1.2.3 // (direct)",
    "declared times other than the starter's": "reconcile_seconds = 0.5",
}
PLACES = {"source": "app.py", "test": "tests/test_app.py", "settings": "service.toml", "needs": "go.mod"}


def outcome(feedback: str = "", *evidence: str, **fields: object) -> Outcome:
    """Return a check that failed."""
    check = Check(id="safety/killed", title="Nobody is charged twice", skill="safety", points=4, public=True)
    made = {"check": check, "status": Status.FAILED, "credit": 0.0, "feedback": feedback, "evidence": evidence}
    return Outcome(**{**made, **fields})  # type: ignore[arg-type]


def seen(one: Outcome) -> frozenset[str]:
    """Return its traits."""
    return interview.traits(one, sequence.read(one.evidence, one.feedback))


def added(path: str, text: str) -> tuple[Change, ...]:
    """Return the change that adds a file."""
    return patches.compare([], [SubmissionFile(path=path, content=text.encode())])


@pytest.mark.parametrize(
    ("one", "traits"),
    [
        (outcome("It was wrong."), set()),
        (outcome(TWICE, FIRST, AGAIN), {"twice"}),
        (outcome(TWICE, FIRST, FIRST), set()),
        (outcome(TWICE, FIRST, "  3.00 s  your service is killed", AGAIN), {"twice", "down"}),
        (outcome(TWICE, f"{FIRST} and never answers", AGAIN), {"twice", "lost"}),
        (outcome(TWICE, FIRST, "  3.00 s  webhook 'captured' is answered 200", AGAIN), {"twice", "news"}),
        (
            outcome("", "  1.00 s  client sends POST k", "  1.01 s  client sends POST k", FIRST),
            {"repeats", "moment"},
        ),
        (outcome("", "  1.00 s  client sends POST k", "  3.01 s  client sends POST k", FIRST), {"repeats"}),
        (outcome("", "  1.00 s  client sends POST k", "  1.01 s  client sends POST other", FIRST), set()),
        (
            outcome(
                "", FIRST, "  2.10 s  the service is held before commit 3: UPDATE x", "  3.00 s  your service is killed"
            ),
            {"held", "down"},
        ),
        (outcome("", FIRST, "  2.10 s  the provider is unwell"), {"unwell"}),
        (outcome("", FIRST, "  2.10 s  the database is killed"), {"database"}),
        (outcome("After an outage of the database it stayed away."), {"database"}),
        (outcome("No ledger while the database answers."), set()),
        (outcome("Charge k-1 is missing.", FIRST, "  2.00 s  client sends POST k"), set()),
        (outcome('Wrong.\nexpected  409\nfound     503 {"error":"the database is away"}'), {"answer"}),
        (outcome("It said 'the database is away'."), set()),
        (outcome("", "  1.00 s  client sends POST k", "  1.20 s  the service answers POST k: 503"), {"broken"}),
        (outcome("", "  1.00 s  client sends POST k", "  1.20 s  the service answers POST k-500: 201"), set()),
        (
            outcome(
                "",
                "  1.00 s  client sends POST k",
                "  1.10 s  the database is killed",
                "  1.20 s  the service answers POST k: 503",
            ),
            {"database"},
        ),
        (outcome("", "what your tests printed against your service, its end:"), {"printed"}),
        (outcome("", status=Status.UNPROVEN), {"silent"}),
        (outcome("Wrong.\nexpected  201\nfound     200"), {"answer"}),
        (outcome("", measures=(Measure(name="share", value=0.1, limit=0.4, better="more"),)), {"measure"}),
        (outcome("", credit=0.5), {"measure"}),
    ],
)
def test_traits_are_what_the_evidence_shows(one: Outcome, traits: set[str]) -> None:
    """Each by the least that shows it, and none without."""
    assert seen(one) == traits


def test_a_service_that_breaks_alone_is_asked_what_it_ran_out_of() -> None:
    """Not what it does while the database is away, though it says so itself, and the rule speaks of it: it was there."""
    made = outcome(
        'The key k-1, used again, was not refused.\nexpected  409\nfound     503 {"error":"the database is down"}',
        "  2.94 s  client sends POST k-1",
        "  2.95 s  the service answers POST k-1: 201 captured",
        "  3.65 s  client sends POST k-1",
        "  5.67 s  the service answers POST k-1: 503",
        check=Check(id="database/conflict", title="With a database, it is refused", skill="s", points=4, public=True),
    )
    (asked,) = interview.questions(build(dataclasses.replace(grading(), outcomes=(made,))), ())
    assert "What did your service run out of" in asked.ask
    assert "while the database is away" not in asked.ask


def test_every_template_can_be_chosen_and_filled() -> None:
    """Traits that exist, fields that exist, something to hold; the last one fits whatever happened."""
    for gap in TABLE["gaps"]:
        assert set(gap["when"]) <= interview.TRAITS
        assert {name for _, name, _, _ in string.Formatter().parse(gap["ask"]) if name} <= FIELDS
    earlier: list[set[str]] = []
    for gap in TABLE["gaps"]:
        assert not any(before <= set(gap["when"]) for before in earlier), f"{gap['when']} is never reached"
        earlier.append(set(gap["when"]))
    assert TABLE["gaps"][-1]["when"] == []
    for one in (*TABLE["gaps"], *TABLE["choices"], *TABLE["strengths"]):
        assert one["ask"].rstrip().endswith("?")
        assert len(one["holds"]) > 60


def test_templates_name_no_exercise() -> None:
    """Words of one exercise come from its checks, not from here."""
    text = (CHECKOUT / "harness" / "reports" / "questions.toml").read_text(encoding="utf-8").lower()
    assert re.findall(r"\b(charge\w*|psp|payment\w*|merchant\w*|provider)\b", text) == []


@pytest.mark.parametrize("choice", TABLE["choices"], ids=lambda one: one["name"])
def test_a_choice_is_seen_where_it_is_made_and_nowhere_else(choice: dict[str, str]) -> None:
    """In a new line of the right kind of file: not in a remark, not in a line that was there before."""
    line = NEW_LINES[choice["name"]]
    path = PLACES[choice["where"]]
    question, *_ = interview.questions(build(refused()), added(path, f"(other)\n{line}\n"))
    assert (question.about, question.ask, question.pointers[0].line) == (choice["name"], choice["ask"], 2)
    for changes in (added(path, f"# {line}\n"), added("notes.md", line), _kept(path, line)):
        assert interview.questions(build(refused()), changes) == ()


def _kept(path: str, line: str) -> tuple[Change, ...]:
    before = SubmissionFile(path=path, content=f"{line}\n".encode())
    return patches.compare([before], [SubmissionFile(path=path, content=f"{line}\nnothing\n".encode())])


def test_a_test_that_was_taken_away_is_asked_about() -> None:
    """It is the one thing that a diff of what is there does not show."""
    gone = patches.compare([SubmissionFile(path="tests/test_app.py", content=b"x\n")], [])
    (question,) = interview.questions(build(refused()), gone)
    assert "tests/test_app.py is gone" in question.ask


def test_the_example_is_asked_about_what_went_wrong() -> None:
    """With the moments of its own counterexample, and gaps that would be asked alike once."""
    view = build(store.load(CHECKOUT / "docs" / "examples" / "heron"))
    asked = interview.questions(view, ())
    assert [question.check for question in asked] == [
        "safety/killed-mid-charge",
        "safety/killed-at-commit",
        "safety/ambiguous-outcomes",
        "safety/webhooks",
    ]
    assert asked[0].ask.startswith(
        "At 23.11 s the provider captures psp-ea34d6 and answers 0.10 s later; then at 23.30 s the service is killed; "
        "then at 25.72 s the provider captures psp-26451c."
    )
    assert [question.loss for question in asked] == [1, 2, 3, 5]
    assert not any("{" in question.ask for question in asked)


def test_whoever_passed_everything_is_asked_why_it_holds() -> None:
    """A gate's check first: a person who wrote it can say which line makes it so."""
    asked = interview.questions(build(grading()), ())
    assert len(asked) == 2
    assert asked[0].check == "safety/killed-at-commit"
    assert "this held under every fault" in asked[0].ask
    assert asked[0].loss is None


def test_a_value_that_misses_its_limit_is_said() -> None:
    """Where a check has no words of its own."""
    measure = Measure(name="share of the yardstick", value=0.1, limit=0.4, better="more")
    made = grading(reports(failed("throughput/ratio", "")))
    outcomes = tuple(
        dataclasses.replace(one, measures=(measure,)) if one.check.id == "throughput/ratio" else one
        for one in made.outcomes
    )
    asked = interview.questions(build(dataclasses.replace(made, outcomes=outcomes)), ())
    assert asked[0].ask.startswith("Share of the yardstick: 0.1 of 0.4.")


def test_what_is_filled_in_is_never_read_as_a_template() -> None:
    """Braces in what a submission says stay as they are."""
    said = reports(failed("safety/killed-mid-charge", "It said {rule} and {0.__class__}.", detail="{down}"))
    asked = interview.questions(build(grading(said)), ())
    assert "It said {rule} and {0.__class__}." in asked[0].ask


def test_the_most_unusual_choices_are_asked_about() -> None:
    """Three of however many there are, by rank."""
    text = "\n".join(NEW_LINES.values())
    asked = interview.questions(build(heron()), added("app.py", text))
    ranks = {one["name"]: one["rank"] for one in TABLE["choices"]}
    chosen = [ranks[question.about] for question in asked if question.about in ranks]
    assert chosen == sorted((rank for name, rank in ranks.items() if _source(name)), reverse=True)[:3]


def _source(name: str) -> bool:
    return name in {one["name"] for one in TABLE["choices"] if one["where"] == "source"}


def test_the_exercise_asks_its_own_questions_last() -> None:
    """Those about a gap before those for everybody; those about a check that passed not at all, and none to candidates."""
    talk = (
        Talk(ask="Everybody?", holds="x", check=""),
        Talk(ask="Passed?", holds="x", check="contract/create-then-read"),
        Talk(ask="Failed?", holds="x", check="safety/killed-mid-charge"),
    )
    standing = stand((), (), talk)
    own = [
        one for one in interview.questions(build(heron(), standing=standing), ()) if one.about == interview.OF_EXERCISE
    ]
    assert [(one.ask, one.loss) for one in own] == [("Failed?", 1), ("Everybody?", None)]
    theirs = build(heron(), Audience.CANDIDATE, standing=standing)
    assert theirs.standing is None or theirs.standing.talk == ()
