"""Building what an exercise declares to be built, before anything of it runs.

In a scenario the build sandbox shares the volume of the sandbox it builds for. In an exercise without a network it is a
one-shot sandbox like those that run the program: the submission goes in as a tar, and what is in ``/box`` afterwards
comes out as one, which nobody here opens. It is unpacked inside the sandboxes that the program runs in, and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from harness.engines.base import BOX, Engine, SandboxSpec, Scenario
from harness.errors import ContentError, SandboxError, SubmissionError
from harness.grading import content, plan
from harness.grading.broker import BuildResult
from harness.grading.job import Job
from harness.model import SandboxPlan, SubmissionFile

_log = logging.getLogger(__name__)
MAX_BUILT_MB = 64
"""Of what a build leaves, in an exercise without a network: it is held in memory, and sent to every one-shot sandbox."""
PACK = ("sh", "-c", '"$@" >&2 || exit; exec tar -cf - -C /box .', "sh")
"""Followed by the build command. Its output goes where its errors go; the built files leave on stdout."""
UNPACK_BESIDE = (
    "sh",
    "-c",
    'head -c "$1" | tar -xf - -C /box --no-same-owner --recursive-unlink || exit 125; shift; exec "$@"',
    "sh",
)
"""Followed by the length of a tar on stdin and the command. It runs beside what was built: if that is in the way, it fails."""
WIPE = ("find", BOX, "-mindepth", "1", "-delete")
_LOG_CHARS = 4000


def all_of(scenario: Scenario, job: Job) -> dict[str, BuildResult]:
    """Put contents and build them, two at a time. Raises SubmissionError when the service itself does not build.

    What would be built twice of the same is built once, and copied where it can be.
    """
    wanted = plan.built(job.exercise, job.services)
    twins = plan.twins(wanted)
    for sandbox in job.exercise.sandboxes:
        if sandbox.content and sandbox.name not in twins:
            scenario.put(sandbox.name, content.tar_of(job.contents[sandbox.content]))
    first = [one for one in wanted if one.name not in twins]
    with ThreadPoolExecutor(max_workers=plan.BUILDS_AT_ONCE, thread_name_prefix="build") as pool:
        built = pool.map(lambda one: _on_volume(scenario, job, one.name, one.build), first)
        results = dict(zip((one.name for one in first), built, strict=True))
    _refuse(results, job.exercise.main.name)
    for sandbox in job.exercise.sandboxes:
        if sandbox.restore:
            _keep(scenario, sandbox.name)
    copies = {one.name: _copied(scenario, job, one, twins[one.name], results) for one in wanted if one.name in twins}
    return results | copies


def _copied(
    scenario: Scenario, job: Job, sandbox: SandboxPlan, source: str, results: Mapping[str, BuildResult]
) -> BuildResult:
    """Give a sandbox what was built and kept in ``source``; where it has no room for that, build it in its own."""
    if results[source].ok:
        try:
            scenario.take(sandbox.name, source)
        except SandboxError as error:
            _log.info("%s is built in its own sandbox: %s", sandbox.name, error)
            scenario.lose(sandbox.name)  # half a copy is none
        else:
            return results[source]
    scenario.put(sandbox.name, content.tar_of(job.contents[sandbox.content]))
    return _on_volume(scenario, job, sandbox.name, sandbox.build)


def again(scenario: Scenario, job: Job, sandbox: SandboxPlan) -> BuildResult:
    """Put the content of a sandbox that does not run in place of all that it has, and build it.

    Nothing that ran there before is left. Where it does not build and the sandbox declares ``restore``, what it had
    when it was kept last is there again. Raises SubmissionError when what it has now can't be kept.
    """
    # First with a volume that is new, then without what was kept: whatever was written there, and by whichever user.
    scenario.lose(sandbox.name)
    wiped = scenario.run(sandbox.name, WIPE, timeout_seconds=job.exercise.build_seconds)
    if wiped.exit_code != 0:
        text = f"expected the old files of sandbox {sandbox.name} to go, found: {wiped.stderr.decode(errors='replace')}"
        raise SandboxError(text)
    scenario.put(sandbox.name, content.tar_of(job.contents[sandbox.content]))
    wanted = sandbox in plan.built(job.exercise, job.services)
    result = _on_volume(scenario, job, sandbox.name, sandbox.build) if wanted else BuildResult(ok=True, log="")
    if sandbox.restore and result.ok:
        _keep(scenario, sandbox.name)
    elif sandbox.restore:
        scenario.lose(sandbox.name)
    return result


def _keep(scenario: Scenario, name: str) -> None:
    """Remember what a sandbox has before anything of it runs. What it has is the submission's doing."""
    try:
        scenario.keep(name)
    except ContentError as error:
        text = f"{error}: remove from /box what is not run when the build ends"
        raise SubmissionError(text) from error


def one_shot(engine: Engine, job: Job) -> tuple[bytes, dict[str, BuildResult]]:
    """Return the tar that each one-shot sandbox gets, built when that is declared, and how the build went.

    Raises SubmissionError when the submission does not build, or its built files are too many.
    """
    tar = content.tar_of(job.contents["submission"])
    main = job.exercise.main
    if main not in plan.built(job.exercise, job.services):
        return tar, {}
    most_mb = min(MAX_BUILT_MB, main.limits.tmpfs_mb)
    spec = plan.build(job.exercise, main, job.services, job.tags)
    argv = job.services[main.build].build
    spec = replace(spec, command=(*PACK, *argv), limits=replace(spec.limits, output_kb=most_mb * 1024))
    seconds = job.exercise.build_seconds
    result = engine.run_once(job.owner, spec, tar=tar, timeout_seconds=seconds)
    said = _said(argv, seconds, result.stderr, exit_code=result.exit_code, timed_out=result.timed_out)
    results = {main.name: said}
    _refuse(results, main.name)
    if len(result.stdout) >= most_mb * 1024 * 1024:
        text = f"expected the build to leave at most {most_mb} MB in its folder, found more: remove what is not run"
        raise SubmissionError(text)
    return result.stdout, results


def beside(spec: SandboxSpec, files: Mapping[str, bytes], stdin: bytes) -> tuple[SandboxSpec, bytes]:
    """Return a one-shot, and its input, that has a check's ``files`` beside what was built, in place of what is there."""
    tar = content.tar_of(SubmissionFile(path=path, content=data) for path, data in files.items())
    return replace(spec, command=(*UNPACK_BESIDE, str(len(tar)), *spec.command)), tar + stdin


def _refuse(results: Mapping[str, BuildResult], main: str) -> None:
    """A main service that does not build is refused; of anything else a check says what it means."""
    if main in results and not results[main].ok:
        text = f"expected the build command of service.toml to end with 0, found this:\n{results[main].log}"
        raise SubmissionError(text)


def _on_volume(scenario: Scenario, job: Job, name: str, kind: str) -> BuildResult:
    argv, seconds = job.services[kind].build, job.exercise.build_seconds
    result = scenario.run(name + plan.BUILD_SUFFIX, argv, timeout_seconds=seconds)
    output = result.stdout + result.stderr
    return _said(argv, seconds, output, exit_code=result.exit_code, timed_out=result.timed_out)


def _said(argv: tuple[str, ...], seconds: float, output: bytes, *, exit_code: int, timed_out: bool) -> BuildResult:
    log = output[-4 * _LOG_CHARS :].decode(errors="replace")[-_LOG_CHARS:]
    if timed_out:
        return BuildResult(ok=False, log=f"{' '.join(argv)}: not done after {seconds} s\n{log}")
    return BuildResult(ok=exit_code == 0, log=f"{' '.join(argv)}: exit code {exit_code}\n{log}")
