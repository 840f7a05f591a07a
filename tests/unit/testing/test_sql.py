"""What statements do to a transaction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.testing.sql import Effect, statements


@pytest.mark.parametrize(
    ("sql", "effects"),
    [
        ("COMMIT", "commit"),
        ("  end work ;", "commit"),
        ("/* a /* nested */ one */ CoMmIt -- done", "commit"),
        ("-- COMMIT\nselect 1", "read"),
        ("commit and chain", "commit and chain"),
        ("COMMIT AND NO CHAIN", "commit"),
        ("commit prepared 'x'", "commit prepared"),
        ("prepare transaction 'x'", "prepare transaction"),
        ("prepare x as insert into t values (1)", "read"),
        ("execute x", "write"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "begin"),
        ("start transaction read only", "begin"),
        ("rollback", "rollback"),
        ("ABORT", "rollback"),
        ("rollback to savepoint a", "read"),
        ("savepoint a", "read"),
        ("insert into t values ('COMMIT; DELETE')", "write"),
        ("UPDATE t SET a = $1", "write"),
        ("with x as (select 1) select * from x", "read"),
        ("WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", "write"),
        ("with x as (select 1 from t for update skip locked) select * from x", "read"),
        ("with x as (select 1 from t for no key update) update t set a = 1", "write"),
        ("select * from t for update", "read"),
        ("select 'insert into'", "read"),
        ("select * into new from t", "write"),
        ("merge into t using s on true when matched then delete", "write"),
        ("copy t from stdin", "write"),
        ("copy t to stdout", "read"),
        ("do $$ begin commit; end $$", "write"),
        ("do $a$ select '$$;' $a$; select 1", "write read"),
        ("begin; insert into t values (1); commit", "begin write commit"),
        ("select 'it''s; fine'; commit", "read commit"),
        (r"select E'\'; commit; --'; commit", "read commit"),
        ('select "; commit"; commit', "read commit"),
        ("set application_name = 'x'", "read"),
        ("", ""),
        (";;", ""),
    ],
)
def test_statements_tell_their_effect(sql: str, effects: str) -> None:
    """Any case, comments, quotes and several statements in a string."""
    assert " ".join(statement.effect.value for statement in statements(sql)) == effects


@given(st.text(alphabet="aE'\"$;-/* \n\\1", max_size=60))
def test_statements_take_any_text(sql: str) -> None:
    """No text of a candidate raises or hangs."""
    assert all(isinstance(statement.effect, Effect) for statement in statements(sql))


def test_statements_mask_literals() -> None:
    """The same statement with other values reads the same."""
    one, other = statements("select 1, 'a', $1 from t"), statements("SELECT  22, 'b' , $3 FROM t")
    assert one[0].text == other[0].text == "SELECT ? , ? , ? FROM T"
