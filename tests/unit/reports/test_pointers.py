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


def test_what_a_finding_quotes_weighs_most() -> None:
    """A number, a text and a name of it lead to the line that has it; more than any word of the rule."""
    sql = 'rows = query("SELECT id FROM ledger LIMIT 1_000")\n'
    changes = changed(a_py="settle(ledger, merchant)\n", b_py=sql, c_py='error = ("the books are open")\nnew_ref(a)\n')
    rule = "A ledger of 1 200 entries names every capture of a merchant once"
    for found, path, line, why in (
        (
            "Charge k-327-482b is lost.\nexpected  an entry\nfound     1000 entries",
            "b.py",
            1,
            'speaks of 1000 and "ledger"',
        ),
        ('expected 200, found 503 {"error":"the books are open"}', "c.py", 1, 'speaks of "the books are open"'),
        ("It was sent with new_ref, twice.", "c.py", 2, 'speaks of "new_ref"'),
    ):
        first, *_ = pointers.speaking_of(rule, changes, found=found)
        assert (first.path, first.line, first.why) == (path, line, why)


def test_times_ids_small_numbers_and_what_was_expected_point_nowhere() -> None:
    """They are in a finding by chance, or in the lines that are right."""
    changes = changed(app_py="a(25)\nb(482)\nc(2)\nd(200)\ne(327)\n")
    found = "Charge k-327-482b at 25.72 s, 25 s late: 2 of them.\nexpected  200\nfound     none"
    assert pointers.speaking_of("", changes, found=found) == ()


@pytest.mark.parametrize(
    "rule", ["Nothing was lost", "Each name is kept", "It answers every request", "It is what it was"]
)
def test_words_of_any_sentence_point_nowhere(rule: str) -> None:
    """Nothing is better than a line that has ``was`` in it."""
    code = 'log("what it was")\ncheck_name(request)\nanswer(each, nothing)\n'
    assert pointers.speaking_of(rule, changed(app_py=code)) == ()


def test_one_word_alone_must_be_rare_in_the_starter_too() -> None:
    """The starter has it in each line: then a new line with it says nothing."""
    old = SubmissionFile(path="app.py", content=b"webhook(1)\n" * 6)
    new = SubmissionFile(path="app.py", content=b"webhook(1)\n" * 3 + b"webhook(2)\n" + b"webhook(1)\n" * 3)
    assert pointers.speaking_of("webhooks come twice", patches.compare([old], [new])) == ()
    assert pointers.speaking_of("webhooks come twice", changed(app_py="webhook(2)\n")) != ()


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
