"""What is declared to be built is built, whatever a sandbox is called, with a network or without."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from typing import cast

import pytest

from harness.engines.base import ExecResult, SandboxSpec, Scenario
from harness.engines.fake.engine import FakeEngine
from harness.engines.fake.process import Process
from harness.errors import ContentError, SandboxError, SubmissionError
from harness.grading import builds, content, plan
from harness.grading.job import Job
from harness.model import Limits, SandboxPlan, Service, SubmissionFile
from harness.owners import Owner
from tests.unit.factories import exercise

BOX = SandboxPlan(
    name="box-of-theirs", role="candidate", image="python", content="submission", build="submission", main=True
)
TESTS = dataclasses.replace(BOX, name="trial", main=False, build_when="test")
PLAIN = dataclasses.replace(BOX, name="other", main=False, build="")
TAGS = {"python": "harness/python:1", "grader-core": "harness/grader-core:1"}


def service(*, build: tuple[str, ...] = ("make",), test: tuple[str, ...] = ()) -> Service:
    return Service(language="", build=build, run=("./run",), test=test, timeouts={})


def job(*sandboxes: SandboxPlan, network: bool = True, declared: Service | None = None) -> Job:
    return Job(
        exercise=exercise(sandboxes=sandboxes, network=network, languages=()),
        services={"submission": declared or service()},
        checks=(),
        mode="grade",
        only=(),
        seed=1,
        variant=0,
        parameters={},
        contents={"submission": (SubmissionFile(path="source", content=b"source"),)},
        grader_files=(),
        tags=TAGS,
        owner=Owner(run="r", token="t", deadline=0),
    )


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        (service(), ["box-of-theirs"]),
        (service(test=("./test",)), ["box-of-theirs", "trial"]),
        (service(build=()), []),
    ],
)
def test_every_sandbox_that_declares_a_build_gets_one(declared: Service, names: list[str]) -> None:
    """Names play no part; what is for own tests is built when there are some; no build command, no build."""
    one = job(PLAIN, TESTS, BOX, declared=declared)
    assert sorted(box.name for box in plan.built(one.exercise, one.services)) == names
    spec = plan.scenario(one.exercise, one.services, TAGS, one.owner)
    build = [box for box in spec.sandboxes if box.volume_of]
    assert sorted(box.volume_of for box in build) == names
    # An exercise without languages has no language image: what is built is built in the image that it runs in.
    assert {box.image for box in build} <= {"harness/python:1"}
    assert not any(box.network for box in build)


class Volumes:
    """A scenario whose builds end as told."""

    def __init__(self, failing: str) -> None:
        self.failing = failing
        self.ran: list[str] = []

    def put(self, name: str, tar: bytes) -> None:
        assert name, tar

    def run(self, name: str, argv: tuple[str, ...], *, timeout_seconds: float) -> ExecResult:
        assert (argv, timeout_seconds) == (("make",), 60)
        self.ran.append(name)
        return ExecResult(exit_code=2 if name.startswith(self.failing) else 0, stdout=b"", stderr=b"no rule")


def test_failed_build_of_the_main_service_is_a_refusal_and_of_own_tests_a_result() -> None:
    """Who is the main service is declared; what failed elsewhere a check can ask for."""
    one = job(BOX, TESTS, declared=service(test=("./test",)))
    fine = Volumes("trial")
    results = builds.all_of(cast("Scenario", fine), one)
    assert {name: result.ok for name, result in results.items()} == {"box-of-theirs": True, "trial": False}
    assert sorted(fine.ran) == ["box-of-theirs-build", "trial-build"]
    with pytest.raises(SubmissionError, match="no rule"):
        builds.all_of(cast("Scenario", Volumes("box")), one)


class _Copying(Volumes):
    """A scenario in which what was kept fits elsewhere, or does not."""

    def __init__(self, *, room: bool) -> None:
        super().__init__("nothing")
        self.room = room
        self.done: list[tuple[str, ...]] = []

    def put(self, name: str, tar: bytes) -> None:
        self.done.append(("put", name))

    def keep(self, name: str) -> None:
        self.done.append(("keep", name))

    def lose(self, name: str) -> None:
        self.done.append(("lose", name))

    def take(self, name: str, source: str) -> None:
        self.done.append(("take", name, source))
        if not self.room:
            text = "no space"
            raise SandboxError(text)


def test_what_would_be_built_twice_of_the_same_is_built_once() -> None:
    """It is copied, or built as before where it has no room; nothing of half a copy stays."""
    restored = dataclasses.replace(BOX, restore=True)
    one = job(restored, TESTS, declared=service(test=("./test",)))
    results = builds.all_of(cast("Scenario", copying := _Copying(room=True)), one)
    assert {name: result.ok for name, result in results.items()} == {"box-of-theirs": True, "trial": True}
    assert copying.ran == ["box-of-theirs-build"]
    assert copying.done == [("put", BOX.name), ("keep", BOX.name), ("take", "trial", BOX.name)]
    results = builds.all_of(cast("Scenario", copying := _Copying(room=False)), one)
    assert copying.ran == ["box-of-theirs-build", "trial-build"]
    assert copying.done[2:] == [("take", "trial", BOX.name), ("lose", "trial"), ("put", "trial")]


def test_twins_are_of_one_image_content_and_build() -> None:
    """Only what is kept can be copied, and of another image, content or build nothing is the same."""
    restored = dataclasses.replace(BOX, restore=True)
    assert plan.twins((restored, TESTS, PLAIN)) == {"trial": BOX.name}
    assert plan.twins((BOX, TESTS)) == {}
    for other in ({"image": "go"}, {"content": "starter"}, {"build": "starter"}, {"restore": True}):
        assert plan.twins((restored, dataclasses.replace(TESTS, **other))) == {}


def made(name: str, data: bytes) -> bytes:
    return content.tar_of((SubmissionFile(path=name, content=data),))


def one_shot(program: bytes = b"", *, code: int = 0, limits: Limits | None = None) -> tuple[bytes, Job]:
    """Build in a one-shot sandbox whose shell writes ``program`` where the packed files are expected."""

    def shell(process: Process) -> int:
        assert process.argv == (*builds.PACK, "make")
        assert process.files["/box/source"] == b"source"
        process.stderr.write(b"made it")
        process.write(program)
        return code

    box = BOX if limits is None else dataclasses.replace(BOX, limits=limits)
    one = job(box, network=False)
    tar, results = builds.one_shot(FakeEngine({"sh": shell}), one)
    assert results["box-of-theirs"].ok
    return tar, one


def test_build_without_a_network_hands_on_what_it_left() -> None:
    """What one-shots unpack is what the build left, as it came out: nobody here opens it."""
    assert one_shot(b"no archive at all")[0] == b"no archive at all"
    tar, _ = one_shot(made("program", b"x"))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getnames() == ["program"]


def test_build_without_a_network_that_fails_is_refused_with_its_output() -> None:
    """Its last words are for the candidate."""
    with pytest.raises(SubmissionError, match="exit code 3\nmade it"):
        one_shot(b"", code=3)


def test_build_that_leaves_too_much_is_refused() -> None:
    """Neither our memory nor the sandbox it goes to is the candidate's to fill."""
    with pytest.raises(SubmissionError, match="at most 1 MB"):
        one_shot(bytes(2 * 1024 * 1024), limits=Limits(tmpfs_mb=1))


def test_submission_without_a_build_command_goes_as_it_is() -> None:
    """No build sandbox is opened for it."""
    one = job(BOX, network=False, declared=service(build=()))
    tar, results = builds.one_shot(FakeEngine(), one)
    assert (tar, results) == (made("source", b"source"), {})


def test_inputs_of_a_check_lie_beside_what_was_built() -> None:
    """The files come first on stdin, unpacked where the built ones are; the command's own input follows."""
    spec, stdin = builds.beside(SandboxSpec(name="box", image="i", command=("./run", "x")), {"in/a": b"A"}, b"own")
    *unpack, length, program, argument = spec.command
    assert (tuple(unpack), program, argument) == (builds.UNPACK_BESIDE, "./run", "x")
    with tarfile.open(fileobj=io.BytesIO(stdin[: int(length)])) as archive:
        assert archive.getnames() == ["in", "in/a"]
    assert stdin[int(length) :] == b"own"


class _Full:
    """A scenario in which everything builds and nothing can be kept."""

    def put(self, name: str, tar: bytes) -> None:
        """Take files."""

    def keep(self, name: str) -> None:
        """Find too many."""
        text = f"expected files that can be read in sandbox {name}, at most 16 bytes of them, found more"
        raise ContentError(text)


def test_files_that_cannot_be_kept_are_the_submissions_doing() -> None:
    """What a build left is theirs: it is refused, and no check is owed for it."""
    one = job(dataclasses.replace(PLAIN, main=True, restore=True), declared=service(build=()))
    with pytest.raises(SubmissionError, match="found more: remove from /box what is not run"):
        builds.all_of(cast("Scenario", _Full()), one)
