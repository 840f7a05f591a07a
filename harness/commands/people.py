"""Who sent the submissions of one command: known before any is graded, so that nobody's result takes another's name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import console, names
from harness.intake import submission
from harness.intake.senders import Claims
from harness.wording import visible

_SHOWN_ALIASES = 5


class People:
    """Knows who is called the same."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Read what the submissions at ``paths`` say of themselves, and say which share an alias."""
        self.alone = len(paths) == 1
        """Whether there is one submission only."""
        said = {Path(path).absolute(): (path, submission.claims(Path(path))) for path in paths}
        self._places = {path: place for place, path in enumerate(paths)}
        self._called = {path: claims.alias for path, claims in said.values()}
        self._alike: dict[str, list[tuple[str, Claims]]] = {}
        for path, claims in said.values():
            self._alike.setdefault(names.alike(claims.alias), []).append((path, claims))
        for people in self._alike.values():
            if len(people) > 1:
                console.notice(_shared(people))

    def called(self, path: str) -> str:
        """Return what the submission at ``path`` calls itself."""
        return self._called.get(path, Path(path).name)

    def place(self, path: str) -> int:
        """Return which of the submissions the one at ``path`` is."""
        return self._places.get(path, len(self._places))

    def share(self, alias: str) -> bool:
        """Whether several of them have this alias, or one that reads alike."""
        return len(self._alike.get(names.alike(alias), ())) > 1


def _shared(people: Sequence[tuple[str, Claims]]) -> str:
    """Return in a sentence that several submissions have one alias, and which counts where they are of one sender."""
    different = sorted({claims.alias for _, claims in people})
    shown = ", ".join(different[:_SHOWN_ALIASES])
    who = f"have the alias {shown}" if len(different) == 1 else f"have aliases that read alike ({shown})"
    text = f"{len(people)} of these submissions {who}: results of each are called by the start of its sha256 as well"
    times = [claims.packed_at for _, claims in people]
    if len({claims.origin for _, claims in people}) == 1 and len(set(times)) == len(times):
        last = max(people, key=lambda one: one[1].packed_at)[0]
        text += f"; all were packed in one workspace, {visible(last)} last"
    return text
