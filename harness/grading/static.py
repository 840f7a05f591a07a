"""What is wrong with an exercise can often be seen without running it: static checks, in seconds and without an engine.

Each returns sentences that name the file, what was expected and found, and what to do.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from harness import droppings
from harness.catalogue import briefs, globs, learning, variants
from harness.catalogue.pair import Pair, read_file
from harness.catalogue.rules import LANGUAGE
from harness.catalogue.service import FILE as SERVICE_FILE
from harness.catalogue.service import parse_service
from harness.errors import ExerciseError, HarnessError
from harness.grading import naming, plan, subjects, trust
from harness.grading.subjects import Subject
from harness.images import recipes
from harness.marking import rubric
from harness.marking.rubric import Rubric
from harness.model import Check, Exercise, SubmissionFile
from harness.wording import quoted, suggestion

MAX_VARIANTS = 64
"""Of the first so many variants each brief is rendered: the first knob has taken all its values by then."""
_LIKE_A_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def problems(pair: Pair, brought: recipes.Folders = ()) -> list[str]:
    """Return everything that is wrong with an exercise and its grader as far as reading them shows it.

    ``brought`` are the image recipes of catalogues.
    """
    public = _collected((pair.home / "checks", file) for file in pair.below("checks"))
    hidden = _collected((trust.place(pair).parent, file) for file in pair.grader_files if "/" not in file.path)
    found = [
        *_tests(pair, public, hidden),
        *_sandboxes(pair, {**public.trees, **hidden.trees}),
        *_images(pair, brought),
    ]
    found += [*_placeholders(pair.exercise), *_contents(pair), *_briefs(pair), *_papers(pair)]
    try:
        everybody = subjects.all_of(pair)
    except ExerciseError as error:
        return [*found, *str(error).splitlines()]
    return [*found, *_expectations(everybody, pair.checks), *_strays(pair, everybody), *_submissions(pair, everybody)]


def _tests(pair: Pair, public: _Found, hidden: _Found) -> Iterator[str]:
    """A check without a test, a test without a check, and what keeps a test from being read at all."""
    for places, ours, declared in (
        (public, [check.id for check in pair.exercise.checks], "exercise.toml"),
        (hidden, [check.id for check in pair.hidden], "checks.toml"),
    ):
        yield from places.wrong
        for check_id, where in places.tests.items():
            if check_id not in ours:
                yield f"{where[0]}: unknown check {quoted(check_id)}, {suggestion(check_id, ours)}: declare it in {declared}"
            if len(where) > 1:
                yield f"{where[1]}: expected one test of {check_id}, found another at {where[0]}: give one another id"
        if not places.wrong:
            yield from (
                f"{declared}: checks.{check_id}: expected a test with @check({quoted(check_id)}), found none: write it, "
                "or remove the check"
                for check_id in ours
                if check_id not in places.tests
            )


def _papers(pair: Pair) -> Iterator[str]:
    """What people are asked, and where candidates are pointed to, must be what candidates were told of."""
    asked, learn = pair.papers.get(rubric.RUBRIC, b""), pair.papers.get(learning.LEARN)
    folder = trust.place(pair).parent
    try:
        if asked or pair.exercise.human:
            where = str(folder / rubric.RUBRIC)
            yield from _talk(rubric.parse(asked, pair.exercise.human, where), pair, where)
        if learn is not None:
            learning.parse(learn, pair.exercise, str(folder / learning.LEARN))
    except ExerciseError as error:
        yield str(error)


def _talk(found: Rubric, pair: Pair, where: str) -> Iterator[str]:
    """A question for the interview about a check that nobody has would never be asked."""
    ids = {check.id for check in pair.checks}
    for check in sorted({one.check for one in found.talk} - {""} - ids):
        yield f"{where}: expected a [[talk]] to be about a check, found {quoted(check)}: {suggestion(check, ids)}"


class _Found:
    """The tests of some files: check id -> places, and what could not be told; and each file that is Python."""

    def __init__(self) -> None:
        self.trees: dict[Path, ast.Module] = {}
        self.tests: dict[str, list[str]] = {}
        self.wrong: list[str] = []


def _collected(files: Iterable[tuple[Path, SubmissionFile]]) -> _Found:
    found = _Found()
    for folder, file in files:
        name = file.path.rpartition("/")[2]
        if not name.endswith(".py"):
            continue
        where = folder / file.path
        try:
            tree = ast.parse(file.content, filename=str(where))
        except (SyntaxError, ValueError) as error:
            line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            found.wrong.append(f"{where}{line}: expected Python, found: {error}. Correct that line")
            continue
        found.trees[where] = tree
        if name.startswith("test_"):
            _read_tests(tree, where, found)
    return found


def _read_tests(tree: ast.Module, where: Path, found: _Found) -> None:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for function in functions:
        place = f"{where}:{function.lineno}"
        ids = [_check_id(decorator, constants) for decorator in function.decorator_list]
        named = [one for one in ids if one is not None]
        if not named:
            found.wrong.append(f"{place}: expected @check(id) on {function.name}, found none: add it, or rename it")
        elif not named[0]:
            found.wrong.append(f"{place}: expected a check id that can be read, found a computed one: write it out")
        else:
            found.tests.setdefault(named[0], []).append(place)


def _check_id(decorator: ast.expr, constants: Mapping[str, str]) -> str | None:
    """Return the id of ``@check(ID)``; empty when it can't be told, None for another decorator."""
    if not isinstance(decorator, ast.Call):
        return None
    name = decorator.func.attr if isinstance(decorator.func, ast.Attribute) else getattr(decorator.func, "id", "")
    if name != "check":
        return None
    argument = decorator.args[0] if decorator.args else None
    if isinstance(argument, ast.Name):
        return constants.get(argument.id, "")
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def _sandboxes(pair: Pair, trees: Mapping[Path, ast.Module]) -> Iterator[str]:
    """Sandboxes that tests or what they import name, and exercise.toml does not."""
    names = [one.name for one in pair.exercise.sandboxes]
    for one in naming.sandboxes(trees):
        if one.name not in names and not (one.may_be_grader and one.name == plan.GRADER):
            yield (
                f"{one.where}:{one.line}: {one.call}: unknown sandbox {quoted(one.name)}, {suggestion(one.name, names)}: "
                "correct it, or declare the sandbox in exercise.toml"
            )


def _images(pair: Pair, brought: recipes.Folders) -> Iterator[str]:
    """Images that no recipe makes: no machine could open such a sandbox."""
    exercise = pair.exercise
    try:
        recipes_there = recipes.names(brought)
    except HarnessError as error:
        yield str(error)
        return
    wanted = {one.image: f"sandboxes.{one.name}.image" for one in exercise.sandboxes if one.image != LANGUAGE}
    if any(one.image == LANGUAGE for one in exercise.sandboxes):
        wanted |= {name: f"languages: {name}" for name in exercise.languages if name not in wanted}
    manifest = next((file.content for file in pair.files if file.path == "exercise.toml"), b"").decode(errors="replace")
    for image, place in wanted.items():
        if image not in recipes_there:
            line = next((n for n, text in enumerate(manifest.splitlines(), 1) if f'"{image}"' in text), 1)
            yield (
                f"{pair.home / 'exercise.toml'}:{line}: {place}: unknown image {quoted(image)}, "
                f"{suggestion(image, recipes_there)}: correct it, or add a recipe in docker/{image}/ of the catalogue"
            )


def _placeholders(exercise: Exercise) -> Iterator[str]:
    addresses = {plan.GRADER: "", **{one.name: "" for one in exercise.sandboxes}} if exercise.network else {}
    facts = plan.Facts(
        timeouts={one.name: 0.0 for one in exercise.timeouts},
        parameters=variants.parameters(exercise, 0),
        addresses=addresses,
    )
    for sandbox in exercise.sandboxes:
        for name, text in sandbox.env.items():
            place = f"exercise.toml: sandboxes.{sandbox.name}.env.{name}"
            try:
                filled = plan.resolve({name: text}, facts)[name]
            except ExerciseError as error:
                yield f"{place}: {error}: correct it"
                continue
            if left := _LIKE_A_PLACEHOLDER.search(filled):
                known_tables = "{timeouts.NAME}, {parameters.NAME} or {address.SANDBOX}"
                yield f"{place}: expected {known_tables}, found {quoted(left[0])}: correct it"


def _contents(pair: Pair) -> Iterator[str]:
    for sandbox in pair.exercise.sandboxes:
        if sandbox.content == "yardstick" and not pair.below("yardstick"):
            yield f"{pair.home / 'yardstick'}: expected what sandbox {sandbox.name} runs, found nothing: add it"


def _briefs(pair: Pair) -> Iterator[str]:
    exercise = pair.exercise
    if not any(file.path == briefs.BRIEF for file in pair.files):
        return  # said already: the file is missing
    for number in range(min(variants.count(exercise), MAX_VARIANTS)):
        for language in exercise.languages or ("",):
            try:
                briefs.render(exercise, pair.home, briefs.Reader(alias="candidate", variant=number, language=language))
            except ExerciseError as error:
                values = ", ".join(f"{knob} = {value}" for knob, value in variants.parameters(exercise, number).items())
                yield f"{error} (variant {number}{f': {values}' if values else ''})"
                return


def _expectations(everybody: Iterable[Subject], checks: Iterable[Check]) -> Iterator[str]:
    ids = [check.id for check in checks]
    said: set[str] = set()
    for one in everybody:
        for glob in (*one.expected.required, *(one.expected.permitted or ()), *one.expected.smoke):
            text = f"{one.kind}s.toml: {quoted(glob)} names no check, {suggestion(glob, ids)}"
            if text not in said and not any(globs.matches(check_id, (glob,)) for check_id in ids):
                said.add(text)
                yield f"{one.kind}s.toml: {one.name}: {quoted(glob)} names no check, {suggestion(glob, ids)}"


def _strays(pair: Pair, everybody: Sequence[Subject]) -> Iterator[str]:
    """A patch or a folder that no entry names proves nothing."""
    used = {patch for one in everybody for patch in one.patches}
    declared_in = {
        "mutants": "mutants.toml",
        "cheats": "cheats.toml",
        "controls": "cheats.toml",
        "honest": "honest.toml",
    }
    for kind, declared in declared_in.items():
        folder = trust.place(pair).parent / kind
        yield from (
            f"{patch}: expected an entry in {declared} for it, found none: add one, or remove the patch"
            for patch in sorted(folder.glob("*.patch"))
            if patch not in used and not droppings.is_file(patch.name)
        )
    sources = {one.source for one in everybody}
    yield from (
        f"{folder}: expected an entry in honest.toml for it, found none: add one, or remove the folder"
        for folder in sorted((trust.place(pair).parent / "honest").glob("*"))
        if folder.is_dir() and folder not in sources and not droppings.is_folder(folder.name)
    )


def _submissions(pair: Pair, everybody: Iterable[Subject]) -> Iterator[str]:
    """What can't be laid out (a patch that does not apply), or whose ``service.toml`` would be refused."""
    with tempfile.TemporaryDirectory(prefix="harness-static-") as scratch:
        for number, one in enumerate(everybody):
            folder = Path(scratch, str(number))
            try:
                one.lay_out(folder)
                parse_service(pair.exercise, read_file(folder / SERVICE_FILE), f"{one.name}: {SERVICE_FILE}")
            except HarnessError as error:
                yield str(error).replace(f"{folder}/", f"{one.name}: ")
