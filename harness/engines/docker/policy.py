"""Every option of every container: the one place that decides what a sandbox may do.

Pure functions from our own specs to the bodies of the engine's create calls, in the engine's own words, so that a
golden test can show each of them whole. Nothing else in the harness writes a host option, and no spec has a field for
privilege, host namespaces, bind mounts or devices: there is nothing here to ask for them with.

The seccomp profile (``seccomp.json``) is an allow list: that of moby/profiles (Apache-2.0, June 2026) for a container
without capabilities, less ``ptrace``, ``process_vm_*``, ``memfd_secret``, ``name_to_handle_at``, ``modify_ldt``,
``socketcall`` and the old asynchronous I/O (``io_setup``: the kernel has one pool of contexts for everybody), with socket families UNIX, INET, INET6 and NETLINK only (no AF_ALG, AF_VSOCK, AF_PACKET) and native
system calls only. An engine's own default depends on its age (20.10 allows io_uring and AF_VSOCK), and a list of what
to deny would let every new system call in; this one is the same everywhere and travels inline, because engines resolve
a path on *their* machine. Names an older libseccomp does not know are skipped by the runtime: they stay refused.
"""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.engines.base import BOX, Kind
from harness.model import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.engines.base import SandboxSpec
    from harness.engines.docker.users import User
    from harness.model import Json

RUNTIMES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.CANDIDATE: "runc",
        Kind.BUILD: "runc",
        Kind.YARDSTICK: "runc",
        Kind.SERVICE: "runc",
        Kind.GRADER: "runc",
        Kind.HOLDER: "runc",
        Kind.HELPER: "runc",
    }
)
"""The wall of each kind of container, by the name it is registered under: an engine's default is never asked for."""
MASKED = (
    # What an engine masks by itself, at 29.0; older ones mask less.
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"),
    *("/sys/devices/virtual/powercap", "/sys/firmware"),
    # The kernel's own addresses, configuration and memory.
    *("/proc/config.gz", "/proc/iomem", "/proc/ioports", "/proc/kallsyms", "/proc/kmsg", "/proc/kpagecgroup"),
    *("/proc/kpagecount", "/proc/kpageflags", "/proc/modules", "/proc/mtrr", "/proc/slabinfo", "/proc/vmallocinfo"),
    *("/sys/kernel/boot_params", "/sys/kernel/btf", "/sys/kernel/debug", "/sys/kernel/notes", "/sys/kernel/security"),
    *("/sys/kernel/slab", "/sys/kernel/tracing", "/sys/kernel/vmcoreinfo", "/sys/module", "/sys/power"),
    # What tells of the machine, or of others on it: disks, keys, locks, load, what it was started with.
    *("/proc/buddyinfo", "/proc/cmdline", "/proc/consoles", "/proc/crypto", "/proc/diskstats", "/proc/dma"),
    *("/proc/driver", "/proc/key-users", "/proc/locks", "/proc/mdstat", "/proc/misc", "/proc/pagetypeinfo"),
    *("/proc/partitions", "/proc/pressure", "/proc/schedstat", "/proc/softirqs", "/proc/swaps", "/proc/tty"),
    *("/proc/zoneinfo", "/sys/block", "/sys/dev", "/sys/fs/bpf", "/sys/fs/ext4", "/sys/fs/xfs", "/sys/fs/btrfs"),
)
"""What reads as empty in every container. A kernel need not have all of them.

Left alone is what honest programs read: cpuinfo, loadavg, meminfo, stat, uptime, version, vmstat, the sandbox's own
processes and network, cgroup files, and transparent huge pages.
"""
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""What cannot be written to, whatever its modes say."""
BESIDE = frozenset({Kind.CANDIDATE, Kind.BUILD})
"""Kinds in which a command beside the sandbox's process runs as another user: what runs there is not ours."""
EXEC_ENVIRONMENT = {"HOME": "/nonexistent", "PYTHONSAFEPATH": "1"}
"""Of such a command: no file of the candidate's becomes part of a program that starts there."""
TIMEOUT = "/usr/local/lib/harness/timeout"
"""The first process of every container. The image lets it be run but not read, so the kernel lets no process of the
sandbox's own user look into it or write to it, and the first process of a pid namespace takes no signal from inside
that it does not want: nobody inside can put its end off."""
REAPER = "/usr/bin/tini"
MEBIBYTE = 1024 * 1024
TMP_MB = 64
"""``/tmp`` of every sandbox; its pages count as the sandbox's memory."""
SHM_MB = 16
"""``/dev/shm``: PostgreSQL and multiprocessing need one, and a read-only root does not make it read-only."""
HOLDER_MEMORY_MB = 16
HOSTNAME = "sandbox"
"""The same everywhere, so that no name tells a candidate which of our sandboxes it is in."""
RESOLVER = "127.0.0.1"
"""Nobody listens there: what the hosts file does not hold does not resolve, at once."""
LOG_KB = 1024
"""What the engine keeps of a sandbox's output; it has no limit of its own."""

# Two files: with one, what was written last is gone each time it is full.
_KEPT_LOG: Json = {"Type": "json-file", "Config": {"max-size": f"{LOG_KB // 2}k", "max-file": "2"}}
_NO_LOG: Json = {"Type": "none", "Config": {}}


@functools.cache
def seccomp_profile() -> str:
    """Return our profile as the one-line JSON that ``security_opt`` takes."""
    text = files("harness.engines.docker").joinpath("seccomp.json").read_text(encoding="utf-8")
    return json.dumps(json.loads(text), separators=(",", ":"))


def sandbox(
    spec: SandboxSpec,
    *,
    command: tuple[str, ...],
    env: Mapping[str, str],
    network: str,
    volume: str,
    stdin: bool,
    logged: bool,
    user: User,
    seconds: int,
    labels: Mapping[str, str],
) -> dict[str, Json]:
    """Return the create body of a container that runs ``command`` for ``spec``.

    Args:
        spec: Whose image and limits apply.
        command: The whole argument vector; images of ours have no entry point.
        env: Added to ours and the image's.
        network: ``none`` or ``container:ID`` of the holder.
        volume: Name of the volume at ``/box``; empty for a tmpfs of this container's own.
        stdin: Keep stdin open until the first client that attached to it goes.
        logged: Let the engine keep the output (capped); otherwise only an attached client sees it.
        user: Whom it runs as.
        seconds: After each start, until it ends by itself.
        labels: Ours.
    """
    host = _host(spec, network=network, volume=volume, logged=logged, user=user)
    body = _container(spec.image, _until(seconds, command), user.main, labels)
    body |= {"Env": _environment(env), "HostConfig": host}
    body |= {"OpenStdin": stdin, "StdinOnce": stdin, "AttachStdin": stdin}
    return body


def _host(spec: SandboxSpec, *, network: str, volume: str, logged: bool, user: User) -> dict[str, Json]:
    """Return what the engine enforces on a sandbox: limits, what it can write, whom it can reach."""
    limits = spec.limits
    memory = (limits.memory_mb + limits.tmpfs_mb) * MEBIBYTE
    host = _hardened(spec.kind, network=network, memory_bytes=memory, pids=limits.pids)
    tmpfs: dict[str, Json] = {"/tmp": f"rw,nosuid,nodev,exec,size={TMP_MB}m,nr_inodes=4096,mode=1777"}  # noqa: S108
    if not volume:
        tmpfs[BOX] = f"rw,nosuid,nodev,exec,{volume_options(limits, user, mode='0755')}"
    host |= {
        "Ulimits": _ulimits(limits),
        "NanoCpus": round(limits.cpus * 1_000_000_000),
        "Tmpfs": tmpfs,
        "ShmSize": SHM_MB * MEBIBYTE,
        "OomScoreAdj": 500,
        "LogConfig": _KEPT_LOG if logged else _NO_LOG,
    }
    if volume:
        host["Mounts"] = [_mount(volume)]
    if network == "none":
        # As for a holder; who joins one has its files.
        host["Dns"] = [RESOLVER]
    return host


def holder(
    image: str,
    *,
    seconds: int,
    network: str,
    address: str,
    hosts: Mapping[str, str],
    volume: str,
    user: User,
    labels: Mapping[str, str],
) -> dict[str, Json]:
    """Return the create body of a holder: a process of ours that sleeps until the deadline, and no more.

    ``network`` is the name of the scenario's network, or empty for none. ``hosts`` (name to address) becomes its
    hosts file, which every container that joins its network namespace is given.
    """
    memory = HOLDER_MEMORY_MB * MEBIBYTE
    host = _hardened(Kind.HOLDER, network=network or "none", memory_bytes=memory, pids=16)
    # Without a resolver of ours the engine copies its machine's in.
    host |= {"LogConfig": _NO_LOG, "Dns": [RESOLVER], "DnsOptions": ["timeout:1", "attempts:1"]}
    if volume:
        host["Mounts"] = [_mount(volume)]
    body = _container(image, ("sleep", str(seconds)), user.holder, labels)
    body |= {"Env": [], "Hostname": HOSTNAME, "HostConfig": host}
    if network:
        host |= {"ExtraHosts": [f"{name}:{ip}" for name, ip in sorted(hosts.items())]}
        endpoint: Json = {"IPAMConfig": {"IPv4Address": address}}
        body["NetworkingConfig"] = {"EndpointsConfig": {network: endpoint}}
    return body


def fault_helper(
    image: str, command: tuple[str, ...], *, network: str, seconds: int, labels: Mapping[str, str]
) -> dict[str, Json]:
    """Return the create body of the short-lived helper that changes packet rules in a holder's network namespace.

    The only container that has a capability, and it runs nothing but a command of ours from an image of ours: no
    volume, no candidate's byte, gone before the call returns.
    """
    host = _hardened(Kind.HELPER, network=network, memory_bytes=64 * MEBIBYTE, pids=16)
    host |= {"CapAdd": ["NET_ADMIN"], "LogConfig": _NO_LOG}
    body = _container(image, _until(seconds, command), "0:0", labels)
    body |= {"WorkingDir": "/", "Env": [], "HostConfig": host}
    return body


def without_cgroup_namespace(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return a create body for a kernel that has no cgroup namespaces: an engine refuses to be asked for one there."""
    host = body["HostConfig"]
    kept = {key: value for key, value in host.items() if key != "CgroupnsMode"} if isinstance(host, dict) else host
    return {**body, "HostConfig": kept}


def volume(name: str, limits: Limits, user: User, labels: Mapping[str, str]) -> dict[str, Json]:
    """Return the create body of a sandbox's ``/box``: memory, so that its size and inodes are limits that hold.

    Its group may write there: a command beside the sandbox's process is of it.
    """
    options = f"{volume_options(limits, user, mode='0775')},nosuid,nodev"
    driver: dict[str, Json] = {"type": "tmpfs", "device": "tmpfs", "o": options}
    return {"Name": name, "Driver": "local", "DriverOpts": driver, "Labels": dict(labels)}


def volume_options(limits: Limits, user: User, *, mode: str) -> str:
    """Return the tmpfs options that apply ``limits`` to a ``/box`` of ``user``'s."""
    size = f"size={limits.tmpfs_mb}m,nr_inodes={limits.tmpfs_inodes}"
    return f"{size},uid={user.id},gid={user.id},mode={mode}"


def network(name: str, subnet: str, labels: Mapping[str, str]) -> dict[str, Json]:
    """Return the create body of a scenario's network: a bridge nobody outside has an address on."""
    return {
        "Name": name,
        "CheckDuplicate": True,
        "Driver": "bridge",
        # Internal keeps packets in; without a host address on the bridge they do not even reach the host.
        "Internal": True,
        "EnableIPv6": False,
        "Options": {"com.docker.network.bridge.inhibit_ipv4": "true"},
        "IPAM": {"Driver": "default", "Config": [{"Subnet": subnet}]},
        "Labels": dict(labels),
    }


def _until(seconds: int, command: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``command`` under a first process that ends it after ``seconds``, and one that reaps what it leaves."""
    return (TIMEOUT, "--signal=KILL", str(seconds), REAPER, "-s", "--", *command)


def _container(image: str, command: tuple[str, ...], user: str, labels: Mapping[str, str]) -> dict[str, Json]:
    argv: Json = list(command)
    return {
        "Image": image,
        "Cmd": argv,
        # Whatever an image declares: no entry point, no health check, our user and directory.
        "Entrypoint": [],
        "Healthcheck": {"Test": ["NONE"]},
        "User": user,
        "WorkingDir": BOX,
        "Tty": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Labels": dict(labels),
    }


def _hardened(kind: Kind, *, network: str, memory_bytes: int, pids: int) -> dict[str, Json]:
    return {
        "Runtime": RUNTIMES[kind],
        "MaskedPaths": list(MASKED),
        "ReadonlyPaths": list(READ_ONLY),
        "CgroupnsMode": "private",
        "NetworkMode": network,
        "ReadonlyRootfs": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true", f"seccomp={seccomp_profile()}"],
        "IpcMode": "private",
        "PidsLimit": pids,
        "Memory": memory_bytes,
        # Equal to Memory: no swap.
        "MemorySwap": memory_bytes,
        "Ulimits": _ulimits(Limits()),
        "RestartPolicy": {"Name": "no"},
    }


def _ulimits(limits: Limits) -> Json:
    # All of them lower what an engine gives: raising a hard limit needs a capability a nested engine may lack (as
    # some engines do with their own default for nofile, so every container of ours says what it wants).
    values = {
        "core": 0,
        "fsize": limits.file_size_mb * MEBIBYTE,
        "memlock": 64 * 1024,
        "msgqueue": 0,
        "nofile": limits.nofile,
        "rtprio": 0,
    }
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in values.items()]


def _mount(volume: str) -> Json:
    return {"Type": "volume", "Source": volume, "Target": BOX, "VolumeOptions": {"NoCopy": True}}


def _environment(env: Mapping[str, str]) -> Json:
    # The user has no name in the image: programs that want one take it from here.
    ours = {"HOME": BOX, "LANG": "C.UTF-8", "LOGNAME": "sandbox", "PYTHONDONTWRITEBYTECODE": "1", "USER": "sandbox"}
    return [f"{name}={value}" for name, value in sorted({**ours, **env}.items())]
