"""Finding an engine: where it is looked for, in which order, and what is said when there is none."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from docker.errors import APIError

from harness.engines.docker.connect import Link, Place, connect, places, translated
from harness.engines.docker.engine import DockerEngine
from harness.errors import EngineError

VERSION = {"ApiVersion": "1.41", "Version": "20.10.24"}


def test_docker_host_is_the_only_place(tmp_path: Path) -> None:
    """Whoever sets DOCKER_HOST means that engine."""
    _context(tmp_path, "other", "unix:///other.sock", current=True)
    found = places({"DOCKER_HOST": "tcp://engine:2375"}, tmp_path)
    assert found == [Place(url="tcp://engine:2375", source="DOCKER_HOST")]


def test_docker_host_with_tls(tmp_path: Path) -> None:
    """DOCKER_TLS_VERIFY and DOCKER_CERT_PATH mean what they mean to the docker command."""
    environ = {"DOCKER_HOST": "tcp://engine:2376", "DOCKER_TLS_VERIFY": "1"}
    assert places(environ, tmp_path)[0].certificates == tmp_path / ".docker"
    assert places({**environ, "DOCKER_CERT_PATH": "/certs"}, tmp_path)[0].certificates == Path("/certs")


@pytest.mark.parametrize("by", ["file", "variable"])
def test_current_context_is_used(tmp_path: Path, by: str) -> None:
    """The context chosen with ``docker context use``, or DOCKER_CONTEXT, names the engine."""
    _context(tmp_path, "colima", "unix:///colima.sock", current=by == "file")
    environ = {"DOCKER_CONTEXT": "colima"} if by == "variable" else {}
    assert places(environ, tmp_path) == [Place(url="unix:///colima.sock", source="docker context colima")]


def test_context_with_certificates(tmp_path: Path) -> None:
    """A context's own certificates are used, and its wish not to verify."""
    digest = _context(tmp_path, "far", "tcp://far:2376", current=True, skip=True)
    certificates = tmp_path / ".docker" / "contexts" / "tls" / digest / "docker"
    certificates.mkdir(parents=True)
    (place,) = places({}, tmp_path)
    assert (place.certificates, place.verify) == (certificates, False)


def test_a_context_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A context without a description is an error with what to do."""
    with pytest.raises(EngineError, match=r"context nowhere.*docker context use"):
        places({"DOCKER_CONTEXT": "nowhere"}, tmp_path)


def test_usual_sockets_are_tried(tmp_path: Path) -> None:
    """Sockets of rootless Docker, Docker Desktop, colima and Podman are found when they exist."""
    wanted = [
        tmp_path / "run" / "docker.sock",
        tmp_path / ".docker" / "run" / "docker.sock",
        tmp_path / ".colima" / "default" / "docker.sock",
        tmp_path / "run" / "podman" / "podman.sock",
    ]
    for path in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [place.url for place in places({"XDG_RUNTIME_DIR": str(tmp_path / "run")}, tmp_path)]
    assert [url for url in found if str(tmp_path) in url] == [f"unix://{path}" for path in wanted]


def test_a_folder_that_only_others_may_enter_holds_no_engine_of_ours(tmp_path: Path) -> None:
    """The folder of root's Podman is closed to everybody else, who may have an engine of their own."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        found = places({"XDG_RUNTIME_DIR": str(closed)}, closed)
    finally:
        os.seteuid(before)
    assert not any(str(closed) in place.url for place in found)


def test_no_engine_says_every_place_and_what_to_do(tmp_path: Path) -> None:
    """The error names what was tried, why it failed, and the next step."""
    with pytest.raises(EngineError) as caught:
        connect({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}, tmp_path)
    text = str(caught.value)
    assert f"unix://{tmp_path}/none.sock (DOCKER_HOST)" in text
    assert "DOCKER_HOST to where it listens" in text


def test_ssh_is_refused_with_a_way_out(tmp_path: Path) -> None:
    """An engine over ssh is refused, and how to reach it said."""
    with pytest.raises(EngineError, match="forward the engine's socket"):
        connect({"DOCKER_HOST": "ssh://somewhere"}, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may connect to everything")
def test_no_permission_says_what_to_ask_for(tmp_path: Path) -> None:
    """A socket we may not use is said with what to do about it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine.sock"))
        listener.listen()
        (tmp_path / "engine.sock").chmod(0)
        with pytest.raises(EngineError, match="group"):
            connect({"DOCKER_HOST": f"unix://{tmp_path}/engine.sock"}, tmp_path)


def test_an_engine_that_goes_away_is_an_engine_error(tmp_path: Path) -> None:
    """Whatever the client library raises about a connection is ours to report."""
    with _engine() as server:
        link = connect(server.environ, tmp_path)
    try:
        with pytest.raises(EngineError, match="expected the engine to list things"), translated("list things"):
            link.api().containers()
    finally:
        link.close()


def test_a_full_disk_of_the_engine_says_what_to_do() -> None:
    """It may be in a virtual machine that nobody thinks of."""
    full = APIError("500", explanation="mkdir /var/lib/docker/overlay2/x: no space left on device")
    advised = "no space left on device: free some of the engine's disk, in its virtual"
    with pytest.raises(EngineError, match=advised), translated("create container app"):
        raise full


@pytest.mark.parametrize(
    "said",
    [{}, [], {"ApiVersion": 141}, {"ApiVersion": "1.12"}, "no JSON"],
    ids=["none", "list", "number", "old", "text"],
)
def test_what_is_no_engine_is_said_with_its_place(tmp_path: Path, said: object) -> None:
    """Something else that answers, or an engine too old for the client, is an error that names where it was found."""
    with (
        _engine(version=said) as server,
        pytest.raises(EngineError, match=r"tcp://127\.0\.0\.1:\d+ \(DOCKER_HOST\): \w"),
    ):
        connect(server.environ, tmp_path)


def test_an_engine_is_asked_once_what_it_is(tmp_path: Path) -> None:
    """Finding an engine, knowing what it can, and making its images ask for its version once, over one connection."""
    links = []

    def images(link: Link, names: tuple[str, ...], progress: Callable[[str], None]) -> Mapping[str, str]:
        links.append(link)
        return dict.fromkeys(names, "tag")

    with _engine() as server:
        engine = DockerEngine(connect(server.environ, tmp_path), images=images)
        assert engine.capabilities().version == "20.10.24"
        assert engine.images(("python",), lambda _: None) == {"python": "tag"}
        assert links == [engine.link]
        engine.close()
    assert [path.rpartition("/")[2] for path in server.asked] == ["version", "info"]


def test_each_thread_has_its_own_client(tmp_path: Path) -> None:
    """Threads that live at once never share a client; one thread always has the same."""
    link = Link(Place(url=f"unix://{tmp_path}/x.sock", source="test"), "1.41")
    barrier = threading.Barrier(3)
    found = []

    def work() -> None:
        found.append((link.api(), link.api()))
        barrier.wait()

    _in_threads(work, 3)
    assert all(first is second for first, second in found)
    assert len({id(first) for first, _ in found}) == 3
    link.close()


def test_clients_of_ended_threads_are_used_again(tmp_path: Path) -> None:
    """A hundred short threads make no hundred connections."""
    link = Link(Place(url=f"unix://{tmp_path}/x.sock", source="test"), "1.41")
    found = set()
    for _ in range(20):
        _in_threads(lambda: found.add(id(link.api())), 1)
    assert len(found) == 1
    link.close()


def _in_threads(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Server(HTTPServer):
    """An engine that says of itself what it is told to."""

    def __init__(self, version: object) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.version = version
        self.asked: list[str] = []
        self.environ = {"DOCKER_HOST": f"tcp://127.0.0.1:{self.server_port}"}


@contextlib.contextmanager
def _engine(version: object = VERSION) -> Iterator[_Server]:
    server = _Server(version)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Answers(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        said = self.server.version if self.path.endswith("/version") else {}
        body = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def _context(home: Path, name: str, url: str, *, current: bool, skip: bool = False) -> str:
    configuration = home / ".docker"
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = configuration / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    endpoint = {"Host": url, "SkipTLSVerify": skip}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}), encoding="utf-8")
    if current:
        (configuration / "config.json").write_text(json.dumps({"currentContext": name}), encoding="utf-8")
    return digest
