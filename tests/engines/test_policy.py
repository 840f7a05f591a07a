"""Policy: what every container is created with, whole, and what can never be asked for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.engines.base import Kind, SandboxSpec, ScenarioSpec
from harness.engines.docker import policy
from harness.engines.docker.users import User
from harness.model import Json, Limits

GOLDEN = Path(__file__).parent / "golden" / "policy.json"
USER = User(id=1879048192)
SPEC = SandboxSpec(name="app", image="harness/python:1", env={"PORT": "8080"})
LABELS = {"harness.run": "run-1"}

FORBIDDEN = {
    "Binds",
    "Devices",
    "DeviceRequests",
    "DeviceCgroupRules",
    "PidMode",
    "UTSMode",
    "UsernsMode",
    "VolumesFrom",
    "GroupAdd",
    "Sysctls",
    "Links",
    "OomKillDisable",
    "PortBindings",
    "PublishAllPorts",
    "ExposedPorts",
    "AutoRemove",
}
"""Options no body of ours may have at all."""


OWN = {
    "fault helper": "0:0",
    "holder": "1879048194:1879048194",
    "holder without network": "1879048194:1879048194",
}
"""Whom a container runs as, where it is not the sandbox's own user."""


def bodies() -> dict[str, dict[str, Json]]:
    """Return one create body of each kind."""
    return {
        "sandbox with a holder": policy.sandbox(
            SPEC,
            command=("python3", "app.py"),
            env={"PORT": "8080"},
            network="container:abc",
            volume="harness-1-app",
            stdin=False,
            logged=True,
            user=USER,
            seconds=600,
            labels=LABELS,
        ),
        "one-shot": policy.sandbox(
            dataclasses.replace(SPEC, limits=Limits(cpus=0.5, memory_mb=64, tmpfs_mb=16, pids=32, nofile=256)),
            command=("true",),
            env={},
            network="none",
            volume="",
            stdin=True,
            logged=False,
            user=USER,
            seconds=600,
            labels=LABELS,
        ),
        "holder": policy.holder(
            SPEC.image,
            seconds=600,
            network="harness-1",
            address="10.212.0.2",
            hosts={"db": "10.212.0.3"},
            volume="harness-1-app",
            user=USER,
            labels=LABELS,
        ),
        "holder without network": policy.holder(
            SPEC.image, seconds=600, network="", address="", hosts={}, volume="harness-1-app", user=USER, labels=LABELS
        ),
        "fault helper": policy.fault_helper(
            SPEC.image, ("nft", "x"), network="container:abc", seconds=30, labels=LABELS
        ),
        "volume": policy.volume("harness-1-app", Limits(), USER, LABELS),
        "network": policy.network("harness-1", "10.212.0.0/28", LABELS),
    }


def test_policy_is_what_was_reviewed() -> None:
    """Any change of an option shows as a change of the golden file, which is for people to read."""
    profile = f"seccomp={policy.seccomp_profile()}"
    whole: dict[str, Json] = {**bodies(), "masked paths": list(policy.MASKED)}
    for body in bodies().values():
        # Said once, not in each.
        assert "HostConfig" not in body or _host(body)["MaskedPaths"] == whole["masked paths"]
    found = json.dumps(_shortened(whole), indent=1, sort_keys=True)
    found = found.replace(json.dumps(profile), '"seccomp=(seccomp.json)"')
    assert found + "\n" == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [kind for kind in bodies() if kind not in {"volume", "network"}])
def test_every_container_is_confined(kind: str) -> None:
    """Whatever a container is for: no privilege, no capability, read-only, limited, no swap, our profile."""
    body = bodies()[kind]
    host = body["HostConfig"]
    assert isinstance(host, dict)
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert host.get("CapAdd", []) == (["NET_ADMIN"] if kind == "fault helper" else [])
    assert host["ReadonlyRootfs"] is True
    assert host["Memory"] == host["MemorySwap"]
    assert isinstance(host["PidsLimit"], int)
    assert host["PidsLimit"] > 0
    assert host["IpcMode"] == "private"
    assert host["CgroupnsMode"] == "private"
    assert host["Runtime"] == "runc"
    assert host["MaskedPaths"] == list(policy.MASKED)
    assert host["ReadonlyPaths"] == list(policy.READ_ONLY)
    assert host["SecurityOpt"] == ["no-new-privileges:true", f"seccomp={policy.seccomp_profile()}"]
    assert str(host["NetworkMode"]).partition(":")[0] in {"none", "container", "harness-1"}
    assert body["Entrypoint"] == []
    assert body["Healthcheck"] == {"Test": ["NONE"]}
    assert body["User"] == OWN.get(kind, "1879048192:1879048192")
    assert not FORBIDDEN & {*host, *body}


def test_each_kind_has_its_own_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime of a container follows from what it is for, and every kind has one."""
    monkeypatch.setattr(policy, "RUNTIMES", {kind: f"wall-of-{kind}" for kind in Kind})
    found = {name: _host(body)["Runtime"] for name, body in bodies().items() if "Image" in body}
    assert found["holder"] == found["holder without network"] == "wall-of-holder"
    assert found["fault helper"] == "wall-of-helper"
    assert found["one-shot"] == found["sandbox with a holder"] == "wall-of-candidate"
    for kind in (Kind.BUILD, Kind.YARDSTICK, Kind.SERVICE, Kind.GRADER):
        body = policy.sandbox(
            dataclasses.replace(SPEC, kind=kind),
            command=("true",),
            env={},
            network="none",
            volume="",
            stdin=False,
            logged=False,
            user=USER,
            seconds=600,
            labels={},
        )
        assert _host(body)["Runtime"] == f"wall-of-{kind}"


def test_mounts_are_volumes_of_ours_only() -> None:
    """No path of the engine's machine is mounted anywhere."""
    for body in bodies().values():
        host = body.get("HostConfig", {})
        mounts = host.get("Mounts", []) if isinstance(host, dict) else []
        assert isinstance(mounts, list)
        for mount in mounts:
            assert isinstance(mount, dict)
            assert (mount["Type"], mount["Target"]) == ("volume", "/box")
            assert str(mount["Source"]).startswith("harness-")


def test_a_spec_cannot_ask_for_privilege() -> None:
    """The fields of a spec are these: none is about the host."""
    assert {field.name for field in dataclasses.fields(SandboxSpec)} == {
        "name",
        "image",
        "kind",
        "command",
        "env",
        "limits",
        "hosts",
        "network",
        "peers",
        "volume_of",
        "stdin",
    }
    assert {field.name for field in dataclasses.fields(ScenarioSpec)} == {"owner", "sandboxes", "network"}


def test_memory_adds_the_box() -> None:
    """The pages of ``/box`` count as memory, so they are added to what a process may use."""
    limits = Limits(memory_mb=100, tmpfs_mb=28)
    body = policy.sandbox(
        dataclasses.replace(SPEC, limits=limits),
        command=("true",),
        env={},
        network="none",
        volume="v",
        stdin=False,
        logged=False,
        user=USER,
        seconds=600,
        labels={},
    )
    host = body["HostConfig"]
    assert isinstance(host, dict)
    assert host["Memory"] == 128 * 1024 * 1024


@pytest.mark.parametrize(
    "name",
    [
        *("add_key", "bpf", "keyctl", "request_key", "perf_event_open", "userfaultfd", "memfd_secret"),
        *("io_uring_setup", "io_uring_enter", "io_uring_register", "ptrace", "process_vm_readv", "process_vm_writev"),
        *("io_setup", "io_submit", "io_destroy", "io_cancel", "io_getevents", "io_pgetevents"),
        *("mount", "umount2", "fsopen", "fsconfig", "fsmount", "move_mount", "open_tree", "pivot_root", "chroot"),
        *("unshare", "setns", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
        *("open_by_handle_at", "name_to_handle_at", "reboot", "swapon", "acct", "syslog", "settimeofday", "socketcall"),
        *("kcmp", "pidfd_getfd", "fanotify_init", "quotactl", "modify_ldt", "lookup_dcookie", "mbind"),
    ],
)
def test_seccomp_does_not_allow(name: str) -> None:
    """System calls that attack kernels, other processes or keys are on no allow list."""
    assert [rule for rule in _rules(name) if rule["action"] == "SCMP_ACT_ALLOW"] == []


def test_seccomp_refuses_by_default_and_limits_families() -> None:
    """What is not named is refused; sockets are UNIX, INET, INET6 or NETLINK; no namespace can be cloned."""
    assert json.loads(policy.seccomp_profile())["defaultAction"] == "SCMP_ACT_ERRNO"
    assert [_first_argument(rule) for rule in _rules("socket")] == [
        (0, 1, None, "SCMP_CMP_EQ"),
        (0, 2, None, "SCMP_CMP_EQ"),
        (0, 10, None, "SCMP_CMP_EQ"),
        (0, 16, None, "SCMP_CMP_EQ"),
    ]
    assert [_first_argument(rule) for rule in _rules("clone")] == [(0, 0x7E020000, 0, "SCMP_CMP_MASKED_EQ")]


def _shortened(value: Json) -> Json:
    """Return ``value`` with each long list of masked paths replaced by a word."""
    if not isinstance(value, dict):
        return value
    return {key: "(masked paths)" if key == "MaskedPaths" else _shortened(one) for key, one in value.items()}


def _host(body: dict[str, Json]) -> dict[str, Json]:
    """Return the host options of a create body."""
    host = body["HostConfig"]
    assert isinstance(host, dict)
    return host


def _rules(name: str) -> list[dict[str, Json]]:
    """Return the rules of the profile that name a system call."""
    rules = json.loads(policy.seccomp_profile())["syscalls"]
    return [rule for rule in rules if name in rule["names"]]


def _first_argument(rule: dict[str, Json]) -> tuple[Json, ...]:
    arguments = rule["args"]
    assert isinstance(arguments, list)
    (first,) = arguments
    assert isinstance(first, dict)
    return first["index"], first["value"], first.get("valueTwo"), first["op"]
