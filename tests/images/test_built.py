"""The images as built: offline languages, a database that keeps its promises, nothing of the company left inside."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import certifi
import pytest
from docker.api import APIClient

from harness.engines.base import ExecResult
from harness.engines.docker.connect import Link, connect
from harness.images import building, company, recipes
from harness.images import manage as images
from harness.model import Json

pytestmark = [pytest.mark.docker, pytest.mark.images]

WARM = Path(__file__).resolve().parents[2] / "docker" / "go" / "warm"
JAVA = """
import com.google.gson.Gson;
import com.zaxxer.hikari.HikariConfig;
public class Main {
  public static void main(String[] args) throws Exception {
    Class.forName("org.postgresql.Driver");
    new HikariConfig().setJdbcUrl("jdbc:postgresql://db/app");
    System.out.println(new Gson().toJson(java.util.Map.of("amount", new java.math.BigDecimal("1.10").toString())));
  }
}
"""
DATABASE = r"""
exec 2>&1
serve() { setsid env ALLOW_FROM=192.0.2.7/32 ADMIN_FROM=192.0.2.8 harness-postgres >/box/log 2>&1 & server=$!; until pg_isready -q; do sleep 0.1; done; }
serve
psql -qAt -U app app -c 'create table t(x int)' -c 'insert into t values (42)'
kill -KILL -$server; wait $server 2>/dev/null
serve
psql -qAt -U app app -c 'select x from t'
psql -qAt -U app app -c "alter role app password 'x'"
for role in app grader postgres; do PGPASSWORD=x psql -qAt -h 127.0.0.1 -U $role app -c 'select 1' 2>&1 | grep -o 'pg_hba.conf rejects'; done
psql -qAt -U app app -c 'create role mine superuser' -c 'set role grader' 2>&1 | grep -c 'permission denied\|must be superuser'
psql -qAt -U grader app -c 'show search_path'
psql -qAt -c "select rolname, rolsuper from pg_roles where rolcanlogin order by 1"
psql -qAt -U postgres -c "select pg_get_userbyid(datdba) from pg_database where datname = 'app'"
"""


@pytest.fixture
def link() -> Iterator[Link]:
    """The engine."""
    one = connect()
    yield one
    one.close()


def test_second_ensure_builds_nothing(built: dict[str, str]) -> None:
    """What is there is found by its tag, without a word."""
    lines: list[str] = []
    assert images.ensure(recipes.names(), progress=lines.append) == built
    assert lines == []


@pytest.mark.parametrize("name", recipes.names())
def test_image_config_is_plain(link: Link, built: dict[str, str], name: str) -> None:
    """Every image runs as the sandbox user in /box, carries its identity, and starts or mounts nothing by itself."""
    config = inspected(link.api(), built[name])["Config"]
    assert isinstance(config, dict)
    assert (config["User"], config["WorkingDir"]) == ("65532:65532", "/box")
    assert (config.get("Entrypoint"), config.get("Cmd"), config.get("Volumes"), config.get("Healthcheck")) == (
        None,
    ) * 4
    labels = config["Labels"]
    assert isinstance(labels, dict)
    assert labels["harness.image"] == name
    assert labels["harness.recipe"] == images.digests([name])[name]


@pytest.mark.parametrize("name", recipes.names())
def test_image_has_the_sandbox_user_and_tools(offline: Callable[..., ExecResult], name: str) -> None:
    """Shell, tar, Python 3.11 and nft are there; programs that ask for a name find one; nothing changes its user; names come from a file."""
    done = offline(
        name,
        "echo $USER; echo $HOME; command -v tar; test -x /usr/sbin/nft && echo nft; python3 -c 'import sys; print(sys.version_info[:2])';"
        "find / -xdev -type f -perm /6000; grep ^hosts: /etc/nsswitch.conf; ls -A /company /root/.cache 2>/dev/null",
    )
    assert done.stdout.decode() == "sandbox\n/box\n/usr/bin/tar\nnft\n(3, 11)\nhosts: files\n", done.stderr


def test_python_image_imports_what_candidates_may_use(offline: Callable[..., ExecResult]) -> None:
    """The libraries of the brief are importable by the system's Python, the driver compiled; pip is not there."""
    done = offline(
        "python",
        "python3 -c 'import flask, psycopg, psycopg_pool, pytest, requests, waitress; print(psycopg.pq.__impl__)';"
        "python3 -m pip 2>&1",
    )
    assert done.stdout.decode().splitlines() == ["binary", "/usr/bin/python3: No module named pip"], done.stderr


@pytest.mark.parametrize("flags", ["", "-trimpath", "-ldflags='-s -w'"])
def test_go_image_builds_a_service_offline(offline: Callable[..., ExecResult], flags: str) -> None:
    """An HTTP and PostgreSQL service builds from the warm cache, without a go.sum, vetted and tested."""
    files = {name: (WARM / name).read_text() for name in ("main_test.go", "go.mod")}
    files["main.go"] = (WARM / "main.go").read_text() + "\nvar changed = 1\n"
    script = f"go build -x {flags} -o app . 2>trace && grep -c /compile trace; go vet . && go test . >&2 && test -x app && echo ok"
    done = offline("go", script, files)
    # One package was compiled: the service's own. Everything below it came from the image.
    assert done.stdout.decode() == "1\nok\n", done.stderr.decode()[-2000:]


def test_java_image_builds_and_runs_offline(offline: Callable[..., ExecResult]) -> None:
    """The compiler and the runtime find driver, pool and JSON on HARNESS_CLASSPATH."""
    script = "javac -cp $HARNESS_CLASSPATH -d out Main.java && java -cp out:$HARNESS_CLASSPATH Main"
    done = offline("java", script, {"Main.java": JAVA})
    assert (done.exit_code, done.stdout.decode()) == (0, '{"amount":"1.10"}\n'), done.stderr.decode()[-2000:]


def test_database_keeps_a_committed_row_and_lets_in_only_who_may(offline: Callable[..., ExecResult]) -> None:
    """A committed row survives SIGKILL; from the network only ALLOW_FROM enters."""
    done = offline("postgres", DATABASE)
    assert done.stdout.decode().splitlines() == [
        "42",
        *["pg_hba.conf rejects"] * 3,
        "2",
        "pg_catalog",
        "app|f",
        "grader|t",
        "postgres|t",
        "app",
    ], done.stdout.decode()[-3000:]


WHO = """
exec 2>&1
harness-postgres >/box/log 2>&1 & until pg_isready -q; do kill -0 $! 2>/dev/null || { cat /box/log; exit; }; sleep 0.1; done
for role in app grader postgres; do
  for base in app postgres; do psql -qAt -h 127.0.0.1 -U $role $base -c 'select current_user' 2>/dev/null; done
  psql -qAt "host=127.0.0.1 user=$role dbname=app replication=true" -c IDENTIFY_SYSTEM >/dev/null 2>&1 && echo replication
  psql -qAt "host=127.0.0.1 user=$role dbname=app replication=database" -c IDENTIFY_SYSTEM >/dev/null 2>&1 && echo logical $role
done
"""


@pytest.mark.parametrize(
    ("allow", "admin", "seen"),
    [
        ("127.0.0.1/32", "", ["app"]),
        ("0.0.0.0/0", "", ["app"]),
        ("192.0.2.1, 127.0.0.1/8 ,::1/128", "192.0.2.9", ["app"]),
        ("192.0.2.1/32", "", []),
        ("", "127.0.0.1", ["grader", "grader", "logical grader"]),
        ("127.0.0.1/32", "127.0.0.1/32", ["app", "grader", "grader", "logical grader"]),
        ("all", "", ['expected addresses separated by commas in ALLOW_FROM, found "all"']),
        ("samenet", "", ['expected addresses separated by commas in ALLOW_FROM, found "samenet"']),
        ("127.0.0.1/32 trust", "", ['expected addresses separated by commas in ALLOW_FROM, found "trust"']),
        ("*", "", ['expected addresses separated by commas in ALLOW_FROM, found "*"']),
        ("", "0.0.0.0/0", ["a superuser is let in from no network"]),
        ("", "127.0.0.0/8", ["a superuser is let in from no network"]),
    ],
)
def test_no_setting_of_allow_from_lets_a_superuser_in(
    offline: Callable[..., ExecResult], allow: str, admin: str, seen: list[str]
) -> None:
    """ALLOW_FROM gives role app in database app and nothing else; a superuser needs an address named for that."""
    done = offline("postgres", f"export ALLOW_FROM='{allow}' ADMIN_FROM='{admin}'\n{WHO}")
    lines = done.stdout.decode().splitlines()
    if seen and " " in seen[0]:
        (line,) = lines
        assert seen[0] in line
    else:
        assert lines == seen, done.stdout.decode()[-3000:]


def test_grader_core_is_importable(offline: Callable[..., ExecResult]) -> None:
    """The grader's side imports in its image, which has no third-party package but pytest and the driver."""
    done = offline(
        "grader-core", "python3 -c 'import harness.testing, harness.checkers, harness.wire, psycopg, pytest; print(1)'"
    )
    assert done.stdout == b"1\n", done.stderr


def test_build_leaves_nothing_of_the_company(link: Link, built: dict[str, str]) -> None:
    """A marker in the bundle and one in the mirrors are in no layer, no config and no history of what is built."""
    bundle, mirror = (f"marker-{secrets.token_hex(8)}" for _ in range(2))
    settings = company.settings()
    settings["ca.crt"] = f"# {bundle}\n".encode() + settings["ca.crt"] if settings["ca.crt"] else b""
    settings["mirrors.env"] += f"no_proxy={mirror}.invalid\n".encode()
    tag = f"harness/grader:{bundle}"
    job = building.Job(
        title="marked",
        tag=tag,
        context=recipes.context(recipes.recipe("grader"), settings),
        arguments={"BASE": built["base"]},
        labels={"harness.image": "grader"},
    )
    try:
        building.build(link.api(), job, lambda _line: None)
        assert found_in(link, tag, [bundle.encode() + b"\n", mirror.encode(), b"harness.stage"]) == set()
    finally:
        link.api().remove_image(tag)
    assert link.api().images(filters={"dangling": True, "label": "harness.stage=work"}) == []


@pytest.mark.parametrize("name", recipes.names())
def test_image_carries_no_certificate_or_mirror_of_this_machine(link: Link, built: dict[str, str], name: str) -> None:
    """Nothing this machine trusts beyond what everybody does, and no mirror it uses, is in any image."""
    everybody = Path(certifi.where()).read_text()
    settings = company.settings()
    lines = {
        certificate.strip().splitlines()[4].encode()
        for certificate in re.findall(r"BEGIN CERTIFICATE-----(.*?)-----END", settings["ca.crt"].decode(), re.DOTALL)
    }
    ours = [line for line in lines if line.decode() not in everybody]
    ours += [line.partition(b"=")[2] for line in settings["mirrors.env"].splitlines()]
    # The distribution's own list may be ahead of or behind certifi's: only what Debian does not ship counts.
    shipped = debian_certificates()
    assert found_in(link, built[name], [one for one in ours if one.decode() not in shipped]) == set()


def debian_certificates() -> str:
    """What Debian's package of certificates holds, where this machine has it."""
    folder = Path("/usr/share/ca-certificates/mozilla")
    return "".join(path.read_text() for path in sorted(folder.glob("*.crt")))


def found_in(link: Link, tag: str, needles: list[bytes]) -> set[bytes]:
    """Which of ``needles`` are anywhere in an export of the image: its layers are plain tars in it, its config too."""
    found: set[bytes] = set()
    tail = b""
    for chunk in link.api().get_image(tag):
        window = tail + chunk
        found |= {needle for needle in needles if needle in window}
        tail = window[-256:]
    assert tail
    return found


def inspected(client: APIClient, tag: str) -> dict[str, Json]:
    """What the engine says of an image."""
    return cast("building._Untyped", client).inspect_image(tag)
