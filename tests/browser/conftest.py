"""A real browser for pages: Chromium of this system, driven by Playwright, with no way to any network.

``make browser`` installs it. Without it these tests fail and say so; they are never skipped, since nobody would notice.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.opened import Open, Opened, Scheme

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

PATIENCE_MS = 240_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail("expected Playwright in this environment, found none: make venv", pytrace=False)
    named = os.environ.get("CHROMIUM")
    program = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.fail(f"expected one of {', '.join(BROWSERS)}, or CHROMIUM=path, found none: make browser", pytrace=False)
    # Its own sandbox needs rights that containers do not have; the pages are ours, and it reaches nothing.
    with sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Return what opens a page: ``opened(html, scheme="dark", width=1280, height=900)``.

    With ``script=False`` the browser runs no script, as some readers have it: then ``axe`` and ``evaluate`` do not either.
    """
    contexts = []
    count = 0

    def open_page(
        html: str, *, script: bool = True, scheme: Scheme = "light", width: int = 1280, height: int = 900
    ) -> Opened:
        nonlocal count
        count += 1
        file = tmp_path / f"page-{count}.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            java_script_enabled=script,
            offline=True,
        )
        contexts.append(context)
        # Machines that grade are busy: a slow one is no failure.
        context.set_default_timeout(PATIENCE_MS)
        made = _watched(context.new_page())
        made.page.goto(file.as_uri())
        made.requests.remove(file.as_uri())
        return made

    yield open_page
    for context in contexts:
        context.close()


def _watched(page: Page) -> Opened:
    made = Opened(page=page)

    def dismiss(dialog: Dialog) -> None:
        made.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("request", lambda one: made.requests.append(one.url))
    page.on("requestfailed", lambda one: made.stopped.append(f"{one.failure} {one.url}"))
    page.on("console", lambda one: made.said.append(f"{one.type}: {one.text}"))
    page.on("pageerror", lambda one: made.said.append(f"error: {one}"))
    page.on("dialog", dismiss)
    return made
