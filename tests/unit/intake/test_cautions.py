"""What a candidate is warned of before they send it: never refused, and nothing that is plainly theirs to send."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.intake import cautions
from harness.model import SubmissionFile

HOME = Path("/home/heron")
KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n"


def said(path: str, content: bytes, here: tuple[Path, ...] = (HOME,)) -> list[str]:
    """Return what is said of one file."""
    return cautions.of([SubmissionFile(path=path, content=content)], here)


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("deploy/id_ed25519", b"", "looks like a key by its name"),
        ("notes.txt", b"for me:\n" + KEY, "looks like a private key"),
        ("notes.txt", KEY.replace(b"OPENSSH ", b""), "looks like a private key"),
        ("app.py", b'KEY = "AKIA' + b"A" * 16 + b'"', "a key of a cloud account"),
        ("app.py", b'T = "ghp_' + b"a" * 36 + b'"', "a token of a code host"),
        ("app.py", b'T = "xoxb-' + b"1" * 24 + b'"', "a token of a chat"),
        ("cfg.py", b"AWS_SECRET_ACCESS_KEY = '" + b"aB3/" * 10 + b"'", "a key of a cloud account"),
        ("cfg.json", b'{"aws_secret_access_key": "' + b"aB3/" * 10 + b'"}', "a key of a cloud account"),
        ("app.py", b'K = "sk-ant-api03-' + b"aB3_" * 10 + b'"', "a key of a service for language models"),
        ("app.py", b"K = 'sk-" + b"aB3c" * 12 + b"'", "a key of a service for language models"),
        ("app.py", b"K = 'sk_live_" + b"aB3c" * 6 + b"'", "a key of a payment provider"),
        ("me.asc", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nx", "looks like a private key"),
        ("sub/.netrc", b"machine x", "a file of passwords by its name"),
        (".env", b"A=1", "holds the settings of one machine"),
        ("conf/.env.local", b"A=1", "holds the settings of one machine"),
        ("app", b"\x7fELF\2\1\1\0", "is a program for Linux (8 bytes)"),
        ("App.class", b"\xca\xfe\xba\xbe\0\0", "is a compiled class"),
        ("lib.jar", b"PK\x03\x04rest", "is a zip or jar"),
        ("data", b"a\0b", "is no text"),
        ("run.py", b"#!/usr/bin/python3\r\nprint(1)\r\n", "starts with a #! line that ends in CRLF"),
        ("run.sh", b"#!/bin/sh\ncd /home/heron/work\n", 'names "/home/heron" in line 2'),
        ("c.toml", b'path = "/home/heron"', 'names "/home/heron" in line 1'),
        ("c.toml", b"PATH=/home/heronry/bin:/home/heron/bin", 'names "/home/heron" in line 1'),
        ("c.toml", b"/home/heron", 'names "/home/heron" in line 1'),
    ],
)
def test_what_may_not_be_meant_to_travel_is_said(path: str, content: bytes, words: str) -> None:
    """By its file, in one sentence."""
    (text,) = said(path, content)
    assert words in text
    assert text.startswith(f'"{path}" ')


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("app.py", b"print('BEGIN PRIVATE KEY')"),
        ("keys.py", b"def key(): ..."),
        ("main.go", 's := "ключ и /home/heronry/x"'.encode()),
        (".env.example", b"A="),
        ("env.py", b""),
        ("run.py", b"#!/usr/bin/python3\nprint(1)\r\n"),
        ("note.txt", b"see /home/other/work"),
        ("app.py", b"K = 'sk_test_" + b"aB3c" * 6 + b"'"),
        ("web.css", b".mask-and-a-very-long-name-of-a-class-of-css {} .sk-short {}"),
        ("cfg.py", b"AWS_SECRET_ACCESS_KEY = os.environ['AWS_SECRET_ACCESS_KEY']"),
        ("utf16.txt", b""),
    ],
)
def test_what_is_plainly_theirs_is_sent_without_a_word(path: str, content: bytes) -> None:
    assert said(path, content) == []


def test_a_key_in_text_of_another_encoding_is_found() -> None:
    """As some systems save it: every other byte is zero."""
    assert "looks like a private key" in said("key.txt", KEY.decode().encode("utf-16"))[0]


def test_home_that_says_nothing_is_not_looked_for() -> None:
    """In a container a home may be ``/``: half of all lines would name it."""
    assert said("a.sh", b"cd / && ls /usr/bin\n", (Path("/"),)) == []


def test_workspace_is_found_by_its_own_name_and_by_where_links_lead(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for name in ("real", "link"):
        (text,) = said("a.sh", f"cd {tmp_path}/{name}/x".encode(), (tmp_path / "link",))
        assert f"{tmp_path}/{name}" in text
