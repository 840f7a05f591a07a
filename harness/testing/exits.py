"""What the ``exit`` of a ``finished`` event means. Anything else, with ``crashed``, is how the process died."""

from __future__ import annotations

OK = 0
"""Every selected check has its outcome."""
NOT_RUN = 1
"""Nothing ran: what was collected does not fit what was declared. Notes say why."""
HUNG = 2
"""A check took all its time, or the job did: what was cut off is inconclusive, every other outcome was said.

A service that can delay a check can cause that, so the host tries again and asks a control whose fault it was.
"""
INTERNAL = 3
"""The job was not understood, or pytest itself failed."""
