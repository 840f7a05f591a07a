"""What a submission changed: read again as it was written, applied by git, and numbered as an editor counts."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness import patches
from harness.errors import HarnessError
from harness.model import SubmissionFile
from harness.patches import Change, Kind

LINES = st.sampled_from(
    [
        "",
        "a",
        "b",
        " a",
        "-- a",
        "++ b",
        "@@ -1,1 +1,1 @@",
        "--- a/x",
        "diff --git a/x b/x",
        "\\ No newline at end of file",
        "\r",
        "x\r",
        "\x0c",
        "\x85",
        "\u2028",
        "\x1b[31m",
        "\ufeff",
        "é",
    ]
)
TEXTS = st.one_of(
    st.lists(LINES, max_size=12).map("\n".join),
    st.lists(LINES, max_size=60).map(lambda lines: "\n".join([*lines, ""])),
).map(str.encode)
CONTENTS = st.one_of(TEXTS, st.sampled_from([b"\0", b"\xff\xfe", b"\n", b"\n\n"]))
PATHS = st.sampled_from(["a", "b c", "d/e f/g", 'q"uote', 'a\\"b c', "d/Ærø", "b/x b", " b", "a b/a", "h "])


def _file(path: str, content: bytes, *, executable: bool = False) -> SubmissionFile:
    return SubmissionFile(path=path, content=content, executable=executable)


FILES = st.dictionaries(PATHS, st.tuples(CONTENTS, st.booleans()), max_size=4).map(
    lambda made: [_file(path, content, executable=executable) for path, (content, executable) in made.items()]
)


@given(FILES, FILES)
def test_what_is_written_is_read_again(old: list[SubmissionFile], new: list[SubmissionFile]) -> None:
    """Whatever the lines look like: heads of hunks, names, ends of other systems."""
    changes = patches.compare(old, new)
    assert patches.parse(patches.render(changes), name="x") == changes


@example([_file("a", b"\n")], [_file("a", b"\na")])
@given(FILES, FILES)
def test_numbers_are_those_of_an_editor(old: list[SubmissionFile], new: list[SubmissionFile]) -> None:
    """Each line of a hunk is where it says, on either side, and what no hunk has is the same on both."""
    before, after = ({file.path: file.content for file in files} for files in (old, new))
    for change in patches.compare(old, new):
        if change.binary:
            continue
        sides = [side.get(change.path, b"").decode().split("\n") for side in (before, after)]
        for line in (line for hunk in change.hunks for line in hunk.lines):
            for number, side in zip((line.old, line.new), sides, strict=True):
                assert number is None or side[number - 1] == line.text
        kept = [_without(side, change, at) for at, side in enumerate(sides)]
        assert kept[0] == kept[1]


def _without(side: Sequence[str], change: Change, at: int) -> list[str]:
    lines = [line for hunk in change.hunks for line in hunk.lines if line.sign != " "]
    gone = {(line.old, line.new)[at] for line in lines}
    # What follows the last line end is a line only when there is something.
    whole = side if side[-1] else side[:-1]
    return [text for number, text in enumerate(whole, 1) if number not in gone]


@example([], [_file('q"uote', b"")])
@example([_file('a\\"b c', b"x\n")], [_file('a\\"b c', b"y\n")])
@given(FILES, FILES)
def test_git_makes_the_submission_of_the_starter(
    tmp_path_factory: pytest.TempPathFactory, old: list[SubmissionFile], new: list[SubmissionFile]
) -> None:
    """Of all that is text: the reference for what the format means."""
    texts = [[file for file in files if _is_text(file)] for files in (old, new)]
    home = tmp_path_factory.mktemp("applied")
    _write(home, texts[0])
    made = patches.render(patches.compare(*texts))
    if not made:
        return
    done = subprocess.run(["git", "apply", "-"], cwd=home, input=made, capture_output=True, check=False)
    assert done.returncode == 0, (done.stderr, made)
    found = {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert found == {file.path: file.content for file in texts[1]}


def _is_text(file: SubmissionFile) -> bool:
    return b"\0" not in file.content and b"\xff" not in file.content


def _write(home: Path, files: Sequence[SubmissionFile]) -> None:
    for file in files:
        path = home / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o755 if file.executable else 0o644)


def test_what_became_of_each_file_is_said() -> None:
    """Added, removed, changed, binary, executable: by path; what is the same is not named."""
    old = [_file("gone", b"1\n"), _file("mode", b"m\n"), _file("same", b"s\n"), _file("text", b"1\n2\n3\n")]
    new = [
        _file("bin", b"\0"),
        _file("mode", b"m\n", executable=True),
        _file("same", b"s\n"),
        _file("text", b"1\n3\n4"),
    ]
    changes = {change.path: change for change in patches.compare(old, new)}
    assert list(changes) == ["bin", "gone", "mode", "text"]
    assert [(one.kind, one.binary, one.executable) for one in changes.values()] == [
        (Kind.ADDED, True, False),
        (Kind.REMOVED, False, False),
        (Kind.CHANGED, False, True),
        (Kind.CHANGED, False, None),
    ]
    assert (changes["text"].removed, changes["text"].added) == (1, 1)
    assert [(line.sign, line.text, line.old, line.new) for line in changes["text"].hunks[0].lines] == [
        (" ", "1", 1, 1),
        ("-", "2", 2, None),
        (" ", "3", 3, 2),
        ("+", "4", None, 3),
    ]


def test_a_file_made_to_be_slow_to_compare_is_shown_as_new_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is graded does not choose how long it takes; the numbers are right all the same."""
    monkeypatch.setattr(patches, "_MOST_STEPS", 1000)
    old = "".join(f"{n % 7}\n" for n in range(150))
    new = "".join(f"{n % 5}\n" for n in range(150))
    (slow, quick) = patches.compare(
        [_file("a", old.encode()), _file("b", b"1\n2\n")], [_file("a", new.encode()), _file("b", b"1\n3\n")]
    )
    assert (slow.removed, slow.added) == (150, 150)
    assert (quick.removed, quick.added) == (1, 1)
    assert patches.parse(patches.render([slow, quick]), name="x") == (slow, quick)


WHOLE = patches.render(patches.compare([_file("a", b"1\n2\n")], [_file("a", b"1\n3\n"), _file("b", b"x")]))


@pytest.mark.parametrize(
    "damaged",
    [
        WHOLE[:-4],
        WHOLE[5:],
        WHOLE + b"x\n",
        WHOLE.replace(b"+1,2", b"+1,3"),
        WHOLE.replace(b"@@", b"@"),
        b"\xff\n",
        b"x",
        WHOLE.replace(b"-2\n", b"*2\n"),
        WHOLE.replace(b"+++ b/a\n", b""),
    ],
)
def test_a_damaged_patch_is_named(damaged: bytes) -> None:
    """Nobody is pointed to a line that is not there."""
    assert patches.parse(WHOLE, name="x")
    with pytest.raises(HarnessError, match=r"res/diff\.patch: expected a patch"):
        patches.parse(damaged, name="res/diff.patch")
