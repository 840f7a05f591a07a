"""What a click costs on the page over all results, in a real Chromium: 14 candidates beside 200.

From the click until the browser has drawn what follows from it. Each is done several times and the median counts; the
page of 14 is what a click costs at all on this machine. Needs the development packages and a Chromium (``make browser``).
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROUNDS = 9
SIZES = (14, 200)
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""The frame after the one in which the change is drawn has begun."""
CLICKS: Mapping[str, Callable[[int], str]] = {
    "sort by a skill": lambda _: "document.querySelectorAll('.candidates .sort')[5].click()",
    "filter by verdict": lambda n: (
        "{ const one = document.querySelector('[data-filter=verdict]');"
        f" one.selectedIndex = {n % 2}; one.dispatchEvent(new Event('input', {{bubbles: true}})); }}"
    ),
    "compare two": lambda n: (
        "{ const one = document.querySelector('.compare select');"
        f" one.selectedIndex = {n}; one.dispatchEvent(new Event('change', {{bubbles: true}})); }}"
    ),
}


def took(page: Page, code: str) -> float:
    """Return the milliseconds from running ``code`` until it is drawn, by the page's own clock."""
    found: float = page.evaluate(
        f"async () => {{ const began = performance.now(); {code}; await ({DRAWN})(); return performance.now() - began; }}"
    )
    return found


def main() -> None:
    """Print the table."""
    from playwright.sync_api import sync_playwright

    from harness.reports.html import cohort as page_of
    from tests.unit import cohorts

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sys.exit("expected a Chromium, found none: make browser")
    pages = {size: page_of.render(cohorts.of(cohorts.gradings(size))) for size in SIZES}
    medians: dict[str, dict[int, float]] = {"open": {}, **{name: {} for name in CLICKS}}
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for size, html in pages.items():
            file = Path(folder) / f"{size}.html"
            file.write_text(html, encoding="utf-8")
            opened, clicks = [], {name: [] for name in CLICKS}
            for _ in range(ROUNDS):
                page = browser.new_page()
                began = time.perf_counter()
                page.goto(file.as_uri())
                page.evaluate(DRAWN)
                opened.append(1000 * (time.perf_counter() - began))
                for n in range(ROUNDS):
                    for name, code in CLICKS.items():
                        clicks[name].append(took(page, code(n)))
                page.close()
            medians["open"][size] = statistics.median(opened)
            for name, found in clicks.items():
                medians[name][size] = statistics.median(found)
        browser.close()
    print(f"{'':<20}" + "".join(f"{size:>9} rows" for size in SIZES) + f"{'ratio':>8}")
    for name, found in medians.items():
        few, many = (found[size] for size in SIZES)
        print(f"{name:<20}{few:>11.0f} ms{many:>11.0f} ms{many / few:>8.1f}")


if __name__ == "__main__":
    main()
