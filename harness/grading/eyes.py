"""Seeing during a run whether something from outside disturbed it: then nothing that it says counts."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from harness.engines.base import Engine, Interference
from harness.grading.stillness import Stillness
from harness.owners import Owner


class Eyes:
    """What somebody else did to sandboxes of some owners since this was made, and whether the machine stood still.

    Entered for the length of a run.
    """

    def __init__(self, engine: Engine, *owners: Owner) -> None:
        """Begin to look."""
        self._engine = engine
        self._before = {owner: len(engine.interferences(owner)) for owner in owners}
        self._stillness = Stillness()

    def __enter__(self) -> Self:
        """Look at the clock from now on."""
        self._stillness.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look no more."""
        self._stillness.__exit__(kind, error, trace)

    def seen(self) -> tuple[Interference, ...]:
        """Return what was done so far."""
        theirs = (one for owner, before in self._before.items() for one in self._engine.interferences(owner)[before:])
        return (*self._stillness.seen(), *theirs)
