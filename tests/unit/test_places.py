"""Places on disk: written ones are tried first, read ones have a cap, and what the system refuses is a sentence."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from harness import places
from harness.errors import ExerciseError, ExitCode, HarnessError, UsageError


@pytest.mark.parametrize("below", ["new/and/deeper", "", "new"])
def test_probe_leaves_nothing(tmp_path: Path, below: str) -> None:
    """A place that can be written is as it was afterwards: nothing made, nothing left."""
    places.probe(tmp_path / below, "results")
    assert list(tmp_path.iterdir()) == []


def _wrong(name: str, folder: Path) -> Path:
    """Make a place that can't be written, also by root; return it."""
    (folder / "file").write_text("x")
    (folder / "dangling").symlink_to(folder / "nowhere")
    (folder / "circle").symlink_to(folder / "circle")
    return {
        "a file": folder / "file",
        "below a file": folder / "file" / "x" / "y",
        "a link to nothing": folder / "dangling",
        "links in a circle": folder / "circle" / "x",
        "a name too long": folder / ("n" * 300),
        "a path too long": folder.joinpath(*["n" * 200] * 30),
        "a device": Path("/dev/null/results"),
        "the kernel's": Path("/proc/results"),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "a file",
        "below a file",
        "a link to nothing",
        "links in a circle",
        "a name too long",
        "a path too long",
        "a device",
        "the kernel's",
    ],
)
def test_place_that_cannot_be_written_is_wrong_usage(tmp_path: Path, name: str) -> None:
    """The caller hears which place, why, and what to do, and another path helps: exit code 4."""
    place = _wrong(name, tmp_path)
    with pytest.raises(UsageError) as caught:
        places.probe(place, "results")
    assert f"write results to {place}, found: " in str(caught.value)
    assert str(caught.value).count(": ") >= 2


@pytest.mark.parametrize("number", [getattr(errno, name) for name in sorted(dir(errno)) if name.startswith("E")])
def test_every_error_of_the_system_is_a_sentence(number: int) -> None:
    """Whatever it is: the place, the reason in words, advice; 4 where another path helps, else 5."""
    error = places.failure(OSError(number, os.strerror(number), "/some/place"), "write results to /some/place")
    assert os.strerror(number) in str(error)
    assert error.exit_code in {ExitCode.USAGE, ExitCode.HARNESS}
    assert str(error).rpartition(": ")[2]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EFBIG, errno.EIO])
def test_full_disk_is_the_machines(number: int) -> None:
    """No other path is wrong usage's cure: exit code 5."""
    assert places.failure(OSError(number, os.strerror(number)), "write").exit_code is ExitCode.HARNESS


def test_hostile_names_are_shown_on_one_line(tmp_path: Path) -> None:
    """A path can't write a line of its own into an error."""
    (tmp_path / "x\nheron passed").write_text("x")
    with pytest.raises(UsageError) as caught:
        places.probe(tmp_path / "x\nheron passed" / "y", "results")
    assert "\n" not in str(caught.value)


def test_read_has_a_cap(tmp_path: Path) -> None:
    """More than the cap is refused, without reading it; the cap itself is not."""
    (tmp_path / "f").write_bytes(b"12345")
    assert places.read(tmp_path / "f", 5) == b"12345"
    with pytest.raises(ExerciseError, match="at most 4 bytes, found more"):
        places.read(tmp_path / "f", 4, refuse=ExerciseError)
    with pytest.raises(HarnessError, match="expected a regular file, found a pipe, socket or device"):
        places.read(Path("/dev/zero"), 4)


def test_read_does_not_wait(tmp_path: Path) -> None:
    """A pipe that nobody writes to, a folder, a socket, a path with NUL: refused at once."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("pipe", "socket", "missing", "\0"):
            with pytest.raises(HarnessError, match="expected a re"):
                places.read(tmp_path / name)
    with pytest.raises(HarnessError, match="found a folder"):
        places.read(tmp_path)
