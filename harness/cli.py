"""The command line: options in, one function of ``harness.commands`` called, its exit code out.

Only click is imported here; every command imports what it needs when it runs, so that ``--help`` stays fast.
Errors are not handled here but in ``harness.__main__``, the one boundary.
"""

from __future__ import annotations

from pathlib import Path

import click

from harness import __version__, cli_live, cli_machine, cli_results, cli_workspace, options
from harness.errors import ExitCode


@click.group(cls=options.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="harness")
@click.option(
    "--catalogue",
    "dirs",
    metavar="DIR",
    multiple=True,
    type=options.PATH,
    help="Folder with exercises/ and graders/, looked in before HARNESS_CATALOGUE, harness.toml, the checkout (repeatable).",
)
@click.pass_context
def cli(context: click.Context, dirs: tuple[Path, ...]) -> None:
    """Hands-on assessments for senior engineers, graded by behaviour under fault in sandboxed containers.

    \b
    Exit codes: 0 at or over the pass mark, 1 below, 2 inconclusive (try again), 3 submission refused,
    4 wrong usage, 5 harness or engine failed, 6 held for a human.

    \b
    Examples:
      harness list
      harness start idempotent-payments --language go
      harness grade inbox/*.tar.gz --out results
    """  # noqa: D301  \b is click's mark for "keep these line breaks"
    context.obj = dirs


@cli.command("list")
@options.JSON
@click.pass_context
def list_command(context: click.Context, *, as_json: bool) -> ExitCode:
    """List the exercises.

    \b
    Example:
      harness list --json
    """  # noqa: D301
    from harness.commands.list import list_

    return list_(as_json=as_json, catalogue=options.catalogue_of(options.settings_of(context)))


@cli.command()
@click.argument("exercise_id", metavar="ID|FILE", type=options.TEXT)
@options.JSON
@click.pass_context
def show(context: click.Context, exercise_id: str, *, as_json: bool) -> ExitCode:
    """Show what a candidate may know about an exercise, by its id or in a pack.

    \b
    Examples:
      harness show idempotent-payments
      harness show heron.zip
    """  # noqa: D301
    from harness.commands.show import show

    return show(exercise_id, as_json=as_json, catalogue=options.catalogue_of(options.settings_of(context)))


@cli.command()
@click.argument("exercise_id", metavar="ID|FILE", type=options.TEXT)
@click.option("--language", metavar="L", type=options.TEXT, help="Language of the starter, where there is a choice.")
@click.option(
    "--into", metavar="DIR", type=options.PATH, help="New folder of the workspace (default: ./ID, of a pack ./ALIAS)."
)
@click.option(
    "--alias",
    metavar="NAME",
    type=options.TEXT,
    help="What results are called by (default: the folder's name; a pack says it).",
)
@click.pass_context
def start(
    context: click.Context, exercise_id: str, *, language: str | None, into: Path | None, alias: str | None
) -> ExitCode:
    """Make a workspace: brief and starter. Never touches a folder that has something in it.

    What is started is an exercise of a catalogue, or a pack: the file that came with an invitation, or its folder.

    \b
    Examples:
      harness start idempotent-payments --language go --into heron
      harness start heron.zip --language go
    """  # noqa: D301
    from harness.commands.start import start

    return start(
        exercise_id,
        language=language,
        into=into,
        alias=alias,
        catalogue=options.catalogue_of(options.settings_of(context)),
    )


@cli.command()
@click.argument("exercise_id", metavar="ID", type=options.TEXT)
@click.option(
    "--candidate", metavar="ALIAS", type=options.TEXT, required=True, help="Who gets it; no real name is needed."
)
@click.option(
    "--variant",
    metavar="N",
    type=click.IntRange(0, 2**63 - 1),
    help="Brief to give out (default: it follows from the company's secret, alias, exercise and version).",
)
@click.option("--language", metavar="L", type=options.TEXT, help="Starter of this language only (default: all).")
@click.option("--deliver", metavar="TEXT", default="", help="Where the candidate sends what they made, in a sentence.")
@click.option("--out", metavar="FILE", type=options.PATH, help="The file to write, called *.zip (default: ALIAS.zip).")
@click.pass_context
def pack(
    context: click.Context,
    exercise_id: str,
    *,
    candidate: str,
    variant: int | None,
    language: str | None,
    deliver: str,
    out: Path | None,
) -> ExitCode:
    """Write what one candidate gets as one file, without anything of the grader, and record that it was given out.

    \b
    Example:
      harness pack idempotent-payments --candidate heron --deliver 'reply to the invitation'
    """  # noqa: D301
    from harness.commands.pack import pack

    found = options.settings_of(context)
    return pack(
        exercise_id,
        candidate=candidate,
        variant=variant,
        language=language,
        deliver=deliver,
        out=out,
        found=found,
        catalogue=options.catalogue_of(found),
    )


@cli.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=options.TEXT_PATH)
@click.option(
    "--exercise", metavar="ID", type=options.TEXT, help="Needed for a folder that harness start did not make."
)
@click.option("--seed", metavar="N", type=click.IntRange(0, 2**63 - 1), help="Fault schedule (default: the grader's).")
@click.option(
    "--variant", metavar="N", type=click.IntRange(0, 2**63 - 1), help="Brief given out (default: as recorded, else 0)."
)
@click.option("--jobs", metavar="N", type=options.COUNT, default=1, show_default=True, help="Gradings at once.")
@click.option("--bar", metavar="N", type=options.Points(0, 100), help="Points to pass (default: the exercise's).")
@click.option("--advisory", is_flag=True, help="Exit 0 whenever a verdict was reached, passed or failed.")
@click.option(
    "--out", metavar="DIR", type=options.TEXT_PATH, default="results", show_default=True, help="Where results are kept."
)
@click.option("--again", is_flag=True, help="Grade also what was graded before; the old results stay.")
@click.option(
    "--sort",
    type=click.Choice(["score", "name", "verdict", "seconds", "given"]),
    default="score",
    show_default=True,
    help="Order of the table of several.",
)
@options.JSON
@click.option(
    "--format", "fmt", metavar="FORMAT", type=options.TEXT, help="What to print instead, as `harness report` has it."
)
@click.option(
    "--summary",
    "summary_file",
    metavar="FILE",
    type=options.PATH,
    help="Add a report in Markdown at the end of FILE, at most 1 MB in all.",
)
@options.AUDIENCE
@options.ENGINE
@click.pass_context
def grade(
    context: click.Context,
    paths: tuple[str, ...],
    *,
    exercise: str | None,
    seed: int | None,
    variant: int | None,
    jobs: int,
    bar: float | None,
    advisory: bool,
    out: str,
    again: bool,
    sort: str,
    as_json: bool,
    fmt: str | None,
    summary_file: Path | None,
    audience: str,
    engine: str | None,
) -> ExitCode:
    """Grade submissions: packed files, folders, folders of submissions. --json: one object a line, when its grading ends.

    What was graded into --out before, with the same submission, exercise, grader, images and seed, is kept and not
    graded again, unless that was inconclusive, or signed by no key that is believed here. So a command that was
    interrupted goes on where it was.

    Where candidates read the log, --audience candidate: nothing that is printed then tells of held-out checks.

    \b
    Examples:
      harness grade heron.tar.gz
      harness grade inbox --jobs 2 --out results
      harness grade ./mine --exercise idempotent-payments --bar 70 --json
      harness grade heron.tar.gz --format github --summary "$GITHUB_STEP_SUMMARY" --audience candidate
    """  # noqa: D301
    from harness.commands.grade import grade

    found = options.settings_of(context, engine=engine, graded=paths)
    return grade(
        paths,
        exercise=exercise,
        seed=seed,
        variant=variant,
        jobs=jobs,
        bar=bar,
        advisory=advisory,
        out=out,
        again=again,
        sort=sort,
        as_json=as_json,
        engine=found.engine,
        catalogue=options.catalogue_of(found),
        network_range=found.network_range,
        packs=found.packs,
        keys=found.keys,
        fmt=fmt or "",
        audience=audience,
        summary_file=summary_file,
    )


@cli.command()
@click.argument("path", type=options.PATH)
@click.option(
    "--format",
    "fmt",
    metavar="FORMAT",
    type=options.TEXT,
    help="terminal, html, markdown, json, csv, junit, ctrf, sarif, codequality, github or gradescope; of many results terminal,"
    " html, markdown, json, csv or junit.  [default: terminal]",
)
@click.option(
    "--sort",
    type=click.Choice(["score", "name", "verdict", "seconds"]),
    help="Order of the table of many.  [default: score]",
)
@click.option("--open", "in_browser", is_flag=True, help="Show the page in a browser instead.")
@options.AUDIENCE
def report(path: Path, *, fmt: str | None, sort: str | None, in_browser: bool, audience: str) -> ExitCode:
    """Render a stored result again, or all that are below a folder side by side. Needs no container engine.

    \b
    Examples:
      harness report results/heron
      harness report results/heron --format junit > junit.xml
      harness report results --sort name
      harness report results --open
    """  # noqa: D301
    from harness.commands.report import report

    return report(path, fmt=fmt or "", audience=audience, sort=sort or "", in_browser=in_browser)


@cli.command()
@click.argument("exercise_id", metavar="[ID]", type=options.TEXT, required=False)
@click.option(
    "--only",
    metavar="KIND/NAME",
    type=options.TEXT,
    multiple=True,
    help="Only this one (mutant/N), or this kind (mutant); repeatable.",
)
@click.option("--repeat", metavar="N", type=options.COUNT, help="Run each reference N times, also if recorded.")
@click.option("--jobs", metavar="N", type=options.COUNT, default=1, show_default=True, help="Gradings at once.")
@click.option("--recorded", is_flag=True, help="Run nothing: compare the record with the files. Seconds, no engine.")
@click.option("--why", is_flag=True, help="Beside what does not hold, what its checks said.")
@options.JSON
@options.ENGINE
@click.pass_context
def validate(
    context: click.Context,
    exercise_id: str | None,
    *,
    only: tuple[str, ...],
    repeat: int | None,
    jobs: int,
    recorded: bool,
    why: bool,
    as_json: bool,
    engine: str | None,
) -> ExitCode:
    """Prove an exercise with its starter, references, mutants and cheats. 0: holds, 1: does not, 2: inconclusive.

    \b
    Examples:
      harness validate idempotent-payments --jobs 2
      harness validate idempotent-payments --only mutant/one-connection --why
      harness validate --recorded
    """  # noqa: D301
    from harness.commands.validate import validate

    found = options.settings_of(context, engine=engine)
    return validate(
        exercise_id,
        only=only,
        repeat=repeat,
        jobs=jobs,
        as_json=as_json,
        recorded=recorded,
        why=why,
        engine=found.engine,
        catalogue=options.catalogue_of(found),
        network_range=found.network_range,
    )


@cli.command()
@click.argument("exercise_id", metavar="ID", type=options.TEXT)
@click.option("--into", metavar="DIR", type=options.PATH, help="Catalogue folder (default: the first one, else here).")
@click.pass_context
def new(context: click.Context, exercise_id: str, *, into: Path | None) -> ExitCode:
    """Make the skeleton of an exercise and its grader: one check that works, to change step by step.

    \b
    Example:
      harness new queue-retry --into ~/our-exercises
    """  # noqa: D301
    from harness import settings
    from harness.commands.new import new

    dirs = () if into else settings.load(catalogue=context.obj).catalogue_dirs
    return new(exercise_id, into=into or (dirs[0] if dirs else Path()))


for _command in (
    *(cli_workspace.check, cli_workspace.clock, cli_workspace.submit),
    *cli_live.COMMANDS,
    *cli_results.COMMANDS,
    *(cli_machine.images, cli_machine.doctor, cli_machine.clean),
):
    cli.add_command(_command)
