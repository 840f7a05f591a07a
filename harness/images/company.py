"""What this machine needs to reach package registries during an image build: a CA bundle and mirrors.

They are written into the build context, used in a work stage only and removed before the image is flattened, and they
are no part of an image's identity: two machines with different mirrors have the same tags.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from harness import places
from harness.errors import EngineError, HarnessError

BUNDLE_VARIABLES = ("HARNESS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""The first that is set decides; ``HARNESS_CA_BUNDLE=`` (empty) means none at all."""
SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems keep what they trust, in the order they are looked at when no variable is set."""
MIRROR_VARIABLES = (
    "HARNESS_APT_MIRROR",
    "HARNESS_APT_SECURITY_MIRROR",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "GOPROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
"""Passed on when set here, or in the file that ``HARNESS_MIRRORS`` names (NAME=value lines)."""


def settings(environment: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """Return the company's files of the build context: ``ca.crt`` and ``mirrors.env``, empty where nothing is set.

    Builds trust what this machine trusts: without a variable it is the system's own bundle. That is the one rule that
    works behind a proxy that signs for every registry and changes nothing elsewhere.
    """
    found = os.environ if environment is None else environment
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in _mirrors(found).items()]
    return {"ca.crt": _bundle(found), "mirrors.env": "".join(lines).encode()}


def _bundle(environment: Mapping[str, str]) -> bytes:
    for variable in BUNDLE_VARIABLES:
        if variable not in environment:
            continue
        path = environment[variable]
        if not path and variable == BUNDLE_VARIABLES[0]:
            return b""
        if not path:
            continue
        try:
            return places.read(Path(path))
        except HarnessError as error:
            msg = f"the CA bundle cannot be read: {variable}={path}: {error}. Correct or unset {variable}."
            raise EngineError(msg) from error
    for candidate in SYSTEM_BUNDLES:
        if Path(candidate).is_file():
            return places.read(Path(candidate), refuse=EngineError)
    return b""


def _mirrors(environment: Mapping[str, str]) -> dict[str, str]:
    values = {name: environment[name] for name in MIRROR_VARIABLES if environment.get(name)}
    if values.get("GOPROXY") == "off":
        del values["GOPROXY"]
    path = environment.get("HARNESS_MIRRORS")
    if not path:
        return values
    try:
        lines = places.read(Path(path)).decode().splitlines()
    except (HarnessError, UnicodeDecodeError) as error:
        msg = f"the mirrors file cannot be read: HARNESS_MIRRORS={path}: {error}. Correct or unset HARNESS_MIRRORS."
        raise EngineError(msg) from error
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.strip().partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals or name not in MIRROR_VARIABLES:
            msg = f"{path}:{number}: expected NAME=value with NAME one of {', '.join(MIRROR_VARIABLES)}, found {line!r}"
            raise EngineError(msg)
        values[name] = value.strip("'\"")
    return values
