"""The command line as users run it: a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON, an object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cli:
    """Runs ``harness`` in a folder."""

    folder: Path

    def command(self, *args: str) -> list[str]:
        """Return the argv of ``harness ARGS``."""
        return [sys.executable, "-m", "harness", *args]

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment commands run in: this one's, with the state folder inside the test's."""
        return {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), "COLUMNS": "120", **(extra or {})}

    def __call__(
        self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, seconds: float = 600
    ) -> Ended:
        """Run ``harness ARGS`` to its end. A traceback of ours fails the test: users see none but those of their own code."""
        done = subprocess.run(
            self.command(*args),
            cwd=cwd or self.folder,
            env=self.env(env),
            capture_output=True,
            check=False,
            timeout=seconds,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert re.search(r"^Traceback \(most recent call last\)", out + err, re.MULTILINE) is None, out + err
        return Ended(code=done.returncode, out=out, err=err)
