"""The grader's parent process: stays warm, forks a child for each job, and relays whole frames.

The child never touches the streams of the host. So a child that is killed in the middle of a frame, or ends while
a reply is on its way, leaves nothing behind that the next job could read.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import shutil
import signal
import socket
from typing import NoReturn

from harness import wire
from harness.errors import GraderError
from harness.model import Json
from harness.testing._run.frames import FrameBuffer

SEND_SECONDS = 30.0
"""A child that does not take a reply for this long is stuck, and ended."""
PIPE_BYTES = 4096
"""What a pipe takes without blocking once it says it is writable (PIPE_BUF)."""
IDS_PER_JOB = 1 << 32
_FAILURE = 70


class _HostGoneError(Exception):
    """Stdin has ended, or stdout takes nothing more."""


def serve(incoming: int, outgoing: int, root: str) -> int:
    """Run jobs until the host closes its end. Returns the exit code of the process."""
    _import_early()
    server = _Server(incoming, outgoing, root)
    try:
        while True:
            server.one_job()
    except _HostGoneError:
        return 0
    finally:
        server.end_child()
        shutil.rmtree(root, ignore_errors=True)


def _import_early() -> None:
    """Import what every job needs, once, before the first fork."""
    config = importlib.import_module("_pytest.config")
    for name in config.default_plugins:
        with contextlib.suppress(ImportError):
            importlib.import_module(f"_pytest.{name}")
    for name in ("_run.runner", "_run.plugin", "clients", "load", "history", "upstreams", "proxies"):
        importlib.import_module(f"harness.testing.{name}")
    gc.collect()
    gc.freeze()


class _Server:
    """One host, one child at a time."""

    def __init__(self, incoming: int, outgoing: int, root: str) -> None:
        self._in = incoming
        self._out = outgoing
        self._root = root
        self._from_host = FrameBuffer()
        self._jobs = 0
        self._child = 0

    def one_job(self) -> None:
        """Wait for the next job and see it through. Raises _HostGoneError at the end of stdin."""
        raw_job = self._next_job()
        self._jobs += 1
        self._prepare_root()
        ours, theirs = socket.socketpair()
        self._child = os.fork()
        if self._child == 0:
            self._be_child(ours, theirs, raw_job)
        theirs.close()
        ours.settimeout(SEND_SECONDS)
        try:
            finished = self._relay(ours)
        finally:
            ours.close()
        code = self.end_child()
        shutil.rmtree(self._root, ignore_errors=True)
        if finished is None:
            text = f"the grader process ended without a word (exit {code}); see the log of the grader sandbox"
            self._write(wire.encode({"type": "event", "event": "note", "text": text}))
            message: dict[str, Json] = {"type": "event", "event": "finished", "exit": code or _FAILURE, "crashed": True}
            finished = wire.encode(message)
        self._write(finished)

    def _prepare_root(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)
        os.makedirs(self._root)  # noqa: PTH103 - pathlib is not needed here

    def _be_child(self, ours: socket.socket, theirs: socket.socket, raw_job: dict[str, Json]) -> NoReturn:
        code = _FAILURE
        try:
            os.setsid()
            ours.close()
            os.close(self._in)
            os.close(self._out)
            from harness.testing._run.runner import run_job

            code = run_job(theirs, raw_job, self._root, first_id=self._jobs * IDS_PER_JOB)
        finally:
            os._exit(code)

    def _next_job(self) -> dict[str, Json]:
        while True:
            while (frame := self._from_host.next()) is not None:
                message = frame[1]
                # A reply here answers a request of a child that has ended: nobody waits for it any more.
                if message.get("type") == "job":
                    job = message.get("job")
                    if not isinstance(job, dict):
                        text = "expected an object in the job frame's 'job', found something else: the host sent it"
                        raise GraderError(text)
                    return job
            self._read_host()

    def _read_host(self) -> None:
        data = os.read(self._in, 1 << 20)
        if not data:
            raise _HostGoneError
        self._from_host.feed(data)

    def _relay(self, child: socket.socket) -> bytes | None:
        """Pass frames both ways until the child says ``finished`` (returned, not sent) or is gone (None)."""
        from_child = FrameBuffer()
        poller = select.poll()
        poller.register(self._in, select.POLLIN)
        poller.register(child, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poller.poll()}
            if self._in in ready:
                self._read_host()
                try:
                    self._pass_replies(child)
                except OSError:
                    return None
            if child.fileno() in ready:
                try:
                    data = child.recv(1 << 20)
                except OSError:
                    data = b""
                from_child.feed(data)
                while (frame := from_child.next()) is not None:
                    if frame[1].get("event") == "finished":
                        return frame[0]
                    self._write(frame[0])
                if not data:
                    return None

    def _pass_replies(self, child: socket.socket) -> None:
        first = self._jobs * IDS_PER_JOB
        while (frame := self._from_host.next()) is not None:
            request_id = frame[1].get("id")
            if frame[1].get("type") == "reply" and isinstance(request_id, int) and request_id >= first:
                child.sendall(frame[0])

    def _write(self, data: bytes) -> None:
        """Write all of ``data``, but give up when the host has closed its end."""
        poller = select.poll()
        poller.register(self._in, 0)
        poller.register(self._out, select.POLLOUT)
        view = memoryview(data)
        while view:
            for fd, event in poller.poll():
                if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                    raise _HostGoneError
                if fd == self._out:
                    view = view[os.write(self._out, view[:PIPE_BYTES]) :]

    def end_child(self) -> int:
        """Kill what is left of the child's process group, reap it and return its exit code."""
        if not self._child:
            return 0
        child, self._child = self._child, 0
        with contextlib.suppress(ChildProcessError):
            done, status = os.waitpid(child, os.WNOHANG)
            _kill_group(child)
            if not done:
                _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            return 128 - code if code < 0 else code
        return _FAILURE


def _kill_group(leader: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(leader, signal.SIGKILL)
