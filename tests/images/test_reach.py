"""What of the package counts for the record of an exercise: what its checks can reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.images import reach
from harness.images.recipes import Recipe, names, recipe

PROGRAM = b"from harness.testing import check\n"
FILES = {
    "Dockerfile": b"FROM scratch\n",
    "harness/__init__.py": b"",
    "harness/errors.py": b"",
    "harness/testing/__init__.py": b"from harness.testing.check import check\n",
    "harness/testing/__main__.py": b"from harness.testing._run import runner\n",
    "harness/testing/check.py": b"def fail():\n    import harness.errors\n",
    "harness/testing/load.py": b"from . import pace\n",
    "harness/testing/pace.py": b"",
    "harness/testing/words.txt": b"",
    "harness/testing/_run/__init__.py": b"",
    "harness/testing/_run/runner.py": b"",
}
IMAGE = Recipe(name="judge", parent="", files=FILES, digest="0" * 64)


def changed(path: str, *programs: bytes) -> bool:
    """Return whether a change of one file changes what counts for ``programs``."""
    other = replace(IMAGE, files={**FILES, path: FILES[path] + b"# changed\n"})
    return reach.identity(other, programs) != reach.identity(IMAGE, programs)


@pytest.mark.parametrize(
    "path",
    [
        "Dockerfile",
        "harness/testing/words.txt",
        "harness/testing/__main__.py",
        "harness/testing/_run/runner.py",
        "harness/testing/__init__.py",
        "harness/testing/check.py",
        "harness/errors.py",
    ],
)
def test_counts_what_is_reached_or_no_module(path: str) -> None:
    """What runs every program, what is imported directly or by the way, at the top or in a function; and all other files."""
    assert changed(path, PROGRAM)


@pytest.mark.parametrize("path", ["harness/testing/load.py", "harness/testing/pace.py"])
def test_leaves_out_what_nobody_imports(path: str) -> None:
    """A helper for another exercise."""
    assert not changed(path, PROGRAM)


@pytest.mark.parametrize(
    "program",
    [
        b"import harness.testing.load\n",
        b"from harness.testing import load\n",
        b"from harness.testing.load import Load\n",
        b"def later():\n    from harness.testing import check, load\n",
    ],
)
def test_knows_every_way_to_import(program: bytes) -> None:
    """Also what an imported module imports, by a relative name."""
    assert changed("harness/testing/load.py", program)
    assert changed("harness/testing/pace.py", PROGRAM, program)


@pytest.mark.parametrize("program", [b"def (:\n", b"\0"])
def test_what_does_not_parse_reaches_everything(program: bytes) -> None:
    """Nothing is left out on a guess."""
    assert changed("harness/testing/pace.py", program)


def test_new_module_changes_nothing_until_it_is_imported() -> None:
    """The reason for all this."""
    more = replace(IMAGE, files={**FILES, "harness/testing/storm.py": b""})
    assert reach.identity(more, [PROGRAM]) == reach.identity(IMAGE, [PROGRAM])
    program = b"import harness.testing.storm\n"
    assert reach.identity(more, [program]) != reach.identity(IMAGE, [program])


def test_parent_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an image is built on."""
    parents = {"one": replace(IMAGE, digest="1" * 64), "two": replace(IMAGE, digest="2" * 64)}
    monkeypatch.setattr(reach, "recipe", parents.__getitem__)
    one, two = (replace(IMAGE, parent=parent) for parent in parents)
    assert reach.identity(one, []) != reach.identity(two, [])


@pytest.mark.parametrize("name", names())
def test_reads_every_recipe_of_ours(name: str) -> None:
    """An image without a part of the package has one identity for all programs."""
    image = recipe(name)
    left_out = reach.identity(image, [PROGRAM]) != reach.identity(image, [b"def (:\n"])
    assert left_out == any(path.startswith("harness/testing/") for path in image.files)
