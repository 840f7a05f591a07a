"""Packet faults and walls: rules in the network namespace of a holder, written by a short-lived helper of ours.

The candidate's container has no capability in that namespace, so it can neither see nor remove the rules; they outlive
its crashes and go with the holder. The helper runs ``nft`` from the sandbox's own image, which is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.engines.base import ExecResult

NFT = "/usr/sbin/nft"
TABLE = "ip harness_faults"
WALL = "inet harness_wall"
"""A table of its own: healing a fault takes no wall down. Both address families: link-local IPv6 is a way as well."""
_NOT_FOUND = 127


def drop_command(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that drops every packet from and to ``addresses``."""
    peers = ", ".join(sorted(set(addresses)))
    rules = [f"add table {TABLE}"]
    for hook, side in (("input", "saddr"), ("output", "daddr")):
        # Before connection tracking: an established connection is cut as well.
        rules += [
            f"add chain {TABLE} {hook} {{ type filter hook {hook} priority -300 ; policy accept ; }}",
            f"add rule {TABLE} {hook} ip {side} {{ {peers} }} counter drop",
        ]
    return (NFT, " ; ".join(rules))


def wall_command(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that lets nothing in or out but loopback and IPv4 from and to ``addresses``."""
    peers = ", ".join(sorted(set(addresses)))
    rules = [f"add table {WALL}"]
    for hook, side, interface in (("input", "saddr", "iif"), ("output", "daddr", "oif")):
        rules += [
            f"add chain {WALL} {hook} {{ type filter hook {hook} priority -310 ; policy drop ; }}",
            f"add rule {WALL} {hook} {interface} lo accept",
        ]
        if peers:
            rules.append(f"add rule {WALL} {hook} ip {side} {{ {peers} }} accept")
    return (NFT, " ; ".join(rules))


def heal_command() -> tuple[str, ...]:
    """Return the command that takes every rule of ours away, also when there is none."""
    return (NFT, f"add table {TABLE} ; delete table {TABLE}")


def apply(run: Callable[[tuple[str, ...]], ExecResult], command: tuple[str, ...], name: str) -> None:
    """Run ``command`` in the helper. Raises SandboxError when the rules are not as asked."""
    result = run(command)
    if result.exit_code == 0:
        return
    found = result.stderr.decode("utf-8", "replace").strip()[-500:]
    advice = (
        "the image has no nft, rebuild it" if result.exit_code == _NOT_FOUND else "see that its kernel has nf_tables"
    )
    text = f"expected packet rules at sandbox {name}, found exit {result.exit_code}: {found}; {advice}"
    raise SandboxError(text)
