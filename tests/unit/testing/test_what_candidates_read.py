"""What a candidate reads of trouble that is ours: one sentence, and nothing of a check, its files or its engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.model import Json
from harness.testing._run import verdicts
from tests.unit.testing.grader import Grader, job

HEAD = """
import threading, sys, os
import pytest
from harness.errors import GraderError
from harness.testing import check, expect, fail, credit, CheckFailed, Unproven, Inconclusive
from harness.testing.broker import EngineTrouble

SECRET = "SECRET_LINE_OF_A_CHECK"

class Odd(Exception):
    def __str__(self):
        raise RuntimeError(SECRET)

class Base(BaseException):
    pass

def deep(n):
    return deep(n + 1)

def in_thread(what):
    thread = threading.Thread(target=what)
    thread.start()
    thread.join()

def boom():
    raise KeyError(SECRET)
"""
TROUBLE = {
    "engine": "raise EngineTrouble('pause: expected the engine to pause sandbox app, ' + SECRET)",
    "grader-error": "raise GraderError(f'{SECRET} /box/g/test_it.py')",
    "inconclusive": "raise Inconclusive(SECRET, detail='File \"/box/g/test_it.py\"', evidence=[SECRET])",
    "key-error": "{}[SECRET]",
    "odd": "raise Odd",
    "base": "raise Base(SECRET)",
    "exit": "sys.exit(SECRET)",
    "group": "raise ExceptionGroup(SECRET, [KeyError(SECRET), Unproven(SECRET)])",
    "base-group": "raise BaseExceptionGroup(SECRET, [Base(SECRET)])",
    "recursion": "deep(0)",
    "memory": "raise MemoryError(SECRET)",
    "unicode": "raise UnicodeDecodeError('utf-8', b'x', 0, 1, SECRET)",
    "chain": "try:\n        boom()\n    except KeyError as error:\n        raise EngineTrouble(SECRET) from error",
    "thread": "in_thread(boom)",
    "thread-after-unproven": "in_thread(boom)\n    raise Unproven(SECRET)",
    "skip": "pytest.skip(SECRET)",
    "helper-assert": "raise AssertionError(SECRET) if False else OSError(SECRET)",
    "stop-iteration": "next(iter(()))",
    "broker": "broker.kill('app')",
    "warning": "raise UserWarning(SECRET)",
}
SETUPS = {
    "setup": "raise KeyError(SECRET)\n    yield",
    "setup-assert": "assert SECRET is None, SECRET\n    yield",
    "setup-base": "raise Base(SECRET)\n    yield",
    "teardown": "yield\n    raise KeyError(SECRET)",
    "teardown-base": "yield\n    raise Base(SECRET)",
    "yields-twice": "yield\n    yield",
}
OURS = re.compile(r"Traceback|File \"|\.py|/box|SECRET|Error\b|hidden/|line \d")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Json]]:
    """One job with every kind of trouble there is, and what came out."""
    text = HEAD
    for name, body in TROUBLE.items():
        text += f"\n\n@check('safety/{name}')\ndef test_{name.replace('-', '_')}(broker):\n    {body}\n"
    for name, body in SETUPS.items():
        fixture = name.replace("-", "_")
        text += f"\n\n@pytest.fixture\ndef {fixture}():\n    {body}\n"
        text += f"\n\n@check('safety/{name}')\ndef test_{fixture}({fixture}):\n    pass\n"
    names = [f"safety/{name}" for name in (*TROUBLE, *SETUPS)]
    needing: list[str | dict[str, Json]] = [*names, {"id": "recovery/needs", "requires": ["safety/engine"]}]
    text += "\n\n@check('recovery/needs')\ndef test_needs():\n    pass\n"
    with Grader(tmp_path_factory.mktemp("grader")) as grader:
        seen = grader.run(job({"hidden/test_it.py": text}, *needing))
    assert seen.finished["exit"] in {0, 3}, seen.notes
    return seen.outcomes


@pytest.mark.parametrize("name", [*(f"safety/{name}" for name in (*TROUBLE, *SETUPS)), "recovery/needs"])
def test_candidate_reads_one_sentence(outcomes: dict[str, dict[str, Json]], name: str) -> None:
    """Feedback is ours and fixed, evidence is empty, and the assessor has what happened."""
    outcome = outcomes[name]
    assert outcome["status"] == "inconclusive"
    feedback = str(outcome["feedback"])
    sentences = {verdicts.ENGINE, verdicts.OURS, verdicts.PROBE, verdicts.SLOW, verdicts.ABSENT}
    assert feedback in sentences
    assert OURS.search(feedback) is None
    assert outcome["evidence"] == []
    if name not in {"recovery/needs", "safety/exit"}:
        assert re.search(r"SECRET|Error|Stop|yield|skipped|kill", str(outcome["detail"])), outcome["detail"]


def test_engine_is_told_from_the_check(outcomes: dict[str, dict[str, Json]]) -> None:
    """Whose trouble it was is said, in a word; what the assessor reads begins with the author's own words."""
    assert outcomes["safety/engine"]["feedback"] == verdicts.ENGINE
    assert outcomes["safety/chain"]["feedback"] == verdicts.ENGINE
    assert outcomes["safety/key-error"]["feedback"] == verdicts.OURS
    assert outcomes["safety/inconclusive"]["feedback"] == verdicts.PROBE
    assert str(outcomes["safety/engine"]["detail"]).startswith("pause: expected the engine to pause sandbox app")
    assert str(outcomes["safety/key-error"]["detail"]).startswith("an exception in call [test_it.py:")


def test_plain_assert_shows_values_and_no_line_of_the_check(tmp_path: Path) -> None:
    """An assert without words shows what was compared, not the expressions; with words, only those."""
    bodies = {
        "words": "assert SECRET.lower() == 'x', 'the answer is not x'",
        "values": "assert SECRET.lower()[:2] == 'x'",
        "call": "assert SECRET.startswith('x')",
        "none": "assert SECRET.lower() is None or not SECRET",
        "raised": "raise AssertionError",
    }
    text = HEAD
    for name, body in bodies.items():
        text += f"\n\n@check('safety/{name}')\ndef test_{name}():\n    {body}\n"
    with Grader(tmp_path) as grader:
        seen = grader.run(job({"test_it.py": text}, *(f"safety/{name}" for name in bodies)))
    assert set(seen.statuses.values()) == {"failed"}
    said = {name: str(seen.outcomes[f"safety/{name}"]["feedback"]) for name in bodies}
    assert said["words"] == "the answer is not x"
    assert said["values"].endswith("found     'se' == 'x'")
    for name in ("call", "none", "raised"):
        assert said[name].startswith(verdicts.BARE)
    for feedback in said.values():
        assert re.search(r"SECRET\b|\.lower|startswith|\.py|where", feedback) is None, feedback


def test_failure_in_a_group_of_tasks_is_a_failure(tmp_path: Path) -> None:
    """What one task saw counts, whatever became of the others; missing evidence in all of them is missing evidence."""
    bodies = {
        "failed": "raise ExceptionGroup('x', [KeyError('a'), ExceptionGroup('y', [CheckFailed('charged twice')])])",
        "unproven": "raise ExceptionGroup('x', [Unproven('silent'), Unproven('silent too')])",
        "inconclusive": "raise ExceptionGroup('x', [Unproven('silent'), KeyError('a')])",
    }
    text = HEAD
    for name, body in bodies.items():
        text += f"\n\n@check('safety/{name}')\ndef test_{name}():\n    {body}\n"
    with Grader(tmp_path) as grader:
        seen = grader.run(job({"test_it.py": text}, *(f"safety/{name}" for name in bodies)))
    assert seen.statuses == {f"safety/{name}": name for name in bodies}
    assert seen.outcomes["safety/failed"]["feedback"] == "charged twice"
