"""What a candidate may show to strangers has no name, path or address in it, wherever it came from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import engines
from harness.catalogue.finder import Catalogue
from harness.commands import paste
from harness.commands.doctor import doctor
from harness.errors import EngineError, ExitCode, UsageError
from tests.unit import commandline

PLANTED = {
    "USER": "mwallace",
    "HOME": "/home/mwallace",
    "HOSTNAME": "thinkpad-of-mia",
    "DOCKER_HOST": "tcp://build7.corp.example.com:2376",
    "DOCKER_CONTEXT": "mia-laptop",
    "HARNESS_IMAGES": "registry.corp.example.com:5000/hiring/harness",
    "HARNESS_CATALOGUE": "/srv/hiring/secret-exercises",
    "HARNESS_NETWORK_RANGE": "172.29.16.0/20",
    "XDG_STATE_HOME": "/data/mwallace/state",
}
SAID = (
    "tcp://build7.corp.example.com:2376 (docker context mia-laptop): lookup build7 on 10.1.2.3:53: no such host; "
    "~/hiring/key.pem and C:\\Users\\Mia Wallace and \\\\share\\x, file:///home/mwallace/x, mia.wallace@example.com, "
    "fe80::1%eth0, [2001:db8::5]:443, host THINKPAD-OF-MIA, ./heron/notes.txt, registry.corp.example.com:5000/hiring/harness/go:1-amd64, "
    "/var/lib/docker of MWALLACE, localhost:5000/x/y, git@build7:x.git"
)
NEVER = (
    *("mwallace", "mia", "wallace", "thinkpad", "build7", "corp", "example", "hiring", "secret", "10.1.2.3", "172.29"),
    *("2001:db8", "fe80", "key.pem", "share", "heron", "notes", "/var/lib", "registry.", ":5000", "2376"),
)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine full of names, whose engine says all of them."""

    def refuse(*_: object) -> None:
        raise EngineError(f"expected a container engine that answers, found none:\n  {SAID}\nStart one")

    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("socket.gethostname", lambda: "thinkpad-of-mia.corp.example.com")
    monkeypatch.setattr("getpass.getuser", lambda: "mwallace")
    monkeypatch.setattr(
        "pwd.getpwuid", lambda _: SimpleNamespace(pw_gecos="Mia Wallace,Room 9,,", pw_dir="/home/mwallace")
    )
    monkeypatch.setitem(engines.ENGINES, "docker", refuse)


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_that_was_planted_is_in_it(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    """Names, paths and addresses are gone; that no engine answers is still said."""
    ended = doctor(None, as_json=as_json, for_paste=True, engine=None, catalogue=Catalogue(()))
    assert ended is ExitCode.HARNESS
    out = capsys.readouterr().out
    assert [word for word in NEVER if word.lower() in out.lower()] == []
    assert "expected a container engine that answers, found none" in out
    assert "no such host" in out
    if as_json:
        assert json.loads(out)["ok"] is False


@pytest.mark.usefixtures("planted")
def test_without_paste_they_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever mends the machine needs them."""
    doctor(None, as_json=False, engine=None, catalogue=Catalogue(()))
    assert "build7.corp.example.com" in capsys.readouterr().out


@pytest.mark.parametrize(
    "one",
    [
        *("10.1.2.3", "10.1.2.3:53", "172.29.16.0/20", "fe80::1%eth0", "2001:db8::5", "::1", "[2001:db8::5]:443"),
        *("tcp://build7:2376", "unix:///run/x.sock", "HTTPS://a.b/c", "git@build7:x.git", "mia@example.com"),
        *("/home/mia/x", "~/x", "./heron/notes", "../x", "C:\\Users\\Mia", "\\\\share\\x", "'/a/b'"),
        *("build7.corp", "registry.example.com:5000", "registry.example.com/x/go:1", "localhost:5000/x"),
    ],
)
def test_whatever_looks_like_a_place_is_taken(one: str) -> None:
    """Each kind by itself, whoever's it is."""
    shown = paste.anonymous(f"found {one} here", ())
    assert re.fullmatch(r"found ['\[\]:0-9]*<(?:address|path|name)>['\]:0-9]* here", shown), shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no route to 10.1.2.3.", "no route to <address>."),
        ("10.1.2.3:2375. It ended", "<address>. It ended"),
        ("network harness-10-1-2-3", "network harness-<address>"),
        ("unix:///run/x.sock (docker context acme-prod)", "<address> (docker context <name>)"),
        ("choose another with `docker context use`", "choose another with `docker context use`"),
        ("dial tcp: lookup buildbox on", "dial tcp: lookup <name> on"),
        ("dial tcp buildbox:3128: refused", "dial tcp <address>: refused"),
        ("unix:///Users/Zoë Quay/.docker/run/x is gone", "<address> is gone"),
        ("/data/Kunde ACME AG/box 7/x, then", "<path>, then"),
        ("D:\\Kunde ACME\\x is gone", "<path> is gone"),
        ("/var/lib/docker has 10 MB/s", "<path> has 10 MB/s"),
        ("HTTPConnectionPool(host='buildbox', port=2375)", "HTTPConnectionPool(host='<name>', port=2375)"),
        ("Failed to resolve 'buildbox' ([Errno -2])", "Failed to resolve '<name>' ([Errno -2])"),
        ("certificate is valid for ci, not buildbox", "certificate is valid for <name>"),
        ("certificate is not valid for 'buildbox'.", "certificate is not valid for '<name>'."),
    ],
)
def test_what_is_taken_is_taken_to_its_end(text: str, shown: str) -> None:
    """The stop of a sentence, folders with spaces, hosts of one word, a context that no variable names."""
    assert paste.anonymous(text, ()) == shown


@pytest.mark.parametrize("path", ["/Users/Mia Quay/Library/x.sock", "D:\\Mia Quay\\x y\\z", "/data/mia quay/box 7/x"])
def test_a_name_in_a_path_does_not_save_the_rest_of_it(path: str) -> None:
    """The path is taken whole, before whose it is."""
    assert paste.anonymous(f"{path} is gone", {"mia", "path"}) == "<path> is gone"


def test_proxies_and_mirrors_are_somebodys_too() -> None:
    """What a registry says of a company's network has their names in it."""
    found = paste.known(
        environment={
            "https_proxy": "http://webgate:3128",
            "PIP_INDEX_URL": "https://artefacts.acme.example/pypi/simple",
        }
    )
    assert paste.anonymous("webgate of artefacts, and a simple proxy of acme", found) == (
        "<name> of <name>, and a simple proxy of <name>"
    )


@pytest.mark.parametrize(
    "text",
    [
        "docker 20.10.24, runtime runc, cgroup v2, rootless",
        "2 CPUs, 7950 MB memory",
        "idempotent-payments 1.1 in go: 3520 MiB of memory at most, all its sandboxes together",
        "base, go, grader, grader-core, postgres",
        "two sandboxes on a network of their own answered in 1.4 s",
        "go, postgres built here, about 2 min on two cores; 993 MB on the engine's disk",
        "sandboxes share the host's kernel (runtime runc for all, no gVisor)",
        "the engine has 900 MiB of memory, of which this exercise may use 3520: give it more",
    ],
)
def test_what_says_nothing_of_anybody_stays(text: str) -> None:
    """Somebody who helps must still be able to read it."""
    assert paste.anonymous(text, {"mwallace", "mia-laptop"}) == text


def test_known_words_are_whose_machine_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of settings and their parts, the user and the host; words of everybody are not."""
    monkeypatch.setattr("socket.gethostname", lambda: "box9")
    monkeypatch.setattr("getpass.getuser", lambda: "mia")
    found = paste.known(environment={"DOCKER_HOST": "unix:///run/user/1000/docker.sock", "HOME": "/home/mia"})
    assert {"mia", "box9", "unix:///run/user/1000/docker.sock"} <= found
    assert found & {"docker", "run", "home", "1000", "sock"} == set()
    assert paste.anonymous("Mia's box9 and miasma", found) == "<name>'s <name> and miasma"


def test_paste_of_a_workspace_does_not_say_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that was named is a path, and often a name."""
    from harness.commands.start import start

    known = Catalogue([Path(__file__).resolve().parents[3]])
    root = tmp_path / "Mia Wallace"
    start("skeleton", language=None, into=root, alias="heron", catalogue=known)
    capsys.readouterr()

    def refuse(*_: object) -> None:
        raise EngineError(f"no engine in {root}/sub, said {root.name}")

    monkeypatch.setitem(engines.ENGINES, "fake", refuse)
    doctor(str(root), as_json=False, for_paste=True, engine="fake", catalogue=known)
    out = capsys.readouterr().out
    assert "Wallace" not in out
    assert str(tmp_path) not in out
    assert "skeleton" in out


@pytest.mark.parametrize("name", ["Mia Wallace/heron.zip", "Mia Wallace/nowhere.zip", "Mia Wallace"])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_refused_does_not_say_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, whole: bool
) -> None:
    """A damaged pack, one that is not there, a folder that is no workspace: the sentence may be shown as well."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Mia Wallace").mkdir()
    (tmp_path / "Mia Wallace/heron.zip").write_bytes(b"PK\3\4no zip")
    named = str(tmp_path / name) if whole else name
    with pytest.raises(UsageError, match="expected") as caught:
        doctor(named, as_json=False, for_paste=True, engine="fake", catalogue=Catalogue(()))
    for word in ("Wallace", "heron", "nowhere", str(tmp_path)):
        assert word not in str(caught.value)


@pytest.mark.parametrize("variable", ["HARNESS_CATALOGUE", "HARNESS_SETTINGS"])
def test_settings_that_are_wrong_do_not_say_where_they_are(tmp_path: Path, variable: str) -> None:
    """They are read before anything else is, and what is wrong with them may be shown as well."""
    place = tmp_path / "Mia Wallace"
    ended = commandline.command("doctor", "--paste", cwd=tmp_path, environment={variable: str(place)})
    assert ended.code == ExitCode.USAGE
    assert "expected" in ended.err
    assert "Wallace" not in ended.err
    assert str(place) in commandline.command("doctor", cwd=tmp_path, environment={variable: str(place)}).err
