"""Seeing during a run whether somebody else laid hands on its sandboxes: then nothing that it says counts."""

from __future__ import annotations

from harness.engines.base import Engine, Interference
from harness.owners import Owner


class Eyes:
    """What somebody else did to sandboxes of some owners since this was made."""

    def __init__(self, engine: Engine, *owners: Owner) -> None:
        """Begin to look."""
        self._engine = engine
        self._before = {owner: len(engine.interferences(owner)) for owner in owners}

    def seen(self) -> tuple[Interference, ...]:
        """Return what was done so far."""
        return tuple(
            one for owner, before in self._before.items() for one in self._engine.interferences(owner)[before:]
        )
