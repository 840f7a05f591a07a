"""The wheels of a pack: our own, made from what runs here, and those it needs, as a package index gives them.

Our wheel is put together from the installed package, so a company needs neither a checkout nor a build tool. What it needs
is downloaded once for each set of versions, those that run here, and kept; or a company names a folder of wheels that it
trusts, for as many systems as it likes.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

from harness import __version__, droppings, places
from harness.errors import HarnessError, UsageError
from harness.images import recipes
from harness.model import SubmissionFile
from harness.packs import zips

DISTRIBUTION = "assessment-harness"
_PREFIX = "assessment_harness-"
_PACKAGE = Path(__file__).resolve().parents[1]
_RECIPES = "harness/_recipes"
_METADATA = ("METADATA", "entry_points.txt", "licenses/LICENSE")
_NOT_KEPT = re.compile(r"^(?:Version|Requires-Dist|Description-Content-Type): .*\n", re.MULTILINE)
"""What a checkout may have changed since it was installed; and the README, which is not for candidates, stays behind."""
_WHEEL = b"Wheel-Version: 1.0\nGenerator: harness pack\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_SECONDS = 900
_MAX_WHEEL_BYTES = 64 * 1024 * 1024
_CREDENTIALS = re.compile(r"//[^/\s]+@")


def own() -> SubmissionFile:
    """Return the wheel of the harness that runs here, image recipes included; the same files give the same bytes."""
    info = f"{_PREFIX}{__version__}.dist-info"
    files = {file.path: file for file in (*_package(), *_recipes())}
    for name, content in {**_metadata(), "WHEEL": _WHEEL}.items():
        files[f"{info}/{name}"] = SubmissionFile(path=f"{info}/{name}", content=content)
    lines = [f"{file.path},sha256={_hash(file.content)},{len(file.content)}" for _, file in sorted(files.items())]
    lines.append(f"{info}/RECORD,,")
    listed = SubmissionFile(path=f"{info}/RECORD", content="".join(f"{line}\n" for line in lines).encode())
    data = zips.write((*files.values(), listed))
    return SubmissionFile(path=f"{_PREFIX}{__version__}-py3-none-any.whl", content=data)


def needed(named: Path | None, cache: Path, progress: Callable[[str], None]) -> tuple[tuple[SubmissionFile, ...], str]:
    """Return the wheels that ours needs, and in a sentence why there are none; empty when there are.

    ``named`` is a folder of wheels that somebody trusts; without one they are downloaded, and kept below ``cache``. Raises
    UsageError when the named folder holds none.
    """
    if named is not None:
        found = _in(named)
        if not found:
            text = f"{named}: expected a folder with the wheels that the harness needs, found none: fill it with pip download"
            raise UsageError(text)
        return found, ""
    kept = cache / "wheels" / _key()
    found = _in(kept) if kept.is_dir() else ()
    if found:
        return found, ""
    # Nothing is kept, or a cleaner took the files and left their folder.
    why = _download(kept, progress)
    found = () if why else _in(kept)
    return found, "" if found else why or f"none were kept in {kept}"


def system() -> str:
    """Return for what downloaded wheels are, in words."""
    major, minor = sys.version_info[:2]
    return f"Python {major}.{minor} on {sysconfig.get_platform()}"


def _metadata() -> dict[str, bytes]:
    installed = _installed()
    found = {name: text for name in _METADATA if (text := installed.read_text(name)) is not None}
    head = found["METADATA"].partition("\n\n")[0]
    lines = [f"Version: {__version__}\n", *(f"Requires-Dist: {one}\n" for one in _requires())]
    found["METADATA"] = "".join((_NOT_KEPT.sub("", f"{head}\n"), *lines))
    return {name: text.encode() for name, text in found.items()}


def _requires() -> tuple[str, ...]:
    """Return what the harness needs: as its checkout says, or as the wheel says that was installed."""
    manifest = _PACKAGE.parent / "pyproject.toml"
    if manifest.is_file():
        return tuple(tomllib.loads(places.read(manifest).decode())["project"]["dependencies"])
    return tuple(_installed().requires or ())


def _installed() -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        text = (
            f"expected the harness to be installed, found no {DISTRIBUTION} in this Python: install it with pip install"
        )
        raise HarnessError(text) from error


def _package() -> Iterable[SubmissionFile]:
    for relative, path in droppings.files(_PACKAGE):
        if path.suffix != ".pyc":
            yield SubmissionFile(path=f"{_PACKAGE.name}/{relative}", content=places.read(path))


def _recipes() -> Iterable[SubmissionFile]:
    for relative, path in droppings.files(recipes.directory()):
        yield SubmissionFile(path=f"{_RECIPES}/{relative}", content=places.read(path))


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _in(folder: Path) -> tuple[SubmissionFile, ...]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".whl" and not path.name.startswith(_PREFIX))
    except OSError as error:
        raise places.failure(error, f"read the folder of wheels {folder}") from error
    return tuple(
        SubmissionFile(path=path.name, content=places.read(path, _MAX_WHEEL_BYTES, refuse=UsageError)) for path in files
    )


def _versions() -> list[str]:
    """Return what is installed here, as pip reads it: what runs on this machine is what a candidate gets."""
    found = {f"{one.name}=={one.version}" for one in importlib.metadata.distributions() if one.name != DISTRIBUTION}
    return sorted(found)


def _key() -> str:
    facts = "\n".join([system(), *_requires(), *_versions()])
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _download(kept: Path, progress: Callable[[str], None]) -> str:
    """Fill the folder ``kept`` in one step; return why that could not be, empty when it could."""
    progress("wheels from the package index")
    with places.writing("downloaded wheels", kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".partial-") as scratch:
            folder = Path(scratch)
            ours = own()
            (folder / ours.path).write_bytes(ours.content)
            (folder / "versions.txt").write_text("\n".join(_versions()) + "\n", encoding="utf-8")
            why = _pip(folder, ours.path)
            if why:
                return why
            target = folder / "wheels"
            try:
                target.rename(kept)  # takes the place of an empty folder
            except OSError:
                if not kept.is_dir():  # else another process was quicker
                    raise
    return ""


def _pip(folder: Path, ours: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += ["download", "--only-binary", ":all:", "--retries", "1", "--timeout", "20"]
    command += ["--constraint", "versions.txt", "--dest", "wheels", f"./{ours}"]
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - our words
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"pip did not answer ({error})"
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    last = next(
        (line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no reason given"
    )
    return f"pip found no package index that has them ({_CREDENTIALS.sub('//', last)[:300]})"
