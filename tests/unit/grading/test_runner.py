"""Which checks count when only some were asked for."""

from __future__ import annotations

from harness.grading.job import selected
from harness.model import Check

READ = Check(id="contract/read", title="t", skill="s", points=10, public=True)
FAST = Check(id="throughput/ratio", title="t", skill="s", points=10, public=True, requires=("contract/read",))


def test_selected_is_everything_without_a_pattern() -> None:
    """No pattern chooses all, requirements included."""
    assert selected((READ, FAST), ()) == (READ, FAST)


def test_selected_drops_requirements_on_what_was_not_chosen() -> None:
    """Who asks for one check sees that one judged, not 'needs another'."""
    (found,) = selected((READ, FAST), ("throughput/*",))
    assert (found.id, found.requires) == ("throughput/ratio", ())
    assert selected((READ, FAST), ("*",)) == (READ, FAST)
