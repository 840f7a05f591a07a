"""What has a URL while a workspace is up, read off what the exercise tells the service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.catalogue.finder import Catalogue
from harness.live.endpoints import Endpoint, endpoints, shell
from harness.model import Exercise

ROOT = Path(__file__).resolve().parents[3]


def payments() -> Exercise:
    return Catalogue([ROOT]).exercise("idempotent-payments")


def found(**env: str) -> tuple[Endpoint, ...]:
    return endpoints(payments(), env)


def test_an_exercise_as_it_is() -> None:
    """The service at its PORT, the database itself and not its proxy, the provider in the grader; each once."""
    exercise = payments()
    known = endpoints(exercise, exercise.main.env)
    assert [(one.name, one.sandbox, one.port) for one in known] == [
        ("app", "app", 8080),
        ("db", "db", 5432),
        ("psp", "grader", 9000),
    ]
    assert [one.url(4000) for one in known] == [
        "http://127.0.0.1:4000",
        "postgresql://app@127.0.0.1:4000/app?sslmode=disable",
        "http://127.0.0.1:4000",
    ]


def test_what_is_no_url_of_a_known_name_has_none() -> None:
    assert found(PORT="", A="http://elsewhere:80", B="db:5432", C="jdbc:x://db:5432/app", D="http://db", E="text") == ()


def test_an_exercise_may_have_no_names() -> None:
    exercise = payments()
    lonely = replace(exercise, sandboxes=tuple(replace(one, hosts={}) for one in exercise.sandboxes))
    assert [one.name for one in endpoints(lonely, exercise.main.env)] == ["app"]


def test_a_database_has_a_shell_of_its_own() -> None:
    """As the role and in the database of the service; everything else has the best shell of its image."""
    exercise = payments()
    known = endpoints(exercise, exercise.main.env)
    assert shell("db", known) == ("psql", "--pset=pager=off", "--username=app", "--dbname=app")
    assert shell("app", known)[:2] == ("sh", "-c")
    assert shell("db", ()) == shell("app", known)
