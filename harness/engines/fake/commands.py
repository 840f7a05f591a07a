"""The few programs every fake sandbox has: enough for the conformance suite and for small tests."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from harness.engines.base import BOX
from harness.engines.fake import grader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.engines.fake.process import Command, Process


def path_of(name: str) -> str:
    """Return ``name`` as an absolute path of a sandbox."""
    return name if name.startswith("/") else f"{BOX}/{name}"


def _true(process: Process) -> int:
    process.check()
    return 0


def _false(process: Process) -> int:
    process.check()
    return 1


def _echo(process: Process) -> int:
    process.write(" ".join(process.argv[1:]).encode() + b"\n")
    return 0


def _cat(process: Process) -> int:
    if len(process.argv) == 1:
        while data := process.read():
            process.write(data)
        return 0
    code = 0
    for name in process.argv[1:]:
        content = process.files.get(path_of(name))
        if content is None:
            process.complain(f"cat: {name}: No such file or directory")
            code = 1
        else:
            process.write(content)
    return code


def _tee(process: Process) -> int:
    name = path_of(process.argv[1])
    process.files[name] = b""
    while data := process.read():
        process.files[name] += data
        process.write(data)
    return 0


def _head(process: Process) -> int:
    # head -c COUNT FILE
    count, name = int(process.argv[2]), process.argv[3]
    content = bytes(count) if name == "/dev/zero" else process.files.get(path_of(name), b"")
    process.write(content[:count])
    return 0


def _sleep(process: Process) -> int:
    process.sleep(float(process.argv[1]))
    return 0


def _printenv(process: Process) -> int:
    found = process.env.get(process.argv[1])
    if found is None:
        return 1
    process.write(found.encode() + b"\n")
    return 0


def _sh(process: Process) -> int:
    """``sh -c "COMMAND; COMMAND"``: simple commands with ``> FILE`` and ``>&2``, and ``exit N``. No more."""
    code = 0
    for part in process.argv[2].split(";"):
        words = tuple(shlex.split(part))
        if words[:1] == ("exit",):
            return int(words[1])
        if words:
            code = _redirected(process, words)
    return code


def _redirected(process: Process, words: tuple[str, ...]) -> int:
    if words[-1] == ">&2":
        target, argv = "", words[:-1]
    elif len(words) > 2 and words[-2] == ">":  # noqa: PLR2004 - a command, the sign, a file
        target, argv = path_of(words[-1]), words[:-2]
    else:
        return process.call(words)
    before, process.stdout = process.stdout, type(process.stdout)()
    try:
        code = process.call(argv)
        if target:
            process.files[target] = process.stdout.everything()
        else:
            process.stderr.write(process.stdout.everything())
    finally:
        process.stdout = before
    return code


def _find(process: Process) -> int:
    # find FOLDER -mindepth 1 -delete
    for name in [name for name in process.files if name.startswith(f"{process.argv[1]}/")]:
        del process.files[name]
    return 0


COMMANDS: Mapping[str, Command] = {
    "true": _true,
    "false": _false,
    "echo": _echo,
    "cat": _cat,
    "tee": _tee,
    "head": _head,
    "find": _find,
    "sleep": _sleep,
    "printenv": _printenv,
    "sh": _sh,
    grader.PROGRAM: grader.python,
}
"""Name -> program."""
