"""What systems, editors and tools leave beside the files that people write. One rule for all who read a folder.

Such files never travel, are never built or graded, and change no digest: their names are what says so, never what is in
them. The one exception is a virtual environment, which people name as they like and which ``pyvenv.cfg`` gives away.
What looks alike and is somebody's work is not taken for one: a module ``venv.py``, a file ``~.py``, ``Thumbs.database``.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ENVIRONMENT = "pyvenv.cfg"
"""Stands at the top of every virtual environment of Python."""
_ANY = frozenset({".git", ".hg", ".svn", ".harness"})
"""A folder, or a file that stands for one (``.git`` in a work tree)."""
_FOLDERS = frozenset(
    {
        # ours: a result, by the id of its grading, and one whose writer was killed
        *("[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z-" + "[0-9a-f]" * 6, ".partial-" + "[0-9a-f]" * 16),
        # tools and package managers
        *(
            "venv",
            ".venv",
            "node_modules",
            "__pycache__",
            ".ipynb_checkpoints",
            ".hypothesis",
            ".gradle",
            ".tox",
            ".nox",
        ),
        *(".pytest_cache", ".mypy_cache", ".ruff_cache"),
        # editors
        *(".idea", ".vscode", ".vs", ".fleet", ".zed", ".history"),
        # macOS, Windows, desktops of Linux
        *("__MACOSX", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".fseventsd", ".TemporaryItems"),
        *(".DocumentRevisions-V100", "$RECYCLE.BIN", "System Volume Information", ".Trash", ".Trash-*"),
    }
)
_FILES = frozenset(
    {
        # macOS: the Finder's, and the second half of a file on a disk that has no room for it (AppleDouble)
        *(".DS_Store", "._*", "Icon\r", ".apdisk", ".localized", ".VolumeIcon.icns", ".com.apple.*"),
        # Windows and Office
        *("Thumbs.db", "Thumbs.db:*", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "~$*"),
        # Linux: KDE, and files that were deleted while open on a network disk
        *(".directory", ".nfs????????????????*", ".fuse_hidden*"),
        # backups, swap files and locks of Emacs, Vim, Kate, LibreOffice
        *("*~", "#*#", ".#*", ".*.sw[a-p]", ".*.kate-swp", ".~lock.*#"),
    }
)


def _either(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in sorted(patterns)), re.DOTALL)


_FOLDER_NAME, _FILE_NAME = _either(_ANY | _FOLDERS), _either(_ANY | _FILES)


def is_folder(name: str) -> bool:
    """Whether a folder of this name is one that a tool made, with all that is in it."""
    return _FOLDER_NAME.match(name.lower()) is not None


def is_file(name: str) -> bool:
    """Whether a file of this name is one that a tool made."""
    return _FILE_NAME.match(name.lower()) is not None


def is_entry(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is one that a tool made. A link is one by either name: locks of Emacs are links."""
    if entry.is_dir(follow_symlinks=False):
        return is_folder(entry.name) or os.path.lexists(os.path.join(entry.path, ENVIRONMENT))  # noqa: PTH118 - a hot loop
    return is_file(entry.name) or (not entry.is_file(follow_symlinks=False) and is_folder(entry.name))


def among(paths: Iterable[str]) -> frozenset[str]:
    """Return those of ``paths``, files of one archive, that are droppings or lie in a folder that is one."""
    known = tuple(paths)
    environments = {path.removesuffix(f"/{ENVIRONMENT}") for path in known if path.endswith(f"/{ENVIRONMENT}")}
    return frozenset(path for path in known if _is_path(path, environments))


def files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield relative path and path of whatever below ``root`` is no folder and no dropping, links included, sorted.

    Raises OSError when a folder can't be read.
    """
    found: list[tuple[str, Path]] = []
    folders = [(root, "")]
    while folders:
        folder, prefix = folders.pop()
        with os.scandir(folder) as entries:
            kept = [entry for entry in entries if not is_entry(entry)]
        for entry in kept:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                folders.append((path, f"{prefix}{entry.name}/"))
            else:
                found.append((prefix + entry.name, path))
    yield from sorted(found)


def _is_path(path: str, environments: set[str]) -> bool:
    *folders, name = path.split("/")
    above = ("/".join(folders[:end]) for end in range(1, len(folders) + 1))
    return is_file(name) or any(map(is_folder, folders)) or any(folder in environments for folder in above)
