"""The grading contract, seen from the host: what a test does, and which events come out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.model import Json
from harness.testing._run import verdicts
from tests.unit.testing.grader import Grader, job

HEAD = """
import threading, time, os, sys
import pytest
from harness.testing import check, expect, fail, credit, CheckFailed, Unproven, Inconclusive
"""


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    """One warm grader for all tests of this file: that jobs don't mix is part of what is tested."""
    with Grader(tmp_path_factory.mktemp("grader")) as started:
        yield started


def one(grader: Grader, body: str, check: str = "contract/a") -> dict[str, Json]:
    """Run one test function's body as a check and return its outcome."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    text = f"{HEAD}\n@check('{check}')\ndef test_it(job, broker, timeline):\n{lines}\n"
    return grader.run(job({"test_it.py": text}, check)).outcomes[check]


def test_check_that_returns_passes(grader: Grader) -> None:
    """A check that says nothing has passed, with full credit."""
    outcome = one(grader, "expect(True, 'no')")
    assert (outcome["status"], outcome["credit"]) == ("passed", 1.0)


def test_expect_fails_with_feedback_and_evidence(grader: Grader) -> None:
    """A said failure carries one sentence, expected and found, and the evidence."""
    outcome = one(grader, "expect(1 == 2, 'charged twice', expected=1, found=2, detail='d', evidence=['a', 'b'])")
    assert outcome["status"] == "failed"
    assert outcome["credit"] == 0.0
    assert outcome["feedback"] == "charged twice\nexpected  1\nfound     2"
    assert outcome["evidence"] == ["a", "b"]
    assert str(outcome["detail"]).startswith("d\n[test_it.py:")


def test_plain_assert_of_the_test_file_is_the_candidates(grader: Grader) -> None:
    """An assert in a frame of the test file is a failure with the explained assertion."""
    outcome = one(grader, "answer = 3\nassert answer == 4")
    assert outcome["status"] == "failed"
    assert "3 == 4" in str(outcome["feedback"])


def test_assert_elsewhere_is_ours(grader: Grader) -> None:
    """An assertion that fails in a helper module is not a candidate's failure."""
    files = {
        "world.py": "def f():\n    assert False, 'bug'\n",
        "test_it.py": f"{HEAD}\nimport world\n@check('a/b')\ndef test_it():\n    world.f()\n",
    }
    assert grader.run(job(files, "a/b")).statuses == {"a/b": "inconclusive"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("raise Unproven('nothing succeeded')", "unproven"),
        ("raise Inconclusive('our probe failed')", "inconclusive"),
        ("raise ValueError('bug')", "inconclusive"),
        ("pytest.skip('later')", "inconclusive"),
        ("pytest.xfail('known')", "inconclusive"),
        ("pytest.exit('stop')", "inconclusive"),
        ("raise KeyboardInterrupt", "inconclusive"),
        ("raise SystemExit(0)", "inconclusive"),
        ("t = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()", "inconclusive"),
        ("t = threading.Thread(target=fail, args=('x',))\nt.start()\nt.join()", "inconclusive"),
        ("t = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\nraise Unproven('x')", "inconclusive"),
        ("credit(1.5, 'x')", "inconclusive"),
        ("credit(float('nan'), 'x')", "inconclusive"),
        ("broker.state('app')", "inconclusive"),
    ],
)
def test_only_what_is_said_is_a_failure(grader: Grader, body: str, status: str) -> None:
    """Missing evidence, skips, exits, bugs and dying threads are never passed and never failed."""
    outcome = one(grader, body)
    assert (outcome["status"], outcome["credit"]) == (status, 0.0)


def test_every_verdict_takes_detail_and_evidence(grader: Grader) -> None:
    """Inconclusive keeps detail and evidence for the assessor, as Unproven and fail do; none is a crash of its own."""
    for raised, status in (
        (
            "raise Inconclusive('our database is silent', detail='log of ours', evidence=['line of ours'])",
            "inconclusive",
        ),
        ("raise Unproven('no answer', detail='log of ours', evidence=['line of ours'])", "unproven"),
        ("raise CheckFailed('no answer', detail='log of ours', evidence=['line of ours'])", "failed"),
        ("fail('no answer', detail='log of ours', evidence=['line of ours'])", "failed"),
        ("expect(0, 'no answer', detail='log of ours', evidence=['line of ours'])", "failed"),
        ("credit(0.5, 'no answer', detail='log of ours', evidence=['line of ours'])", "failed"),
    ):
        outcome = one(grader, raised)
        assert (outcome["status"], "TypeError" in str(outcome["detail"])) == (status, False), outcome
        assert "log of ours" in str(outcome["detail"])
        assert "line of ours" in str(outcome["detail"]) + str(outcome["evidence"])


def test_credit_below_one_is_a_failure_with_points(grader: Grader) -> None:
    """Partial credit ends failed, keeps its part and its feedback."""
    outcome = one(grader, "credit(0.25, '0.2 of the yardstick')")
    assert (outcome["status"], outcome["credit"], outcome["feedback"]) == ("failed", 0.25, "0.2 of the yardstick")


def test_failure_after_credit_takes_it_back(grader: Grader) -> None:
    """A check that fails after giving credit gives none."""
    outcome = one(grader, "credit(0.9, 'nearly')\nfail('broken')")
    assert (outcome["status"], outcome["credit"], outcome["feedback"]) == ("failed", 0.0, "broken")


def test_fixture_error_is_ours_and_a_said_failure_there_counts(grader: Grader) -> None:
    """A bug in a fixture is inconclusive; Unproven said in a session fixture counts for each check that needs it."""
    text = f"""{HEAD}
@pytest.fixture
def broken():
    assert False, "bug"
@pytest.fixture(scope="session")
def world():
    raise Unproven("never got ready")
@check("a/broken")
def test_a(broken): pass
@check("a/one")
def test_b(world): pass
@check("a/two")
def test_c(world): pass
@check("a/plain")
def test_d(): pass
"""
    seen = grader.run(job({"test_it.py": text}, "a/broken", "a/one", "a/two", "a/plain"))
    assert seen.statuses == {"a/broken": "inconclusive", "a/one": "unproven", "a/two": "unproven", "a/plain": "passed"}


def test_teardown_trouble_does_not_forgive_a_failure(grader: Grader) -> None:
    """A failure that was said stands when tidying up fails; a pass becomes inconclusive."""
    text = f"""{HEAD}
@pytest.fixture
def tidy():
    yield
    raise OSError("full")
@check("a/failed")
def test_a(tidy): fail("broken")
@check("a/passed")
def test_b(tidy): pass
"""
    seen = grader.run(job({"test_it.py": text}, "a/failed", "a/passed"))
    assert seen.statuses == {"a/failed": "failed", "a/passed": "inconclusive"}
    assert "full" in str(seen.outcomes["a/failed"]["detail"])


def test_overrun_after_a_said_failure_is_no_overrun(grader: Grader) -> None:
    """A failure that was said stands and ends the job as usual, however long tidying up takes; a pass does not."""
    text = f"""{HEAD}
@pytest.fixture
def tidy():
    yield
    time.sleep(30)
@check("a/it")
def test_a(tidy): BODY
"""
    limits: Json = {"check_seconds": 0.3}
    for body, status, code in (("fail('x')", "failed", 0), ("pass", "inconclusive", 2)):
        seen = grader.run(job({"test_it.py": text.replace("BODY", body)}, "a/it", limits=limits))
        assert (seen.statuses, seen.finished["exit"]) == ({"a/it": status}, code)


def test_overrun_is_one_even_when_another_exception_replaces_it(grader: Grader) -> None:
    """What a helper makes of the interruption does not hide that the check took all its time."""
    body = "try:\n    time.sleep(30)\nexcept BaseException:\n    raise OSError('gone')"
    text = f"{HEAD}\n@check('a/it')\ndef test_a():\n" + "\n".join(f"    {line}" for line in body.splitlines())
    seen = grader.run(job({"test_it.py": text}, "a/it", limits={"check_seconds": 0.3}))
    assert (seen.statuses, seen.finished["exit"]) == ({"a/it": "inconclusive"}, 2)


THREAD_DIES = "t = threading.Thread(target=lambda: 1 / 0)\n    t.start()\n    t.join()"


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
@pytest.mark.parametrize(
    ("body", "early", "late"),
    [
        ("fail('broken')", "failed", "failed"),
        ("assert 1 == 2, 'broken'", "failed", "failed"),
        ("raise Unproven('broken')", "inconclusive", "unproven"),
        ("credit(0.5, 'broken')", "inconclusive", "failed"),
        ("pass", "inconclusive", "inconclusive"),
    ],
)
def test_thread_that_dies_does_not_forgive_a_failure(
    grader: Grader, when: str, body: str, early: str, late: str
) -> None:
    """A said failure stands, at teardown all that was judged; else a dead thread is inconclusive. It is told."""
    parts = {part: THREAD_DIES if part == when else "pass" for part in ("setup", "call", "teardown")}
    text = f"""{HEAD}
@pytest.fixture
def around():
    {parts["setup"]}
    yield
    {parts["teardown"]}
@check("a/it")
def test_a(around):
    {parts["call"]}
    {body}
"""
    outcome = grader.run(job({"test_it.py": text}, "a/it")).outcomes["a/it"]
    status = late if when == "teardown" else early
    assert outcome["status"] == status
    assert "ZeroDivisionError" in str(outcome["detail"])
    assert ("broken" in str(outcome["feedback"])) == (status != "inconclusive")
    assert outcome["credit"] == (0.5 if status == "failed" and "credit" in body else 0.0)


def test_collected_tells_duplicates_undeclared_and_unmarked(grader: Grader) -> None:
    """What does not fit the declaration is told in full, and nothing runs."""
    text = f"""{HEAD}
@check("a/one")
def test_a(): pass
@check("a/one")
def test_b(): pass
@check("a/unknown")
def test_c(): pass
def test_d(): pass
"""
    seen = grader.run(job({"test_it.py": text}, "a/one", "a/missing"))
    assert seen.collected == ["a/one", "a/one", "a/unknown", "no-check-id: test_it.py::test_d"]
    assert seen.outcomes == {}
    assert seen.of("phase") == []
    assert seen.finished["exit"] == 1
    for wanted in ("'a/one', found 2", "'a/unknown'", "test_d", "no test judges it: a/missing"):
        assert wanted in seen.notes


def test_file_that_does_not_import_runs_nothing(grader: Grader) -> None:
    """An import error in one file is told and ends the job: a part of a grader is no grader."""
    files = {"test_a.py": "import nonsense_module\n", "test_b.py": f"{HEAD}\n@check('a/b')\ndef test_b(): pass\n"}
    seen = grader.run(job(files, "a/b"))
    (told,) = seen.of("broken")
    assert (
        told["text"]
        == "exercises/demo/checks/test_a.py, line 1: ModuleNotFoundError: No module named 'nonsense_module'"
    )
    assert (seen.collected, seen.outcomes, seen.finished["exit"]) == (["a/b"], {}, 1)


def test_checks_run_by_family_then_as_written(grader: Grader) -> None:
    """Families in the order they are declared first, else as collected; what is required before what requires it."""
    ids = ["own-tests/x", "throughput/r", "recovery/r", "safety/b", "safety/a", "contract/z"]
    text = HEAD + "".join(f"\n@check('{name}')\ndef test_{i}(): pass\n" for i, name in enumerate(ids))
    declared: list[str | dict[str, Json]] = [
        "contract/z",
        {"id": "safety/b", "requires": ["safety/a"]},
        "recovery/r",
        "throughput/r",
        "own-tests/x",
        "safety/a",
    ]
    seen = grader.run(job({"test_it.py": text}, *declared))
    assert list(seen.outcomes) == ["contract/z", "safety/a", "safety/b", "recovery/r", "throughput/r", "own-tests/x"]
    assert seen.collected == ids


def test_requirement_that_failed_leaves_its_dependents_unproven(grader: Grader) -> None:
    """Without its requirement a check is not run: unproven, or inconclusive when the requirement is."""
    text = f"""{HEAD}
@check("a/bad")
def test_a(): fail("x")
@check("a/ours")
def test_b(): raise OSError
@check("b/needs-bad")
def test_c(): pass
@check("b/needs-ours")
def test_d(): pass
@check("b/needs-good")
def test_e(): pass
@check("a/good")
def test_f(): pass
"""
    needs: list[str | dict[str, Json]] = [
        {"id": f"b/needs-{x}", "requires": [f"a/{x}"]} for x in ("bad", "ours", "good")
    ]
    seen = grader.run(job({"test_it.py": text}, "a/bad", "a/ours", "a/good", *needs))
    assert seen.statuses["b/needs-bad"] == "unproven"
    assert seen.statuses["b/needs-ours"] == "inconclusive"
    assert seen.statuses["b/needs-good"] == "passed"


def test_requirement_across_modules_keeps_fixtures_right(grader: Grader) -> None:
    """A check that is left out between two modules does not upset the tear-down of module fixtures."""
    part = "\n@pytest.fixture(scope='module')\ndef m():\n    yield 1\n"
    files = {
        "test_a.py": f"{HEAD}{part}\n@check('a/1')\ndef test_1(m): fail('x')\n@check('a/2')\ndef test_2(m): pass\n",
        "hidden/test_b.py": f"{HEAD}{part}\n@check('a/3')\ndef test_3(m): pass\n",
    }
    seen = grader.run(job(files, "a/1", {"id": "a/2", "requires": ["a/1"]}, "a/3"))
    assert seen.statuses == {"a/1": "failed", "a/2": "unproven", "a/3": "passed"}


def test_only_selects_by_glob(grader: Grader) -> None:
    """`only` limits what runs, not what is told as collected."""
    text = HEAD + "".join(f"\n@check('{n}')\ndef test_{i}(): pass\n" for i, n in enumerate(["a/x", "a/y", "b/x"]))
    seen = grader.run(job({"test_it.py": text}, "a/x", "a/y", "b/x", only=["b/*", "a/y"]))
    assert seen.collected == ["a/x", "a/y", "b/x"]
    assert set(seen.outcomes) == {"a/y", "b/x"}


def test_hang_costs_one_check(grader: Grader) -> None:
    """A check that hangs is interrupted, inconclusive with every thread's stack, and the next one runs."""
    text = f"{HEAD}\n@check('a/hangs')\ndef test_a(): threading.Event().wait()\n@check('a/next')\ndef test_b(): pass\n"
    seen = grader.run(job({"test_it.py": text}, "a/hangs", "a/next", limits={"check_seconds": 0.8}))
    assert seen.statuses == {"a/hangs": "inconclusive", "a/next": "passed"}
    assert seen.finished["exit"] == 2
    assert "threading.Event().wait()" in str(seen.outcomes["a/hangs"]["detail"])


def test_file_that_hangs_while_it_is_imported_runs_nothing(grader: Grader) -> None:
    """An endless import is told and ends the job."""
    text = f"{HEAD}\ntime.sleep(60)\n@check('a/b')\ndef test_a(): pass\n"
    seen = grader.run(job({"test_it.py": text}, "a/b", limits={"check_seconds": 0.3}))
    (told,) = seen.of("broken")
    assert "hung: collecting the tests" in str(told["text"])
    assert (seen.outcomes, seen.finished["exit"]) == ({}, 1)


def test_deadline_leaves_the_rest_inconclusive(grader: Grader) -> None:
    """What the job's deadline cuts off is ours; what was said before it stands."""
    text = f"""{HEAD}
@check('a/1')
def test_a(): fail("x")
@check('a/2')
def test_b(): time.sleep(30)
@check('a/3')
def test_c(): pass
"""
    seen = grader.run(job({"test_it.py": text}, "a/1", "a/2", "a/3", limits={"deadline_seconds": 1.2}))
    assert seen.statuses == {"a/1": "failed", "a/2": "inconclusive", "a/3": "inconclusive"}
    assert seen.finished["exit"] == 2


def test_text_is_capped_and_cleaned(grader: Grader) -> None:
    """A candidate's bytes in a feedback can neither fill a result nor drive a terminal."""
    body = "fail('\\x1b[2Jboo\\u202e' + 'x' * 9000, detail='y' * 90000, evidence=['z' * 999] * 99)"
    outcome = one(grader, body)
    feedback, evidence = str(outcome["feedback"]), outcome["evidence"]
    assert feedback.startswith("<U+001B>[2Jboo<U+202E>xxx")
    assert len(feedback) <= 2000
    assert len(str(outcome["detail"])) <= 8000
    assert isinstance(evidence, list)
    assert len(evidence) == 40
    assert all(len(str(line)) <= 300 for line in evidence)


def test_timeline_and_phases_are_told(grader: Grader) -> None:
    """Faults, sums of answers and the time of each check come out as events."""
    body = "with timeline.fault('kill'):\n    timeline.answered(True)\n    timeline.answered(False)"
    text = f"{HEAD}\n@check('a/b')\ndef test_it(timeline):\n" + "\n".join(f"    {x}" for x in body.splitlines())
    seen = grader.run(job({"test_it.py": text}, "a/b"))
    assert [(mark["kind"], mark["label"]) for mark in seen.of("mark")] == [("fault", "kill"), ("answered", "1/2")]
    assert [phase["name"] for phase in seen.of("phase")] == ["a/b"]


def test_job_facts_and_helpers_are_there(grader: Grader) -> None:
    """A hidden test imports modules of the public part and of its own folder, and reads the job."""
    files = {
        "world.py": "NAME = 'public'\n",
        "conftest.py": "import pytest\n@pytest.fixture\ndef public(): return 1\n",
        "hidden/schedule.py": "NAME = 'hidden'\n",
        "hidden/conftest.py": "import pytest\n@pytest.fixture\ndef secret(public): return public + 1\n",
        "hidden/test_it.py": f"""{HEAD}
import world, schedule
@check('a/b')
def test_it(job, secret):
    assert (world.NAME, schedule.NAME, secret) == ('public', 'hidden', 2)
    assert job.timeout('t') == 1.5 and job.parameters == {{'k': 'v'}} and job.address('app') == '10.0.0.2'
    assert job.rng('x').random() == job.rng('x').random() != job.rng('y').random()
""",
    }
    facts: dict[str, Json] = {"timeouts": {"t": 1.5}, "parameters": {"k": "v"}, "addresses": {"app": "10.0.0.2"}}
    seen = grader.run(job(files, "a/b", **facts))
    assert seen.statuses == {"a/b": "passed"}, seen.outcomes


def test_broker_values_are_typed(grader: Grader) -> None:
    """A check asks the host for engine verbs and gets typed values back, from several threads."""
    text = f"""{HEAD}
from concurrent.futures import ThreadPoolExecutor
@check('a/b')
def test_it(broker):
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: broker.state('app'), range(40)))
    assert all(state.running and state.starts == 1 for state in states)
    interval = broker.kill('app')
    assert interval.before <= interval.after
    ran = broker.run(timeout_seconds=1, stdin=b'in')
    assert (ran.exit_code, ran.stdout, ran.stderr) == (3, b'out', b'')
    with broker.locked():
        assert broker.command('app', 'test') == ('t',)
"""

    def answer(verb: str, args: dict[str, Json]) -> dict[str, Json]:
        values: dict[str, Json] = {
            "state": {"running": True, "paused": False, "exit_code": None, "oom_killed": False, "starts": 1},
            "run": {
                "exit_code": 3,
                "stdout": "b3V0",
                "stderr": "",
                "truncated": False,
                "timed_out": False,
                "seconds": 1,
            },
            "command": {"argv": ["t"]},
        }
        assert verb != "run" or args["stdin"] == "aW4="
        return {"ok": True, "value": values.get(verb)}

    seen = grader.run(job({"test_it.py": text}, "a/b"), answer)
    assert seen.statuses == {"a/b": "passed"}, seen.outcomes


@pytest.mark.parametrize("kind", ["engine", "request", "sandbox", "something new", None])
def test_broker_errors_are_ours(grader: Grader, kind: str | None) -> None:
    """An engine that fails, a bad request, and kinds of a newer host: never the candidate's."""
    text = f"{HEAD}\n@check('a/b')\ndef test_it(broker): broker.kill('app')\n"
    seen = grader.run(
        job({"test_it.py": text}, "a/b"), lambda _verb, _args: {"ok": False, "error": {"kind": kind, "message": "m"}}
    )
    assert seen.statuses == {"a/b": "inconclusive"}


def test_printing_cannot_spoil_frames(grader: Grader) -> None:
    """Writing to stdout, by Python or by descriptor, goes to the log, and stdin is empty."""
    body = "print('x' * 99)\nos.write(1, b'raw' * 99)\nsys.__stdout__.write('y')\nassert sys.stdin.read() == ''"
    assert one(grader, body)["status"] == "passed"


GONE = "from harness.testing import causes\ncauses.watch(lambda: causes.Cause(sentence='It ended.', lines=('log',)))\n"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("expect(False, 'no answer', evidence=['story'])", "failed"),
        ("raise Unproven('no answer', evidence=['story'])", "unproven"),
        ("credit(0.5, 'no answer', evidence=['story'])", "failed"),
    ],
)
def test_lost_check_says_what_became_of_the_process(grader: Grader, body: str, status: str) -> None:
    """Whoever looks after the process adds a sentence to what is told, and its log in front of the evidence."""
    outcome = one(grader, GONE + body)
    assert outcome["status"] == status
    assert outcome["feedback"] == "no answer\nIt ended."
    assert outcome["evidence"] == ["log", "story"]


def test_long_feedback_leaves_room_for_the_reason(grader: Grader) -> None:
    """The reason is the last thing that is cut."""
    assert str(one(grader, GONE + "fail('x' * 5000)")["feedback"]).endswith("\nIt ended.")


def test_check_that_passes_asks_nobody_why(grader: Grader) -> None:
    """There is nothing to explain."""
    outcome = one(grader, GONE)
    assert (outcome["status"], outcome["feedback"], outcome["evidence"]) == ("passed", "", [])


def test_inconclusive_check_keeps_the_reason_for_the_assessor(grader: Grader) -> None:
    """The candidate is told only that it was not their doing."""
    outcome = one(grader, GONE + "raise Inconclusive('our probe')")
    assert (outcome["feedback"], outcome["evidence"]) == (verdicts.PROBE, [])
    assert "It ended.\nlog" in str(outcome["detail"])


def test_reason_that_cannot_be_found_changes_nothing(grader: Grader) -> None:
    """An engine that is away when it is asked why does not forgive a failure."""
    outcome = one(grader, "from harness.testing import causes\ncauses.watch(lambda: 1 / 0)\nfail('charged twice')")
    assert (outcome["status"], outcome["feedback"]) == ("failed", "charged twice")
    assert "no reason could be found" in str(outcome["detail"])


def test_check_that_did_not_run_has_no_reason(grader: Grader) -> None:
    """What became of the process is no reason for a check that only waited for another one."""
    body = "".join(f"    {line}\n" for line in (GONE + "fail('x')").splitlines())
    text = f"{HEAD}\n@check('contract/a')\ndef test_a():\n{body}\n@check('contract/b')\ndef test_b():\n    pass\n"
    declared: dict[str, Json] = {"id": "contract/b", "requires": ["contract/a"]}
    outcomes = grader.run(job({"test_it.py": text}, "contract/a", declared)).outcomes
    assert outcomes["contract/b"]["feedback"] == "not run: it counts only when contract/a passes"


LAST = f"""{HEAD}
from harness.testing.history import Kind, Op
def note(history, what):
    history.append(Op(process=1, f=what, start=0.0, end=0.0, type=Kind.OK, phase=history.phase))
@check("z/last")
def test_last(history): fail(" ".join(f"{{op.f}}:{{op.phase}}" for op in history.ops))
@check("a/failed")
def test_a(history):
    note(history, "one")
    fail("broken")
@check("a/unproven")
def test_b(history):
    note(history, "two")
    raise Unproven("silent")
@check("z/other")
def test_c(history):
    with history.during("storm"):
        note(history, "three")
    raise ValueError("bug")
"""
LAST_CHECKS: tuple[dict[str, Json], ...] = (
    {"id": "z/last", "last": True},
    {"id": "a/failed"},
    {"id": "a/unproven"},
    {"id": "z/other"},
)


def test_last_check_runs_after_all_others_and_knows_what_they_did(grader: Grader) -> None:
    """Declared and collected first, it comes last, though one failed, one showed nothing and one has a bug."""
    seen = grader.run(job({"test_it.py": LAST}, *LAST_CHECKS))
    assert list(seen.statuses.items())[-1] == ("z/last", "failed")
    assert seen.outcomes["z/last"]["feedback"] == "three:storm one:a/failed two:a/unproven"


@pytest.mark.parametrize(("only", "ran"), [("a/failed", ["a/failed"]), ("z/*", ["z/other", "z/last"])])
def test_last_check_is_chosen_like_any_other(grader: Grader, only: str, ran: list[str]) -> None:
    """Who asks for one check sees that one; with others it is the last of them."""
    assert list(grader.run(job({"test_it.py": LAST}, *LAST_CHECKS, only=[only])).statuses) == ran
