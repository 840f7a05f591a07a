"""``harness report``: prints a stored result, quickly and without an engine."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from harness import store
from harness.commands.report import report
from harness.errors import ExitCode, UsageError
from harness.reports import FORMATS, Audience, build
from tests.unit.factories import heron


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("audience", Audience)
def test_report_prints_each_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fmt: str, audience: Audience
) -> None:
    """What is printed is the format of the stored result, for the audience asked for."""
    store.save(heron(), tmp_path)

    code = report(tmp_path / "heron", fmt=fmt, audience=audience)

    assert code is ExitCode.PASSED
    assert capsys.readouterr().out == FORMATS[fmt].render(build(heron(), audience))


@pytest.mark.parametrize(("fmt", "audience"), [("word", "assessor"), ("terminal", "boss")])
def test_report_refuses_unknown_names(tmp_path: Path, fmt: str, audience: str) -> None:
    """A mistyped format or audience is answered with the valid ones."""
    store.save(heron(), tmp_path)

    with pytest.raises(UsageError, match=r"(terminal, html, .*|assessor, candidate), found"):
        report(tmp_path / "heron", fmt=fmt, audience=audience)


@pytest.mark.parametrize("content", [b"+", b"\xff\x00", b"@@\n"])
@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if FORMATS[fmt].lines])
def test_changes_that_cannot_be_read_keep_nobody_from_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fmt: str, content: bytes
) -> None:
    """The verdict does not hang on them; that they are left out is said, where no program reads."""
    file = store.save(heron(), tmp_path, {"diff.patch": content}) / "diff.patch"

    assert report(tmp_path / "heron", fmt=fmt) is ExitCode.PASSED

    said = capsys.readouterr()
    assert said.out == FORMATS[fmt].render(build(heron()))
    assert f"what was changed of the starter is left out: {file}: expected a patch" in said.err


def test_report_says_when_nothing_is_there(tmp_path: Path) -> None:
    """A wrong path is a usage error that says where results come from."""
    with pytest.raises(UsageError, match="harness grade"):
        report(tmp_path / "none")


def test_report_is_coloured_on_a_terminal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour is for a terminal whose user did not say no."""
    store.save(heron(), tmp_path)

    def printed(*, tty: bool) -> str:
        out = io.StringIO()
        monkeypatch.setattr(out, "isatty", lambda: tty, raising=False)
        monkeypatch.setattr(sys, "stdout", out)
        report(tmp_path / "heron")
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in printed(tty=True)
    assert "\x1b[" not in printed(tty=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in printed(tty=True)


def test_report_prints_on_a_terminal_without_unicode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an old terminal's encoding lacks becomes an escape, not an error."""
    store.save(heron(engine="Döcker"), tmp_path)
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))

    report(tmp_path / "heron")

    assert b"D\\xf6cker" in raw.getvalue()


def test_report_imports_no_engine() -> None:
    """Reading a result needs neither docker nor anything else that is slow to import."""
    code = "import sys, harness.commands.report; print([m for m in ('docker', 'rich', 'click', 'jinja2', 'kubernetes', 'requests') if m in sys.modules])"

    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )

    assert found.stdout == "[]\n"
