"""The ground a scenario stands on: its network, and for each sandbox a volume and a holder.

A holder is a container of ours that sleeps. It owns the network namespace (fixed address, hosts file, faults) and keeps
the volume mounted, so that both outlive whatever happens to the sandbox's own container.
"""

from __future__ import annotations

import hashlib
import http
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import owners, settings
from harness.engines.base import Kind
from harness.engines.docker import containers, policy, users
from harness.engines.docker.connect import EngineRefusal, Link, patiently, translated
from harness.engines.docker.ledger import LABEL_SCENARIO
from harness.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.engines.base import SandboxSpec, ScenarioSpec
    from harness.engines.docker.users import User
    from harness.model import Json

_SMALLEST_PREFIX = 28
_RESERVED = 3
"""Addresses of a subnet no sandbox gets: network, gateway (taken by the engine even when unused), broadcast."""
_TRIES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A scenario's network and who has which address."""

    name: str
    """Empty: the scenario has none."""
    addresses: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """What a sandbox's own container joins."""

    container: str
    """Id; empty for a sandbox without a network that shares another's volume: it needs no holder."""
    volume: str
    user: User
    """Whom the sandbox runs as; who shares a volume shares its user."""


def labels(spec: ScenarioSpec, uid: str, sandbox: str = "") -> dict[str, str]:
    """Return the labels of everything of one scenario (``uid``)."""
    ours = {**owners.labels(spec.owner), LABEL_SCENARIO: uid}
    return ours | ({"harness.sandbox": sandbox} if sandbox else {})


def open_network(link: Link, spec: ScenarioSpec, uid: str, network_range: str) -> Network:
    """Create the scenario's network on the first free subnet. Raises EngineError when none is."""
    names = [sandbox.name for sandbox in spec.sandboxes if sandbox.network]
    if not spec.network or not names:
        return Network(name="", addresses={})
    name = f"harness-{uid}"
    tried = []
    for subnet in _subnets(network_range, len(names), uid):
        body = policy.network(name, str(subnet), labels(spec, uid))
        try:
            _create_network(link, body)
        except EngineRefusal as error:
            if "overlap" not in str(error).lower():
                raise
            tried.append(str(subnet))
            continue
        hosts = [str(address) for address in subnet.hosts()][1:]
        return Network(name=name, addresses=dict(zip(names, hosts, strict=False)))
    text = (
        f"expected a free subnet in {network_range}, found {len(tried)} taken ({', '.join(tried[:4])}...): name a "
        "private range that no network and no VPN here uses with HARNESS_NETWORK_RANGE (or network_range in harness.toml), or "
        "remove networks of finished runs with `harness clean`"
    )
    raise EngineError(text)


def open_holder(
    link: Link, spec: ScenarioSpec, sandbox: SandboxSpec, uid: str, network: Network, *, user: User | None = None
) -> Holder:
    """Create and start the holder of one sandbox, its volume first.

    ``user`` is whom it ran as before, or whom the sandbox runs as whose volume it shares; without one, a new one.
    """
    volume = f"harness-{uid}-{sandbox.volume_of or sandbox.name}"
    address = network.addresses.get(sandbox.name, "")
    if user is not None and sandbox.volume_of and not address:
        return Holder(container="", volume=volume, user=user)

    def create(claimed: User) -> str:
        ours = labels(spec, uid, sandbox.name)
        if not sandbox.volume_of:
            _create_volume(link, policy.volume(volume, sandbox.limits, claimed, ours))
        body = policy.holder(
            sandbox.image,
            seconds=owners.seconds_left(spec.owner),
            network=network.name if address else "",
            address=address,
            hosts=_hosts(sandbox, network),
            volume="" if sandbox.volume_of else volume,
            user=claimed,
            labels=ours,
        )
        try:
            return containers.create(link, claimed.name, body, Kind.HOLDER)
        except EngineRefusal:
            if not sandbox.volume_of:
                # It is another user's: whoever tries again makes its own.
                containers.remove(link, _thing("volume", volume))
            raise

    claimed, container = users.claim(link, create, None if sandbox.volume_of else user)
    containers.start(link, container)
    return Holder(container=container, volume=volume, user=user or claimed)


def close_holder(link: Link, sandbox: SandboxSpec, holder: Holder) -> None:
    """Remove a holder and, unless it is another sandbox's, its volume with all it holds."""
    if holder.container:
        containers.remove(link, _thing("container", holder.container))
    if not sandbox.volume_of:
        containers.remove(link, _thing("volume", holder.volume))


def _thing(kind: str, name: str) -> containers.Thing:
    return containers.Thing(kind=kind, id=name, name=name[:40], labels={})


def _subnets(network_range: str, sandboxes: int, uid: str) -> Iterator[ipaddress.IPv4Network]:
    """Yield subnets to try; scenarios that open at the same moment begin at different places."""
    try:
        whole = ipaddress.IPv4Network(network_range)
    except ValueError as error:
        text = f"expected network_range to be an IPv4 network such as {settings.DEFAULT_NETWORK_RANGE}, found {network_range!r}: {error}"
        raise EngineError(text) from error
    prefix = min(_SMALLEST_PREFIX, 32 - (sandboxes + _RESERVED - 1).bit_length())
    if prefix < whole.prefixlen:
        text = f"expected network_range to hold a /{prefix}, found {network_range}: choose a wider one"
        raise EngineError(text)
    count = 2 ** (prefix - whole.prefixlen)
    first = int(hashlib.sha256(uid.encode()).hexdigest(), 16) % count
    size = 2 ** (32 - prefix)
    for step in range(min(_TRIES, count)):
        start = int(whole.network_address) + (first + step) % count * size
        yield ipaddress.IPv4Network((start, prefix))


def _hosts(sandbox: SandboxSpec, network: Network) -> dict[str, str]:
    try:
        return {name: network.addresses[target] for name, target in sandbox.hosts.items()} if network.name else {}
    except KeyError as error:
        text = (
            f"expected the hosts of sandbox {sandbox.name} to name sandboxes with a network "
            f"({', '.join(sorted(network.addresses))}), found {error}: correct `hosts` in exercise.toml"
        )
        raise EngineError(text) from error


def _create_network(link: Link, body: dict[str, Json]) -> None:
    tries = 0

    def once() -> None:
        nonlocal tries
        tries += 1
        try:
            with translated(f"create network {body['Name']}"):
                link.create("networks", body)
        except EngineRefusal as error:
            # A try whose answer was lost may have made it; its name is nobody else's.
            if tries == 1 or error.status != http.HTTPStatus.CONFLICT:
                raise

    patiently(f"create network {body['Name']}", once)


def _create_volume(link: Link, body: dict[str, Json]) -> None:
    patiently(f"create volume {body['Name']}", lambda: link.create("volumes", body))
