"""Example values for tests: each function returns a complete, valid value and takes what the test is about."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from harness import scoring
from harness.model import (
    Check,
    Exercise,
    Gate,
    Grading,
    HumanItem,
    Limits,
    Mark,
    Phase,
    Score,
    Status,
    Verdict,
)
from harness.scoring import Report


def check(name: str = "contract/create-then-read", **fields: object) -> Check:
    """Return a public check of one point, with ``fields`` replaced."""
    made = Check(
        id=name,
        title=f"{name.partition('/')[2].replace('-', ' ')} holds",
        skill="API contract",
        points=1.0,
        public=True,
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def exercise(**fields: object) -> Exercise:
    """Return the payments exercise in small, with ``fields`` replaced."""
    made = Exercise(
        id="idempotent-payments",
        version="1.0",
        status="validated",
        title="Payments that never charge twice",
        summary="A payment service in front of a provider that times out after charging.",
        skills={"money safety": 45.0, "recovery": 20.0, "API contract": 10.0, "throughput": 20.0, "own tests": 5.0},
        minutes=120,
        pass_mark=70.0,
        seed=4711,
        deadline_seconds=180,
        languages=("python", "go", "java"),
        network=True,
        sandboxes=(),
        grader_limits=Limits(),
        build_limits=Limits(),
        build_seconds=60,
        timeouts=(),
        submit=("**",),
        max_bytes=1_000_000,
        max_files=200,
        parameters={"CONFLICT_STATUS": ("409", "422")},
        checks=tuple(c for c in checks() if c.public),
        gates=(
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
                checks=("safety/webhook-before-answer",),
            ),
        ),
        human=(
            HumanItem(id="failure-table", title="failure table in the README", points=8.0),
            HumanItem(id="code", title="code", points=7.0),
        ),
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def checks() -> tuple[Check, ...]:
    """Return the 12 checks of :func:`exercise`, public and hidden, 100 points in all."""
    rows = (
        ("contract/create-then-read", "a charge is created and read back unchanged", "API contract", 4, True),
        ("contract/key-with-other-body", "another body under a used key is refused", "API contract", 4, True),
        ("contract/currency-decimals", "amounts have exactly the decimals of their currency", "API contract", 2, False),
        ("safety/concurrent-duplicates", "the same request at the same time captures once", "money safety", 12, True),
        ("safety/killed-mid-charge", "a kill during a charge never captures twice", "money safety", 12, True),
        ("safety/killed-at-commit", "a kill around a commit loses no charge", "money safety", 13, False),
        ("safety/webhook-before-answer", "a webhook that overtakes its answer counts once", "money safety", 8, False),
        ("recovery/database-restart", "charges go on after a database restart", "recovery", 10, True),
        ("recovery/nothing-stays-pending", "no charge stays pending after the fault", "recovery", 6, False),
        ("recovery/retry-storm", "a storm of retries is survived", "recovery", 4, False),
        ("throughput/ratio", "at least 0.4 of the reference run's charges a second", "throughput", 20, True),
        ("own-tests/tell-good-from-starter", "the own tests pass here and fail on the starter", "own tests", 5, True),
    )
    made = [
        Check(id=name, title=title, skill=skill, points=float(points), public=public)
        for name, title, skill, points, public in rows
    ]
    return tuple(
        dataclasses.replace(c, requires=("safety/concurrent-duplicates",)) if c.id == "throughput/ratio" else c
        for c in made
    )


def passed(name: str, **fields: object) -> Report:
    """Return a report that ``name`` passed, with ``fields`` replaced."""
    return dataclasses.replace(Report(check=name, status="passed", credit=1.0, seconds=0.5), **fields)  # type: ignore[arg-type]


def failed(name: str, feedback: str = "It was seen to fail.", **fields: object) -> Report:
    """Return a report that ``name`` failed without credit, with ``fields`` replaced."""
    made = Report(check=name, status="failed", credit=0.0, seconds=2.0, feedback=feedback)
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def reports(*others: Report) -> list[Report]:
    """Return a pass for each check of :func:`checks`, with ``others`` in place of those they name."""
    by_id = {report.check: report for report in others}
    return [by_id.pop(c.id, passed(c.id)) for c in checks()] + list(by_id.values())


def grading(
    outcomes: Iterable[Report] = (),
    *,
    made_of: Exercise | None = None,
    declared: Sequence[Check] | None = None,
    bar: float | None = None,
    **fields: object,
) -> Grading:
    """Return a grading of ``outcomes`` (:func:`reports` when there are none), judged, with ``fields`` replaced."""
    about = made_of or exercise()
    judged = scoring.judge(about, declared or checks(), list(outcomes) or reports(), bar)
    made = Grading(
        id="20261124T160210Z-7f3a",
        exercise=about,
        submission_alias="heron",
        submission_path="inbox/heron.tar.gz",
        submission_sha256="6c" * 32,
        language="go",
        seed=4711,
        variant=0,
        started_at="2026-11-24T16:02:10Z",
        seconds=54.2,
        engine="Docker 28.0, runc",
        posture=(),
        digests={"exercise": "aa" * 32, "grader": "bb" * 32, "images": "cc" * 32, "core": "dd" * 32},
        verdict=judged.verdict,
        exit_code=int(judged.exit_code),
        bar=about.pass_mark if bar is None else bar,
        score=judged.score,
        outcomes=judged.outcomes,
        phases=(Phase(name="build", seconds=5.8), Phase(name="grade", seconds=46.1)),
        timeline=(),
        reason="; ".join(judged.problems),
        trust="validated 2026-11-12: 3 references 97-100, 18 of 18 mutants under their ceilings, 0 of 60 repeats differed",
        harness_version="0.1.0",
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def heron(**fields: object) -> Grading:
    """Return the example everybody knows: looks good, charges twice when killed, 45 of 100."""
    killed = "Charge k-17 was captured twice: psp-8f1 at 3.2 s, before the kill at 3.3 s; psp-a02 at 3.9 s, by the client's retry."
    said = reports(
        failed(
            "safety/killed-mid-charge",
            killed,
            detail="2 of 7 kills; ref chosen anew after the restart",
            evidence=(
                "3.201 s  POST /captures ref=k-17-1 -> captured psp-8f1, answer held",
                "3.300 s  SIGKILL app; dead at 3.304 s, before the answer was released",
                "3.912 s  POST /captures ref=k-17-2 -> captured psp-a02",
                "4.020 s  POST /charges k-17 -> 201",
            ),
        ),
        failed("safety/webhook-before-answer", "k-31: webhook 20 ms before the answer; ledger 80.00, provider 40.00."),
        failed(
            "recovery/nothing-stays-pending",
            "3 of 200 charges still pending 25 s after the database was back (limit 10 s).",
        ),
        failed(
            "throughput/ratio",
            "0.31 of the reference run (none below 0.10, full from 0.40)",
            credit=0.7,
        ),
    )
    claim = {"safety/killed-mid-charge": "failed", "contract/create-then-read": "passed"}
    made = grading(said, claim=claim, timeline=timeline())
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def refused(**fields: object) -> Grading:
    """Return the grading of a submission that was never graded."""
    about = exercise()
    nothing = Score(earned=0.0, decided=0.0, possible=100.0, by_skill={}, gates=())
    made = dataclasses.replace(
        grading(),
        verdict=Verdict.REFUSED,
        exit_code=3,
        score=nothing,
        outcomes=(),
        timeline=(),
        phases=(),
        exercise=about,
        reason="inbox/heron.tar.gz: expected a gzip-compressed tar archive, found bytes that are not: pack it again",
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def statuses(found: Grading) -> Mapping[str, Status]:
    """Return check id -> status of a grading."""
    return {outcome.check.id: outcome.status for outcome in found.outcomes}


def timeline() -> tuple[Mark, ...]:
    """Return the marks of a 54 s grading: kills, cut answers, a database restart, webhooks, retries."""
    faults = [
        *((at, at + 0.4, "kill") for at in (3.3, 6.1, 9.0, 11.2, 31.0, 34.0, 44.0)),
        (14.0, 20.0, "cut"),
        (23.0, 27.0, "database restart"),
        (36.5, 42.5, "webhooks"),
        (46.0, 50.0, "retries"),
    ]
    shares = "999099099090998778899990002689099099999999097788999999"
    return (
        *(Mark(start_seconds=start, end_seconds=end, kind="fault", label=name) for start, end, name in faults),
        *(
            Mark(start_seconds=float(second), end_seconds=second + 1.0, kind="answered", label=f"{share}/10")
            for second, share in enumerate(shares)
        ),
    )
