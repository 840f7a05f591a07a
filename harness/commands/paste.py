"""What was found on a machine as text that may be shown to strangers: without names, paths or addresses.

Whatever looks like one becomes a word in angle brackets; too much is taken rather than too little. Known words (the
user's, the machine's, those of the settings) are taken wherever they stand.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import re
import socket
from collections.abc import Iterable, Iterator, Mapping

from harness.images import company

_NAMES_IN = (
    *("USER", "LOGNAME", "USERNAME", "SUDO_USER", "HOSTNAME", "NAME", "HOME", "COMPUTERNAME"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "HARNESS_IMAGES", "HARNESS_DEBIAN"),
    *("HARNESS_CATALOGUE", "HARNESS_SETTINGS", "HARNESS_NETWORK_RANGE", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
    *("HARNESS_PACKS", "HARNESS_WHEELS", "HARNESS_MIRRORS", "XDG_CACHE_HOME", "TMPDIR"),
    *(
        *company.BUNDLE_VARIABLES,
        *company.MIRROR_VARIABLES,
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ),
)
"""Variables whose values, and the parts of them that lie between separators, are somebody's."""
_COMMON = frozenset(
    {
        *("bin", "com", "config", "context", "default", "dev", "docker", "example", "etc", "harness", "home", "http"),
        *("https", "local", "localhost", "net", "org", "podman", "root", "run", "sock", "ssh", "state", "tcp", "tmp"),
        *("unix", "user", "users", "usr", "var", "www"),
        *(
            "ca",
            "cache",
            "certs",
            "crt",
            "deb",
            "debian",
            "direct",
            "go",
            "golang",
            "index",
            "mirror",
            "off",
            "pem",
            "proxy",
        ),
        *("pypi", "python", "simple", "ssl"),
    }
)
"""Parts that say nothing of anybody."""
_SHORTEST = 2
_AFTER_A_SPACE = r"(?:(?: [^\s/\\'\"<>,;:()]+)? [^\s/\\'\"<>,;:()]*[/\\][^\s'\"<>,;)]+)*"
"""How a path goes on whose folders have spaces in their names: a word or two, and a slash again."""
_SHOWN = re.compile(r"(<(?:name|path|address)>)")
_PATTERNS = (
    # Hosts without a dot look like any word: these are how libraries and TLS name them.
    (re.compile(r"((?:\bhost=|\bhostname |\bresolve |\bvalid for )')[^']+"), r"\1<name>"),
    (re.compile(r"(\bcertificate is (?:not )?valid for )[^\s,;:']+(?:, not [^\s,;:]+)?"), r"\1<name>"),
    (re.compile(r"(?<=docker context )(?!use\b)[^\s():,;]+"), "<name>"),
    (re.compile(r"(?<=\blookup )[^\s():,;]+"), "<name>"),
    (re.compile(rf"\b(?:file|npipe|unix)://[^\s'\"<>)]+{_AFTER_A_SPACE}", re.IGNORECASE), "<address>"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>)]+", re.IGNORECASE), "<address>"),
    (re.compile(r"[^\s@'\"<>(]+@[^\s@'\"<>)]+"), "<address>"),
    (re.compile(rf"(?<![\w.])(?:[A-Za-z]:\\|\\\\)[^\s'\"<>]+{_AFTER_A_SPACE}"), "<path>"),
    (re.compile(rf"(?<![\w<])(?:~|\.{{1,2}})?/[^\s'\"<>,;)]+{_AFTER_A_SPACE}"), "<path>"),
    # The stop of a sentence may follow.
    (re.compile(r"(?<![\w.])\d{1,3}(?:([.-])\d{1,3})(?:\1\d{1,3}){2}(?::\d+|/\d+)?(?![\w-]|\.\d)"), "<address>"),
    (
        re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?:/\d+)?(?![\w:])", re.IGNORECASE),
        "<address>",
    ),
    (
        re.compile(
            r"\b(?=[\w.-]*[a-z])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]+(?::\d+)?(?:/[^\s'\"<>,;)]+)?",
            re.IGNORECASE,
        ),
        "<name>",
    ),
    (re.compile(r"(?<![\w<])[\w.-]+:\d+/[^\s'\"<>,;)]*"), "<address>"),
    (re.compile(r"(?<![\w./<-])[a-z][\w-]*:\d{2,5}(?![\w.-])", re.IGNORECASE), "<address>"),
)


def known(*places: str, environment: Mapping[str, str] | None = None) -> frozenset[str]:
    """Return the words that tell whose machine this is, those of ``places`` (paths) on it included."""
    env = os.environ if environment is None else environment
    found = {env.get(variable, "") for variable in _NAMES_IN} | {socket.gethostname(), *_user(), *places}
    parts = {part for value in found for part in re.split(r"[/\\:@.,;\s]+", value)}
    return frozenset(
        one for one in found | parts if len(one) >= _SHORTEST and one.lower() not in _COMMON and not one.isdecimal()
    )


def anonymous(text: str, words: Iterable[str]) -> str:
    """Return ``text`` without ``words`` and without anything that looks like a path, an address or a host's name."""
    # What looks like a path goes first, whole: without a name in the middle, the rest of it would look like nothing.
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    parts = _SHOWN.split(text)
    for word in sorted(words, key=len, reverse=True):
        one = re.compile(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", re.IGNORECASE)
        parts = [
            piece
            for n, part in enumerate(parts)
            for piece in ([part] if n % 2 else _SHOWN.split(one.sub("<name>", part)))
        ]
    return "".join(parts)


def _user() -> Iterator[str]:
    """Yield the user's name, and the name behind it. In a container a user may have none."""
    with contextlib.suppress(KeyError, OSError):
        yield getpass.getuser()
    with contextlib.suppress(KeyError):
        yield pwd.getpwuid(os.getuid()).pw_gecos
