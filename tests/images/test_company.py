"""Company settings of a build: which CA bundle, which mirrors."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.errors import EngineError
from harness.images import company


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A file for each variable that may name a bundle; the system's own one too."""
    made = {}
    for name in (*company.BUNDLE_VARIABLES, "system"):
        file = tmp_path / name
        file.write_text(name)
        made[name] = str(file)
    monkeypatch.setattr(company, "SYSTEM_BUNDLES", (str(tmp_path / "absent"), made["system"]))
    return made


def test_bundle_is_the_first_that_is_named(bundles: dict[str, str]) -> None:
    """HARNESS_CA_BUNDLE before SSL_CERT_FILE before REQUESTS_CA_BUNDLE before what the system trusts."""
    environment = {name: bundles[name] for name in company.BUNDLE_VARIABLES}
    for name in company.BUNDLE_VARIABLES:
        assert company.settings(environment)["ca.crt"] == name.encode()
        del environment[name]
    assert company.settings(environment)["ca.crt"] == b"system"


def test_empty_harness_bundle_means_none(bundles: dict[str, str]) -> None:
    """HARNESS_CA_BUNDLE= switches it off, whatever else is named."""
    environment = {"HARNESS_CA_BUNDLE": "", "SSL_CERT_FILE": bundles["SSL_CERT_FILE"]}
    assert company.settings(environment)["ca.crt"] == b""


def test_missing_bundle_says_which_variable_to_correct(tmp_path: Path) -> None:
    """A bundle that cannot be read is an error before anything is built."""
    with pytest.raises(EngineError, match=r"SSL_CERT_FILE=.*No such file.*Correct or unset SSL_CERT_FILE"):
        company.settings({"SSL_CERT_FILE": str(tmp_path / "absent")})


def test_mirrors_come_from_environment_and_file(tmp_path: Path) -> None:
    """Known variables are taken, the file wins, others are not, and GOPROXY=off is no mirror."""
    file = tmp_path / "mirrors.env"
    file.write_text("# ours\n\nPIP_INDEX_URL='http://pip.invalid/simple'\n")
    found = company.settings(
        {"PIP_INDEX_URL": "http://other.invalid", "GOPROXY": "off", "SECRET": "x", "HARNESS_MIRRORS": str(file)}
    )
    assert found["mirrors.env"] == b"PIP_INDEX_URL=http://pip.invalid/simple\n"


def test_mirrors_are_quoted_for_the_shell(tmp_path: Path) -> None:
    """A value is a value, whatever a shell would make of it."""
    value = "http://u:p'$(touch x)@mirror.invalid/ a"
    file = tmp_path / "mirrors.env"
    file.write_bytes(company.settings({"PIP_INDEX_URL": value})["mirrors.env"])
    script = f'set -a; . {file}; printf %s "$PIP_INDEX_URL"'
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == value
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("line", ["PATH=/x", "PIP_INDEX_URL"])
def test_mirrors_file_with_another_line_is_refused(tmp_path: Path, line: str) -> None:
    """Only known names: a file that is sourced must not be able to set anything else."""
    file = tmp_path / "mirrors.env"
    file.write_text(line + "\n")
    with pytest.raises(EngineError, match=r"mirrors\.env:1: expected NAME=value with NAME one of"):
        company.settings({"HARNESS_MIRRORS": str(file)})
