"""What engines answer, and what we make of it: capabilities, usage files, packet rules, subnets."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.engines.base import ExecResult, Kind, SandboxSpec
from harness.engines.docker import holders, netfault, policy, usage
from harness.engines.docker.engine import describe, kernel
from harness.engines.docker.tars import owned
from harness.engines.docker.users import User
from harness.errors import EngineError, SandboxError

DEBIAN_INFO: Mapping[str, object] = {
    "DefaultRuntime": "runc",
    "CgroupVersion": "1",
    "OSType": "linux",
    "SecurityOptions": ["name=seccomp,profile=default"],
    "MemoryLimit": True,
    "SwapLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "KernelVersion": "6.1.0-18-amd64",
    "Runtimes": {"io.containerd.runc.v2": {}, "io.containerd.runtime.v1.linux": {}, "runc": {}},
}
"""From Docker 20.10.24 of Debian 12."""
DEBIAN_VERSION: Mapping[str, object] = {"Version": "20.10.24+dfsg1", "Components": [{"Name": "Engine"}]}
PODMAN_VERSION: Mapping[str, object] = {"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}


def test_a_plain_docker_can_grade() -> None:
    """Debian's own Docker lacks nothing; what is weaker is said in sentences."""
    found = describe(DEBIAN_INFO, DEBIAN_VERSION)
    assert (found.name, found.version, found.cgroup_version, found.rootless) == ("docker", "20.10.24+dfsg1", 1, False)
    assert found.missing == ()
    assert [line for line in found.posture if "gVisor" in line]
    assert [line for line in found.posture if "AppArmor" in line]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"MemoryLimit": False}, "memory limits"),
        ({"PidsLimit": False}, "process limits"),
        ({"CpuCfsQuota": False}, "CPU limits"),
        ({"SecurityOptions": ["name=apparmor"]}, "seccomp"),
        ({"OSType": "windows"}, "Linux containers"),
        ({"Runtimes": {"crun": {}}}, "no runtime called runc (it has crun)"),
        ({"Runtimes": None}, "no runtime called runc (it has none)"),
    ],
)
def test_what_cannot_be_enforced_is_missing(change: Mapping[str, object], said: str) -> None:
    """An engine that cannot apply a limit is refused with the reason."""
    (line,) = describe({**DEBIAN_INFO, **change}, DEBIAN_VERSION).missing
    assert said in line


def test_an_old_docker_is_refused() -> None:
    """Versions before 20.10 are refused."""
    assert "20.10" in describe(DEBIAN_INFO, {**DEBIAN_VERSION, "Version": "19.03.8"}).missing[0]
    assert describe(DEBIAN_INFO, {**DEBIAN_VERSION, "Version": "29.4.3"}).missing == ()


def test_podman_is_detected_and_refused() -> None:
    """Podman is known by its component, and refused with the reason."""
    found = describe(DEBIAN_INFO, PODMAN_VERSION)
    assert found.name == "podman"
    assert "reach the host" in found.missing[0]


def test_strength_is_not_called_weakness(monkeypatch: pytest.MonkeyPatch) -> None:
    """gVisor, AppArmor and user namespaces leave nothing to say."""
    monkeypatch.setattr(policy, "RUNTIMES", dict.fromkeys(Kind, "runsc"))
    options = ["name=seccomp,profile=default", "name=apparmor", "name=userns"]
    info = {**DEBIAN_INFO, "Runtimes": {"runsc": {}}, "SecurityOptions": options}
    assert describe(info, DEBIAN_VERSION).posture == ()


def test_an_engines_default_runtime_decides_nothing() -> None:
    """What each kind of sandbox runs in is the policy's to say, whatever else is there and the default."""
    info = {**DEBIAN_INFO, "DefaultRuntime": "runsc", "Runtimes": {"runc": {}, "runsc": {}}}
    found = describe(info, DEBIAN_VERSION)
    assert found.runtime == "runc"
    assert "sandboxes share the host's kernel (runtime runc for all, no gVisor)" in found.posture


def test_posture_says_which_wall_each_kind_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """With gVisor for a submission's code, only the others share the kernel; the runtime said is that of its code."""
    walls = dict(policy.RUNTIMES) | {Kind.CANDIDATE: "runsc", Kind.BUILD: "runsc"}
    monkeypatch.setattr(policy, "RUNTIMES", walls)
    found = describe({**DEBIAN_INFO, "Runtimes": {"runc": {}, "runsc": {}}}, DEBIAN_VERSION)
    assert found.runtime == "runsc"
    assert found.posture[0] == (
        "sandboxes share the host's kernel (runtime runc for yardstick, service, grader, holder, helper, no gVisor)"
    )
    assert found.missing == ()


def test_an_old_kernel_is_weaker_not_refused() -> None:
    """Without cgroup namespaces none is asked for, and the posture says so."""
    info = {**DEBIAN_INFO, "KernelVersion": "3.10.0-1160.el7.x86_64"}
    found = describe(info, DEBIAN_VERSION)
    assert found.missing == ()
    assert [line for line in found.posture if "cgroup namespaces" in line]
    assert (kernel(info).cgroup_namespaces, kernel(DEBIAN_INFO).cgroup_namespaces) == (False, True)
    body = policy.holder("i", seconds=1, network="", address="", hosts={}, volume="", user=User(id=8), labels={})
    host, kept = body["HostConfig"], policy.without_cgroup_namespace(body)["HostConfig"]
    assert isinstance(host, dict)
    assert kept == {key: value for key, value in host.items() if key != "CgroupnsMode"}
    assert host["CgroupnsMode"] == "private"


def test_usage_from_cgroup_v1(tmp_path: Path) -> None:
    """CPU time and peak memory come from the container's own directory of each controller."""
    _write(tmp_path, "proc/7/cgroup", "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/docker/abc\n")
    _write(tmp_path, "cgroup/cpuacct/docker/abc/cpuacct.usage", "1500000000\n")
    _write(tmp_path, "cgroup/memory/docker/abc/memory.max_usage_in_bytes", "3145728\n")
    found = usage.from_cgroup("abc", 7, tmp_path / "cgroup", tmp_path / "proc")
    assert found == usage.Sample(cpu_seconds=1.5, memory_peak_mb=3.0, source="cgroup")


def test_usage_from_cgroup_v2(tmp_path: Path) -> None:
    """The same from the unified hierarchy; a kernel without a peak leaves it unknown."""
    scope = "cgroup/system.slice/docker-abc.scope"
    _write(tmp_path, "proc/7/cgroup", "0::/system.slice/docker-abc.scope\n")
    _write(tmp_path, f"{scope}/cpu.stat", "usage_usec 2500000\nuser_usec 1\n")
    found = usage.from_cgroup("abc", 7, tmp_path / "cgroup", tmp_path / "proc")
    assert found == usage.Sample(cpu_seconds=2.5, memory_peak_mb=None, source="cgroup")
    _write(tmp_path, f"{scope}/memory.peak", "1048576\n")
    found = usage.from_cgroup("abc", 7, tmp_path / "cgroup", tmp_path / "proc")
    assert found == usage.Sample(cpu_seconds=2.5, memory_peak_mb=1.0, source="cgroup")


def test_usage_of_a_process_that_only_shares_the_number(tmp_path: Path) -> None:
    """With the engine in a virtual machine its pid is another process here: nothing is known."""
    _write(tmp_path, "proc/7/cgroup", "0::/user.slice\n")
    _write(tmp_path, "cgroup/user.slice/cpu.stat", "usage_usec 2500000\n")
    assert usage.from_cgroup("abc", 7, tmp_path / "cgroup", tmp_path / "proc") is None
    assert usage.from_cgroup("abc", 8, tmp_path / "cgroup", tmp_path / "proc") is None


def test_usage_from_inside_reads_what_exists() -> None:
    """The reader's output is understood for both versions, and garbage is nothing."""
    one = b"== cpuacct/cpuacct.usage\n2000000000\n== memory/memory.max_usage_in_bytes\n2097152\n"
    two = b"== cpu.stat\nusage_usec 3000000\n== memory.peak\n1048576\n"
    assert usage.from_inside(lambda _: one) == usage.Sample(cpu_seconds=2.0, memory_peak_mb=2.0, source="exec")
    assert usage.from_inside(lambda _: two) == usage.Sample(cpu_seconds=3.0, memory_peak_mb=1.0, source="exec")
    assert usage.from_inside(lambda _: b"") is None
    assert usage.from_inside(lambda _: b"== cpuacct/cpuacct.usage\nnot a number\n") is None


def test_packet_rules_name_each_peer_once() -> None:
    """Both directions of every peer are dropped."""
    program, rules = netfault.drop_command(("10.0.0.3", "10.0.0.2", "10.0.0.3"))
    assert program == "/usr/sbin/nft"
    assert "ip saddr { 10.0.0.2, 10.0.0.3 } counter drop" in rules
    assert "ip daddr { 10.0.0.2, 10.0.0.3 } counter drop" in rules


def test_packet_rules_that_fail_are_our_error() -> None:
    """A fault that could not be set is never taken for one that was."""
    with pytest.raises(SandboxError, match="no nft"):
        netfault.apply(lambda _: ExecResult(exit_code=127, stdout=b"", stderr=b"not found"), ("nft",), "app")
    with pytest.raises(SandboxError, match="Operation not permitted"):
        netfault.apply(
            lambda _: ExecResult(exit_code=1, stdout=b"", stderr=b"Operation not permitted"), ("nft",), "app"
        )


@pytest.mark.parametrize(("count", "prefix"), [(1, 28), (13, 28), (14, 27), (29, 27), (30, 26)])
def test_subnets_hold_every_sandbox(count: int, prefix: int) -> None:
    """A scenario gets a /28, or as much more as it has sandboxes; all candidates lie in the range."""
    found = list(holders._subnets("10.212.0.0/16", count, "uid"))
    assert {subnet.prefixlen for subnet in found} == {prefix}
    assert len(set(found)) == len(found) > 10
    assert all(str(subnet).startswith("10.212.") for subnet in found)
    assert len(list(found[0].hosts())) - 1 >= count


def test_subnets_of_two_scenarios_begin_apart() -> None:
    """Scenarios that open at once do not all try the same subnet first."""
    firsts = {next(iter(holders._subnets("10.212.0.0/16", 2, str(number)))) for number in range(20)}
    assert len(firsts) > 15


@pytest.mark.parametrize("wrong", ["nonsense", "10.212.0.1/16", "10.0.0.0/30"])
def test_a_wrong_range_is_said(wrong: str) -> None:
    """A range that is none, or too small, is an error with what to do."""
    with pytest.raises(EngineError, match="network_range"):
        list(holders._subnets(wrong, 2, "uid"))


def test_hosts_of_an_unknown_sandbox_are_said() -> None:
    """A name that leads to no sandbox is the exercise author's mistake, said before anything starts."""
    network = holders.Network(name="harness-1", addresses={"app": "10.212.0.2"})
    with pytest.raises(EngineError, match=r"exercise\.toml"):
        holders._hosts(SandboxSpec(name="app", image="i", hosts={"db": "gone"}), network)


def test_only_files_and_directories_are_put() -> None:
    """A link in a tar is refused before the engine sees it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(SandboxError, match="'link'"):
        owned(out.getvalue(), User(id=8))


def _write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="ascii")


def test_processes_killed_for_memory_are_counted(tmp_path: Path) -> None:
    """The count comes from the container's own directory of either version, and is unknown elsewhere."""
    _write(tmp_path, "proc/7/cgroup", "4:memory:/docker/abc\n0::/docker/abc\n")
    _write(tmp_path, "cgroup/memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert usage.oom_kills("abc", 7, tmp_path / "cgroup", tmp_path / "proc") == 2
    _write(tmp_path, "proc/9/cgroup", "0::/system.slice/docker-abc.scope\n")
    _write(tmp_path, "cgroup/system.slice/docker-abc.scope/memory.events", "low 0\noom 4\noom_kill 3\n")
    assert usage.oom_kills("abc", 9, tmp_path / "cgroup", tmp_path / "proc") == 3
    assert usage.oom_kills("other", 9, tmp_path / "cgroup", tmp_path / "proc") is None
