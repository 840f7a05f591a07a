"""Names that loose code takes for others."""

from __future__ import annotations

import html
import random
import urllib.parse
from collections.abc import Callable

from harness.testing.names import SEPARATORS, VISIBLE, every_character, splits, twins

LONGEST = 64


def test_twins_differ_in_one_thing() -> None:
    """Each kind is taken for one by the mistake that it stands for, and by no name of another pair."""
    found = twins(random.Random(1), longest=LONGEST)
    every = [name for pair in found.values() for name in pair]
    assert len(set(every)) == len(every)
    assert all(0 < len(name) <= LONGEST and set(name) <= set(VISIBLE) for name in every)
    loose: dict[str, Callable[[str], object]] = {
        "the case of a letter": str.lower,
        "the last of all their characters": lambda name: name[:63],
        "the first of all their characters": lambda name: name[1:],
        "one character more": lambda name: name[:6],
        "a leading zero": lambda name: str(int(name)),
        "a character that a pattern matches": lambda name: name.replace("_", "-"),
        "an escaped character": urllib.parse.unquote,
        "an entity": html.unescape,
        "quotes around them": lambda name: name.strip('"'),
    }
    assert {kind: same(found[kind][0]) == same(found[kind][1]) for kind, same in loose.items()} == dict.fromkeys(
        found, True
    )


def test_splits_are_equal_when_they_are_joined() -> None:
    """With its separator each pair of pairs comes to one text."""
    found = splits(random.Random(1))
    assert set(found) == set(SEPARATORS)
    for separator, (one, other) in found.items():
        assert one != other
        assert separator.join(one) == separator.join(other)


def test_every_character_is_in_a_name() -> None:
    """All of the alphabet, at full length; equal generators draw the same."""
    found = every_character(random.Random(1), longest=LONGEST)
    assert set("".join(found)) == set(VISIBLE)
    assert {len(name) for name in found} == {LONGEST}
    assert (
        found
        == every_character(random.Random(1), longest=LONGEST)
        != every_character(random.Random(2), longest=LONGEST)
    )
