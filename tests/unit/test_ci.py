"""Pipelines of the documentation: valid where they are read, and their shell lines do what the page says on every exit code."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import yaml

from harness.cli import cli
from tests.unit.grading import harbour

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ACTION = CHECKOUT / "action.yml"
PIPELINE = CHECKOUT / "docs" / "ci" / "gitlab-ci.yml"
PAGE = CHECKOUT / "docs" / "how-to" / "ci.md"
LONGEST = 20
Yaml = None | bool | int | float | str | list["Yaml"] | dict[str, "Yaml"]

STUB = """#!/bin/sh
# Ends as the next line of $CODES says, and notes how it was called.
printf '%s\\n' "$*" >> "$CALLS"
out="${RUNNER_TEMP:-.}/results"
before=
for word in "$@"; do
  case "$word" in report) echo "{}"; exit 0 ;; esac
  if [ "$before" = --out ]; then out="$word"; fi
  before="$word"
done
code=$(head -n 1 "$CODES"); sed -i 1d "$CODES"
case "$code" in 4|5) ;; *) mkdir -p "$out/heron/1" && echo {} > "$out/heron/1/result.json" ;; esac
exit "${code:-99}"
"""
VENV = """#!/bin/sh
# Makes what `python3 -I -m venv FOLDER` makes, as far as it is used.
mkdir -p "$4/bin"
printf '#!/bin/sh\\nprintf "pip %%s\\\\n" "$*" >> "$CALLS"\\n' > "$4/bin/pip"
chmod 755 "$4/bin/pip"
"""
GIT = """#!/bin/sh
printf 'git %s\\n' "$*" >> "$CALLS"
"""


def blocks(kind: str) -> list[str]:
    """Return the blocks of the page that are marked ``kind``."""
    return re.findall(rf"<!-- {kind} -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def everything(value: Yaml) -> Iterator[tuple[str, Yaml]]:
    """Yield every key with its value, however deep."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key), one
            yield from everything(one)
    elif isinstance(value, list):
        for one in value:
            yield from everything(one)


def scripts() -> dict[str, str]:
    """Return every shell script of the action, the pipeline and the page, by a name."""
    found: dict[str, str] = {}
    texts = {"action": ACTION.read_text("utf-8"), "gitlab": PIPELINE.read_text("utf-8")}
    texts |= {f"page-{n}": text for n, text in enumerate(blocks("github"))}
    for name, text in texts.items():
        for key, value in everything(cast("Yaml", yaml.safe_load(text))):
            if key == "run" and isinstance(value, str):
                found[f"{name}-{len(found)}"] = value
            elif key == "script" and isinstance(value, list):
                found[f"{name}-{len(found)}"] = "\n".join(map(str, value))
    return found | {f"shell-{n}": text for n, text in enumerate(blocks("shell"))}


def step(name: str) -> dict[str, Yaml]:
    """Return the step of the action that is called ``name``."""
    steps = cast("list[dict[str, Yaml]]", yaml.safe_load(ACTION.read_text("utf-8"))["runs"]["steps"])
    return next(one for one in steps if one["name"] == name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A script that ended."""

    code: int
    said: str
    calls: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A folder in which scripts run, with a harness that ends as it is told."""

    root: Path

    def run(self, script: str, codes: Sequence[int], **environment: str) -> Ended:
        """Run ``script`` in bash with a harness that ends with ``codes``, one after the other."""
        (self.root / "codes").write_text("".join(f"{code}\n" for code in codes))
        (self.root / "calls").write_text("")
        for name, text in {"harness": STUB, "python3": VENV, "git": GIT}.items():
            file = self.root / "bin" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        known = {"CODES": str(self.root / "codes"), "CALLS": str(self.root / "calls")}
        paths = f"{self.root}/bin:{os.environ['PATH']}"
        ended = bash(script, cwd=self.root, environment={"PATH": paths, **known, **environment})
        calls = tuple((self.root / "calls").read_text().splitlines())
        return Ended(code=ended.returncode, said=ended.stdout + ended.stderr, calls=calls)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine of a pipeline."""
    return Machine(root=tmp_path)


def bash(script: str, *, cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script as runners do."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def inputs(root: Path, **given: str) -> dict[str, str]:
    """Return the environment of the action's step that grades: inputs as they are by default, ``given`` in their place."""
    declared = cast("dict[str, dict[str, str]]", yaml.safe_load(ACTION.read_text("utf-8"))["inputs"])
    env = cast("dict[str, str]", step("Grade")["env"])
    named = {variable: re.sub(r"[ ${}]|inputs\.", "", source) for variable, source in env.items()}
    files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary.md"}
    return {
        **{variable: given.get(name, declared[name]["default"]) for variable, name in named.items()},
        **{variable: str(root / name) for variable, name in files.items()},
        "RUNNER_TEMP": str(root),
        "GITHUB_ACTION_PATH": str(root / "catalogue"),
    }


@pytest.mark.parametrize(
    ("codes", "tried"),
    [([0], 1), ([1], 1), ([2, 2, 2], 3), ([2, 0], 2), ([2, 1], 2), ([2, 6], 2), ([3], 1), ([4], 1), ([5], 1), ([6], 1)],
)
def test_action_tries_again_on_inconclusive_alone(machine: Machine, codes: list[int], tried: int) -> None:
    """It ends with the last code, says it to the steps after it, and says who must act on what is nobody's verdict."""
    ended = machine.run(str(step("Grade")["run"]), [*codes, 77], **inputs(machine.root, exercise="tiny", bar="70"))

    last = codes[tried - 1]
    assert (ended.code, len(ended.calls)) == (last, tried)
    output = (machine.root / "output").read_text()
    assert output == f"exit-code={last}\nresults={machine.root}/results\n"
    titles = {2: "inconclusive", 4: "wrong usage", 5: "our error", 6: "held"}
    assert re.findall(r"::error title=([^:]+)::", ended.said) == ([titles[last]] if last in titles else [])


def test_action_hands_its_inputs_over_as_words(machine: Machine) -> None:
    """What somebody writes into an input is never a piece of a script, and what is empty is not handed over."""
    odd = '$(touch pwned); "; touch pwned #'
    ended = machine.run(
        str(step("Grade")["run"]), [0], **inputs(machine.root, submission=odd, exercise="tiny", catalogue="private one")
    )

    options = f"--out {machine.root}/results --audience candidate --format github --exercise tiny"
    (call,) = ended.calls
    assert call == f"--catalogue private one grade {options} --summary {machine.root}/summary.md -- {odd}"
    assert not (machine.root / "pwned").exists()
    for one in cast("list[dict[str, Yaml]]", yaml.safe_load(ACTION.read_text("utf-8"))["runs"]["steps"]):
        assert "${{" not in str(one["run"])


@pytest.mark.parametrize(
    ("event", "code"), [("push", 0), ("pull_request", 0), ("pull_request_target", 4), ("workflow_run", 4)]
)
def test_action_refuses_to_grade_beside_secrets(machine: Machine, event: str, code: int) -> None:
    """A fork's code, with the secrets of the repository that it was sent to."""
    first = cast("list[dict[str, Yaml]]", yaml.safe_load(ACTION.read_text("utf-8"))["runs"]["steps"])[0]

    assert machine.run(str(first["run"]), [], GITHUB_EVENT_NAME=event).code == code


def test_action_installs_itself_and_loads_images(machine: Machine) -> None:
    """Into a folder of the runner, which later steps find; images come from a file."""
    known = {"RUNNER_TEMP": str(machine.root), "GITHUB_ACTION_PATH": "/action", "GITHUB_PATH": f"{machine.root}/path"}
    installed = machine.run(str(step("Install harness")["run"]), [], **known)
    loaded = machine.run(str(step("Load images")["run"]), [0], IMAGES="my images.tar.gz")

    assert installed.calls == ("pip install --quiet --disable-pip-version-check /action",)
    assert (machine.root / "path").read_text() == f"{machine.root}/harness/bin\n"
    assert (loaded.code, loaded.calls) == (0, ("images load my images.tar.gz",))


@pytest.mark.parametrize("code", range(7))
def test_gitlab_job_ends_with_the_code_and_shows_what_candidates_may_see(machine: Machine, code: int) -> None:
    """Whatever the verdict, reports are made of what was graded; where nothing was, the code is still that of the grading."""
    script = next(text for name, text in scripts().items() if name.startswith("gitlab"))
    variables = cast("dict[str, str]", yaml.safe_load(PIPELINE.read_text("utf-8"))["variables"])
    known = {"HARNESS": "where", "HARNESS_COMMIT": "abc", "RUNNER_TEMP": str(machine.root)}
    ended = machine.run(script, [code, 77], **{**variables, **known, "TMPDIR": str(machine.root / "bin")})

    assert ended.code == code
    graded = 0 if code in {4, 5} else 3
    clone, checkout, install, *calls = ended.calls
    (tools,) = (machine.root / "bin").glob("tmp.*")
    assert (clone, checkout, install) == (
        f"git clone --quiet where {tools}/harness",
        f"git -C {tools}/harness checkout --quiet abc",
        f"pip install --quiet {tools}/harness",
    )
    assert [call.split()[0] for call in calls] == ["grade", *["report"] * graded]
    assert all("--audience candidate" in call for call in calls)


@pytest.mark.parametrize("code", [1, 5])
def test_gitlab_job_shows_nothing_that_the_submission_brought(machine: Machine, code: int) -> None:
    """A repository with results and reports of its own: they are told as if they were ours, or stand where ours are missing."""
    forged = machine.root / "results" / "zz" / "20261127T010101Z-abcdef"
    forged.mkdir(parents=True)
    (forged / "result.json").write_text("forged")
    (machine.root / "reports").mkdir()
    for name in ("junit.xml", "codequality.json"):
        (machine.root / "reports" / name).write_text("forged")
    script = next(text for name, text in scripts().items() if name.startswith("gitlab"))
    variables = cast("dict[str, str]", yaml.safe_load(PIPELINE.read_text("utf-8"))["variables"])
    ended = machine.run(script, [code, 77], **{**variables, "TMPDIR": str(machine.root / "bin")})

    assert ended.code == code
    assert not [call for call in ended.calls if "zz" in call]
    told = {file.name: file.read_text() for file in (machine.root / "reports").iterdir()}
    assert set(told) == ({"junit.xml", "codequality.json", "report.md"} if code == 1 else set())
    assert "forged" not in told.values()


def test_gitlab_tries_again_on_inconclusive_alone() -> None:
    """GitLab itself does it; only what candidates may see is kept where they can download it."""
    job = yaml.safe_load(PIPELINE.read_text("utf-8"))["grade"]

    assert job["retry"] == {"max": 2, "exit_codes": [2]}
    assert job["artifacts"]["paths"] == ["reports/"]


@pytest.mark.parametrize(
    ("codes", "tried"), [([0], 1), ([1], 1), ([2, 2, 2], 3), ([2, 0], 2), ([3], 1), ([4], 1), ([5], 1), ([6], 1)]
)
def test_shell_lines_of_the_page_do_what_its_table_says(machine: Machine, codes: list[int], tried: int) -> None:
    """Any other pipeline."""
    (script,) = blocks("shell")
    ended = machine.run(script, [*codes, 77])

    assert (ended.code, len(ended.calls)) == (codes[tried - 1], tried)


@pytest.mark.parametrize("code", [0, 1])
def test_action_grades_for_real(tmp_path: Path, code: int) -> None:
    """The step's own lines with harness as it is installed, on the fake engine: annotations, summary, outputs, code."""
    harbour.catalogue(tmp_path / "catalogue")
    harbour.submission(tmp_path, mode="loud" if code == 0 else "hush")
    environment = {
        **os.environ,
        **inputs(tmp_path, submission="heron", exercise="harbour"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HARNESS_ENGINE": "fake",
        "GITHUB_ACTIONS": "true",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    ended = bash(str(step("Grade")["run"]), cwd=tmp_path, environment=environment)

    assert ended.returncode == code, ended.stderr
    assert ended.stdout.startswith("::notice title=heron%3A harbour 1.0::")
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("## heron: harbour 1.0")
    assert "speech/mode" not in ended.stdout + ended.stderr + summary  # held out
    assert ("held-out/speech" in summary) == (code == 1)
    assert list((tmp_path / "results").glob("heron/*/result.json"))


@pytest.mark.parametrize(
    "line", sorted({line for text in scripts().values() for line in text.splitlines() if "python3" in line})
)
def test_no_module_of_the_submission_runs_on_the_runner(tmp_path: Path, line: str) -> None:
    """Jobs stand in the checkout of whoever is graded, and Python takes modules from where it stands, unless it is told not to."""
    for module in ("venv", "ensurepip", "pip", "site", "sitecustomize"):
        (tmp_path / f"{module}.py").write_text("open('taken', 'w').close()\n")
    real = tmp_path / "bin" / "python3"
    real.parent.mkdir()
    real.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@" --help\n')
    real.chmod(0o755)
    ended = bash(line, cwd=tmp_path, environment={"PATH": f"{real.parent}:{os.environ['PATH']}"})
    assert (ended.returncode, "usage: venv" in ended.stdout) == (0, True)
    assert not (tmp_path / "taken").exists()


@pytest.mark.parametrize("name", scripts())
def test_scripts_stop_at_a_failure(name: str) -> None:
    """A pipe hides no code, and a variable that is not there is no empty word; one line needs neither."""
    assert scripts()[name].startswith("set -euo pipefail\n")


@pytest.mark.parametrize("name", scripts())
def test_scripts_call_harness_as_it_is(name: str) -> None:
    """Every command and option that a pipeline names is there."""
    lines = scripts()[name].replace("\\\n", " ").splitlines()
    called = [found[1] for line in lines if (found := re.match(r"(?:if |code=0; )*\s*harness (.*)", line.strip()))]
    for call in called:
        clean = re.sub(r"\$\{\w+:\+(.*?)\}", r"\1", re.split(r"\s(?:\|\||>|<<<|\|)\s", call)[0])
        given = [word for word in shlex.split(clean) if word != "${options[@]}"]
        with cli.make_context("harness", given, resilient_parsing=False) as context:
            verb, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
            assert command is not None, verb
            words = [word if not word.startswith("$") else "8" if word == "$BAR" else "candidate" for word in rest]
            command.make_context(verb, words, parent=context, resilient_parsing=False)
    assert called or "harness" not in re.sub(
        r"[-/]harness|harness[/@\"]|title=harness|--username harness", "", scripts()[name]
    )


@pytest.mark.parametrize("kind", ["github", "gitlab", "shell"])
def test_jobs_of_the_page_are_short(kind: str) -> None:
    """Something to copy."""
    assert blocks(kind)
    assert [len(text.splitlines()) for text in blocks(kind) if len(text.splitlines()) > LONGEST] == []


def checked(schema: str, files: Sequence[Path]) -> str:
    """Return what ``check-jsonschema`` has against files."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def test_pipelines_fit_the_schemas_of_their_platforms(tmp_path: Path) -> None:
    """Those that the platforms' editors use."""
    pages = {"github": "github-workflows", "gitlab": "gitlab-ci"}
    for kind, schema in pages.items():
        files = [tmp_path / f"{kind}-{n}.yml" for n, _ in enumerate(blocks(kind))]
        for file, text in zip(files, blocks(kind), strict=True):
            file.write_text(text, encoding="utf-8")
        assert checked(schema, files) == ""
    assert checked("github-actions", [ACTION]) == ""
    assert checked("gitlab-ci", [PIPELINE]) == ""


def test_a_pipeline_that_is_wrong_does_not_fit(tmp_path: Path) -> None:
    """The schemas are no rubber stamps."""
    for name, schema, was, becomes in (
        (ACTION, "github-actions", "using: composite", "using: compost"),
        (PIPELINE, "gitlab-ci", "exit_codes: [2]", "exit_codes: [two]"),
    ):
        text = name.read_text("utf-8")
        assert was in text
        (tmp_path / "broken.yml").write_text(text.replace(was, becomes))
        assert checked(schema, [tmp_path / "broken.yml"]) != ""


def test_jobs_that_grade_have_no_secrets() -> None:
    """A job with a secret grades nothing, and one that grades can write nothing but alerts."""
    graders = 0
    for text in blocks("github"):
        flow = cast("dict[str, Yaml]", yaml.safe_load(text))
        trigger = json.dumps(flow.get("on", cast("dict[object, Yaml]", flow).get(True)))
        assert not re.search("pull_request_target|workflow_run", trigger)
        grades = "uses: your-company/harness@" in text or "harness grade" in text
        graders += grades
        assert not (grades and "secrets." in text)
        permissions = cast("dict[str, str]", flow["permissions"])
        assert permissions.pop("security-events", "write") == "write"
        assert permissions == {"contents": "read"}
        assert "persist-credentials: false" in text or "checkout" not in text
    assert graders == 2  # the third makes images
    assert "secrets" not in re.sub(r"#.*|description:.*|echo .*|name: .*", "", ACTION.read_text("utf-8"))


def test_uses_are_pinned_and_no_registry_is_named() -> None:
    """The action that grades at a commit; where images and packages come from is the company's to say."""
    text = "".join(file.read_text("utf-8") for file in (PAGE, ACTION, PIPELINE))

    assert set(re.findall(r"your-company/harness@(\S+?)[\s\",}]", text)) == {"0123456789abcdef" * 2 + "01234567"}
    assert (
        re.findall(r"\b(?:ghcr|docker|quay|gcr|pypi|pythonhosted|npmjs|mcr\.microsoft)\.(?:io|org|com)\b", text) == []
    )


def test_page_has_a_row_for_each_exit_code() -> None:
    """What to do on 0 to 6."""
    assert re.findall(r"^\| (\d) \|", PAGE.read_text("utf-8"), re.MULTILINE) == [str(code) for code in range(7)]
