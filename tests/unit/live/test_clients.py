"""Clients of an ``up``: what it says is printed as it was written, and one that dies meanwhile is a sentence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.commands import clients
from harness.errors import ExitCode, HarnessError
from harness.live import state
from harness.live.talk import Line
from tests.unit.live import berths

Answer = Callable[[Line], None]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[Answer], Path]]:
    """Return what answers one client, and gives the workspace that it is up in."""
    threads: list[threading.Thread] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def serve(answer: Answer) -> Path:
            def run() -> None:
                client, _ = listener.accept()
                line = Line(client)
                answer(line)
                line.close()

            threads.append(threading.Thread(target=run))
            threads[-1].start()
            return root

        root = tmp_path / "heron"
        root.mkdir()
        berths.as_workspace(root)
        state.write(root, state.Running(pid=7, owner="", run="", socket=str(tmp_path / "s"), urls={}))
        yield serve
        # Whoever asked has connected: a thread that comes late finds that here, and nothing once this is closed.
        for thread in threads:
            thread.join(60)


def test_a_letter_in_two_pieces_is_a_letter(
    served: Callable[[Answer], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A log is read as it grows, and bytes know nothing of letters; a half at the very end is shown as one."""

    def answer(line: Line) -> None:
        line.receive()
        for piece in ("größe\n".encode()[:3], "größe\n".encode()[3:], b"\xe2\x82"):
            line.data(piece)
        line.end(0)

    assert clients.logs("berth", workspace_path=served(answer), follow=True) is ExitCode.PASSED
    assert capsys.readouterr().out == "größe\n\ufffd"


@pytest.mark.parametrize("verb", ["down", "shell", "kill"])
def test_one_that_dies_while_it_is_asked_is_a_sentence(
    served: Callable[[Answer], Path], verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads of broken pipes."""

    def broken(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(Line, "send", broken)
    root = served(lambda _: None)
    call: Callable[[], object] = {
        "down": lambda: clients.down(workspace_path=root),
        "shell": lambda: clients.shell("berth", workspace_path=root),
        "kill": lambda: clients.kill("berth", workspace_path=root),
    }[verb]
    with pytest.raises(HarnessError, match="found that it ended meanwhile"):
        call()
