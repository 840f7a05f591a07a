"""Every error the harness raises on purpose, and the exit code each one ends a command with.

::

    HarnessError             5   we failed: our bug, our engine, our disk
    ├── EngineError          5   no usable engine, or it stopped answering
    │   └── SandboxError     5   one sandbox could not be created or driven, and its holder is gone as well
    │       └── ContentError 5   what was to go into it does not fit: of a submission, that is a refusal
    ├── GraderError          5   the grader broke the protocol (author's or our fault, never the candidate's)
    ├── ExerciseError        5   an exercise or grader on disk is wrong: its author must act
    ├── UsageError           4   the caller asked for something that cannot be
    └── SubmissionError      3   the submission is not acceptable: the candidate must act

"It failed" and "we failed" are different types from the bottom up to the exit code: nothing a candidate's
process does is ever a ``HarnessError``; it is a status in an outcome.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What a command ends with. 0, 1, 2, 3 and 6 are only ever set from a written result."""

    PASSED = 0
    """At or over the pass mark."""
    FAILED = 1
    """Below the pass mark."""
    INCONCLUSIVE = 2
    """Our evidence is missing; trying again is sensible."""
    REFUSED = 3
    """The submission was refused before anything was graded."""
    USAGE = 4
    """The command was called wrongly."""
    HARNESS = 5
    """The harness, its engine or its machine failed."""
    INTEGRITY = 6
    """Held for a human: evidence does not fit what was declared."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM."""


class HarnessError(Exception):
    """We failed. The message says what was expected, what was found and what to do next."""

    exit_code = ExitCode.HARNESS


class EngineError(HarnessError):
    """The container engine is missing, refuses what a grading needs, or stopped answering."""


class SandboxError(EngineError):
    """One sandbox could not be created or driven for a reason that is not the candidate's."""


class ContentError(SandboxError):
    """The files for a sandbox can't be unpacked in it: they are too many, too large, or no archive."""


class GraderError(HarnessError):
    """The grader process broke the broker protocol, or died twice with the same seed."""


class ExerciseError(HarnessError):
    """An exercise or its grader is not well-formed. Its author must act."""


class UsageError(HarnessError):
    """The caller asked for something that cannot be."""

    exit_code = ExitCode.USAGE


class SubmissionError(HarnessError):
    """The submission is not acceptable. The candidate must act."""

    exit_code = ExitCode.REFUSED
