"""User ids that no two living sandboxes of an engine share, whichever processes opened them.

The kernel counts much per user id (inotify instances, pages in pipes, pending signals, keys): equal ids would let one
candidate use up what another needs. An id is claimed by the name of the container that lives as long as the sandbox
(its holder, or the one-shot itself): an engine has each name once, so a second claim is refused. No state is kept, and
what a killed process had claimed is free again once it is reaped.
"""

from __future__ import annotations

import http
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engines.docker.connect import EngineRefusal
from harness.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.engines.docker.connect import Link

SPAN = 4
"""Ids of one sandbox: its processes', that of commands beside them, its holder's, and one that is kept free."""
ALL = range(0x70000000, 0x7FFFFFFC)
"""Where every id is there: from what systemd leaves unused up to the largest that container runtimes take."""
MAPPED = range(10_000, 65_532)
"""In a user namespace, which maps 65 536 ids."""
_TRIES = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Whom one sandbox runs as. Groups have the numbers of users."""

    id: int

    @property
    def main(self) -> str:
        """Its own processes."""
        return f"{self.id}:{self.id}"

    @property
    def beside(self) -> str:
        """Commands of ours beside them: no process of the sandbox may trace, write to or signal them.

        They are of its group, so that they may read what it lets its group read.
        """
        return f"{self.id + 1}:{self.id}"

    @property
    def holder(self) -> str:
        """Its holder."""
        return f"{self.id + 2}:{self.id + 2}"

    @property
    def name(self) -> str:
        """What the container is called that has claimed it. It tells peers nothing of what the sandbox is for."""
        return f"harness-{self.id}"


def pick(*, everywhere: bool) -> User:
    """Return any user; ``everywhere``: every id is there."""
    ids = ALL if everywhere else MAPPED
    return User(id=ids.start + SPAN * secrets.randbelow(len(ids) // SPAN))


def claim(link: Link, create: Callable[[User], str], wanted: User | None = None) -> tuple[User, str]:
    """Return a user that nobody else has and the id of the container that claims it.

    ``create`` makes that container, called ``user.name``; it is called again with another user when the name is taken.
    ``wanted`` is a user that was given back this moment.
    """
    for _ in range(_TRIES):
        user = wanted or pick(everywhere=link.kernel.all_users)
        try:
            return user, create(user)
        except EngineRefusal as error:
            if error.status != http.HTTPStatus.CONFLICT or wanted:
                raise
    text = f"expected a free user id for a sandbox, found {_TRIES} taken: remove what is left with `harness clean`"
    raise EngineError(text)
