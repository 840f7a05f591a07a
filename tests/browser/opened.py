"""A page that a test has open."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from playwright.sync_api import Page

Scheme = Literal["light", "dark"]


@dataclass(kw_only=True)
class Opened:
    """A page in a browser, and what it tried."""

    page: Page
    requests: list[str] = field(default_factory=list)
    """What it would have fetched beside itself: always empty for a page of ours."""
    stopped: list[str] = field(default_factory=list)
    """Which of these failed, and why: ``csp`` is its own policy."""
    said: list[str] = field(default_factory=list)
    """Errors and warnings in its console: what its policy stopped is among them."""
    dialogs: list[str] = field(default_factory=list)

    def require_quiet(self) -> None:
        """Fail unless the page asked for nothing, was stopped in nothing and opened nothing."""
        assert (self.requests, self.said, self.dialogs) == ([], [], [])

    def axe(self) -> list[str]:
        """Return what the accessibility rules of axe-core find wrong: rule, what it means, where."""
        from axe_playwright_python.base import AXE_FILE_PATH

        # Through the debugger, which no policy of a page stops.
        self.page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
        found = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {one['help']}: {node['target']} {node['html'][:160]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


class Open(Protocol):
    """Opens a page: the fixture ``opened``."""

    def __call__(
        self, html: str, *, script: bool = True, scheme: Scheme = "light", width: int = 1280, height: int = 900
    ) -> Opened:
        """Return a page that shows ``html``."""
        raise NotImplementedError
