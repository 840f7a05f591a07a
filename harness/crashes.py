"""What nobody expected, in words: every exception becomes an error of ours with a sentence and an exit code."""

from __future__ import annotations

import os
import sys

from harness.errors import EngineError, ExitCode, HarnessError, UsageError


def explained(error: BaseException) -> HarnessError:
    """Return ``error`` as one of ours. The traceback of a bug of ours is kept in a file that the text names."""
    if isinstance(error, HarnessError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return _of_the_system(error)
    if isinstance(error, MemoryError):
        return HarnessError("expected memory to go on, found none left: end something, or use a machine with more")
    import traceback

    kind = traceback.format_exception_only(error)[-1].strip()
    place = _keep("".join(traceback.format_exception(error)))
    return HarnessError(
        f"internal error, not yours and not the candidate's: {kind[:300]}\n"
        f"The traceback is in {place}; please report it with that file."
    )


def withheld(error: HarnessError, folder: str) -> HarnessError:
    """Return ``error`` without its words, which are kept in a file in ``folder``: they may quote what candidates must not read.

    What the caller or the candidate must act on is said as it is, and so is what an engine says: it knows of no check.
    """
    if error.exit_code is not ExitCode.HARNESS or type(error) is EngineError:
        return error
    place = _kept(f"{type(error).__name__}: {error}\n", folder) or "no file: no folder could be written"
    return HarnessError(f"our error, which says nothing about the submission; who runs this finds it in {place}")


def _of_the_system(error: OSError) -> HarnessError:
    from harness import places, wording

    if isinstance(error, FileNotFoundError) and not _folder_is_there():
        return UsageError("expected a folder to work in, found the one you are in removed: cd to another one")
    where = (
        f"use {wording.visible(os.fsdecode(error.filename))}" if isinstance(error.filename, str | bytes) else "go on"
    )
    # Where nobody said which place the caller could change, the machine is at fault.
    return HarnessError(str(places.failure(error, where)))


def _folder_is_there() -> bool:
    try:
        return bool(os.getcwd())  # noqa: PTH109 - pathlib is not needed for anything else here
    except OSError:
        return False


def _keep(text: str) -> str:
    """Return where the traceback of a bug of ours is kept, or itself where no folder could be written."""
    return _kept(text) or f"the lines that follow, since no folder could be written:\n{text}"


def _kept(text: str, wanted: str = "") -> str:
    """Write ``text`` to a new file in the folder ``wanted``, else where errors are kept; empty where none can be written."""
    import secrets
    import tempfile
    import time

    from harness.settings import state_dir

    name = f"error-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}-{secrets.token_hex(2)}.txt"
    content = f"harness {' '.join(sys.argv[1:])}\npython {sys.version}\n\n{text}"
    for wish in (wanted, "", None):
        try:
            # No folder for temporary files is an OSError as well.
            folder = tempfile.gettempdir() if wish is None else wish or state_dir(os.environ)
            file = os.path.join(folder, name)  # noqa: PTH118
            os.makedirs(os.path.dirname(file), exist_ok=True)  # noqa: PTH103, PTH120
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:  # noqa: PTH123
                stream.write(content)
        except OSError:
            continue
        return file
    return ""
