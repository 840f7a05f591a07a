"""Synthetic cohorts that look like real ones: people of unlike ability, checks of unlike difficulty, and what goes wrong on a Friday.

Each person has an ability, each check a difficulty; whether it holds is drawn by the logistic of their difference (so that
checks do tell people apart), and judged by ``harness.scoring`` as any grading is. Equal seeds, equal cohorts.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness import store
from harness.model import Check, Exercise, Gate, Grading, Verdict
from harness.reports import beside
from harness.reports.cohort import gather
from harness.reports.cohort.model import Cohort
from harness.scoring import Report
from tests.unit import factories

_NAMES = (
    *("heron", "otter", "lynx", "wren", "osprey", "badger", "finch", "ibis", "marten", "plover"),
    *("stoat", "tern", "vole", "hare", "crane", "newt", "kite", "dipper", "robin", "swift"),
    *("gannet", "puffin", "curlew", "merlin", "siskin", "adder", "weasel", "bittern", "dunlin", "fulmar"),
)
_ROWS: tuple[tuple[str, str, str, float, bool, float], ...] = (
    ("contract/create-then-read", "a charge is created and read back unchanged", "API contract", 2, True, -3.5),
    ("contract/other-body", "another body under a used key is refused", "API contract", 3, True, -1.5),
    ("contract/currency-decimals", "amounts have the decimals of their currency", "API contract", 3, False, 0.5),
    ("contract/keys-per-merchant", "a key belongs to its merchant", "API contract", 2, False, -0.5),
    ("safety/concurrent-duplicates", "the same request at the same time captures once", "money safety", 8, True, -1.0),
    ("safety/killed-mid-charge", "a kill during a charge never captures twice", "money safety", 10, True, 0.4),
    ("safety/killed-at-commit", "a kill around a commit loses no charge", "money safety", 9, False, 0.8),
    ("safety/webhook-before-answer", "a webhook that overtakes its answer counts once", "money safety", 7, False, 0.6),
    ("safety/provider-says-500", "an error of the provider is not taken for a refusal", "money safety", 6, True, -0.2),
    ("safety/over-all", "the ledger is what the provider captured, over all operations", "money safety", 5, False, 0.9),
    ("recovery/database-restart", "charges go on after a database restart", "recovery", 8, True, -0.6),
    ("recovery/nothing-stays-pending", "no charge stays pending after a fault", "recovery", 5, False, 0.7),
    ("recovery/retry-storm", "a storm of retries is survived", "recovery", 4, False, 0.2),
    ("recovery/long-outage", "an outage of a minute is survived", "recovery", 3, False, 1.4),
    ("throughput/ratio", "at least 0.4 of the charges a second of the reference run", "throughput", 15, True, 0.3),
    ("throughput/slow-provider", "a slow provider holds up nobody else", "throughput", 5, True, 1.0),
    ("own-tests/tell-good-from-starter", "the own tests pass here and fail on the starter", "own tests", 3, True, -0.8),
    ("own-tests/see-a-mistake", "the own tests see a double capture", "own tests", 2, True, 1.2),
)
_SAID = {
    "safety/killed-mid-charge": "Charge k-{n} was captured twice: psp-8f1 before the kill, psp-a02 by the client's retry.",
    "safety/webhook-before-answer": "k-{n}: webhook 20 ms before the answer; ledger 80.00, provider 40.00.",
    "recovery/nothing-stays-pending": "{n} of 200 charges still pending 25 s after the database was back (limit 10 s).",
}
_SECOND = dt.timedelta(seconds=1)
_FRIDAY = dt.datetime(2026, 11, 20, 13, 0, tzinfo=dt.UTC)


def checks() -> tuple[Check, ...]:
    """Return the checks of a synthetic grading, 100 points in all."""
    return tuple(
        Check(id=name, title=title, skill=skill, points=float(points), public=public)
        for name, title, skill, points, public, _ in _ROWS
    )


def exercise(**fields: object) -> Exercise:
    """Return the exercise that they are of."""
    skills: dict[str, float] = {}
    for check in checks():
        skills[check.skill] = skills.get(check.skill, 0.0) + check.points
    gates = (
        Gate(
            id="double-or-lost",
            title="A customer can be charged twice, or a charge can be lost",
            cap=45.0,
            checks=("safety/concurrent-duplicates", "safety/killed-mid-charge", "safety/killed-at-commit"),
        ),
        Gate(
            id="wrong-ledger",
            title="The ledger can differ from what the provider captured",
            cap=60.0,
            checks=("safety/webhook-before-answer", "safety/over-all"),
        ),
    )
    made = factories.exercise(
        skills=skills, checks=tuple(check for check in checks() if check.public), gates=gates, version="1.1"
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def gradings(amount: int, seed: int = 1, *, plain: bool = False) -> Iterator[Grading]:
    """Yield ``amount`` gradings, each of another person; about one in 12 is inconclusive, one in 25 refused.

    ``plain``: every one of them is graded to its end.
    """
    draw = random.Random(seed)
    for n in range(amount):
        alias = _NAMES[n % len(_NAMES)] + (f"-{n // len(_NAMES) + 1}" if n >= len(_NAMES) else "")
        fate = 1.0 if plain else draw.random()
        said = _said(draw, ability=draw.gauss(0.9, 1.3), owed=fate < 0.12)
        made = factories.grading(said, made_of=exercise(), declared=checks())
        yield _about(made, draw, alias, n, refused=fate > 0.96 and not plain)


def fill(results: Path, made: Iterable[Grading]) -> None:
    """Write ``made`` into a results folder as a batch does, with whatever is rendered of each."""
    for one in made:
        store.save(one, results, beside.files(one)[0])


def of(made: Iterable[Grading], results: Path = Path("results")) -> Cohort:
    """Return the cohort of ``made`` as it is read from a results folder, without one: 200 take a second, not a minute."""
    people = [(store.Stored(kept=store.kept_of(one, _place(one, results)), grading=one),) for one in made]
    return gather.cohort(people, (), results)


def _place(one: Grading, results: Path) -> Path:
    return results / one.name.replace("/", "_") / one.id / store.RESULT


def _said(draw: random.Random, *, ability: float, owed: bool) -> list[Report]:
    made = []
    for name, _, _, points, _, hard in _ROWS:
        chance = 1 / (1 + math.exp(1.7 * (hard - ability)))
        luck = draw.random()
        if owed and draw.random() < 0.12:
            made.append(
                Report(check=name, status="inconclusive", credit=0.0, detail="the fault was on for 40 % of its time")
            )
        elif name == "throughput/ratio":
            made.append(_measured(name, round(min(1.0, max(0.0, chance + draw.gauss(0, 0.15))), 2)))
        elif luck < chance:
            made.append(factories.passed(name, seconds=points / 2))
        elif luck > 0.97:
            made.append(factories.failed(name, "Not one charge was captured in the window.", status="unproven"))
        else:
            made.append(
                factories.failed(
                    name, _SAID.get(name, "It was seen to fail in the {n}th round.").format(n=draw.randrange(1, 60))
                )
            )
    return made


def _measured(name: str, credit: float) -> Report:
    words = f"{0.1 + 0.3 * credit:.2f} of the reference run (none below 0.10, full from 0.40)"
    if credit == 1:
        return factories.passed(name, feedback=words)
    return factories.failed(name, words, credit=credit)


def _about(made: Grading, draw: random.Random, alias: str, n: int, *, refused: bool) -> Grading:
    began = _FRIDAY + n * 61 * _SECOND
    stamp = f"{began:%Y-%m-%dT%H:%M:%SZ}"
    packed = f"{began - draw.randrange(3_600, 90_000) * _SECOND:%Y-%m-%dT%H:%M:%SZ}"
    named = dataclasses.replace(
        made,
        id=f"{began:%Y%m%dT%H%M%SZ}-{draw.randrange(16**4):04x}",
        submission_alias=alias,
        submission_name=alias,
        submission_alias_from="the packed file",
        submission_path=f"inbox/{alias}.tar.gz",
        submission_sha256=f"{draw.randrange(16**64):064x}",
        submission_origin=f"{draw.randrange(16**16):016x}",
        submission_packed_at=packed,
        started_at=stamp,
        seconds=round(draw.uniform(41, 68), 1),
        language=draw.choice(("go", "go", "python", "python", "python", "java")),
        claim={},
        timeline=factories.timeline(),
    )
    if not refused:
        return named
    words = draw.choice(
        (
            "it does not build: go build: main.go:41: undefined: retryAfter",
            f"inbox/{alias}.tar.gz: expected a gzip-compressed tar archive, found bytes that are not: pack it again",
        )
    )
    nothing = dataclasses.replace(made.score, earned=0.0, decided=0.0, by_skill={}, gates=())
    return dataclasses.replace(
        named,
        verdict=Verdict.REFUSED,
        exit_code=3,
        score=nothing,
        outcomes=(),
        phases=(),
        timeline=(),
        reason=words,
        seconds=2.1,
    )
