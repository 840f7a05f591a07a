"""``harness check``: the public checks on the candidate's own machine, as grading runs them."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import console, places, settings, wording
from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.commands import beside, standing, trial, watch
from harness.commands.opening import Opener
from harness.errors import ExerciseError, ExitCode, HarnessError, UsageError
from harness.grading.runner import Graded, Task
from harness.intake import clock, folders, workspace
from harness.model import Exercise, Grading
from harness.packs import contents, home
from harness.reports import local, summary
from harness.reports.again import Caller
from harness.reports.briefed import graded_only


def check(
    path: str,
    *,
    only: Sequence[str],
    keep: bool,
    as_json: bool,
    engine: str | None,
    catalogue: Catalogue,
    network_range: str = settings.DEFAULT_NETWORK_RANGE,
    watching: bool = False,
    caller: Caller | None = None,
) -> ExitCode:
    """Run public checks on a workspace. 0 all hold, 1 some fail, 2 something could not be measured.

    ``keep`` leaves the logs of every sandbox in the workspace's ``.harness/logs``. ``watching`` runs what failed last
    again on each save, until it is interrupted.
    """
    space = workspace.find(Path(path))
    catalogue = home.catalogue_of(space, catalogue)
    exercise = catalogue.exercise(space.exercise_id)
    _refuse_unknown(only, [one.id for one in exercise.checks])
    places.probe(space.root / workspace.FOLDER, "what the checks find")
    bench = Bench(
        space=space,
        exercise=exercise,
        opener=Opener(catalogue=catalogue, engine=engine, network_range=network_range),
        caller=caller or standing.caller(path, engine or ""),
        keep=keep,
        as_json=as_json,
    )
    return _watched(bench, only) if watching else bench.once(tuple(only))[0]


def _watched(bench: Bench, only: Sequence[str]) -> ExitCode:
    """Check on each save, until it is interrupted."""
    space, exercise = bench.space, bench.exercise
    known = [one.id for one in exercise.checks]
    asked = tuple(one for one in known if not only or any(fnmatch.fnmatchcase(one, pattern) for pattern in only))
    claim = workspace.read_claim(space.root)
    failed = tuple(one for one in asked if claim.get(one) in trial.FAILED)
    return watch.run(
        lambda ids: bench.once(ids if len(ids) < len(known) else ())[1],
        lambda: folders.snapshot(exercise, space.root),
        everything=asked,
        first=failed,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Checks one workspace, once or again and again."""

    space: workspace.Workspace
    exercise: Exercise
    opener: Opener
    caller: Caller
    keep: bool
    as_json: bool

    def once(self, only: tuple[str, ...]) -> tuple[ExitCode, Grading]:
        """Run the checks that match ``only``, all when it is empty; say and keep what they found."""
        begun: list[clock.Clock | None] = []

        def begin() -> None:
            begun.append(trial.clock_of(self.space, begin=True))

        # Once the images are there: what is downloaded or built takes nobody's time.
        told = local.Told()
        label = f"checking {self.space.root.name}"
        with beside.told(self.space.root):
            graded = trial.run(self.opener, self._task(only), label, ready=begin, told=told)
        if not begun:
            begin()  # refused before an image was asked for: that is work as well
        grading = trial.at_home(graded.grading, self.space)
        unkept = self._kept(graded)
        if self.as_json:
            console.line(summary.line(summary.summary(grading)))
        else:
            above = [one.check.id for one in grading.outcomes if told.knows(one)] if console.is_one_place() else ()
            about = self._about(grading, begun[0], above, only, kept=self.keep and unkept is None)
            for text in local.render(grading, self.caller, about):
                console.line(text)
        if unkept is not None:
            console.notice(f"what was found could not be kept: {unkept}")
            return ExitCode.HARNESS, grading
        return ExitCode(grading.exit_code), grading

    def _task(self, only: tuple[str, ...]) -> Task:
        space = self.space
        return Task(
            path=str(space.root),
            exercise_id=space.exercise_id,
            alias=space.alias,
            variant=space.variant,
            mode="check",
            only=only,
        )

    def _about(
        self, grading: Grading, begun: clock.Clock | None, above: Collection[str], only: Sequence[str], *, kept: bool
    ) -> local.About:
        # Counted to here: what the checks took is the candidate's time as well.
        now = trial.clock_of(self.space, begin=False) or begun
        return local.About(
            clock=clock.left(now, self.exercise.minutes) if now else "",
            logs=standing.seen(self.space.root / workspace.FOLDER / "logs") if kept else "",
            above=above,
            only=only,
            graded_only=self._graded_only() if len(grading.outcomes) == len(self.exercise.checks) else (),
        )

    def _graded_only(self) -> tuple[str, ...]:
        space = self.space
        folder = self.opener.catalogue.exercise_dir(space.exercise_id)
        reader = briefs.Reader(alias=space.alias, variant=space.variant, language=space.language)
        try:
            if space.pack:
                files = sorted((folder / contents.BRIEFS / space.language).glob("*.md"))
                return graded_only(places.read(file, refuse=ExerciseError).decode() for file in files)
            return graded_only(briefs.render(self.exercise, folder, reader).values())
        except (ExerciseError, UnicodeDecodeError):
            return ()  # what is wrong with a brief is its author's to hear, when somebody starts

    def _kept(self, graded: Graded) -> HarnessError | None:
        """Keep what was found in the workspace; return why that could not be."""
        unkept = trial.keep(self.space, graded.grading)
        if unkept is not None or not self.keep:
            return unkept
        try:
            # What does not build has run nothing: all that is known of it is why.
            _keep_logs(self.space.root / workspace.FOLDER / "logs", graded.logs or _build_log(graded.grading))
        except HarnessError as error:
            return error
        return None


def _refuse_unknown(only: Sequence[str], known: Sequence[str]) -> None:
    """Raise UsageError for a pattern that no public check matches: a typo must not look like a run."""
    for pattern in only:
        if not any(fnmatch.fnmatchcase(one, pattern) for one in known):
            near = wording.suggestion(pattern, known)
            there = f" There are {', '.join(known)}" if near.startswith("did you mean") else ""
            text = f"expected ids of public checks after --only, found {wording.quoted(pattern)}: {near}{there}"
            raise UsageError(text)


def _build_log(grading: Grading) -> Mapping[str, bytes]:
    return {"build": f"{grading.reason}\n".encode("utf-8", "backslashreplace")} if grading.reason else {}


def _keep_logs(folder: Path, logs: Mapping[str, bytes]) -> None:
    """Leave ``logs`` in ``folder``, and none of an earlier check."""
    with places.writing("logs", folder):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.log"):
            old.unlink()
        for name, log in logs.items():
            (folder / f"{name}.log").write_bytes(log)
