"""``harness diff``: what differs between two stored results. Needs no engine."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from harness import console, store
from harness.errors import ExitCode
from harness.model import Json
from harness.reports import differences


def diff(one: Path, other: Path, *, as_json: bool) -> ExitCode:
    """Say what differs between the results at ``one`` and ``other`` (see ``store.find``) and return 0.

    Raises UsageError when there is nothing at one of them, or they are of two exercises; HarnessError when one can't be read.
    """
    found = differences.differences(store.load(one), store.load(other))
    if as_json:
        console.document({"schema": differences.SCHEMA, **cast("dict[str, Json]", store.plain(found))})
    else:
        for line in differences.lines(found):
            console.line(line)
    return ExitCode.PASSED
