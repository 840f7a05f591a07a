"""Where things are and what is the default: flags over ``HARNESS_*`` variables over ``harness.toml``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import places
from harness.errors import UsageError

FILE = "harness.toml"
DEFAULT_NETWORK_RANGE = "10.212.0.0/16"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything a command may need to know about its surroundings."""

    catalogue_dirs: tuple[Path, ...]
    """Folders with ``exercises/`` or ``graders/``; empty when there is none."""
    engine: str | None
    """Name of the engine; None: the first one that answers."""
    network_range: str
    """Scenario networks are /28 parts of this IPv4 range."""
    state_dir: Path
    """Where reports of internal errors go."""


def load(
    *,
    catalogue: Sequence[Path] = (),
    engine: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """Return the settings for a command run in ``directory`` with these flags.

    ``harness.toml`` is looked for in ``directory`` and its parents; paths in it are relative to it. Raises
    UsageError when it, or a folder named anywhere, is wrong.
    """
    env = os.environ if environment is None else environment
    here = Path.cwd() if directory is None else directory
    written = _written(here)
    named = [*catalogue] or [Path(part) for part in env.get("HARNESS_CATALOGUE", "").split(os.pathsep) if part]
    dirs = tuple(here / path for path in named) or written.catalogue or _checkout(here)
    for folder in dirs:
        if not any((folder / part).is_dir() for part in ("exercises", "graders")):
            text = (
                f"{folder}: expected a catalogue (a folder with exercises/ or graders/), found none: correct the path"
            )
            raise UsageError(text)
    return Settings(
        catalogue_dirs=dirs,
        engine=engine or env.get("HARNESS_ENGINE", "") or written.engine or None,
        network_range=env.get("HARNESS_NETWORK_RANGE", "") or written.network_range or DEFAULT_NETWORK_RANGE,
        state_dir=state_dir(env),
    )


def state_dir(environment: Mapping[str, str]) -> Path:
    """Return the folder for reports of internal errors and locks; it need not exist."""
    base = environment.get("XDG_STATE_HOME", "")
    if base:
        return Path(base) / "harness"
    return home(environment) / ".local" / "state" / "harness"


def home(environment: Mapping[str, str]) -> Path:
    """Return the user's home; in a container a user may have none, and is then given a folder for temporary files."""
    if environment.get("HOME"):
        return Path(environment["HOME"])
    import pwd
    import tempfile

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path(tempfile.gettempdir()) / f"harness-home-{os.getuid()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Written:
    catalogue: tuple[Path, ...] = ()
    engine: str = ""
    network_range: str = ""


def _written(here: Path) -> _Written:
    for folder in (here, *here.parents):
        file = folder / FILE
        if file.is_file():
            return _parse(file)
    return _Written()


def _parse(file: Path) -> _Written:
    from harness import tables  # pydantic is only needed where there is a file

    class Document(tables.Table):
        catalogue: tables.Many[str] = ()
        engine: str = ""
        network_range: str = ""

    document = tables.parse(Document, places.read(file, tables.MAX_BYTES, refuse=UsageError), str(file), UsageError)
    return _Written(
        catalogue=tuple(file.parent / path for path in document.catalogue),
        engine=document.engine,
        network_range=document.network_range,
    )


def _checkout(here: Path) -> tuple[Path, ...]:
    for folder in (Path(__file__).resolve().parent.parent, here):
        if (folder / "exercises").is_dir():
            return (folder,)
    return ()
