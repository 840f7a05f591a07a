"""What a grader sandbox may say, parsed at the border, and the evidence it adds up to.

The grader sandbox is trusted to judge, yet its stream is read like any input: unknown events, wrong types and values
over a cap are protocol errors. Nothing here decides a verdict; see harness/scoring.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from harness.errors import GraderError
from harness.model import Json, Mark, Phase, Status

MAX_EVENTS = 20_000
"""Of one grading. A grader that says more is broken, and would cost the host its memory."""


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Collected(_Event):
    """Ids of the checks that were found, duplicates and undeclared ones included."""

    event: Literal["collected"]
    checks: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=2000)]


class MeasureSaid(_Event):
    """A value that a check compared with a threshold."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    limit: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    better: Literal["less", "more"]
    unit: Annotated[str, Field(max_length=20)] = ""


class OutcomeSaid(_Event):
    """One check ended."""

    event: Literal["outcome"]
    check: Annotated[str, Field(max_length=200)]
    status: Status
    credit: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    feedback: Annotated[str, Field(max_length=2000)] = ""
    detail: Annotated[str, Field(max_length=8000)] = ""
    evidence: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=40)] = []
    measures: Annotated[list[MeasureSaid], Field(max_length=20)] = []


class PhaseSaid(_Event):
    """A stretch of the grading ended."""

    event: Literal["phase"]
    name: Annotated[str, Field(max_length=200)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class MarkSaid(_Event):
    """An entry of the fault timeline."""

    event: Literal["mark"]
    start_seconds: Annotated[float, Field(allow_inf_nan=False)]
    end_seconds: Annotated[float, Field(allow_inf_nan=False)]
    kind: Literal["fault", "answered"]
    label: Annotated[str, Field(max_length=100)]


class Note(_Event):
    """Something worth keeping in the grader's log."""

    event: Literal["note"]
    text: Annotated[str, Field(max_length=8000)]


class Broken(_Event):
    """The checks themselves can't be run: a mistake of their author, with file, line and text of the error."""

    event: Literal["broken"]
    text: Annotated[str, Field(max_length=2000)]


class Finished(_Event):
    """The last event of a job.

    ``exit`` is 0 when every outcome was said, 1 when what was collected does not fit what was declared (nothing ran), 2
    after a hang, 3 after an internal error, or that of the process that died (``crashed``).
    """

    event: Literal["finished"]
    exit: int
    crashed: bool = False


Event = Collected | OutcomeSaid | PhaseSaid | MarkSaid | Note | Broken | Finished
_EVENT: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="event")], config=ConfigDict(defer_build=True)
)


@dataclass(slots=True)
class Evidence:
    """All that one run of a grader said. Filled by the broker alone, then only read."""

    collected: list[str] = field(default_factory=list)
    outcomes: list[OutcomeSaid] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    finished: Finished | None = None
    count: int = 0

    @property
    def complete(self) -> bool:
        """Whether the grader came to its end by itself."""
        return self.finished is not None and not self.finished.crashed and self.finished.exit in {0, 1}

    def take(self, message: dict[str, Json]) -> Event:
        """Add the event in a frame and return it. Raises GraderError when it is not one, or after ``finished``."""
        self.count += 1
        if self.count > MAX_EVENTS:
            text = f"expected at most {MAX_EVENTS} events from a grader, found more: something in it loops"
            raise GraderError(text)
        if self.finished is not None:
            text = f"expected nothing after the event 'finished', found {str(message)[:120]}"
            raise GraderError(text)
        body = {key: value for key, value in message.items() if key != "type"}
        try:
            event = _EVENT.validate_python(body)
        except ValidationError as error:
            first = error.errors()[0]
            text = f"expected an event of the grader protocol, found {str(body)[:200]}: {first['loc']} {first['msg']}"
            raise GraderError(text) from error
        self._keep(event)
        return event

    def _keep(self, event: Event) -> None:
        match event:
            case Collected():
                self.collected.extend(event.checks)
            case OutcomeSaid():
                self.outcomes.append(event)
            case PhaseSaid():
                self.phases.append(Phase(name=event.name, seconds=event.seconds))
            case MarkSaid():
                mark = event.model_dump(exclude={"event"})
                self.marks.append(Mark(**mark))
            case Note():
                self.notes.append(event.text)
            case Broken():
                self.broken.append(event.text)
            case Finished():
                self.finished = event
