"""Which lines of a submission a finding points to."""

from __future__ import annotations

import pytest

from harness import patches
from harness.model import SubmissionFile
from harness.patches import Change
from harness.reports import pointers

CODE = """import uuid


def unrelated(value):
    return value


def settle_charge(row):
    # the webhook settles
    "a docstring about a webhook"
    reference = uuid.uuid4()
    return handle_webhook(row, reference)
"""


def changed(**files: str) -> tuple[Change, ...]:
    """Return what adding files changes; ``_`` in a name stands for a dot."""
    new = [
        SubmissionFile(path=path.replace("__", "/").replace("_", "."), content=text.encode())
        for path, text in files.items()
    ]
    return patches.compare([], new)


def test_a_line_that_is_named_is_found_by_its_place() -> None:
    """As test runners and tracebacks write it, from wherever they stood; what was not changed is not pointed to."""
    changes = changed(src__app_py="a = 1\nb = 2\n")
    texts = ("src/app.py:2: AssertionError", "/box/src/app.py:1", "app.py:1", "other.py:1", "src/app.py:9")
    found = pointers.named(texts, changes)
    assert [(one.path, one.line, one.why) for one in found] == [
        ("src/app.py", 2, "named by it"),
        ("src/app.py", 1, "named by it"),
    ]


def test_lines_that_speak_of_the_same_are_found_by_their_rarest_words() -> None:
    """In any form of the word and inside names; not remarks, prose, imports, tests or documents."""
    changes = changed(app_py=CODE, tests__test_py="webhook = 1\n", README_md="webhooks = all\n")
    (found,) = pointers.speaking_of("Webhooks that come twice leave the ledger right", changes)
    assert (found.path, found.line, found.why) == ("app.py", 12, 'speaks of "webhooks"')


def test_words_to_look_for_count_twice() -> None:
    """Where programs of any kind do such things comes first."""
    changes = changed(a_py="webhook = [1]\n", b_py="key = uuid.uuid4()\n")
    first, second = pointers.speaking_of("webhooks", changes, look="uuid")
    assert (first.path, second.path) == ("b.py", "a.py")


def test_a_word_that_is_everywhere_points_nowhere() -> None:
    """It would point to the whole program."""
    changes = changed(app_py="charge(1)\n" * 40)
    assert pointers.speaking_of("A charge is made once", changes) == ()


def test_nothing_changed_is_nothing_pointed_to() -> None:
    """Also with no words at all."""
    assert pointers.named(("app.py:1",), ()) == ()
    assert pointers.speaking_of("", changed(app_py=CODE)) == ()


@pytest.mark.parametrize(
    ("path", "source", "test"),
    [
        ("src/main/App.java", True, False),
        ("migrations/001_charges.sql", True, False),
        ("tests/test_service.py", False, True),
        ("service_test.go", False, True),
        ("ServiceTest.java", False, True),
        ("contest/latest.py", True, False),
        ("README.md", False, False),
        ("go.sum", False, False),
    ],
)
def test_program_text_is_told_from_tests(path: str, source: bool, test: bool) -> None:  # noqa: FBT001 - of the test
    """By names, as languages have them."""
    assert (pointers.is_source(path), pointers.is_test(path)) == (source, test)
