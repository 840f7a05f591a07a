"""What the ``exit`` of a ``finished`` event means. Anything else, with ``crashed``, is how the process died."""

from __future__ import annotations

OK = 0
"""Every selected check has its outcome."""
NOT_RUN = 1
"""Nothing ran: what was collected does not fit what was declared. Notes say why."""
HUNG = 2
"""A check could not be interrupted; it and those after it are inconclusive."""
INTERNAL = 3
"""The job was not understood, or pytest itself failed."""
