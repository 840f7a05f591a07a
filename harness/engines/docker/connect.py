"""Find a container engine that answers, and speak with it from several threads.

Looked for in this order: ``DOCKER_HOST``; the current docker context; the usual sockets of Docker, rootless Docker,
Docker Desktop, colima, OrbStack, Rancher Desktop and Podman. Whoever names an engine means that one: a DOCKER_HOST
or a context that does not answer is an error, not a reason to take another.

``docker`` is imported when it is first needed: ``harness --help`` must not wait for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from harness import settings
from harness.engines.docker.watch import Watch
from harness.errors import EngineError, HarnessError, SandboxError
from harness.places import read as read_file

if TYPE_CHECKING:
    from docker.api import APIClient

    from harness.model import Json

CALL_SECONDS = 120
"""How long one call may take: a loaded machine of two cores creates a container in seconds, not minutes."""
PROBE_SECONDS = 10
_PAUSES = (0.1, 0.3, 1.0)
"""Between the tries of a call that failed for a reason that may pass (a freezer that is busy, a connection that is cut)."""
_FULL_DISK = (
    "free some of the engine's disk, in its virtual machine where it has one (harness doctor says how much there is)"
)
_log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Somewhere an engine may be."""

    url: str
    source: str
    """Who named it: ``DOCKER_HOST``, ``docker context NAME`` or ``usual socket``."""
    certificates: Path | None = None
    """Directory with ca.pem, cert.pem and key.pem for TLS."""
    verify: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """What the engine's kernel gives the containers of this engine."""

    cgroup_namespaces: bool = True
    all_users: bool = True
    """Every user id is there. False: only those that a user namespace maps, 65 536 of them."""


class EngineRefusal(SandboxError):  # noqa: N818 - a refusal is an answer, unlike no answer
    """The engine answered a call with an error."""

    def __init__(self, text: str, status: int) -> None:
        """Keep the HTTP ``status`` of the answer beside its ``text``."""
        super().__init__(text)
        self.status = status


class _Posting(Protocol):
    """The part of docker-py's client that every call of it goes through."""

    def _url(self, path: str) -> str: ...

    def _post_json(self, url: str, data: dict[str, Json], params: dict[str, str]) -> object: ...

    def _result(self, response: object, *, json: bool) -> dict[str, Json]: ...


class Link:
    """A connection to one engine: a client for each thread, because docker-py's is not thread-safe."""

    def __init__(self, place: Place, version: str, said: Mapping[str, object] | None = None) -> None:
        """Speak API ``version`` with the engine at ``place``, which ``said`` what it is when it was found."""
        self.place = place
        self.version = version
        self.said = said or {}
        """Its answer to ``GET /version``: that does not change while it is connected."""
        self.kernel = Kernel()
        """Replaced by what is found, before a container is made."""
        self.watch = Watch(lambda: _client(place, version, CALL_SECONDS))
        self._local = threading.local()
        self._lock = threading.Lock()
        self._clients: list[tuple[threading.Thread, APIClient]] = []

    @property
    def local(self) -> bool:
        """Whether the engine is reached over a socket of this machine (it may still be in a virtual machine)."""
        return self.place.url.startswith("unix://")

    def api(self) -> APIClient:
        """Return this thread's client."""
        client: APIClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._inherited() or _client(self.place, self.version, CALL_SECONDS)
            self._local.client = client
            with self._lock:
                self._clients.append((threading.current_thread(), client))
        return client

    def _inherited(self) -> APIClient | None:
        """Return the client of a thread that has ended, so that many short threads make few connections."""
        with self._lock:
            for entry in self._clients:
                if not entry[0].is_alive():
                    self._clients.remove(entry)
                    return entry[1]
        return None

    def create(self, kind: str, body: dict[str, Json], name: str = "") -> dict[str, Json]:
        """Create one of the engine's ``kind`` from a body in the engine's own words.

        docker-py's create methods write only the options they know, each in its own way; ours are decided whole in
        :mod:`harness.engines.docker.policy`. Call it within :func:`translated`.
        """
        api = cast("_Posting", self.api())
        answer = api._post_json(api._url(f"/{kind}/create"), data=body, params={"name": name} if name else {})  # noqa: SLF001
        return api._result(answer, json=True)  # noqa: SLF001

    def close(self) -> None:
        """Close the clients of all threads."""
        self.watch.close()
        with self._lock:
            clients, self._clients = self._clients, []
        for _, client in clients:
            client.close()
        self._local = threading.local()


def connect(environ: Mapping[str, str] | None = None, home: Path | None = None) -> Link:
    """Return a link to the first engine that answers. Raises EngineError with every place tried."""
    tried = []
    for place in places(
        os.environ if environ is None else environ, settings.home(os.environ) if home is None else home
    ):
        try:
            return _probe(place)
        except EngineError as error:
            tried.append(f"  {place.url} ({place.source}): {error}")
    if not tried:
        tried = ["  no DOCKER_HOST, no docker context, and none of the usual sockets exists"]
    found = "\n".join(tried)
    text = (
        f"expected a container engine that answers, found none:\n{found}\n"
        "Start one (Docker: `systemctl start docker`, or open Docker Desktop), or set DOCKER_HOST to where it listens; "
        "on Debian or Ubuntu as root, `make setup` installs one"
    )
    raise EngineError(text)


def places(environ: Mapping[str, str], home: Path) -> list[Place]:
    """Return where an engine may be, best first; one place when the user has named it."""
    if host := environ.get("DOCKER_HOST", ""):
        # TLS as the docker command does it: only a non-empty DOCKER_TLS_VERIFY switches it on.
        tls = bool(environ.get("DOCKER_TLS_VERIFY", ""))
        directory = Path(environ.get("DOCKER_CERT_PATH", "") or home / ".docker")
        return [Place(url=host, source="DOCKER_HOST", certificates=directory if tls else None)]
    configuration = Path(environ.get("DOCKER_CONFIG", "") or home / ".docker")
    name = environ.get("DOCKER_CONTEXT", "") or _current_context(configuration)
    if name and name != "default":
        return [_context(configuration, name)]
    # pathlib raises for what lies in a folder that only somebody else may enter.
    sockets = [path for path in _usual_sockets(environ, home) if os.path.exists(path)]  # noqa: PTH110
    return [Place(url=f"unix://{path}", source="usual socket") for path in sockets]


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what docker-py raises into our errors, with what we were ``doing`` in their text."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        found = str(error.explanation or error)
        advice = f": {_FULL_DISK}" if "no space left on device" in found else ""
        text = f"expected the engine to {doing}, found: {found}{advice}"
        raise EngineRefusal(text, error.status_code or 0) from error
    except (DockerException, RequestException, HTTPError, OSError) as error:
        text = f"expected the engine to {doing}, found that it does not answer ({error}): see that it is running"
        raise EngineError(text) from error


def patiently(doing: str, call: Callable[[], Result], *, pauses: tuple[float, ...] = ()) -> Result:
    """Return what ``call`` returns, tried again a few times when it fails for a reason that may pass.

    For calls that may be done twice. An answer that will not change (no such container, not running, a bad request) is
    raised at once, and so is the last failure. ``pauses`` are seconds between tries, for a call that needs its own.
    """
    begin = time.monotonic()
    for pause in pauses or _PAUSES:
        try:
            with translated(doing):
                return call()
        except EngineRefusal as error:
            if error.status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            _log.info("once more: %s", error)
        except EngineError as error:
            # A call that took its whole time is not worth the same again.
            if time.monotonic() - begin > CALL_SECONDS / 2:
                raise
            _log.info("once more: %s", error)
        time.sleep(pause)
    with translated(doing):
        return call()


def _probe(place: Place) -> Link:
    if place.url.startswith("ssh://"):
        text = "ssh is not supported; forward the engine's socket (`ssh -L`) and set DOCKER_HOST to it"
        raise EngineError(text)
    from docker.constants import MINIMUM_DOCKER_API_VERSION
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        if place.url.startswith("unix://"):
            # docker-py leaves a socket open where nobody listens, and says less about it.
            with socket.socket(socket.AF_UNIX) as listener:
                listener.connect(place.url.removeprefix("unix://"))
        client = _client(place, MINIMUM_DOCKER_API_VERSION, PROBE_SECONDS)
        try:
            said = client.version(api_version=False)
            link = Link(place, said["ApiVersion"], said)
            link.api()  # refuses an engine that docker-py is too new for
            return link
        finally:
            client.close()
    except PermissionError as error:
        text = f"{error.strerror}: ask to be a member of the group that may use it (docker), or run as root"
        raise EngineError(text) from error
    except (DockerException, RequestException, OSError) as error:
        raise EngineError(str(error)) from error
    except (LookupError, TypeError) as error:
        text = "expected an engine that says its ApiVersion, found something else that answers: name another one"
        raise EngineError(text) from error


def _client(place: Place, version: str, seconds: int) -> APIClient:
    from docker.api import APIClient
    from docker.tls import TLSConfig

    if place.certificates is None:
        return _made(lambda: APIClient(base_url=place.url, version=version, timeout=seconds))
    directory = place.certificates
    tls = TLSConfig(
        client_cert=(str(directory / "cert.pem"), str(directory / "key.pem")),
        ca_cert=str(directory / "ca.pem"),
        verify=place.verify,
    )
    return _made(lambda: APIClient(base_url=place.url, version=version, timeout=seconds, tls=tls))


def _made(make: Callable[[], APIClient]) -> APIClient:
    """Return a client. docker-py reads the docker command's settings, and believes them to be what docker writes."""
    from docker.errors import InvalidConfigFile

    try:
        return make()
    except (AttributeError, InvalidConfigFile, KeyError, RecursionError, TypeError, UnicodeError) as error:
        text = (
            f"expected docker's config.json as docker writes it, found something else ({error}): correct it, "
            "or set DOCKER_CONFIG to another folder"
        )
        raise EngineError(text) from error


def _current_context(configuration: Path) -> str:
    try:
        found: object = json.loads(read_file(configuration / "config.json"))
    except (HarnessError, ValueError, RecursionError):
        return ""
    name = found.get("currentContext", "") if isinstance(found, dict) else ""
    return name if isinstance(name, str) else ""


def _context(configuration: Path, name: str) -> Place:
    digest = hashlib.sha256(name.encode()).hexdigest()
    path = configuration / "contexts" / "meta" / digest / "meta.json"
    try:
        endpoint = json.loads(read_file(path))["Endpoints"]["docker"]
        url, skip = str(endpoint["Host"]), bool(endpoint.get("SkipTLSVerify", False))
    except (HarnessError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        text = (
            f"expected docker context {name} to be described in {path}, found {error!r}: "
            "choose another with `docker context use`, or set DOCKER_HOST"
        )
        raise EngineError(text) from error
    certificates = configuration / "contexts" / "tls" / digest / "docker"
    return Place(
        url=url,
        source=f"docker context {name}",
        certificates=certificates if certificates.is_dir() else None,
        verify=not skip,
    )


def _usual_sockets(environ: Mapping[str, str], home: Path) -> list[Path]:
    runtime = Path(environ.get("XDG_RUNTIME_DIR", "") or f"/run/user/{os.getuid()}")
    return [
        Path("/var/run/docker.sock"),
        runtime / "docker.sock",
        home / ".docker" / "run" / "docker.sock",
        home / ".docker" / "desktop" / "docker.sock",
        home / ".colima" / "default" / "docker.sock",
        home / ".config" / "colima" / "default" / "docker.sock",
        home / ".orbstack" / "run" / "docker.sock",
        home / ".rd" / "docker.sock",
        runtime / "podman" / "podman.sock",
        Path("/run/podman/podman.sock"),
        home / ".local" / "share" / "containers" / "podman" / "machine" / "podman.sock",
    ]
