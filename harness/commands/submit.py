"""``harness submit``: pack a workspace and try the packed file. Repeatable; nothing that was packed before is overwritten."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from harness import console, crashes, owners, places, settings
from harness.catalogue.finder import Catalogue
from harness.commands import handing_in, standing, trial
from harness.commands.opening import Opener
from harness.errors import ExitCode, HarnessError, SubmissionError, UsageError
from harness.grading.runner import Task
from harness.intake import clock, folders, senders, submission, workspace
from harness.intake.packed import SUFFIX
from harness.model import Exercise, Grading, Verdict
from harness.packs import home
from harness.reports.again import Caller

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_SECOND = dt.timedelta(seconds=1)
_TRYING_SECONDS = 6 * 3600
"""After so long anybody may remove the copy that was tried, where nobody can tell whether we still run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What came of running the public checks from the packed file."""

    grading: Grading | None = None
    """None: they were not run."""
    why: HarnessError | None = None
    """Why they could not be."""
    before: Mapping[str, str] = field(default_factory=dict)
    """How the candidate's last check before went."""

    @property
    def code(self) -> ExitCode:
        """What the command ends with when the file is packed."""
        if self.why is not None:
            return self.why.exit_code
        return ExitCode.PASSED if self.grading is None else ExitCode(self.grading.exit_code)


def submit(
    root: Path,
    *,
    out: Path | None,
    as_json: bool,
    catalogue: Catalogue,
    only_list: bool = False,
    try_it: bool = True,
    engine: str | None = None,
    network_range: str = settings.DEFAULT_NETWORK_RANGE,
    caller: Caller | None = None,
) -> ExitCode:
    """Pack the workspace at or above ``root`` into ``out`` (its own ``submissions/`` by default), and try it.

    0: packed. 1 and 2: packed, and a public check run from the packed file fails, or could not be measured. 3: refused,
    nothing is packed. What keeps it from being tried at all keeps it from nothing else: it is packed, with that error's code.
    """
    space = workspace.find(root)
    catalogue = home.catalogue_of(space, catalogue)
    exercise = _exercise(catalogue, space)
    if only_list:
        handing_in.listing(exercise, space.root, as_json=as_json)
        return ExitCode.PASSED
    folder = space.root / folders.PACKED_FOLDER if out is None else out
    places.probe(folder, "the packed file")
    with handing_in.one_object(wanted=as_json):
        desk = _Desk.of(exercise, space)
    tried = Tried()
    if try_it:
        opener = Opener(catalogue=catalogue, engine=engine, network_range=network_range)
        tried = desk.tried(opener)
    if tried.grading is not None and tried.grading.verdict is Verdict.REFUSED:
        handing_in.refused(tried.grading, as_json=as_json)
        return ExitCode.REFUSED
    packed, file = desk.keep(folder, tried)
    handed = handing_in.Handed(exercise=exercise, space=space, file=file, packed=packed)
    _say(handed, tried, None if as_json else caller or standing.caller(str(root), engine or ""))
    return tried.code


def _say(handed: handing_in.Handed, tried: Tried, caller: Caller | None) -> None:
    """Say what was packed, and how it fared: to a person with commands as ``caller`` can give them, else as JSON."""
    handing_in.warn(handed)
    if caller is None:
        handing_in.document(handed, tried.grading, tried.why)
    else:
        handing_in.report(handed, tried.grading, tried.why, tried.before, caller)
    if tried.why is not None:
        console.notice(f"packed, but not tried: {tried.why}")


def _exercise(catalogue: Catalogue, space: workspace.Workspace) -> Exercise:
    exercise = catalogue.exercise(space.exercise_id)
    if exercise.version != space.version:
        text = (
            f"{space.root}: expected a workspace of {exercise.id} {exercise.version}, found one of {space.version}: "
            "pack it with the catalogue it was started from"
        )
        raise SubmissionError(text)
    return exercise


@dataclass(frozen=True, kw_only=True, slots=True)
class _Desk:
    """Packs one workspace."""

    exercise: Exercise
    space: workspace.Workspace
    contents: folders.Contents
    """Read once: what is kept is what was tried, whoever saves meanwhile."""
    seen: Mapping[str, tuple[int, int, int]]
    """When each file was saved that travels, just before they were read."""
    told: clock.Told | None

    @classmethod
    def of(cls, exercise: Exercise, space: workspace.Workspace) -> Self:
        """Return one for the workspace as it is now. Raises SubmissionError when something in it can't travel."""
        seen = folders.snapshot(exercise, space.root)
        contents = submission.read(exercise, space.root)
        told = clock.told(trial.clock_of(space, begin=False))
        return cls(exercise=exercise, space=space, contents=contents, seen=seen, told=told)

    def pack(self, packed_at: str, told: clock.Told | None, *, tried: bool) -> submission.Packed:
        """Return the workspace packed, with the last check as a claim."""
        space = self.space
        sender = senders.Sender(
            alias=space.alias, workspace=workspace.identity(space), packed_at=packed_at, pack=space.pack
        )
        return submission.pack(
            self.exercise,
            self.contents,
            sender=sender,
            variant=space.variant,
            claim=workspace.read_claim(space.root),
            told=told,
            tried=tried,
        )

    def tried(self, opener: Opener) -> Tried:
        """Pack it, and run the public checks from the packed file alone, in a folder where nothing else is."""
        packed = self.pack(_now(), self.told, tried=False)
        before = workspace.read_claim(self.space.root)
        with ExitStack() as stack:
            try:
                file = self._elsewhere(stack, packed)
                task = Task(path=str(file), exercise_id=self.exercise.id, mode="check")
                grading = trial.run(opener, task, "trying the packed file").grading
            except UsageError:
                raise
            except Exception as error:  # noqa: BLE001 - a bug of ours loses nobody's work either
                return Tried(why=crashes.explained(error), before=before)
        grading = trial.at_home(replace(grading, submission_path=str(self.space.root)), self.space)
        unkept = trial.keep(self.space, grading)
        if unkept is not None:
            console.notice(f"what the checks found could not be kept: {unkept}")
        with suppress(SubmissionError):
            if folders.snapshot(self.exercise, self.space.root) != self.seen:
                console.notice("what was saved while it was tried is not in this file: submit again to send that")
        return Tried(grading=grading, before=before)

    def _elsewhere(self, stack: ExitStack, packed: submission.Packed) -> Path:
        """Return a copy in a folder of its own, which goes with ``stack``, or is reaped when this process is killed."""
        try:
            owner = owners.make_owner("submit", seconds=_TRYING_SECONDS)
            file = stack.enter_context(owners.scratch(owner)) / f"{self.exercise.id}.{self.space.alias}{SUFFIX}"
            file.write_bytes(packed.data)
        except OSError as error:
            # Whatever helps against it (another TMPDIR as well), the work is packed without it.
            raise HarnessError(
                str(places.failure(error, "write a copy to try to the folder for temporary files"))
            ) from error
        return file

    def keep(self, folder: Path, tried: Tried) -> tuple[submission.Packed, Path]:
        """Write the packed file, unless the last one is the same; return it and where it is.

        Its name is later than that of every other one of this sender, whatever was done to the clock meanwhile.
        """
        done = tried.grading is not None

        def pack(packed_at: str, told: clock.Told | None) -> submission.Packed:
            return self.pack(packed_at, told, tried=done)

        with workspace.locked(self.space.root):
            last = _last(folder, self.exercise, self.space.alias)
            if last is not None and (same := _same(last, pack)) is not None:
                return same, last
            stamp = _now() if last is None else max(_now(), _after(last))
            packed = pack(stamp, self.told)
            file = folder / _name(self.exercise, self.space.alias, stamp, packed)
            with places.writing("the packed file", folder):
                folder.mkdir(parents=True, exist_ok=True)
            workspace.write(file, packed.data)
        return packed, file


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime(_TIME)


def _name(exercise: Exercise, alias: str, packed_at: str, packed: submission.Packed) -> str:
    """Return a name that sorts by time and tells the content; nothing else has it."""
    time = re.sub(r"[:-]", "", packed_at)
    return f"{exercise.id}.{alias}.{time}.{packed.sha256[:12]}{SUFFIX}"


_STAMP = re.compile(r"\.(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)\.[0-9a-f]{12}$")


def _stamp(file: Path) -> str:
    """Return when a file was packed, as its name says; empty for a file of another name."""
    found = _STAMP.search(file.name.removesuffix(SUFFIX))
    return "" if found is None else f"{found[1]}-{found[2]}-{found[3]}:{found[4]}:{found[5]}"


def _last(folder: Path, exercise: Exercise, alias: str) -> Path | None:
    """Return the file that this alias packed last, by its name."""
    start = f"{exercise.id}.{alias}."
    return max(
        (file for file in folder.glob(f"*{SUFFIX}") if file.name.startswith(start) and _stamp(file)), default=None
    )


def _after(last: Path) -> str:
    """Return the second after ``last`` was packed; its own where there is none."""
    try:
        return (dt.datetime.strptime(_stamp(last), _TIME) + _SECOND).strftime(_TIME)  # noqa: DTZ007 - Z is UTC
    except (ValueError, OverflowError):
        return _stamp(last)


def _same(last: Path, pack: Callable[[str, clock.Told | None], submission.Packed]) -> submission.Packed | None:
    """Return the content of ``last`` where nothing but the time has changed since: packing again would make another."""
    try:
        found = submission.listing(last)
        packed = pack(found.packed_at, clock.from_table(found.clock))
        return packed if places.read(last, len(packed.data)) == packed.data else None
    except HarnessError:
        return None
