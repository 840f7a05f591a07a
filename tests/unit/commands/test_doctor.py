"""``harness doctor`` about an exercise: what is tried, what is still to get, what is left out, what an administrator types."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness import engines
from harness.catalogue.finder import Catalogue
from harness.commands import diagnosis, fixes, proofs, target
from harness.commands.diagnosis import Asked, Diagnosis, Stock
from harness.commands.doctor import doctor
from harness.commands.start import start
from harness.engines.base import Capabilities
from harness.engines.fake.engine import FakeEngine
from harness.engines.fake.process import Process
from harness.errors import EngineError, ExitCode, SubmissionError, UsageError
from harness.grading import leftout
from harness.images import estimates, manage, recipes
from harness.model import SubmissionFile
from tests.unit.grading import harbour

ROOT = Path(__file__).resolve().parents[3]
CONFINED = (
    "Uid:\t1879048200\t1879048200\t1879048200\t1879048200\nCapEff:\t{0}\nCapBnd:\t{0}\nNoNewPrivs:\t1\nSeccomp:\t2\n"
).format("0" * 16)


class Able(FakeEngine):
    """A fake engine that says it can grade; Python in its sandboxes speaks as ours does there."""

    def __init__(self, answer: str = "{word} 90000\n", complaint: str = "") -> None:
        """Have the near sandbox print ``answer``, or complain."""

        def python(process: Process) -> int:
            if len(process.argv) == 3:
                process.sleep(60)
                return 0
            process.write(answer.format(word=process.argv[-1]).encode())
            if complaint:
                process.complain(complaint)
            return int(bool(complaint))

        def cat(process: Process) -> int:
            process.write(CONFINED.encode())
            return 0

        super().__init__({"python3": python, "cat": cat})
        self.can: dict[str, str] = {}

    def capabilities(self) -> Capabilities:
        """Lack nothing."""
        return replace(super().capabilities(), missing=(), cannot=self.can)


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Able:
    """An engine that can grade, which ``open_engine`` returns for ``fake``."""
    engine = Able()
    monkeypatch.setitem(engines.ENGINES, "fake", lambda *_: engine)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return engine


def stock(
    *here: str,
    where: str = "",
    offers: Callable[[str], bool] = lambda _: False,
    free_mb: int = 0,
    more: tuple[str, ...] = (),
) -> Stock:
    """What there is: images, and a registry."""
    return Stock(
        here={name: f"harness/{name}:1" for name in here},
        names=(*recipes.names(), *more),
        where=where,
        offers=offers,
        free_mb=free_mb,
    )


def unfolded(capsys: pytest.CaptureFixture[str]) -> str:
    """What was written, with lines that go on below themselves made one again."""
    return re.sub(r"\n {2,}", " ", capsys.readouterr().out)


def find(argument: str, language: str | None, known: Catalogue) -> target.Target:
    """What somebody means, of whose files nothing is needed any more."""
    with target.opened(argument, language, known) as found:
        return found


def looked(have: Stock, engine: FakeEngine | None = None, asked: Asked | None = None) -> Diagnosis:
    """What is found of images."""
    found = Diagnosis()
    diagnosis.look_at_images(found, engine or Able(), have, asked or Asked(), lambda _: None)
    return found


def test_two_sandboxes_are_tried_with_an_image_that_is_here() -> None:
    """They are on a network, closed afterwards, and what is free under them is the engine's disk."""
    engine = Able()
    found = looked(stock("python", "go"), engine)
    (spec,) = engine.opened
    assert [one.image for one in spec.sandboxes] == ["harness/python:1"] * 2
    assert spec.network
    assert found.facts["tried"].startswith("two sandboxes on a network of their own answered in")
    assert found.facts["disk"].startswith("90000 MB free")
    assert found.missing == []


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (Able(complaint="no connection in 10 s: timed out"), "found: no connection in 10 s: timed out"),
        (Able(answer="another 5\n"), "found: 'another', code 0"),
        (Able(answer=""), "found: '', code 0"),
    ],
)
def test_sandboxes_that_do_not_reach_each_other_are_missing(engine: Able, words: str) -> None:
    """A firewall or a VPN is met before the clock runs; what else there is to say is still said."""
    found = looked(stock("base"), engine)
    (text,) = found.missing
    assert "expected two sandboxes to reach each other" in text
    assert words in text
    assert "HARNESS_NETWORK_RANGE" in "".join(fixes.lines(found.missing, "linux"))
    assert found.to_get


def test_nothing_is_tried_without_an_image_and_that_is_said() -> None:
    """Whoever has no image yet hears that the proof is still to come."""
    engine = Able()
    found = looked(stock(free_mb=50_000), engine)
    assert engine.opened == []
    assert found.advice == ["no sandbox was tried, because no image is here yet: run this again once one is"]
    assert "tried" not in found.facts


def test_what_is_missing_is_built_with_its_parents(tmp_path: Path) -> None:
    """Minutes and megabytes of what this exercise needs, and of nothing else."""
    wanted = find("harbour", None, harbour.catalogue(tmp_path))
    found = looked(stock("base", free_mb=50_000), asked=Asked(target=wanted))
    assert found.to_get == (
        "python, postgres, grader, grader-core built here, about 1 min on two cores; 895 MB on the engine's disk"
    )


def test_what_the_registry_offers_is_not_built() -> None:
    """Nobody is told to compile what can be pulled; a parent of what is pulled is not needed."""
    found = looked(
        stock("base", "java", "postgres", "python", "grader", where="r/h", offers="go".__eq__, free_mb=50_000)
    )
    assert found.to_get == (
        "go from r/h, about 1 min at 10 MB/s; grader-core built here, about 1 min on two cores; 881 MB on the engine's disk"
    )


def test_parent_that_the_registry_offers_is_not_built_either() -> None:
    """As images are got: what is not offered is built on what is."""
    offers = {"grader": True, "grader-core": False}
    have = stock(
        *(name for name in recipes.names() if name not in {*offers, "base"}), where="r", offers=offers.__getitem__
    )
    wanted = replace(have, names=("grader-core",))
    assert looked(wanted).to_get.startswith(
        "grader from r, about 1 min at 10 MB/s; grader-core built here, about 1 min"
    )


def test_registry_that_refuses_is_advice() -> None:
    """It can be mended, and images can be built meanwhile."""

    def refuse(name: str) -> bool:
        raise EngineError(f"{name}: expected the registry to say, found: unauthorized")

    found = looked(stock("base", where="r/h", offers=refuse, free_mb=50_000))
    assert found.advice == ["go: expected the registry to say, found: unauthorized; until then images are built here"]
    assert "go, " in found.to_get
    assert " from r/h" not in found.to_get


def test_nothing_is_estimated_for_an_image_of_a_catalogue(tmp_path: Path) -> None:
    """What nobody measured is said to be unknown."""
    folder = tmp_path / "docker" / "redis"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("ARG BASE=base\nFROM ${BASE}\n")
    found = looked(stock(*recipes.names(), more=("redis",)), asked=Asked(brought=recipes.folders([tmp_path])))
    assert found.to_get == "redis built here, redis an unknown time on two cores; 0 MB on the engine's disk"


def test_too_little_room_for_images_is_missing() -> None:
    """A disk that will be full is said before it is, with what to type."""
    found = looked(stock("base"), Able(answer="{word} 1000\n"))
    (text,) = found.missing
    assert re.match(r"1000 MB are free on the engine's disk, and getting the images takes \d{4}: free some", text)
    assert "  docker image prune" in list(fixes.lines(found.missing, "linux"))


def test_estimates_are_those_of_the_page_and_of_every_image() -> None:
    """What people are told beforehand is what was measured."""
    page = (ROOT / "docs" / "explanation" / "images.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (\d+) \| ([\d, +]+?)(?: bootstrapped)? \|$", page, re.MULTILINE)
    table = {name: (int(size), sum(map(int, re.findall(r"\d+", seconds)))) for name, size, seconds in rows}
    assert dict(estimates.MEASURED) == table
    assert set(table) == set(recipes.names())


def test_engine_that_hangs_is_a_diagnosis_within_the_time(monkeypatch: pytest.MonkeyPatch, able: Able) -> None:
    """Whoever asks hears which step hung, and what was found until then."""
    reached, over = threading.Event(), threading.Event()

    def hang(_: object) -> list[str]:
        reached.set()
        over.wait(60)
        return []

    monkeypatch.setattr(able, "reap", hang)
    found = diagnosis.diagnose(Asked(engine="fake"), lambda _: reached.wait(60))
    over.set()
    (text,) = found.missing
    assert text.startswith("the engine did not answer within 50 s, while asking it what it is: see that it is well")
    assert "engine" in found.facts
    assert diagnosis.SECONDS < 60


def test_bug_of_ours_is_no_diagnosis(monkeypatch: pytest.MonkeyPatch, able: Able) -> None:
    """What is not the engine's doing reaches the one place that reports it."""
    monkeypatch.setattr(able, "capabilities", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        diagnosis.diagnose(Asked(engine="fake"))


def test_exercise_that_fits_can_be_done(able: Able, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Memory of all its sandboxes, the limits, and a last line that says yes."""
    known = harbour.catalogue(tmp_path)
    assert doctor("harbour", as_json=False, engine="fake", catalogue=known) is ExitCode.PASSED
    out = unfolded(capsys)
    assert re.search(
        r"^exercise  harbour 1\.0 in python: \d+ MiB of memory at most, all its sandboxes together$", out, re.MULTILINE
    )
    assert re.search(r"^limits .*enforced: no check is left out$", out, re.MULTILINE)
    assert out.endswith("harbour can be done here\n")


def test_exercise_that_needs_more_memory_cannot(able: Able, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same sum that grading holds the engine to, said beforehand with what to do."""
    able._memory_mb = 900
    known = harbour.catalogue(tmp_path)
    assert doctor("harbour", as_json=False, engine="fake", catalogue=known) is ExitCode.HARNESS
    out = unfolded(capsys)
    assert re.search(
        r"missing: the engine has 900 MiB of memory, of which this exercise may use \d+: give it more", out
    )
    assert out.endswith("harbour can't be done here yet\n")


def test_checks_that_ask_for_what_the_engine_lacks_are_named(
    able: Able, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A candidate knows before the clock runs which results will not come; hidden checks have no name."""
    able.can = {"pause": "its freezer is broken"}
    public = harbour.PUBLIC + "\n\ndef freeze(broker):\n    broker.pause('berth')\n"
    public = public.replace("def test_env(job, broker):", "def test_env(job, broker):\n    freeze(broker)")
    known = harbour.catalogue(tmp_path, {"exercises/harbour/checks/test_env.py": public})
    assert doctor("harbour", as_json=False, engine="fake", catalogue=known) is ExitCode.PASSED
    out = unfolded(capsys)
    (check_id,) = (check.id for check in known.exercise("harbour").checks)
    assert f"left out: {check_id} has no result here (pause: its freezer is broken)" in out
    assert "left out: a held-out check that asks for pause has no result here (its freezer is broken)" in out
    assert "no check is left out" not in out


def test_what_a_check_reaches_is_followed_and_nothing_else() -> None:
    """By name through helpers of the same folder; another check's fault is not this one's."""
    code = b"""
from harness.testing import check
def helper(world): world.broker.partition("a", ["b"]); again(world)
def again(world): helper(world)
@check("a/direct")
def test_direct(broker): broker.heal("a")
@check("a/by-helper")
def test_helper(world): helper(world)
@check("a/other")
def test_other(store): store.partition("no broker")
def partition(): pass
"""
    files = [SubmissionFile(path="test_a.py", content=code), SubmissionFile(path="b.py", content=b"def (:")]
    found: Mapping[str, tuple[str, ...]] = leftout.checks(files, {"partition", "heal"})
    assert dict(found) == {"a/by-helper": ("partition",), "a/direct": ("heal",)}


def test_workspace_says_what_it_is_about(tmp_path: Path) -> None:
    """In it or above it, in the language of its service.toml now; a broken one leaves what it began with."""
    known = Catalogue([ROOT])
    root = tmp_path / "heron"
    start("idempotent-payments", language="go", into=root, alias=None, catalogue=known)
    assert set(find(str(root), None, known).images) == {"go", "postgres", "python", "grader-core"}
    inside = root / "deep"
    inside.mkdir()
    assert find(str(inside), None, known).language == "go"
    assert find(str(inside), "java", known).language == "java"
    (root / "service.toml").write_text("[")
    assert find(str(root), None, known).language == "go"


def test_exercise_of_several_languages_may_be_asked_about_without_one() -> None:
    """An administrator prepares a machine before anybody chose; memory is that of the largest."""
    known = Catalogue([ROOT])
    found = find("idempotent-payments", None, known)
    assert set(found.images) == {"go", "java", "python", "postgres", "grader-core"}
    assert found.name == "idempotent-payments 1.1 in any of python, go, java"
    assert found.memory_mb() > 2000


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize(
    ("argument", "language", "words"),
    [
        ("idempotent-paymens", None, 'did you mean "idempotent-payments"'),
        ("idempotent-payments", "cobol", 'unknown language "cobol"'),
        (".", None, "expected a workspace, found none here or above"),
        (None, "go", "expected an exercise with --language go"),
    ],
)
def test_what_nobody_knows_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str | None, language: str | None, words: str
) -> None:
    """A mistyped id, language or place is said, and nothing is looked at."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UsageError, SubmissionError), match=words):
        doctor(argument, language=language, as_json=False, engine="fake", catalogue=Catalogue([ROOT]))


@pytest.mark.parametrize(
    ("found", "typed"),
    [
        ("Permission denied: ask to be a member of the group that may use it (docker)", "usermod -aG docker"),
        ("no DOCKER_HOST, no docker context, and none of the usual sockets exists", "apt-get install -y docker.io"),
        ("unix:///x.sock (usual socket): Connection refused", "systemctl restart docker"),
        ("the engine cannot enforce CPU limits; mount the cgroup controller", "Delegate=cpu"),
        ("the engine is version 19.3; install 20.10 or newer", "apt-get update"),
        ("the engine has no runtime called runsc (it has runc), which", '"runtimes": {"runsc"'),
        ("expected a free subnet in 10.212.0.0/16, found 64 taken", "HARNESS_NETWORK_RANGE"),
        ("400 MB are free on the engine's disk", "docker system df"),
        ("the engine did not answer within 50 s", "journalctl"),
    ],
)
def test_every_no_has_lines_for_an_administrator(found: str, typed: str) -> None:
    """What helps is chosen by what was found, once, with what it does."""
    lines = list(fixes.lines([found, found], "linux"))
    assert any(typed in line for line in lines)
    assert lines[0].endswith(":")
    assert len(lines) == len(set(lines))
    assert "sudo" not in "".join(fixes.lines([found], "darwin"))


def test_commands_of_fixes_are_shown_below_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever may not type them hands them on."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setattr("sys.platform", "linux")
    assert doctor(None, as_json=False, engine=None, catalogue=Catalogue(())) is ExitCode.HARNESS
    out = capsys.readouterr().out
    assert "for whoever administers this machine:\n  start the engine" in out
    assert "    sudo systemctl restart docker\n" in out


def test_proofs_are_not_begun_on_an_engine_that_lacks_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be confined is not started."""
    monkeypatch.setattr(proofs, "round_trip", lambda *_: pytest.fail("it was"))
    found = Diagnosis(missing=["no seccomp"])
    diagnosis.look_at_images(found, Able(), stock("base"), Asked(), lambda _: None)
    assert found.missing[0] == "no seccomp"


def test_images_command_of_an_exercise_is_printed(
    able: Able, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What to type before the clock runs, for this exercise and catalogue, as a shell reads it, from where one stands."""

    def examine(found: Diagnosis, *_: object) -> None:
        found.to_get = "go built here"

    monkeypatch.setattr(diagnosis, "_examine", examine)
    folder = tmp_path / "our exercises"
    doctor("harbour", as_json=False, engine="fake", catalogue=harbour.catalogue(folder))
    said = f"harness --catalogue '{folder}' images build --exercise harbour --language python gets them before your clock starts"
    assert f"  {said}\n" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [".venv/bin/harness", "doctor"])
    doctor("harbour", as_json=False, engine="fake", catalogue=harbour.catalogue(folder))
    assert f"  .venv/bin/{said}\n" in capsys.readouterr().out
    doctor(None, as_json=False, engine="fake", catalogue=harbour.catalogue(folder))
    assert "  .venv/bin/harness images build gets them, or the first command" in capsys.readouterr().out


@pytest.mark.docker
@pytest.mark.images
def test_doctor_of_an_exercise_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """With all its images there, the skeleton can be done here; within a minute, the registry unasked."""
    known = Catalogue([ROOT])
    manage.ensure(find("skeleton", None, known).images)
    began = time.monotonic()
    assert doctor("skeleton", as_json=False, engine=None, catalogue=known) is ExitCode.PASSED
    assert time.monotonic() - began < 60
    assert capsys.readouterr().out.endswith("skeleton can be done here\n")
