"""A build's progress and errors, with a builder of our own in place of the engine's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from docker.api import APIClient

from harness.errors import EngineError
from harness.images import building

JOB = building.Job(title="image 1/1 toy", tag="harness/toy:1", context=b"", arguments={}, labels={})


class Builder:
    """Stands in for the engine's client: plays back events, and counts prunes."""

    def __init__(self, *events: dict[str, str], pause: float = 0.0) -> None:
        """Play ``events``, each after ``pause`` seconds."""
        self.events, self.pause, self.pruned = events, pause, 0

    def build(self, **_options: object) -> Iterator[dict[str, str]]:
        """Play the events back."""
        for event in self.events:
            time.sleep(self.pause)
            yield event

    def prune_images(self, filters: dict[str, bool | str]) -> None:
        """Count it."""
        assert filters["dangling"]
        self.pruned += filters["label"] == "harness.stage=work"

    def images(self, filters: dict[str, str]) -> list[str]:
        """Tell that a work stage is in use until it was pruned twice."""
        assert filters["label"] == "harness.stage=work"
        return ["in use"] if self.pruned == 1 else []


def build(builder: Builder) -> list[str]:
    """Build with ``builder``; return the progress lines."""
    lines: list[str] = []
    building.build(cast("APIClient", builder), JOB, lines.append)
    return lines


def test_build_says_a_line_a_step_and_prunes() -> None:
    """Each step is one line, without the shell noise; the work stages go."""
    builder = Builder({"stream": "Step 1/2 : FROM x"}, {"stream": "Step 2/2 : RUN . /company/settings.sh && make"})
    assert build(builder) == ["image 1/1 toy: step 1/2 FROM x", "image 1/1 toy: step 2/2 RUN make"]
    assert builder.pruned == 2


def test_build_gives_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a step lasts, a line says so before ten seconds are over."""
    assert building._HEARTBEAT_SECONDS + 1 < 10
    monkeypatch.setattr(building, "_HEARTBEAT_SECONDS", 0.5)
    lines = build(Builder({"stream": "Step 1/1 : RUN sleep"}, {"stream": "done"}, pause=1.6))
    assert any("RUN sleep, 1 s so far" in line or "RUN sleep, 2 s so far" in line for line in lines)


def test_failed_build_shows_step_end_of_output_and_what_to_do() -> None:
    """The message has the step, the last 15 lines of its output and advice; the work stages go."""
    noise = [{"stream": f"line {number}\n"} for number in range(30)]
    builder = Builder({"stream": "Step 3/9 : RUN pip"}, *noise, {"error": "write: no space left on device"})
    with pytest.raises(EngineError) as raised:
        build(builder)
    text = str(raised.value)
    assert text.startswith("image 1/1 toy: step 3/9 RUN pip failed. The end of its output:\n    line 16\n")
    assert "    line 29\n    write: no space left on device\n" in text
    assert "disk is full" in text
    assert builder.pruned == 2


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("write /x: no space left on device", "disk is full"),
        ("SSLError: certificate verify failed: unable to get local issuer", "HARNESS_CA_BUNDLE"),
        ("x509: certificate signed by unknown authority", "HARNESS_CA_BUNDLE"),
        ("could not find an available, non-overlapping IPv4 address pool", "no free address range"),
        ("E: Temporary failure resolving 'mirror'", "no package registry was reached"),
        ("dial tcp: lookup mirror: no such host", "no package registry was reached"),
        ("ERROR: No matching distribution found for flask==3", "a mirror lacks a package"),
        ("segmentation fault", "read the lines above"),
    ],
)
def test_advice_fits_what_failed(output: str, advice: str) -> None:
    """What a person can do follows from what the output shows."""
    assert advice in building.advice(output)


def test_lock_makes_a_second_builder_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes never build the same image twice: the second waits, and says so."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    lines: list[str] = []
    with building.exclusive(lines.append):
        assert lines == []

        def interrupt(line: str) -> None:
            lines.append(line)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), building.exclusive(interrupt):
            pass
    assert lines == ["another process is building images: waiting for it"]
