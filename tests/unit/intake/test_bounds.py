"""How much an exercise may ask for: the bound itself is taken, one more is refused with the bound in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.catalogue import bounds, briefs, manifest
from harness.errors import ExerciseError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "exercise-format.md"
Amount = Callable[[int], str]


def limit(name: str) -> Amount:
    """Return what asks for an amount of a limit of the first sandbox."""
    return lambda amount: f"[sandboxes.limits]\n{name} = {amount}"


def sandboxes(amount: int) -> str:
    """Return what makes it ``amount`` sandboxes."""
    more = (
        f'[[sandboxes]]\nname = "s{number}"\nrole = "service"\nimage = "python"\ncommand = ["x"]'
        for number in range(amount - 1)
    )
    return "\n".join(more)


def timeout(amount: int) -> str:
    """Return a timeout with a maximum."""
    return (
        '[[timeouts]]\nname = "a_seconds"\ntitle = "t"\ndefault_seconds = 1\nminimum_seconds = 1\n'
        f"maximum_seconds = {amount}"
    )


def quoted(texts: list[str]) -> str:
    """Return a TOML array of texts."""
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def knobs(amount: int) -> str:
    """Return a number of parameters."""
    return "[parameters]\n" + "\n".join(f'k{number} = ["a"]' for number in range(amount))


TOP: dict[str, tuple[int, str, Amount]] = {
    "minutes": (bounds.MINUTES, "minutes = 10", lambda n: f"minutes = {n}"),
    "deadline_seconds": (bounds.DEADLINE_SECONDS, "deadline_seconds = 60", lambda n: f"deadline_seconds = {n}"),
    "globs": (
        bounds.GLOBS,
        'globs = ["service.toml", "*.py", "README.md"]',
        lambda n: f"globs = {quoted([f'f{number}' for number in range(n)])}",
    ),
    "characters of a glob": (bounds.GLOB_CHARACTERS, '"README.md"', lambda n: f'"{"g" * n}"'),
    "wildcards of a glob": (bounds.GLOB_WILDCARDS, '"README.md"', lambda n: '"' + "*a" * n + '"'),
}
"""What stands in the manifest already -> its replacement."""
ADDED: dict[str, tuple[int, Amount]] = {
    "cpus": (bounds.CPUS, limit("cpus")),
    "memory_mb": (bounds.MEMORY_MB, limit("memory_mb")),
    "tmpfs_mb": (bounds.TMPFS_MB, limit("tmpfs_mb")),
    "file_size_mb": (bounds.TMPFS_MB, limit("file_size_mb")),
    "tmpfs_inodes": (bounds.INODES, limit("tmpfs_inodes")),
    "pids": (bounds.PIDS, limit("pids")),
    "nofile": (bounds.OPEN_FILES, limit("nofile")),
    "output_kb": (bounds.OUTPUT_KB, limit("output_kb")),
    "build.seconds": (bounds.BUILD_SECONDS, lambda n: f"[build]\nseconds = {n}"),
    "build.limits.memory_mb": (bounds.MEMORY_MB, lambda n: f"[build.limits]\nmemory_mb = {n}"),
    "timeouts": (bounds.TIMEOUT_SECONDS, timeout),
    "sandboxes": (bounds.SANDBOXES, sandboxes),
    "words of a command": (bounds.WORDS, lambda n: f"command = {quoted(['w'] * n)}"),
    "characters of a word": (bounds.VALUE_CHARACTERS, lambda n: f"command = {quoted(['w' * n])}"),
    "variables": (
        bounds.VARIABLES,
        lambda n: "[sandboxes.env]\n" + "\n".join(f'V{number} = "x"' for number in range(n)),
    ),
    "characters of a variable": (bounds.VALUE_CHARACTERS, lambda n: f'[sandboxes.env]\nV = "{"x" * n}"'),
    "hosts": (
        bounds.HOSTS,
        lambda n: "[sandboxes.hosts]\n" + "\n".join(f'h{number} = "grader"' for number in range(n)),
    ),
    "knobs": (bounds.KNOBS, knobs),
    "values of a knob": (
        bounds.KNOB_VALUES,
        lambda n: f"[parameters]\nk = {quoted([f'v{number}' for number in range(n)])}",
    ),
    "characters of a value": (bounds.KNOB_CHARACTERS, lambda n: f"[parameters]\nk = {quoted(['v' * n])}"),
}
"""What is added to the first sandbox of the manifest, or behind it."""


@pytest.fixture
def source(home: Path) -> str:
    """A good ``exercise.toml`` whose sandbox has no limits of its own."""
    text = (home / "exercises/tiny/exercise.toml").read_text(encoding="utf-8")
    before, _, rest = text.partition("[sandboxes.limits]\n")
    return before + "# here\n\n[" + rest.partition("\n[")[2] if rest else text


@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_is_bounded(source: str, name: str) -> None:
    """An amount up to the bound is taken; more is refused, and the bound is said."""
    bound, amount = ADDED[name]
    text = source.replace("network = false", "network = true")
    assert "# here" in text
    manifest.parse_exercise(text.replace("# here", amount(bound)).encode())
    with pytest.raises(ExerciseError, match=rf"expected (at most )?{bound}(\.0)?( or less| characters| of them)"):
        manifest.parse_exercise(text.replace("# here", amount(bound + 1)).encode())


@pytest.mark.parametrize("name", TOP)
def test_what_is_there_is_bounded(source: str, name: str) -> None:
    """The same for keys of the whole exercise."""
    bound, old, amount = TOP[name]
    assert old in source
    manifest.parse_exercise(source.replace(old, amount(bound)).encode())
    with pytest.raises(ExerciseError, match=rf"expected (at most )?{bound}( or less| characters| of them| wildcards)"):
        manifest.parse_exercise(source.replace(old, amount(bound + 1)).encode())


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for i in range(100001) %}{% endfor %}", "loops over more than 100000 numbers"),
        ("{% for i in range(400) %}{% for j in range(400) %}{% endfor %}{% endfor %}", "loops over more than"),
        ("{% set x = 'x' * 600000 %}{{ x }}{{ x }}", "more than 1048576 characters"),
        ("{% for i in range(2000) %}{{ 'x' * 1000 }}{% endfor %}", "more than 1048576 characters"),
    ],
)
def test_a_template_is_bounded(home: Path, template: str, said: str) -> None:
    """One that counts or writes without end is an error of the exercise."""
    folder = home / "exercises/tiny"
    exercise = manifest.parse_exercise((folder / "exercise.toml").read_bytes())
    (folder / "brief.md.j2").write_text(template, encoding="utf-8")
    with pytest.raises(ExerciseError, match=said):
        briefs.render(exercise, folder, briefs.Reader(alias="heron", variant=0, language=""))


def test_a_long_brief_is_rendered(home: Path) -> None:
    """The twin: loops and length that a long brief may want; the number of templates is bounded as well."""
    folder = home / "exercises/tiny"
    exercise = manifest.parse_exercise((folder / "exercise.toml").read_bytes())
    reader = briefs.Reader(alias="heron", variant=0, language="")
    (folder / "brief.md.j2").write_text("{% for i in range(300) %}{{ i }}\n{% endfor %}" * 10, encoding="utf-8")
    assert briefs.render(exercise, folder, reader)["BRIEF.md"].count("299\n") == 10
    for number in range(bounds.TEMPLATES):
        (folder / f"more{number}.md.j2").write_text("x", encoding="utf-8")
    with pytest.raises(ExerciseError, match=f"at most {bounds.TEMPLATES} templates"):
        briefs.render(exercise, folder, reader)


def test_every_bound_is_documented() -> None:
    """The page of the format says each number."""
    page = PAGE.read_text(encoding="utf-8").partition("## Bounds\n")[2]
    for name, value in vars(bounds).items():
        if name.isupper():
            assert f" {value} " in page.replace("|", " ").replace(",", " "), name
