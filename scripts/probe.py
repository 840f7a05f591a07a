"""Questions the set-up scripts ask, answered by exit code: 0 yes, 1 no, 3 no and somebody named the engine.

``probe.py engine [--quiet]``: does a container engine answer?
``probe.py debian``: are the images there, or can the public Debian image be had to make them from?
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness.engines.docker.connect import connect, places
from harness.errors import EngineError
from harness.images import debian, recipes
from harness.images.building import present

NAMED = 3


def engine(*, quiet: bool) -> int:
    """Return 0 when an engine answers."""
    try:
        link = connect()
    except EngineError as error:
        if not quiet:
            sys.stderr.write(f"{error}\n")
        named = [place for place in places(os.environ, Path.home()) if place.source != "usual socket"]
        return NAMED if named else 1
    if not quiet:
        sys.stderr.write(f"container engine: {link.place.url}\n")
    link.close()
    return 0


def images() -> int:
    """Return 0 when nothing has to be bootstrapped."""
    link = connect()
    try:
        if present(link.api(), recipes.recipe("base").tag):
            return 0
        return 0 if debian.without_bootstrap(link, lambda line: print(line, file=sys.stderr)) else 1
    finally:
        link.close()


if __name__ == "__main__":
    try:
        sys.exit(engine(quiet="--quiet" in sys.argv) if sys.argv[1] == "engine" else images())
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
