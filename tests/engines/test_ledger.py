"""Orders against events, without an engine: what is ours, what is theirs, and what somebody else did."""

from __future__ import annotations

import threading
import time

import pytest

from harness.engines.base import Kind
from harness.engines.docker.ledger import Ledger

LABELS = {"harness.run": "r", "harness.scenario": "s", "harness.sandbox": "db"}


def ledger(kind: Kind = Kind.SERVICE) -> Ledger:
    """Return a ledger with one container that was started."""
    found = Ledger()
    found.hears = True
    found.own("c", kind, LABELS)
    found.order("c", "start").done()
    found.take(event("start"))
    return found


def event(action: str, *, container: str = "c", **facts: str) -> dict[str, object]:
    """Return what an engine says of a container."""
    return {"Type": "container", "Action": action, "Actor": {"ID": container, "Attributes": facts}, "timeNano": 10**18}


def told(found: Ledger) -> list[str]:
    """Return what somebody else did."""
    return [one.what for one in found.interferences("r")]


def test_an_event_uses_up_one_order() -> None:
    """A second kill needs a second order, and its time is told."""
    found = ledger()
    found.order("c", "kill", "die").done()
    found.take(event("kill", signal="9"))
    assert told(found) == []
    found.take(event("kill", signal="15"))
    assert [str(one) for one in found.interferences("r")] == ["sandbox db was sent SIGTERM at 01:46:40 UTC"]


def test_a_refused_order_is_none() -> None:
    """What the engine did not do for us, somebody else did."""
    found = ledger()
    found.order("c", "pause").refused()
    found.take(event("pause"))
    assert told(found) == ["was paused"]


def test_an_order_whose_event_has_come_cannot_be_taken_back_again() -> None:
    """A call that was refused after its event leaves no debt."""
    found = ledger()
    order = found.order("c", "pause")
    found.take(event("pause"))
    order.refused()
    found.order("c", "pause").done()
    found.take(event("pause"))
    assert told(found) == []


def test_killing_what_we_froze_thaws_it() -> None:
    """The engine resumes a frozen container so that the signal arrives; one that we did not freeze it does not."""
    found = ledger()
    found.order("c", "pause").done()
    found.take(event("pause"))
    found.order("c", "kill", "die").done()
    for one in (event("unpause"), event("kill", signal="9"), event("die", exitCode="137")):
        found.take(one)
    assert told(found) == []
    found.take(event("unpause"))
    assert told(found) == ["was resumed"]


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [
        (Kind.SERVICE, "137", ["was killed (SIGKILL, not by its memory limit)"]),
        (Kind.HOLDER, "137", ["was killed (SIGKILL, not by its memory limit)"]),
        (Kind.SERVICE, "1", []),
        (Kind.SERVICE, "143", []),
        (Kind.CANDIDATE, "137", []),
    ],
)
def test_an_end_alone(kind: Kind, code: str, expected: list[str]) -> None:
    """SIGKILL without our order counts where only ours runs."""
    found = ledger(kind)
    found.take(event("die", exitCode=code))
    assert told(found) == expected


@pytest.mark.parametrize("late", [True, False])
def test_a_memory_limit_is_no_hand(*, late: bool) -> None:
    """Word of the limit may come before or after that of the end, or with the state of the container."""
    found = ledger()
    news = [event("oom"), event("die", exitCode="137")]
    for one in reversed(news) if late else news:
        found.take(one)
    assert told(found) == []
    found = ledger()
    found.take(event("die", exitCode="137"))
    found.dead("c", oom=True)
    assert told(found) == []


def test_a_memory_limit_explains_one_life() -> None:
    """What ended the last start is no reason for the end of this one."""
    found = ledger()
    for one in (event("oom"), event("die", exitCode="137")):
        found.take(one)
    found.order("c", "start").done()
    for one in (event("start"), event("die", exitCode="137")):
        found.take(one)
    assert told(found) == ["was killed (SIGKILL, not by its memory limit)"]


def test_an_ordered_kill_explains_one_end() -> None:
    """The end after our SIGKILL is ours; the end after our SIGTERM would have another code."""
    found = ledger()
    found.order("c", "kill", "die").done()
    for one in (event("kill", signal="9"), event("die", exitCode="137")):
        found.take(one)
    assert told(found) == []
    found.take(event("die", exitCode="137"))
    assert told(found) == ["was killed (SIGKILL, not by its memory limit)"]


@pytest.mark.parametrize("action", ["stop", "restart", "update", "pause", "unpause", "start", "destroy"])
def test_what_was_not_ordered(action: str) -> None:
    """Each is somebody else's, in whatever kind of sandbox."""
    for kind in Kind:
        found = ledger(kind)
        found.take(event(action))
        assert len(told(found)) == 1, kind


def test_a_network_is_the_holders() -> None:
    """The engine cuts a container off when it ends as well; a holder does not end before we remove it."""
    cut = {"Type": "network", "Action": "disconnect", "Actor": {"ID": "n", "Attributes": {"container": "c"}}}
    for kind, expected in ((Kind.HOLDER, ["was cut off from its network"]), (Kind.SERVICE, []), (Kind.CANDIDATE, [])):
        found = ledger(kind)
        found.take(cut)
        assert told(found) == expected
    found = ledger(Kind.HOLDER)
    found.removing("c")
    found.take(cut)
    found.take(event("destroy"))
    assert told(found) == []


def test_what_comes_with_our_removal_is_ours() -> None:
    """A removal kills, ends, cuts off and destroys; one that finds nothing was somebody else's."""
    found = ledger(Kind.HOLDER)
    assert found.removing("c")
    for one in (event("kill", signal="9"), event("die", exitCode="137"), event("destroy")):
        found.take(one)
    assert told(found) == []
    found = ledger()
    assert found.removing("c")
    found.gone("c", despite_us=True)
    found.take(event("destroy"))
    assert told(found) == ["was removed"]


def test_a_removal_waits_for_the_end_that_is_known() -> None:
    """The kill that ended a container is heard before its removal explains everything."""
    found = ledger(Kind.CANDIDATE)
    found.dead("c", oom=False)

    def late() -> None:
        time.sleep(0.05)
        found.take(event("kill", signal="9"))
        found.take(event("die", exitCode="137"))

    thread = threading.Thread(target=late)
    thread.start()
    found.removing("c")
    thread.join()
    found.take(event("destroy"))
    assert told(found) == ["was sent SIGKILL"]


def test_nobody_waits_for_events_that_cannot_be_heard() -> None:
    """Without a stream a removal does not wait, and neither does the question."""
    found = ledger()
    found.deaf()
    found.dead("c", oom=False)
    begin = time.monotonic()
    found.removing("c")
    assert told(found) == []
    assert time.monotonic() - begin < 1


def test_a_probe_sees_what_no_event_told() -> None:
    """Containers that are not there, frozen without our order, and a holder that ended."""
    found = ledger()
    found.own("h", Kind.HOLDER, {**LABELS, "harness.sandbox": "app"})
    found.order("h", "start").done()
    found.probe("s", {"c": "exited", "h": "running"})
    assert told(found) == []
    found.probe("s", {"c": "paused", "h": "exited"})
    found.probe("s", {"h": "exited"})
    assert told(found) == ["was paused", "ended", "was removed"]


def test_others_are_left_alone() -> None:
    """Containers we did not make and events we cannot read say nothing; nor does another run's trouble."""
    found = ledger()
    found.own("other", Kind.CANDIDATE, {"harness.run": "other"})
    for odd in (event("kill", container="x", signal="9"), {}, {"Actor": 5}, {"Actor": {"ID": "c"}}):
        found.take(odd)
    found.take(event("kill", container="other", signal="hello"))
    assert told(found) == []
    assert [one.what for one in found.interferences("other")] == ["was sent signal hello"]
