"""User ids: two claims never give one, whoever makes them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from harness.engines.docker import users
from harness.engines.docker.connect import EngineRefusal, Kernel, Link
from harness.engines.docker.users import User
from harness.errors import EngineError


def link(*, everywhere: bool = True) -> Link:
    """Return what a claim looks at of a link."""
    return cast("Link", SimpleNamespace(kernel=Kernel(all_users=everywhere)))


def engine(taken: set[str]) -> Callable[[User], str]:
    """Return the create call of an engine that has each name once."""

    def create(user: User) -> str:
        if user.name in taken:
            raise EngineRefusal(f"name {user.name} is in use", 409)
        taken.add(user.name)
        return f"id of {user.name}"

    return create


def test_a_taken_user_is_not_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who meets a name that is there takes another one; what is returned is what was created."""
    offered = iter([User(id=4), User(id=4), User(id=8)])
    monkeypatch.setattr(users, "pick", lambda *, everywhere: next(offered) if everywhere else None)
    create = engine(set())
    assert users.claim(link(), create) == (User(id=4), "id of harness-4")
    assert users.claim(link(), create) == (User(id=8), "id of harness-8")


def test_no_free_user_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends, and says what to do."""
    monkeypatch.setattr(users, "pick", lambda *, everywhere: User(id=4 * everywhere))
    with pytest.raises(EngineError, match="harness clean"):
        users.claim(link(), engine({"harness-4"}))


def test_another_refusal_is_not_a_taken_user() -> None:
    """A missing image is no reason to try more users."""
    calls = []

    def create(user: User) -> str:
        calls.append(user)
        text = "no such image"
        raise EngineRefusal(text, 404)

    with pytest.raises(EngineRefusal, match="no such image"):
        users.claim(link(), create)
    assert len(calls) == 1


def test_a_lost_sandbox_keeps_its_user() -> None:
    """The user that was given back is claimed again, and no other one."""
    taken: set[str] = set()
    assert users.claim(link(), engine(taken), User(id=8)) == (User(id=8), "id of harness-8")
    with pytest.raises(EngineRefusal):
        users.claim(link(), engine(taken), User(id=8))


@pytest.mark.parametrize("everywhere", [True, False])
def test_users_of_two_sandboxes_have_no_id_in_common(*, everywhere: bool) -> None:
    """Processes, commands beside them and holders: no id of one is any of another's, root, or a person's."""
    ids = users.ALL if everywhere else users.MAPPED
    for _ in range(2000):
        one = users.pick(everywhere=everywhere)
        assert (one.id - ids.start) % users.SPAN == 0
        own = {int(who.partition(":")[0]) for who in (one.main, one.beside, one.holder)}
        assert own <= set(range(one.id, one.id + users.SPAN))
        assert len(own) == 3
        assert min(own) >= ids.start >= 10_000
        assert max(own) < ids.stop
    # What container runtimes take, and what a user namespace maps.
    assert ids.stop <= (2**31 if everywhere else 65_536)


def test_a_command_beside_is_another_user_of_the_same_group() -> None:
    """It may read what the sandbox lets its group read, and is not the sandbox's user."""
    user = User(id=1000)
    assert (user.main, user.beside, user.holder) == ("1000:1000", "1001:1000", "1002:1002")
