"""``harness report`` of a folder of many: all results side by side, in each format, and in a browser."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import webbrowser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness import store
from harness.commands import browser
from harness.commands.cohort import FORMATS
from harness.commands.report import report
from harness.errors import ExitCode, UsageError
from harness.reports import cohort_files
from harness.reports.text import WIDTH, columns
from tests.unit import cohorts
from tests.unit.factories import heron, refused

NAMES = ["badger", "heron", "lynx", "osprey", "otter", "wren"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six results, one of them refused."""
    folder = tmp_path_factory.mktemp("cohort") / "results"
    cohorts.fill(folder, cohorts.gradings(6, seed=3))
    return folder


def printed(capsys: pytest.CaptureFixture[str], results: Path, **options: object) -> str:
    """Return what the command prints."""
    assert report(results, **options) is ExitCode.PASSED  # type: ignore[arg-type]
    return capsys.readouterr().out


def browsers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Play the browser; return what it is shown."""
    opened: list[str] = []

    def show(uri: str) -> bool:
        opened.append(uri)
        return True

    monkeypatch.setattr(webbrowser, "open", show)
    return opened


def test_the_table_has_everybody(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Best first, refused last; gate in words, points by skill, and what to type next; no line is too wide."""
    out = printed(capsys, stored)

    rows = [line.split()[0] for line in out.splitlines() if line.split()[:1] and line.split()[0] in NAMES]
    assert rows[:6] == ["wren", "lynx", "osprey", "otter", "heron", "badger"]
    assert out.startswith("idempotent-payments 1.1 | 1 passed, 4 failed, 1 refused; median 45; pass mark 70\n")
    assert "not shown: A customer can be charged twice" in out
    assert "it does not build: go build" in out
    assert [line.split() for line in out.splitlines() if line.startswith("wren")][1] == [
        "wren",
        *["10", "45", "20", "20", "5"],
    ]
    commands = [line for line in out.splitlines() if "harness " in line]
    assert all(columns(line) <= WIDTH for line in out.splitlines() if line not in commands)
    assert f"harness diff {stored}/wren {stored}/lynx" in out


def test_it_is_sorted_as_asked(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By name."""
    out = printed(capsys, stored, sort="name")
    table = out.partition("\n\n")[0]

    assert [line.split()[0] for line in table.splitlines() if line[0] != " " and line.split()[0] in NAMES] == NAMES


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_has_everybody(stored: Path, capsys: pytest.CaptureFixture[str], fmt: str) -> None:
    """Whatever reads it: nobody is missing, and it ends with a line end."""
    out = printed(capsys, stored, fmt=fmt)

    assert out.endswith("\n")
    assert all(name in out for name in NAMES)


def test_formats_are_what_they_say(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is read by what reads it."""
    document = json.loads(printed(capsys, stored, fmt="json"))
    rows = list(csv.DictReader(io.StringIO(printed(capsys, stored, fmt="csv"))))
    suites = ET.fromstring(printed(capsys, stored, fmt="junit"))

    assert len(document["exercises"][0]["candidates"]) == len(rows) == len(suites) == 6
    assert suites.get("tests") == str(len(suites.findall("testsuite/testcase")))
    assert suites.get("failures") == str(len(suites.findall("testsuite/testcase/failure")))


def test_markdown_keeps_hostile_text_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is a link, an image or another column is shown as it was written."""
    evil = "a|b](javascript:x)<img src=x>"
    rejected = dataclasses.replace(refused(), submission_alias="r", submission_origin="r", id="r", reason=evil)
    cohorts.fill(tmp_path, [dataclasses.replace(heron(), submission_alias=evil, submission_name=evil), rejected])

    out = printed(capsys, tmp_path, fmt="markdown")

    found = [line for line in out.splitlines() if "javascript" in line]
    assert len(found) == 2
    assert all(r"a\|b\]" in line and r"\<img" in line for line in found)


def test_what_does_not_go_together_is_wrong_usage(stored: Path) -> None:
    """Others' results for a candidate; an order of one; a format for one only; a browser that prints."""
    cases: tuple[tuple[Path, dict[str, object], str], ...] = (
        (stored, {"audience": "candidate"}, "not theirs to see"),
        (stored / "heron", {"sort": "name"}, "--sort with a folder of many"),
        (stored, {"fmt": "sarif"}, "many results can be written in, found 'sarif'"),
        (stored, {"fmt": "json", "in_browser": True}, "--open without --format"),
        (stored, {"audience": "boss"}, "expected an audience"),
    )
    for path, options, words in cases:
        with pytest.raises(UsageError, match=words):
            report(path, **options)  # type: ignore[arg-type]


def test_a_damaged_result_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who could not be read is listed below those who could."""
    cohorts.fill(tmp_path, cohorts.gradings(2, seed=3))
    store.find(tmp_path / "heron").write_bytes(b"{}")

    out = printed(capsys, tmp_path)

    assert "otter" in out
    assert "NOT READ  heron/" in out


def test_the_page_of_many_is_made_anew_and_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one alone; what is opened is a file beside the results, where its links lead somewhere."""
    opened = browsers(monkeypatch)
    cohorts.fill(tmp_path, cohorts.gradings(1))

    out = printed(capsys, tmp_path, in_browser=True)

    assert opened == [(tmp_path / "index.html").as_uri()]
    assert out == f"page      {tmp_path / 'index.html'}\n"
    assert {entry.name for entry in tmp_path.iterdir() if entry.is_file()} == set(cohort_files.FILES)


def test_the_page_of_one_is_that_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the audience asked for; one that an older version graded has none, and that is said."""
    opened = browsers(monkeypatch)
    folder = store.save(heron(), tmp_path, {"report.html": b"page"})

    report(tmp_path / "heron", in_browser=True)

    assert opened == [(folder / "report.html").as_uri()]
    with pytest.raises(UsageError, match=r"candidate\.html, found none: an older version graded this"):
        report(tmp_path / "heron", in_browser=True, audience="candidate")


def test_without_a_browser_the_page_is_named(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing opens: which file to open, and how to name a browser."""
    monkeypatch.setattr(webbrowser, "open", lambda _: False)

    with pytest.raises(UsageError, match=r"index\.html, found none: open it yourself, or name one in BROWSER"):
        browser.open_(stored, audience="assessor")
