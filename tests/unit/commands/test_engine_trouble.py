"""An engine that has no room or no addresses left, in the middle of somebody's work: a sentence, code 5, nothing lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import engines
from harness.catalogue.finder import Catalogue
from harness.commands import up as held
from harness.commands.check import check
from harness.commands.start import start
from harness.commands.submit import submit
from harness.engines.base import Scenario, ScenarioSpec
from harness.engines.fake.engine import FakeEngine
from harness.errors import EngineError, ExitCode
from harness.intake import clock, workspace
from harness.live import state
from tests.unit.grading import harbour

SAID = (
    "expected the engine to create container x, found: no space left on device: free some of the engine's disk",
    "expected a free subnet in 10.212.0.0/16, found 64 taken: name a range with HARNESS_NETWORK_RANGE",
)


class Refusing(FakeEngine):
    """Opens nothing, as long as there is a reason."""

    reason = ""

    @contextlib.contextmanager
    def open_scenario(self, spec: ScenarioSpec) -> Iterator[Scenario]:
        """Refuse."""
        if self.reason:
            raise EngineError(self.reason)
        with super().open_scenario(spec) as scenario:
            yield scenario


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """Give the engine that commands find."""
    made = Refusing()
    monkeypatch.setitem(engines.ENGINES, "fake", lambda *_: made)
    return made


@pytest.fixture
def known(tmp_path: Path) -> Catalogue:
    """Give the exercise ``harbour``."""
    return harbour.catalogue(tmp_path / "catalogue")


@pytest.fixture
def work(known: Catalogue, tmp_path: Path) -> Path:
    """Give a workspace that was checked once."""
    start("harbour", language=None, into=tmp_path / "w", alias="heron", catalogue=known)
    return tmp_path / "w"


@pytest.fixture
def checked(known: Catalogue, work: Path) -> Callable[[], ExitCode]:
    """Check it."""
    return lambda: check(str(work), only=(), keep=False, as_json=False, engine="fake", catalogue=known)


@pytest.mark.parametrize("said", SAID)
def test_nothing_is_lost(
    engine: Refusing, known: Catalogue, work: Path, checked: Callable[[], ExitCode], said: str
) -> None:
    """What the last check found stays, the clock goes on, up is not up; what is packed is packed, and all goes on afterwards."""
    assert checked() is ExitCode.PASSED
    before, began = workspace.read_claim(work), clock.look(work)
    engine.reason = said
    with pytest.raises(EngineError) as raised:
        checked()
    assert (str(raised.value), raised.value.exit_code) == (said, 5)
    with pytest.raises(EngineError, match=said[:40]):
        held.up(str(work), engine="fake", catalogue=known)
    assert (state.is_up(work), state.read(work)) == (False, None)
    assert submit(work, out=None, as_json=False, catalogue=known, engine="fake") is ExitCode.HARNESS
    assert len(list((work / "submissions").iterdir())) == 1
    after = clock.look(work)
    assert began is not None
    assert after is not None
    assert (workspace.read_claim(work), after.started_at) == (before, began.started_at)
    engine.reason = ""
    assert checked() is ExitCode.PASSED
