"""The grader's side: the only thing authors of checks import. It runs inside the grader sandbox.

Rules of a check, in one breath: decorate it with :func:`check`, say a candidate's failure with :func:`expect`,
say missing evidence with :class:`Unproven`, and let everything else raise: it becomes ``inconclusive``.
See docs/how-to/write-a-check.md.
"""

from harness.testing.check import CheckFailed, Inconclusive, Unproven, check, credit, expect, fail
from harness.testing.measure import bit, measured
from harness.testing.properties import always, reachable, sometimes, unreachable

__all__ = [
    "CheckFailed",
    "Inconclusive",
    "Unproven",
    "always",
    "bit",
    "check",
    "credit",
    "expect",
    "fail",
    "measured",
    "reachable",
    "sometimes",
    "unreachable",
]
