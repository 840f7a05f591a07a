"""A scenario that is held, on the fake engine: what is started, what clients can do to it, how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import owners
from harness.catalogue.finder import Catalogue
from harness.engines.fake.engine import FakeEngine
from harness.errors import HarnessError, SubmissionError, UsageError
from harness.grading.runner import Runner, Task
from harness.live import held
from harness.live.holding import Holding
from harness.live.tail import added
from tests.unit.live import berths


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine."""
    return FakeEngine()


@pytest.fixture
def here(tmp_path: Path, engine: FakeEngine) -> Iterator[Holding]:
    """Return a held exercise that says how it is begun and which faults there are, once its service is ready."""
    with berths.holding(tmp_path, berths.world(tmp_path, berths.TOLD), engine) as found:
        berths.news(found, "berth is ready")
        yield found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holding]:
    """Return one for tests that leave everything as it is: to open one takes longer than to ask it."""
    root = tmp_path_factory.mktemp("kept")
    with berths.holding(root, berths.world(root, berths.TOLD), FakeEngine()) as found:
        berths.news(found, "berth is ready")
        yield found


def test_an_exercise_that_says_nothing_is_held(tmp_path: Path, engine: FakeEngine) -> None:
    """Its main service runs with the environment of a grading, and everything ends with it."""
    with berths.holding(tmp_path, berths.world(tmp_path), engine) as found:
        berths.news(found, "berth is ready")
        assert found.main().running
        berths.logged(found, "berth", b"loud")
        assert [(one.name, one.sandbox) for one in found.known] == [("berth", "berth"), ("store", "store")]
        assert found._scenario.exec("berth", ("printenv", "COLOUR"), timeout_seconds=5).stdout == b"red\n"
    assert found.over.is_set()
    assert found.reason == "", "an end that was asked for has no reason"
    assert engine._open == []


def test_what_an_exercise_says_is_done(kept: Holding) -> None:
    """Its own fixture opens the scenario, its own faults are there beside those of every sandbox."""
    assert kept._scenario.state("store").running
    faults = kept.faults().splitlines()
    assert {"fog", "storm", "berth-down", "store-frozen", "other-cut"} <= set(faults)
    assert not [name for name in faults if name.startswith("grader")]


def test_a_fault_is_on_and_ends_by_itself(here: Holding) -> None:
    """Once at a time, and the thing it was done to is as before when its time is over."""
    assert here.fault("fog", 3600) == "fog is on for 3600 s"
    assert here._scenario.state("store").paused
    with pytest.raises(UsageError, match="found 'fog' on"):
        here.fault("fog", 1)
    here.fault("berth-frozen", 0.1)
    berths.news(here, "berth-frozen is over")
    assert not here.main().paused


def test_a_sandbox_that_is_down_comes_back(here: Holding) -> None:
    starts = here.main().starts
    here.fault("berth-down", 0.1)
    berths.news(here, "berth-down is over")
    assert (here.main().running, here.main().starts) == (True, starts + 1)
    here.fault("berth-down", 3600)
    assert not here.main().running


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rain", "found 'rain'"),
        ("storm", "ValueError: no wind"),
        ("berth-cut", "it has no network"),
        ("other-down", "not running"),
    ],
)
def test_a_fault_that_cannot_be_is_told_and_everything_goes_on(here: Holding, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        here.fault(name, 5)
    assert here.fault("fog", 0.1) == "fog is on for 0.1 s"


def test_a_fault_ends_with_the_up(tmp_path: Path, engine: FakeEngine) -> None:
    """Nobody waits for the hour that it would have lasted."""
    with berths.holding(tmp_path, berths.world(tmp_path, berths.TOLD), engine) as found:
        berths.news(found, "berth is ready")
        found.fault("fog", 3600)
    assert found.reason == "", "the grader was not waited for, or did not come to its end"


def test_killed_and_started_again(here: Holding) -> None:
    """A kill leaves it dead; a restart starts what it had, with its environment."""
    here.kill("berth")
    assert not here.main().running
    assert here.restart("berth").startswith("berth is started again, ready after")
    assert here.main().running
    assert here._scenario.exec("berth", ("printenv", "COLOUR"), timeout_seconds=5).stdout == b"red\n"


@pytest.mark.parametrize("verb", ["kill", "restart", "logs", "terminal"])
def test_a_sandbox_nobody_has_is_a_sentence(kept: Holding, verb: str) -> None:
    verbs: dict[str, Callable[[], object]] = {
        "kill": lambda: kept.kill("bert"),
        "restart": lambda: kept.restart("bert"),
        "logs": lambda: kept.logs("bert", tail_kb=1),
        "terminal": lambda: kept.terminal("bert", rows=1, columns=1, term="x"),
    }
    with pytest.raises(UsageError, match=r"expected one of the sandboxes berth, store, found 'bert'.*berth"):
        verbs[verb]()
    with pytest.raises(UsageError, match="found 'grader', which is part of the grader: it has no log"):
        kept.kill("grader")


def test_the_graders_log_can_be_read(kept: Holding) -> None:
    assert isinstance(kept.logs("grader", tail_kb=1), bytes)


def test_reload_builds_what_is_there_now_and_keeps_data(tmp_path: Path, here: Holding) -> None:
    """New files, new build, old ones gone; a sandbox beside it is not touched."""
    (tmp_path / "heron" / "mode").write_text("hush\n")
    (tmp_path / "heron" / "new.txt").write_text("x")
    here._scenario.exec("store", ("tee", "data"), timeout_seconds=5, stdin=b"kept")
    here._scenario.exec("berth", ("tee", "written"), timeout_seconds=5, stdin=b"gone")
    steps: list[str] = []
    assert re.match(r"built in \d+\.\d s and started again, ready after", here.reload(steps.append))
    assert steps == ["building", "starting"]
    berths.logged(here, "berth", b"hush")
    assert here._scenario.exec("store", ("cat", "data"), timeout_seconds=5).stdout == b"kept"
    assert here._scenario.state("store").starts == 1
    found = here._scenario.exec("berth", ("cat", "new.txt", "written"), timeout_seconds=5)
    assert (found.stdout, found.exit_code) == (b"x", 1)
    (tmp_path / "heron" / "new.txt").unlink()
    here.reload()
    assert here._scenario.exec("berth", ("cat", "new.txt"), timeout_seconds=5).exit_code == 1


def test_reload_takes_what_service_toml_says_now(tmp_path: Path, here: Holding) -> None:
    """Command and timeouts; also where somebody else starts it again later."""
    text = berths.SERVICE.replace("cat made.txt; sleep", "echo other; sleep") + "[timeouts]\nanswer_seconds = 7\n"
    (tmp_path / "heron" / "service.toml").write_text(text)
    here.reload()
    berths.logged(here, "berth", b"other")
    here.fault("berth-down", 0.1)
    berths.news(here, "berth-down is over")
    assert here._scenario.exec("berth", ("printenv", "LIMIT"), timeout_seconds=5).stdout == b"7.0\n"


def test_another_language_takes_another_up(tmp_path: Path, engine: FakeEngine) -> None:
    """Its sandboxes are of other images: what runs goes on, and what to do is said."""
    changes = {
        "exercises/harbour/exercise.toml": berths.EXERCISE.replace('["python"]', '["python", "go"]'),
        "exercises/harbour/starter/go/service.toml": berths.SERVICE.replace("python", "go"),
    }
    folder = berths.world(tmp_path, {**berths.TOLD, **changes})
    with berths.holding(tmp_path, folder, engine) as here:
        berths.news(here, "berth is ready")
        (folder / "service.toml").write_text(berths.SERVICE.replace("python", "go"))
        starts = here._scenario.state("berth").starts
        with pytest.raises(
            UsageError, match=r'expected python in service\.toml, as when it came up, found go: "harness down"'
        ):
            here.reload()
        assert (here.main().running, here._scenario.state("berth").starts) == (True, starts)


def test_what_does_not_build_leaves_what_was_there(tmp_path: Path, here: Holding) -> None:
    (tmp_path / "heron" / "service.toml").write_text(
        berths.SERVICE.replace("cat mode > made.txt", "echo broken; exit 4")
    )
    with pytest.raises(UsageError, match=r"(?s)what it had before runs again.*exit code 4.*broken"):
        here.reload()
    assert here.main().running
    assert here._scenario.exec("berth", ("cat", "made.txt"), timeout_seconds=5).stdout == b"loud\n"
    (tmp_path / "heron" / "service.toml").write_text(berths.SERVICE)
    assert "ready after" in here.reload()


def test_what_was_there_before_runs_again_only_when_it_answers(
    tmp_path: Path, here: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was started again: whether it came up is another thing."""
    (tmp_path / "heron" / "service.toml").write_text(berths.SERVICE.replace("cat mode > made.txt", "exit 4"))

    def silent(order: str, **_: object) -> str:
        text = f"no {order}"
        raise UsageError(text)

    monkeypatch.setattr(here._grader, "ask", silent)
    with pytest.raises(UsageError, match=r"what it had before was started again, and is not ready \(no ready\)"):
        here.reload()
    assert here.state == "not ready"


def test_what_does_not_come_up_shows_how_its_log_ends(
    tmp_path: Path, here: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this start wrote, and nothing of the one before; and where the rest is."""
    lines = "; ".join(f"echo line {number}" for number in range(20))
    (tmp_path / "heron" / "service.toml").write_text(berths.SERVICE.replace("cat made.txt; sleep 600", lines))

    def silent(order: str, **_: object) -> str:
        berths.logged(here, "berth", b"line 19")
        text = f"no {order}"
        raise UsageError(text)

    monkeypatch.setattr(here._grader, "ask", silent)
    with pytest.raises(UsageError) as refused:
        here.reload()
    said = str(refused.value)
    assert "and is not ready: no ready\nlast lines of its log (harness logs berth):\n| line 8\n" in said
    assert said.endswith("| line 19")
    assert "loud" not in said


def test_what_cannot_be_read_changes_nothing(tmp_path: Path, here: Holding) -> None:
    (tmp_path / "heron" / "service.toml").write_text("language = [")
    starts = here._scenario.state("berth").starts
    with pytest.raises(SubmissionError):
        here.reload()
    assert (here.main().running, here._scenario.state("berth").starts) == (True, starts)


def test_a_terminal_beside_the_service(here: Holding) -> None:
    """A shell of the sandbox, which can't be had where nothing runs."""
    here.kill("berth")
    with pytest.raises(HarnessError, match="expected sandbox berth to run"):
        here.terminal("berth", rows=24, columns=80, term="xterm")


def test_what_does_not_build_at_first_is_a_refusal(tmp_path: Path, engine: FakeEngine) -> None:
    service = berths.SERVICE.replace("cat mode > made.txt", "exit 4")
    with (
        pytest.raises(SubmissionError, match="exit code 4"),
        berths.holding(tmp_path, berths.world(tmp_path, service=service), engine),
    ):
        pass
    assert engine._open == []


def test_a_grader_that_is_gone_ends_it_and_says_so(here: Holding, engine: FakeEngine) -> None:
    """As when the engine is restarted: whoever waits for an answer is told, and it is over."""
    engine.strangers.do("kill", "grader")
    assert here.over.wait(30)
    assert "somebody removed it, or the engine was restarted" in here.reason
    with pytest.raises(HarnessError, match="has ended"):
        here.faults()


def test_a_mistake_of_the_author_is_told(tmp_path: Path, engine: FakeEngine) -> None:
    changes = {"exercises/harbour/up.py": "import nothing_of_that_name\n"}
    with berths.holding(tmp_path, berths.world(tmp_path, changes), engine) as found:
        assert found.over.wait(60)
        assert "nothing_of_that_name" in found.reason


def test_nothing_hidden_and_nothing_that_judges_is_in_it(tmp_path: Path) -> None:
    """The helpers of the public checks and a test of ours, and a life longer than any grading's."""
    hidden = {"graders/harbour/secret.py": "SECRET = 1\n"}
    folder, engine = berths.world(tmp_path, {**berths.TOLD, **hidden}), FakeEngine()
    known = Catalogue((tmp_path,))
    runner = Runner(known, engine, lambda names: engine.images(names, lambda _: None), lambda _: None)
    job = held.job_of(
        runner.job(Task(path=str(folder), exercise_id="harbour", mode="grade"), "up-test"),
        known.pair("harbour").script(),
    )
    assert [file.path for file in job.grader_files] == ["conftest.py", "up.py", "test_harness_up.py", "main-sandbox"]
    assert owners.seconds_left(job.owner) > held.LONGEST_SECONDS - 60
    assert held.frame(job, {})["limits"] == {"check_seconds": 43200, "deadline_seconds": 43200}


@pytest.mark.parametrize(
    ("before", "now", "fresh"),
    [
        (b"", b"a", b"a"),
        (b"a\n", b"a\nb\n", b"b\n"),
        (b"a\n", b"a\n", b""),
        (b"x" * 10 + b"1" * 2000, b"1" * 2000 + b"new", b"new"),
        (b"old", b"something else", b"something else"),
        (b"a\n", b"", b""),
        (b"tick\n" * 300_000, b"tick\n" * 300_003, b"tick\n" * 3),
        (b"tick\n" * 300_000, b"tick\n" * 150_000 + b"tock\n", b"tock\n"),
        (b"tick\n" * 300_000 + b"tock\n", b"tick\n" * 900 + b"tock\ntick\n", b"tick\n"),
    ],
)
def test_what_a_log_has_got_since(before: bytes, now: bytes, fresh: bytes) -> None:
    assert added(before, now) == fresh
