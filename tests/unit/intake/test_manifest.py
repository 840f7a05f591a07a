"""What authors and candidates write in TOML: read whole, or refused with every problem named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.catalogue import known, manifest, rules
from harness.catalogue.finder import Catalogue
from harness.errors import ExerciseError, HarnessError, SubmissionError
from harness.model import DeclaredTimeout, Exercise

Edit = Callable[[str], str]


@pytest.fixture
def source(home: Path) -> str:
    """The text of a good ``exercise.toml``."""
    return (home / "exercises/tiny/exercise.toml").read_text(encoding="utf-8")


def test_exercise_is_read_whole(source: str) -> None:
    """Every key of a good manifest arrives in the model, with defaults where the manifest is silent."""
    exercise = manifest.parse_exercise(source.encode())
    assert exercise.id == "tiny"
    assert exercise.skills == {"correctness": 100}
    assert [sandbox.name for sandbox in exercise.sandboxes] == ["submission"]
    assert exercise.sandboxes[0].limits.memory_mb == 128
    assert exercise.sandboxes[0].limits.nofile == 1024
    assert exercise.checks[0].public
    assert exercise.submit == ("service.toml", "*.py", "README.md")


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_exercise_tolerates_how_windows_saves_files(source: str, change: Edit) -> None:
    """CRLF line ends and a byte order mark change nothing."""
    assert manifest.parse_exercise(change(source).encode()) == manifest.parse_exercise(source.encode())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("minutes = 10", "minuts = 10", 'minuts: unknown key, did you mean "minutes"?'),
        ("minutes = 10", "", "minutes: missing, expected a value"),
        ("minutes = 10", 'minutes = "10"', 'minutes: expected a whole number without quotes, found "10"'),
        ("minutes = 10", "minutes = 0", "minutes: expected more than 0, found 0"),
        ("pass_mark = 70", "pass_mark = true", "pass_mark: expected a number without quotes, found True"),
        ("pass_mark = 70", "pass_mark = nan", "pass_mark: expected"),
        ('status = "draft"', 'status = "done"', "status: expected 'draft' or 'validated', found \"done\""),
        ("memory_mb = 128", "memry_mb = 128", 'sandboxes[1].limits.memry_mb: unknown key, did you mean "memory_mb"?'),
        ("network = false", "network = 0", "network: expected true or false, found 0"),
        ("correctness = 100", "correctness = 90", "skills: expected points that sum to 100, found 90"),
        ('role = "candidate"', 'role = "service"', 'expected one with role = "candidate"'),
        ('image = "python"', 'image = "language"', '"language" needs languages, found none'),
        ('name = "submission"', 'name = "grader"', '"grader" is the name of the sandbox the checks run in'),
        ('"*.py"', '"../*.py"', 'submit.globs: expected a glob below the workspace, found "../*.py"'),
        ('"*.py"', '"/etc/*"', "which is absolute"),
        ('build = "submission"', 'build = "starter"', 'sandboxes.submission.build: expected its content, "submission"'),
        ('build = "submission"', 'build_when = "test"', "sandboxes.submission.build_when: expected no such key"),
        (
            'content = "submission"',
            'content = "submission"\n\n[[sandboxes]]\nname = "two"\nrole = "candidate"\nimage = "p"\ncontent = "submission"',
            "expected main = true on the sandbox of the candidate's main service, found it on none of submission, two",
        ),
        (
            'content = "submission"',
            'content = "submission"\n\n[[sandboxes]]\nname = "two"\nrole = "service"\nimage = "python"\nmain = true',
            "sandboxes.two.main: expected it on one of submission",
        ),
        ("points = 100", "points = 100\nrequires = [3]", "checks[1].requires[1]: expected text in quotes, found 3"),
    ],
)
def test_exercise_says_what_is_wrong(source: str, old: str, new: str, words: str) -> None:
    """One mistake gives one message with place, expected and found; the file without it is accepted."""
    assert old in source
    with pytest.raises(ExerciseError) as caught:
        manifest.parse_exercise(source.replace(old, new).encode(), "tiny/exercise.toml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("tiny/exercise.toml: ")


def test_exercise_names_all_problems_at_once(source: str) -> None:
    """An author sees every mistake in one run."""
    broken = source.replace("minutes = 10", "minuts = 10").replace("seed = 1", 'seed = "one"')
    with pytest.raises(ExerciseError, match="3 problems") as caught:
        manifest.parse_exercise(broken.encode())
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a = " + b"[" * 5000, "nested too deep"),
        (b"a = " + b"1" * 5000, "expected TOML"),
        (b"a = 1\na = 2", "expected TOML"),
        (b"a = \xff", "expected UTF-8, found byte 0xff at offset 4"),
        (b"#" * 300_000, "expected at most 262144 bytes"),
        (b"\0", "expected TOML"),
    ],
)
def test_any_bytes_are_refused_in_words(data: bytes, words: str) -> None:
    """Bytes that are no TOML, or an attack on its parser, never raise anything but the error of their owner."""
    with pytest.raises(ExerciseError, match=words):
        manifest.parse_exercise(data)
    with pytest.raises(ExerciseError, match=words):
        manifest.parse_hidden(data)


HIDDEN = '[[checks]]\nid = "answers/empty"\ntitle = "t"\nskill = "correctness"\npoints = 0\n'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("answers/empty", "answers/sums"), "expected every name once"),
        (lambda text: text.replace("points = 0", "points = 5"), "found 105: change a check by -5"),
        (lambda text: text.replace("correctness", "corectness"), 'did you mean "correctness"?'),
        (lambda text: text + 'requires = ["answers/sum"]\n', 'did you mean "answers/sums"?'),
        (lambda text: text + 'requires = ["answers/empty"]\n', "without a circle"),
        (lambda text: text + 'gate = "wrong"\n', "unknown gate"),
    ],
)
def test_hidden_checks_must_fit_their_exercise(home: Path, catalogue: Catalogue, change: Edit, words: str) -> None:
    """Ids, skills, points, requirements and gates of both files are one whole; the unchanged twin is accepted."""
    file = home / "graders/tiny/checks.toml"
    file.write_text(HIDDEN, encoding="utf-8")
    assert [check.id for check in Catalogue([home]).pair("tiny").checks] == ["answers/sums", "answers/empty"]
    file.write_text(change(HIDDEN), encoding="utf-8")
    with pytest.raises(ExerciseError, match="tiny and its grader") as caught:
        Catalogue([home]).pair("tiny")
    assert words in str(caught.value)


GATE = '[[gates]]\nid = "wrong"\ntitle = "Sums can be wrong"\ncap = 40\nchecks = ["answers/sums"]\n'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda text: text.replace('gate = "wrong"\n', ""),
            "checks.answers/empty: expected a gate that the last check closes",
        ),
        (
            lambda text: text + 'requires = ["answers/sums"]\n',
            "checks.answers/empty.requires: expected none on the last",
        ),
        (
            lambda text: text + text.replace("empty", "more"),
            "at most one with last = true, found answers/empty, answers/more",
        ),
        (
            lambda text: text + HIDDEN.replace("empty", "more") + 'requires = ["answers/empty"]\n',
            "checks.answers/more.requires: expected checks that run before it, found answers/empty, which is last",
        ),
        (lambda text: text + "kept = true\n", "expected a check that is not kept"),
    ],
)
def test_last_check_is_one_that_a_gate_hangs_on(home: Path, change: Edit, words: str) -> None:
    """It waits for nothing, nothing waits for it, and there is one at most; the unchanged twin is accepted."""
    file = home / "exercises/tiny/exercise.toml"
    file.write_text(file.read_text(encoding="utf-8") + GATE, encoding="utf-8")
    hidden = home / "graders/tiny/checks.toml"
    last = HIDDEN + 'last = true\ngate = "wrong"\n'
    hidden.write_text(last, encoding="utf-8")
    assert [check.last for check in Catalogue([home]).pair("tiny").checks] == [False, True]
    hidden.write_text(change(last), encoding="utf-8")
    with pytest.raises(ExerciseError, match="tiny and its grader") as caught:
        Catalogue([home]).pair("tiny")
    assert words in str(caught.value)


def test_gate_is_closed_by_hidden_checks_too(home: Path, catalogue: Catalogue) -> None:
    """A hidden check names its gate beside itself, so that candidates don't read its id."""
    file = home / "exercises/tiny/exercise.toml"
    gate = '[[gates]]\nid = "wrong"\ntitle = "Sums can be wrong"\ncap = 40\nchecks = ["answers/sums"]\n'
    file.write_text(file.read_text(encoding="utf-8") + gate, encoding="utf-8")
    (home / "graders/tiny/checks.toml").write_text(HIDDEN + 'gate = "wrong"\n', encoding="utf-8")
    assert catalogue.pair("tiny").gates[0].checks == ("answers/sums", "answers/empty")
    assert catalogue.exercise("tiny").gates[0].checks == ("answers/sums",)
    assert catalogue.problems("tiny") == [
        f"{home / 'graders/tiny'}: expected test_*.py for the hidden checks, found none: add one"
    ]


def test_hidden_check_in_the_public_manifest_is_reported(home: Path, catalogue: Catalogue) -> None:
    """The id of a hidden check in ``exercise.toml`` is a leak, and validation says where it belongs."""
    file = home / "exercises/tiny/exercise.toml"
    gate = '[[gates]]\nid = "wrong"\ntitle = "Sums can be wrong"\ncap = 40\nchecks = ["answers/empty"]\n'
    file.write_text(file.read_text(encoding="utf-8") + gate, encoding="utf-8")
    (home / "graders/tiny/checks.toml").write_text(HIDDEN, encoding="utf-8")
    assert any('write gate = "wrong" beside the check' in problem for problem in catalogue.problems("tiny"))


def _timed(tiny: Exercise) -> Exercise:
    timeout = DeclaredTimeout(
        name="wait_seconds", title="t", default_seconds=1.0, minimum_seconds=0.5, maximum_seconds=2.0
    )
    return Exercise(
        **{name: getattr(tiny, name) for name in Exercise.__dataclass_fields__}
        | {"languages": ("python", "go"), "timeouts": (timeout,)}
    )


def test_service_gets_defaults(tiny: Exercise) -> None:
    """What a submission does not say has the exercise's defaults; integers are fine as seconds."""
    service = manifest.parse_service(_timed(tiny), b'language = "go"\r\nrun = ["./app"]\r\n')
    assert (service.language, service.run, service.build, service.test) == ("go", ("./app",), (), ())
    assert service.timeouts == {"wait_seconds": 1.0}
    set_ = manifest.parse_service(_timed(tiny), b'language = "go"\nrun = ["a"]\n[timeouts]\nwait_seconds = 2\n')
    assert set_.timeouts == {"wait_seconds": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('run = ["a"]', "language: missing, expected one of python, go"),
        ('language = "golang"\nrun = ["a"]', "unknown language"),
        ('language = "go"', "run: missing"),
        ('language = "go"\nrun = []', "run: expected at least 1 of them"),
        ('language = "go"\nrun = "a"', "run: expected a list"),
        ('language = "go"\nrun = [" "]', "run[1]: expected a program"),
        ('language = "go"\nrun = ["a"]\nrnu = 1', 'did you mean "run"?'),
        ('language = "go"\nrun = ["a"]\n[timeouts]\nwait_second = 1', 'did you mean "wait_seconds"?'),
        ('language = "go"\nrun = ["a"]\n[timeouts]\nwait_seconds = 3', "expected 0.5 to 2 seconds, found 3"),
        ('language = "go"\nrun = ["a"]\n[timeouts]\nwait_seconds = nan', "expected 0.5 to 2 seconds, found nan"),
        ('language = "go"\nrun = ["a"]\n[timeouts]\nwait_seconds = "1"', "expected a number without quotes"),
        ('language = "go"\nrun = ["a\\u0000b"]', "run[1]: expected"),
    ],
)
def test_service_says_what_is_wrong(tiny: Exercise, text: str, words: str) -> None:
    """A candidate's mistake is a refusal of the submission, with place, expected and found."""
    with pytest.raises(SubmissionError) as caught:
        manifest.parse_service(_timed(tiny), text.encode())
    assert words in str(caught.value)
    assert str(caught.value).startswith("service.toml: ")


def test_service_says_all_that_is_wrong_at_once(tiny: Exercise) -> None:
    """What is of a wrong type, and what this exercise does not have: nobody mends the one to hear of the other."""
    text = (
        'language = "cobol"\nrun = []\nbiuld = ["x"]\ntest = [" "]\n[timeouts]\nwait_seconds = "1"\nother_seconds = 1\n'
    )
    with pytest.raises(SubmissionError) as caught:
        manifest.parse_service(_timed(tiny), text.encode())
    first, *lines = str(caught.value).splitlines()
    assert first == "service.toml: 6 problems"
    places = ("run:", "timeouts.wait_seconds:", "biuld:", "language:", "timeouts.other_seconds:", "test[1]:")
    assert [line.split()[0] for line in lines] == list(places)


@pytest.mark.parametrize(
    "text",
    ['language = 3\nrun = ["a"]', 'language = "go"\nrun = ["a"]\ntimeouts = 3', 'language = "go"\nrun = [1]\n'],
)
def test_service_of_a_wrong_type_is_said_once(tiny: Exercise, text: str) -> None:
    """By what reads the table, and by nothing else."""
    with pytest.raises(SubmissionError) as caught:
        manifest.parse_service(_timed(tiny), text.encode())
    assert len(str(caught.value).splitlines()) == 1


def test_service_with_a_build_is_refused_where_nothing_is_built(source: str) -> None:
    """A build command that nobody would run is said, not ignored."""
    text = b'build = ["make"]\nrun = ["./run"]'
    assert manifest.parse_service(manifest.parse_exercise(source.encode()), text).build == ("make",)
    bare = manifest.parse_exercise(source.replace('build = "submission"', "").encode())
    with pytest.raises(SubmissionError, match="build: expected no such key, because this exercise builds nothing"):
        manifest.parse_service(bare, text)


def test_service_of_an_exercise_without_languages_names_none(tiny: Exercise) -> None:
    """Where there is no choice of language, one in the manifest is a mistake."""
    assert manifest.parse_service(tiny, b'run = ["a"]').language == ""
    with pytest.raises(SubmissionError, match="no languages"):
        manifest.parse_service(tiny, b'run = ["a"]\nlanguage = "go"')


def test_mutants_and_cheats_are_read() -> None:
    """What proves a grader is declared like everything else: whole, names once, unknown keys refused."""
    mutant = '[[mutants]]\nname = "m"\ntitle = "t"\nreference = "plain"\nceiling = 40\nfails = ["a/b"]\n'
    read = known.parse_mutants(b'smoke = ["a/*"]\n' + mutant.encode())[0].expected
    assert (read.required, read.highest, read.smoke, read.permitted) == (("a/b",), 40, ("a/*",), None)
    cheat = '[[cheats]]\nname = "c"\ntitle = "t"\nlike = "starter/go"\n'
    (found,) = known.parse_cheats(cheat.encode()).cheats
    assert (found.like, found.control) == ("starter/go", "starter/go")
    refusals: list[tuple[Callable[[bytes], object], str]] = [
        (known.parse_mutants, mutant + mutant),
        (known.parse_mutants, mutant.replace("ceiling", "celing")),
        (known.parse_cheats, cheat + cheat),
        (known.parse_cheats, cheat.replace("starter/go", "go")),
    ]
    for parse, text in refusals:
        with pytest.raises(HarnessError):
            parse(text.encode())


def test_expectations_are_read() -> None:
    """Groups that must and may fail, a range of points, and how often a racy mutant must be caught."""
    text = (
        '[[mutants]]\nname = "m"\ntitle = "t"\nreference = "plain"\nscore = [10, 45]\nrequired = ["safety/*"]\n'
        'permitted = ["recovery/*"]\nuniversal = true\nseeds = 3\nkills = "2/3"\n'
    )
    (mutant,) = known.parse_mutants(b'smoke = ["a/*"]\n' + text.encode())
    expected = known.Expected(
        required=("safety/*",), permitted=("recovery/*",), lowest=10, highest=45, seeds=3, kills=2
    )
    assert mutant.expected == expected
    assert expected.unexpected(("safety/kill", "recovery/x", "api/y")) == ("api/y",)
    reference = b'[[references]]\nname = "plain"\npermitted = ["throughput/*"]\n'
    assert known.parse_references(reference)["plain"].permitted == ("throughput/*",)


@pytest.mark.parametrize(
    ("permitted", "unexpected"),
    [(None, ("a/x",)), (("a/*",), ("a/x", "b/y")), (("a/x",), ("b/y",)), (("a/x", "b/*"), ())],
)
def test_what_is_permitted_by_its_whole_id_is_no_smoke(
    permitted: tuple[str, ...] | None, unexpected: tuple[str, ...]
) -> None:
    """A group that may fail does not lift what every mutant passes: the mistake's own check is named."""
    expected = known.Expected(required=("c/z",), permitted=permitted, smoke=("a/*",))
    assert expected.unexpected(("a/x", "b/y", "c/z")) == unexpected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ceiling = 40\nscore = [0, 40]", "expected ceiling or score = [lowest, highest], found both"),
        ("", "expected ceiling or score = [lowest, highest], found neither"),
        ("score = [40, 0]", "expected [lowest, highest], found [40.0, 0.0]"),
        (
            'ceiling = 40\nrequired = ["a/*"]',
            "expected fails (ids) or required (globs) with what it must fail, found both",
        ),
        ('ceiling = 40\nseeds = 2\nkills = "3/2"', "mutants.m.kills: expected at most as many as it has seeds, 2/2"),
        ('ceiling = 40\nkills = "2/3"', "mutants.m.kills: expected at most as many as it has seeds, 1/1, found 2/3"),
    ],
)
def test_expectations_that_contradict_themselves_are_refused(change: str, words: str) -> None:
    """An author is told which of two keys to remove."""
    text = f'[[mutants]]\nname = "m"\ntitle = "t"\nreference = "plain"\nfails = ["a/b"]\n{change}\n'
    with pytest.raises(ExerciseError) as caught:
        known.parse_mutants(text.encode())
    assert words in str(caught.value)


def test_kept_check_requires_one_that_is_not(source: str) -> None:
    """What must not break earns nothing for a starter that nobody touched."""
    exercise = manifest.parse_exercise(source.replace("points = 100", "points = 100\nkept = true").encode())
    (problem,) = [text for text in rules.of_pair(exercise, (), {}) if "kept" in text]
    assert "checks.answers/sums.requires: expected a check that is not kept, found none" in problem
