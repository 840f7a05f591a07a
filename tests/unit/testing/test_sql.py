"""What statements have in common when only their values differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.testing.sql import MAX_TEXT_CHARS, masked


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("select 1, 'a', $1  from t", "SELECT ? FROM T"),
        ("SELECT  22, 'it''s' , $3 FROM t;", "SELECT ? FROM T;"),
        ("update t1 set a2 = 1.5e3 where b = -7", "UPDATE T? SET A? = ? WHERE B = -?"),
        ("select id from t where id in ($1, $2, $3)", "SELECT ID FROM T WHERE ID IN (?)"),
        ("insert into t values ('a -- b') -- said so", "INSERT INTO T VALUES (?)"),
        ("/* a ** b */ commit", "COMMIT"),
        (r"select E'\'; x' || 'y'", "SELECT ? || ?"),
        ("do $a$ begin '$$' end $a$; select $$x$$", "DO ?; SELECT ?"),
        ("insert into t values ($1, 'a'), ($2, 'b') , (3, 'c')", "INSERT INTO T VALUES (?)"),
        ("select claim('k-1', 12)", "SELECT CLAIM(?)"),
        ("/* never closed", "/* NEVER CLOSED"),
        ("", ""),
    ],
)
def test_masked_text_is_the_same_for_other_values(sql: str, text: str) -> None:
    """Any case, comments, quotes, and lists of any length."""
    assert masked(sql) == text


@given(st.text(alphabet="aE'\"$;-/* \n\\1,?", max_size=200))
def test_masked_takes_any_text(sql: str) -> None:
    """No text of a candidate raises, hangs, or fills our memory."""
    assert len(masked(sql)) <= MAX_TEXT_CHARS


@pytest.mark.parametrize("hostile", ["'", "$a$", "/*", "1,", "E'\\'", "--"])
def test_masked_is_linear_in_hostile_text(hostile: str) -> None:
    """A text that opens without end is read once: it ends at once, or this test does not end."""
    assert len(masked(hostile * 40_000)) <= MAX_TEXT_CHARS
