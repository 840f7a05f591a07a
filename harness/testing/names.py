"""Names as the world has them: alike in all but one thing, at full length, of every character that is allowed.

Identifiers are exact strings. Code that folds, cuts, escapes, joins or compares them loosely takes two for one, and does
so only for names like these. Equal generators give equal names, and no name says what it is for.
"""

from __future__ import annotations

import random

VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
"""Every visible ASCII character."""
SEPARATORS = ("", ":", "/", "|", "-", "_", ".", ",", "#", '","')
"""What code puts between two names to make one of them."""
_LETTERS = "bcdefghjkmnpqrstuvwxyz"


def twins(rng: random.Random, *, longest: int) -> dict[str, tuple[str, str]]:
    """Return pairs of different names that loose code takes for one, by what tells them apart.

    All are of visible ASCII, at most ``longest`` characters (16 or more) long, and differ from pair to pair.
    """
    stems = [_stem(rng, 6) for _ in range(7)]
    full, number = _stem(rng, longest - 1), rng.randrange(10_000, 100_000)
    return {
        "the case of a letter": (f"{stems[0]}-K", f"{stems[0]}-k"),
        "the last of all their characters": (f"{full}a", f"{full}b"),
        "the first of all their characters": (f"a{full}", f"b{full}"),
        "one character more": (stems[1], f"{stems[1]}0"),
        "a leading zero": (f"{number}", f"0{number}"),
        "a character that a pattern matches": (f"{stems[2]}_{stems[3]}", f"{stems[2]}-{stems[3]}"),
        "an escaped character": (f"{stems[4]}%2B", f"{stems[4]}+"),
        "an entity": (f"{stems[5]}&amp;", f"{stems[5]}&"),
        "quotes around them": (stems[6], f'"{stems[6]}"'),
    }


def splits(rng: random.Random) -> dict[str, tuple[tuple[str, str], tuple[str, str]]]:
    """Return two pairs of names for each separator that become equal when they are joined with it, by the separator.

    For ``:`` they are ``("a", "b:c")`` and ``("a:b", "c")``.
    """
    found = {}
    for separator in SEPARATORS:
        first, middle, last = (_stem(rng, 5) for _ in range(3))
        found[separator] = ((first, f"{middle}{separator}{last}"), (f"{first}{separator}{middle}", last))
    return found


def every_character(rng: random.Random, *, longest: int, alphabet: str = VISIBLE) -> tuple[str, ...]:
    """Return names of ``longest`` characters that hold each character of ``alphabet`` between them, in random order."""
    shuffled = rng.sample(alphabet, len(alphabet))
    count = -(-len(shuffled) // longest)
    parts = (shuffled[start::count] for start in range(count))
    return tuple("".join([*part, *rng.choices(alphabet, k=longest - len(part))]) for part in parts)


def _stem(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(_LETTERS, k=length))
