"""Which collected tests run, in which order, and what does not fit the declaration. Pure."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence


def problems(found: Sequence[str | None], declared: Iterable[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return one sentence for each thing that must hold a result: duplicate, undeclared, or without ``@check``.

    ``found`` are the check ids of the collected tests in order, None for a test without one; ``names`` are the
    tests' own names.
    """
    known = set(declared)
    said = [
        f"expected @check(id) on every test, found none on {name}: add it, or rename the function"
        for check_id, name in zip(found, names, strict=True)
        if check_id is None
    ]
    counts = Counter(check_id for check_id in found if check_id is not None)
    for check_id, count in counts.items():
        if count > 1:
            said.append(f"expected one test for check {check_id!r}, found {count}: an id is judged once")
        if check_id not in known:
            said.append(f"expected a declared check, found {check_id!r}: declare it, or fix the id")
    return tuple(said)


def selected(check_ids: Iterable[str], only: Sequence[str]) -> frozenset[str]:
    """Return the ids that match ``only`` (ids or globs; empty: all)."""
    return frozenset(
        check_id
        for check_id in check_ids
        if not only or any(fnmatch.fnmatchcase(check_id, pattern) for pattern in only)
    )


def order(
    check_ids: Sequence[str],
    requires: Mapping[str, Sequence[str]],
    declared: Sequence[str],
    last: Collection[str] = (),
) -> tuple[str, ...]:
    """Return ids by family, families as they are declared first; else as collected, requirements before dependents.

    Those in ``last`` come after everything else.
    """
    families = dict.fromkeys(check_id.partition("/")[0] for check_id in declared)
    rank = {family: number for number, family in enumerate(families)}
    wanted = sorted(check_ids, key=lambda check_id: rank.get(check_id.partition("/")[0], len(rank)))
    placed: dict[str, None] = {}

    def place(check_id: str, above: frozenset[str]) -> None:
        for needed in requires.get(check_id, ()):
            if needed in present and needed not in above:
                place(needed, above | {check_id})
        placed.setdefault(check_id)

    present = set(wanted)
    for check_id in wanted:
        place(check_id, frozenset())
    return tuple(sorted(placed, key=lambda check_id: check_id in last))
