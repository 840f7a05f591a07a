"""Where things are and what is the default: flags over ``HARNESS_*`` variables over ``harness.toml``.

Whoever is graded must not choose the grader: for a grading, nothing is taken from a ``harness.toml`` or a catalogue that
was merely found inside or above a submission, where a candidate's archive may have been unpacked. What was named is taken.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from harness import places
from harness.errors import UsageError

FILE = "harness.toml"
CHECKOUT = Path(__file__).resolve().parent.parent
"""What the harness runs from; a catalogue where it has exercises."""
OWN = "harness"
"""What results call the catalogue that comes with the harness: where that lies on a machine is nobody else's to read."""
DEFAULT_NETWORK_RANGE = "10.212.0.0/16"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything a command may need to know about its surroundings."""

    catalogues: tuple[tuple[Path, ...], ...]
    """Folders with ``exercises/`` or ``graders/``, nearest first: flags, variable, file, checkout. No group is empty."""
    engine: str | None
    """Name of the engine; None: the first one that answers."""
    network_range: str
    """Scenario networks are /28 parts of this IPv4 range."""
    state_dir: Path
    """Where reports of internal errors go."""
    cache_dir: Path
    """Where what can be had again is kept; it need not exist."""
    packs: Path | None = None
    """Where the record of packs and the secret of variants are; None: beside the catalogue of the grader."""
    wheels: Path | None = None
    """A folder with the wheels that packs carry beside ours; None: they are downloaded."""
    keys: Path = Path()
    """Where the key that signs results is, and those that are believed; it need not exist."""
    not_taken: str = ""
    """A sentence on the file of settings that was found and not taken; empty when there is none."""

    @property
    def catalogue_dirs(self) -> tuple[Path, ...]:
        """All folders, nearest first."""
        return tuple(folder for group in self.catalogues for folder in group)


def load(
    *,
    catalogue: Sequence[Path] = (),
    engine: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    graded: Sequence[str] = (),
) -> Settings:
    """Return the settings for a command run in ``directory`` with these flags, which grades what is at ``graded``.

    Settings are in the file that ``HARNESS_SETTINGS`` names, else in the ``harness.toml`` of ``directory`` or the
    nearest folder above it; paths in it are relative to it. Raises UsageError when it, or a folder named anywhere, is
    wrong, and when only a candidate may have said which catalogue to take.
    """
    env = os.environ if environment is None else environment
    here = Path.cwd() if directory is None else directory
    flags = tuple(here / path for path in catalogue)
    variable = _variable(here, env, graded)
    file, not_taken = _file(here, env, graded, named=bool(flags or variable))
    written = _parse(file) if file else _Written()
    groups = (flags, variable, written.catalogue, _checkout(here, graded, named=bool(flags or variable or file)))
    for folder in (folder for group in groups for folder in group):
        if not any((folder / part).is_dir() for part in ("exercises", "graders")):
            text = (
                f"{folder}: expected a catalogue (a folder with exercises/ or graders/), found none: correct the path"
            )
            raise UsageError(text)
    return Settings(
        catalogues=_each_once(groups),
        engine=engine or env.get("HARNESS_ENGINE", "") or written.engine or None,
        network_range=env.get("HARNESS_NETWORK_RANGE", "") or written.network_range or DEFAULT_NETWORK_RANGE,
        state_dir=state_dir(env),
        cache_dir=_below(env.get("XDG_CACHE_HOME", ""), env, ".cache"),
        packs=_place("HARNESS_PACKS", written.packs, here, env, graded),
        wheels=_place("HARNESS_WHEELS", written.wheels, here, env, graded),
        keys=_place("HARNESS_KEYS", written.keys, here, env, graded) or keys_dir(env),
        not_taken=not_taken,
    )


def state_dir(environment: Mapping[str, str]) -> Path:
    """Return the folder for reports of internal errors and locks; it need not exist."""
    return _below(environment.get("XDG_STATE_HOME", ""), environment, ".local/state")


def keys_dir(environment: Mapping[str, str]) -> Path:
    """Return the folder of keys where nobody names another; it need not exist."""
    return _below(environment.get("XDG_DATA_HOME", ""), environment, ".local/share") / "keys"


def _below(base: str, environment: Mapping[str, str], default: str) -> Path:
    return (Path(base) if base else home(environment) / default) / "harness"


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


def keys() -> tuple[str, ...]:
    """Return what may stand in ``harness.toml``."""
    return tuple(field.name for field in fields(_Written))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Written:
    catalogue: tuple[Path, ...] = ()
    engine: str = ""
    network_range: str = ""
    packs: Path | None = None
    wheels: Path | None = None
    keys: Path | None = None


def _variable(here: Path, env: Mapping[str, str], graded: Sequence[str]) -> tuple[Path, ...]:
    parts = env.get("HARNESS_CATALOGUE", "").split(os.pathsep)
    return tuple(_named("HARNESS_CATALOGUE", part, here, graded) for part in parts if part)


def _named(variable: str, path: str, here: Path, graded: Sequence[str]) -> Path:
    """Return a place that a variable names. A relative one may lead into a submission, which nobody thought of."""
    place = here / path
    inside = next((one for one in graded if _is_inside(place, one)), None)
    if inside is not None and not Path(path).is_absolute():
        text = f"{variable}={path}: expected a place of yours, found one inside {inside}, which is graded: write the whole path"
        raise UsageError(text)
    return place


def _place(
    variable: str, written: Path | None, here: Path, env: Mapping[str, str], graded: Sequence[str]
) -> Path | None:
    named = env.get(variable, "")
    return _named(variable, named, here, graded) if named else written


def _file(here: Path, env: Mapping[str, str], graded: Sequence[str], *, named: bool) -> tuple[Path | None, str]:
    """Return the file of settings, if any, and why the one that was found is not taken; ``named``: a catalogue was."""
    if wanted := env.get("HARNESS_SETTINGS", ""):
        return _named("HARNESS_SETTINGS", wanted, here, graded), ""
    # Above may be folders that this user can't look into: pathlib raises there. A folder or a link to nothing of that name
    # is found as well: somebody means it, and reading it says what is wrong.
    file = next((folder / FILE for folder in (here, *here.parents) if os.path.lexists(folder / FILE)), None)
    where = _in_reach(file.parent, graded) if file else ""
    if not file or not where:
        return file, ""
    if named:
        return None, f"{file} is {where}, so nothing in it is used"
    raise UsageError(_unnamed(str(file), where) + f", or say that the file is yours: HARNESS_SETTINGS={file}")


def _checkout(here: Path, graded: Sequence[str], *, named: bool) -> tuple[Path, ...]:
    if (CHECKOUT / "exercises").is_dir():
        return (CHECKOUT,)
    if not (here / "exercises").is_dir():
        return ()
    where = _in_reach(here, graded)
    if where and not named:
        raise UsageError(_unnamed(str(here / "exercises"), where))
    return () if where else (here,)


def _unnamed(what: str, where: str) -> str:
    return (
        f"{what}: expected settings that are yours, found some {where}, where whoever is graded may have put them: "
        "name the catalogue to grade with (--catalogue DIR or HARNESS_CATALOGUE)"
    )


def _in_reach(place: Path, graded: Sequence[str]) -> str:
    """Return in words how ``place`` lies to something that is graded; empty when whoever is graded can't write there."""
    for path in graded:
        if _is_inside(place, path):
            return f"inside {path}"
        if any(_is_inside(one, place) for one in _forms(path)):
            return f"above {path}"
    return ""


def _is_inside(place: Path, path: str | Path) -> bool:
    """Whether ``place`` is at or below ``path``, by its name or by where links lead."""
    return any(one == above or above in one.parents for one in _forms(place) for above in _forms(path))


def _forms(path: str | Path) -> tuple[Path, Path]:
    return Path(os.path.abspath(path)), Path(os.path.realpath(path))  # noqa: PTH100  resolve() would follow links


def _each_once(groups: Sequence[Sequence[Path]]) -> tuple[tuple[Path, ...], ...]:
    """Return ``groups`` without folders that a nearer one has, and without empty ones."""
    seen: set[str] = set()
    kept: list[tuple[Path, ...]] = []
    for group in groups:
        new = {os.path.realpath(folder): folder for folder in group if os.path.realpath(folder) not in seen}
        seen |= set(new)
        kept += [tuple(new.values())] if new else []
    return tuple(kept)


def _parse(file: Path) -> _Written:
    from harness import tables  # pydantic is only needed where there is a file

    class Document(tables.Table):
        catalogue: tables.Many[str] = ()
        engine: str = ""
        network_range: str = ""
        packs: str = ""
        wheels: str = ""
        keys: str = ""

    document = tables.parse(Document, places.read(file, tables.MAX_BYTES, refuse=UsageError), str(file), UsageError)
    return _Written(
        catalogue=tuple(file.parent / path for path in document.catalogue),
        engine=document.engine,
        network_range=document.network_range,
        packs=file.parent / document.packs if document.packs else None,
        wheels=file.parent / document.wheels if document.wheels else None,
        keys=file.parent / document.keys if document.keys else None,
    )
