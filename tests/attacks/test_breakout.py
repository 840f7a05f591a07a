"""Attacks that want out: system calls, mounts, privileges, networks, other processes and other people's files."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.engines.base import ExecResult, SandboxSpec, Scenario
from harness.engines.docker import policy

pytestmark = [pytest.mark.docker, pytest.mark.attack]

Attack = Callable[..., ExecResult]
Opener = Callable[..., AbstractContextManager[Scenario]]

SYSCALL = """
import ctypes, errno, json, platform, sys
numbers = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
found = {}
for name, (number, arguments) in numbers.items():
    result = libc.syscall(number, *[ctypes.c_long(a) for a in arguments])
    found[name] = "ok" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))
print(json.dumps(found))
"""
# Numbers of x86_64; those over 400 are the same everywhere.
CALLS = {
    "ptrace": (101, [0, 0, 0, 0]),
    "process_vm_readv": (310, [1, 0, 0, 0, 0, 0]),
    "keyctl": (250, [0, -3, 0, 0, 0]),
    "add_key": (248, [0, 0, 0, 0, -3]),
    "request_key": (249, [0, 0, 0, 0]),
    "bpf": (321, [0, 0, 0]),
    "perf_event_open": (298, [0, 0, 0, 0, 0]),
    "userfaultfd": (323, [0]),
    "io_uring_setup": (425, [1, 0]),
    "io_setup": (206, [1, 0]),
    "memfd_secret": (447, [0]),
    "mount": (165, [0, 0, 0, 0, 0]),
    "umount2": (166, [0, 0]),
    "pivot_root": (155, [0, 0]),
    "chroot": (161, [0]),
    "unshare_user": (272, [0x10000000]),
    "unshare_net": (272, [0x40000000]),
    "setns": (308, [0, 0]),
    "init_module": (175, [0, 0, 0]),
    "kexec_load": (246, [0, 0, 0, 0]),
    "reboot": (169, [0, 0, 0, 0]),
    "open_by_handle_at": (304, [0, 0, 0]),
    "settimeofday": (164, [0, 0]),
    "swapon": (167, [0, 0]),
    "fsopen": (430, [0, 0]),
    "clone_newuser": (56, [0x10000000 | 17, 0, 0, 0, 0]),
}


def test_dangerous_system_calls_are_refused(attack: Attack) -> None:
    """Each is refused by the profile before it looks at its arguments."""
    if json.loads(attack("import json, platform; print(json.dumps(platform.machine()))").stdout) != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    found = json.loads(attack(SYSCALL, json.dumps(CALLS)).stdout)
    assert found == dict.fromkeys(CALLS, "EPERM")


def test_new_process_calls_fall_back(attack: Attack) -> None:
    """``clone3`` is "not implemented", so that programs use the call that can be filtered; threads and forks work."""
    found = json.loads(attack(SYSCALL, json.dumps({"clone3": (435, [0, 0])})).stdout)
    assert found == {"clone3": "ENOSYS"}
    honest = "import threading, subprocess\nt = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
    honest += "subprocess.run(['echo', 'child'])\n"
    assert attack(honest).stdout == b"thread\nchild\n"


def test_only_plain_sockets_can_be_made(attack: Attack) -> None:
    """No raw, packet, VSOCK, ALG, Bluetooth or kernel-configuration socket; TCP, UDP, UNIX and NETLINK are there."""
    code = (
        "import socket, json\n"
        "found = {}\n"
        "for name, family, kind in (('raw', 2, 3), ('packet', 17, 3), ('vsock', 40, 1), ('alg', 38, 5), ('xdp', 44, 3),\n"
        "    ('bluetooth', 31, 1), ('can', 29, 3), ('tipc', 30, 1), ('smc', 43, 1), ('key', 15, 3),\n"
        "    ('tcp', 2, 1), ('udp', 2, 2), ('unix', 1, 1), ('tcp6', 10, 1), ('netlink', 16, 3)):\n"
        "    try: socket.socket(family, kind).close(); found[name] = True\n"
        "    except OSError: found[name] = False\n"
        "print(json.dumps(found))\n"
    )
    found = json.loads(attack(code).stdout)
    assert {name for name, made in found.items() if made} == {"tcp", "udp", "unix", "tcp6", "netlink"}


def test_process_has_no_privilege_and_cannot_gain_any(attack: Attack) -> None:
    """No capability in any set, no new privileges, a filter on; setuid changes nothing."""
    status = dict(
        line.split(":\t", 1) for line in attack("print(open('/proc/self/status').read())").stdout.decode().splitlines()
        if ":\t" in line
    )  # fmt: skip
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    code = (
        "import os, shutil, subprocess\n"
        "shutil.copy('/usr/bin/id', '/box/id')\n"
        "os.chmod('/box/id', 0o6755)\n"
        "print(subprocess.run(['/box/id', '-u'], capture_output=True, text=True).stdout.strip())\n"
        "try: os.setuid(0)\n"
        "except PermissionError: print('refused')\n"
    )
    own = int(status["Uid"].split()[0])
    assert own > 0
    assert attack(code).stdout.decode() == f"{own}\nrefused\n"


def test_no_device_can_be_made_or_found(attack: Attack) -> None:
    """No block or memory device is there, and none can be made."""
    code = (
        "import os, stat\n"
        "print([n for n in os.listdir('/dev') if stat.S_ISBLK(os.stat('/dev/' + n).st_mode)])\n"
        "print([p for p in ('/dev/mem', '/dev/kmsg', '/dev/kvm', '/dev/fuse', '/dev/net/tun') if os.path.exists(p)])\n"
        "try: os.mknod('/box/sda', 0o600 | stat.S_IFBLK, os.makedev(8, 0))\n"
        "except PermissionError: print('refused')\n"
    )
    assert attack(code).stdout == b"[]\n[]\nrefused\n"


def test_no_engine_socket_and_no_host_file_is_there(attack: Attack) -> None:
    """The engine's socket, the host's files and its processes are not in the sandbox."""
    code = (
        "import os\n"
        "print([p for p in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock')\n"
        "       if os.path.exists(p)])\n"
        "print(sorted({line.split()[1] for line in open('/proc/mounts')\n"
        "              if line.split()[0].startswith('/dev/') and line.split()[1] not in\n"
        "              ('/etc/hosts', '/etc/hostname', '/etc/resolv.conf')\n"
        "              and not line.split()[1].endswith('/docker-init')}))\n"
        "print(len([p for p in os.listdir('/proc') if p.isdigit()]) < 5)\n"
    )
    assert attack(code).stdout == b"[]\n[]\nTrue\n"


def test_names_cannot_be_changed(attack: Attack) -> None:
    """The hosts file and the resolver are ours."""
    code = (
        "for path in ('/etc/hosts', '/etc/resolv.conf', '/etc/hostname', '/etc/passwd', '/proc/sys/kernel/core_pattern',\n"
        "             '/proc/sysrq-trigger', '/sys/fs/cgroup/memory/memory.limit_in_bytes', '/dev/mem'):\n"
        "    try: open(path, 'w').write('0'); print('wrote', path)\n"
        "    except OSError: pass\n"
    )
    assert attack(code).stdout == b""


@pytest.mark.parametrize("network", [True, False])
def test_no_resolver_of_the_host_is_known(opened: Opener, base_image: str, *, network: bool) -> None:
    """The only name servers a sandbox knows are loopback addresses, where nobody of the host listens."""
    with opened(SandboxSpec(name="app", image=base_image, network=network), network=True) as scenario:
        found = scenario.run("app", ("cat", "/etc/resolv.conf"), timeout_seconds=20).stdout.decode()
        servers = [line.split()[1] for line in found.splitlines() if line.startswith("nameserver")]
        assert servers
        assert all(server.startswith("127.") for server in servers)


def test_kernel_logs_and_other_kernel_files_are_closed(attack: Attack) -> None:
    """What tells of the host or its other sandboxes reads as nothing."""
    code = (
        "for path in ('/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug', '/sys/firmware/acpi',\n"
        "             '/proc/kmsg', '/proc/1/environ', '/proc/1/mem'):\n"
        "    try: print(path, len(open(path, 'rb').read(100)))\n"
        "    except OSError: pass\n"
    )
    lines = [line for line in attack(code).stdout.decode().splitlines() if not line.endswith(" 0")]
    # Process 1 is the init of this very sandbox, under the same user: its environment is the candidate's own.
    assert [line for line in lines if not line.startswith("/proc/1/environ")] == []


def test_what_is_masked_is_masked(attack: Attack) -> None:
    """Every path that the policy masks, and the kernel has, reads as empty; the cgroup is the root of its namespace."""
    code = (
        "import json, os, sys\n"
        "for path in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        found = os.listdir(path) if os.path.isdir(path) else open(path, 'rb').read(100)\n"
        "        if found: print(path, found)\n"
        "    except FileNotFoundError: pass\n"
        "print({line.strip().rpartition(':')[2] for line in open('/proc/self/cgroup')})\n"
    )
    assert attack(code, json.dumps(policy.MASKED)).stdout == b"{'/'}\n"


def test_what_honest_programs_read_is_there(attack: Attack) -> None:
    """The twin: numbers of processors, memory, load and the process's own facts can be read."""
    code = (
        "import os\n"
        "for name in ('cpuinfo', 'loadavg', 'meminfo', 'stat', 'uptime', 'version', 'vmstat', 'filesystems',\n"
        "             'self/status', 'self/net/tcp', 'self/mountinfo', 'sys/kernel/random/uuid'):\n"
        "    if not open('/proc/' + name).read(): print(name)\n"
        "print(os.cpu_count() > 0, os.getloadavg()[0] >= 0, len(os.listdir('/sys/fs/cgroup')) > 1,\n"
        "      os.path.exists('/sys/devices/system/cpu/online'), len(os.listdir('/sys/class/net')) > 0)\n"
    )
    assert attack(code).stdout == b"True True True True True\n"


def test_environment_holds_nothing_of_ours(attack: Attack) -> None:
    """Only what the spec and the image say is in the environment."""
    code = "import os, json; print(json.dumps(sorted(os.environ)))"
    found = set(json.loads(attack(code).stdout))
    allowed = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "HOSTNAME", "LC_CTYPE"}
    allowed |= {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert found <= allowed


def test_the_grader_is_not_visible(opened: Opener, base_image: str) -> None:
    """Processes, files and arguments of other sandboxes cannot be seen, although they share a network."""
    secret = "grader-secret-4711"
    grader = SandboxSpec(name="grader", image=base_image, command=("sleep", "61"), env={"SECRET": secret})
    look = (
        "import os\n"
        "text = ''\n"
        "for pid in [p for p in os.listdir('/proc') if p.isdigit()]:\n"
        "    for name in ('cmdline', 'environ'):\n"
        "        try: text += open(f'/proc/{pid}/{name}', errors='replace').read()\n"
        "        except OSError: pass\n"
        "print('SEC' 'RET' in text, 'sl' 'eep' in text)\n"
    )
    with opened(grader, SandboxSpec(name="app", image=base_image), network=True) as scenario:
        scenario.start("grader")
        found = scenario.run("app", ("python3", "-c", look), timeout_seconds=20)
        assert found.stdout == b"False False\n"
        # The twin: the grader itself sees both, so the look is not blind.
        found = scenario.exec("grader", ("python3", "-c", look), timeout_seconds=20)
        assert found.stdout == b"True True\n"


def test_links_left_in_the_box_lead_no_copy_out_of_it(opened: Opener, base_image: str) -> None:
    """Files put after candidate code ran follow no link it left, and touch nothing outside its own box."""
    trap = (
        "import os\n"
        "os.symlink('/etc', '/box/etc'); os.symlink('/etc/hosts', '/box/hosts'); os.symlink('/tmp', '/box/out')\n"
    )
    with opened(SandboxSpec(name="app", image=base_image), network=True) as scenario:
        assert scenario.run("app", ("python3", "-c", trap), timeout_seconds=20).exit_code == 0
        before = scenario.run("app", ("cat", "/etc/hosts"), timeout_seconds=20).stdout
        scenario.put("app", _tar({"hosts": b"6.6.6.6 db\n", "fine": b"fine"}))
        assert scenario.run("app", ("cat", "/etc/hosts"), timeout_seconds=20).stdout == before
        assert scenario.run("app", ("cat", "/box/fine"), timeout_seconds=20).stdout == b"fine"
        assert not Path("/etc/hosts").read_text(encoding="utf-8").startswith("6.6.6.6")


def test_exec_output_cannot_speak_for_the_engine(opened: Opener, base_image: str) -> None:
    """A program that prints what an engine would say is believed about nothing but itself."""
    fake = ("sh", "-c", "echo 'OCI runtime exec failed: exec failed: not found'; exit 0")
    with opened(SandboxSpec(name="app", image=base_image, command=("sleep", "60"))) as scenario:
        scenario.start("app")
        found = scenario.exec("app", fake, timeout_seconds=20)
        assert (found.exit_code, found.stdout[:11]) == (0, b"OCI runtime")


def test_unpack_failure_cannot_be_forged(docker_engine: object, base_image: str) -> None:
    """A one-shot that exits as a failed unpacking does is a result, not our error."""
    from harness import owners
    from harness.engines.docker.engine import DockerEngine

    assert isinstance(docker_engine, DockerEngine)
    owner = owners.make_owner("attack-forge", seconds=60)
    command = ("sh", "-c", "echo 0123456789abcdef0123456789abcdef >&2; exit 125")
    spec = SandboxSpec(name="app", image=base_image, command=command)
    found = docker_engine.run_once(owner, spec, tar=_tar({"file": b""}), timeout_seconds=20)
    assert found.exit_code == 125


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()
