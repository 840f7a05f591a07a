"""The grader's child process: unpack one job, run pytest over it hermetically, say ``finished``."""

from __future__ import annotations

import base64
import io
import os
import signal
import socket
import sys
import tarfile
import tempfile
import threading
from pathlib import Path, PurePosixPath

from harness.errors import GraderError
from harness.model import Json
from harness.testing import exits
from harness.testing._run.channel import Channel
from harness.testing._run.plugin import GraderPlugin
from harness.testing.broker import Broker
from harness.testing.job import Job, parse
from harness.testing.text import block

_OFF = (
    "cacheprovider",
    "threadexception",
    "unraisableexception",
    "warnings",
    "logging",
    "faulthandler",
    "junitxml",
    "pastebin",
    "doctest",
    "stepwise",
    "setuponly",
    "setupplan",
    "legacypath",
    "pytester",
)
_INI = """[pytest]
python_files = test_*.py
markers = check(id): the check that this test judges
"""


def run_job(sock: socket.socket, raw_job: dict[str, Json], root: str, *, first_id: int) -> int:
    """Run one job and return 0; what happened has been sent by then, ``finished`` included."""
    channel = Channel(sock)
    broker = Broker(channel, first_id=first_id)
    threading.Thread(target=_read_replies, args=(channel, broker), name="replies", daemon=True).start()
    try:
        job = parse(raw_job)
        place = Path(root)
        unpack(str(raw_job.get("files", "")), place)
        code = _run_pytest(job, channel, broker, place)
    except GraderError as error:
        channel.event("note", text=block(error, 8000))
        code = exits.INTERNAL
    channel.event("finished", exit=code)
    return 0


def _read_replies(channel: Channel, broker: Broker) -> None:
    """Deliver replies; the end of the stream is the end of the job."""
    while True:
        try:
            message = channel.receive()
        except (OSError, GraderError):
            message = None
        if message is None:
            os._exit(0)
        broker.deliver(message)


def unpack(files: str, root: Path) -> None:
    """Unpack a base64 tar of regular files under ``root``. Raises GraderError for anything else in it."""
    try:
        data = base64.b64decode(files, validate=True)
        if not data:
            return
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                _unpack_member(archive, member, root)
    except (ValueError, tarfile.TarError, EOFError) as error:
        text = f"expected a base64 tar in the job's 'files', found {error}: the host sent a bad job"
        raise GraderError(text) from error


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        text = f"expected regular files with relative names in the job's 'files', found {member.name!r}"
        raise GraderError(text)
    target = root.joinpath(*path.parts)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    target.write_bytes(content.read() if content is not None else b"")
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _run_pytest(job: Job, channel: Channel, broker: Broker, root: Path) -> int:
    import pytest

    _make_hermetic(root)
    plugin = GraderPlugin(job, channel, broker, root)
    signal.signal(signal.SIGALRM, plugin.watchdog.interrupt)
    arguments = ["-c", str(root / "pytest.ini"), "--rootdir", str(root), "--confcutdir", str(root)]
    for name in _OFF:
        arguments += ["-p", f"no:{name}"]
    arguments += ["--import-mode=importlib", "--strict-markers", "--strict-config", "--capture=no", "--color=no"]
    arguments += ["-q", "--tb=no", "--no-header", "--no-summary", str(root)]
    plugin.watchdog.start()
    try:
        code = pytest.main(arguments, plugins=[plugin])
    finally:
        plugin.watchdog.end()
    return plugin.finish(int(code))


def _make_hermetic(root: Path) -> None:
    """Take what is around out of the run: environment, bytecode, working directory, path."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DEBUG"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    scratch = root / ".tmp"
    scratch.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(scratch)
    tempfile.tempdir = None
    sys.dont_write_bytecode = True
    (root / "pytest.ini").write_text(_INI)
    os.chdir(root)
    # Modules of the public part (worlds, scripted upstreams) are importable by name, in hidden tests as well.
    sys.path[:0] = [str(root), str(root / "hidden")]
