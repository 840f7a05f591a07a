"""``make bench``: what a grading costs, beside the plain things it is made of, in one run on one machine.

Ratios are what counts; seconds are of the machine that printed them. Rounds alternate between the things compared, so
that a slow minute hits all of them, and medians are shown. Nothing else should run meanwhile: the load that was there
before is printed with the table. What is being measured is said on stderr, group by group.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
HARNESS = [sys.executable, "-m", "harness"]
REFERENCE = CHECKOUT / "graders" / "skeleton" / "references"
ROUNDS = 7
BATCHES = {1: 8, 2: 24, 4: 24}
"""Jobs -> gradings of one batch. One after the other is the slowest, and needs the fewest for a steady mean."""
BATCH_ROUNDS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What one thing took."""

    seconds: float
    cpu_seconds: float
    """Of its own processes; what an engine does for it is not in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    cost: Cost
    ratio: float
    """To the first line of its group."""

    def __str__(self) -> str:
        """Return it as the table shows it."""
        return f"{self.name:<48} {self.cost.seconds:8.3f} s {self.ratio:8.2f} x {self.cost.cpu_seconds:8.3f} s of processor"


def say(text: str) -> None:
    """Say on stderr what goes on."""
    print(text, file=sys.stderr, flush=True)


def cost(command: list[str]) -> Cost:
    """Return what ``command`` takes; exits when it does not end as expected: a failing thing is not timed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(seconds=took, cpu_seconds=used)


def alternate(group: str, things: Mapping[str, Callable[[], Cost]], rounds: int) -> dict[str, Cost]:
    """Return the median of each thing, run in turns; the first turn warms caches and is dropped."""
    began = time.perf_counter()
    taken: dict[str, list[Cost]] = {name: [] for name in things}
    for number in range(rounds + 1):
        say(f"{group}: {f'round {number} of {rounds}' if number else 'warming up'}")
        for name, run in things.items():
            took = run()
            if number:
                taken[name].append(took)
    medians = {name: median(costs) for name, costs in taken.items()}
    for name, found in medians.items():
        say(f"  {name}: {found.seconds:.3f} s")
    say(f"{group}: measured in {time.perf_counter() - began:.0f} s")
    return medians


def median(costs: list[Cost]) -> Cost:
    """Return the median of each part."""
    return Cost(
        seconds=statistics.median(one.seconds for one in costs),
        cpu_seconds=statistics.median(one.cpu_seconds for one in costs),
    )


def rows(medians: Mapping[str, Cost]) -> list[Row]:
    """Return a line for each thing, beside the first."""
    base = next(iter(medians.values())).seconds
    return [Row(name=name, cost=found, ratio=found.seconds / base) for name, found in medians.items()]


def start_up() -> dict[str, Cost]:
    """Command start-up beside ``python -c 'import click'``."""
    return alternate(
        "start-up",
        {
            "import click": lambda: cost([sys.executable, "-c", "import click"]),
            "harness --help": lambda: cost([*HARNESS, "--help"]),
            "harness list": lambda: cost([*HARNESS, "list"]),
        },
        ROUNDS,
    )


def one_shot(image: str, out: Path) -> dict[str, Cost]:
    """A trivial grading beside ``docker run`` of the same image, and beside pytest alone."""
    test = out / "test_trivial.py"
    test.write_text("def test_trivial():\n    assert 2 + 2 == 4\n", encoding="utf-8")
    docker_run = ["docker", "run", "--rm", "--network", "none", image, "true"]
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    return alternate(
        "one grading",
        {
            "docker run IMAGE true": lambda: cost(docker_run),
            "pytest, one test": lambda: cost(pytest),
            "harness grade, one check": lambda: cost(grading([str(reference())], out)),
        },
        ROUNDS,
    )


def batch(docker_run_seconds: float, out: Path) -> list[Row]:
    """Gradings a second at 1, 2 and 4 jobs; the ratio is a grading's share beside one sequential ``docker run``."""
    copies = [str(shutil.copytree(reference(), out / f"copy-{number}")) for number in range(max(BATCHES.values()))]

    def run(jobs: int, count: int) -> Callable[[], Cost]:
        return lambda: cost([*grading(copies[:count], out), "--jobs", str(jobs)])

    names = {f"{count} gradings, {jobs} jobs": (jobs, count) for jobs, count in BATCHES.items()}
    medians = alternate("batches", {name: run(*these) for name, these in names.items()}, BATCH_ROUNDS)
    found = []
    for name, whole in medians.items():
        count = names[name][1]
        share = Cost(seconds=whole.seconds / count, cpu_seconds=whole.cpu_seconds / count)
        title = f"{name}: {count / whole.seconds:.2f} a second"
        found.append(Row(name=title, cost=share, ratio=share.seconds / docker_run_seconds))
    return found


def grading(paths: list[str], out: Path) -> list[str]:
    """Return the command that grades ``paths``."""
    return [*HARNESS, "grade", *paths, "--exercise", "skeleton", "--out", str(out), "--json", "--again"]


def reference() -> Path:
    """Return the skeleton's reference submission."""
    return next(path for path in sorted(REFERENCE.iterdir()) if path.is_dir())


def phases(out: Path) -> str:
    """Return where the time of the last one-shot grading went."""
    newest = max(out.rglob("result.json"), key=lambda path: path.stat().st_mtime)
    found = json.loads(newest.read_text(encoding="utf-8"))
    parts = [f"{phase['name']} {phase['seconds']:.2f} s" for phase in found["phases"]]
    return ", ".join([*parts, f"all of it {found['seconds']:.2f} s"])


def main() -> None:
    """Print one table."""
    from harness.images import manage as images

    began, load = time.perf_counter(), os.getloadavg()
    tag = images.ensure(("grader-core", "python"), progress=say)["python"]
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as scratch:
        out = Path(scratch)
        table = rows(start_up())
        trivial = one_shot(tag, out)
        table += rows(trivial)
        where = phases(out)
        table += batch(trivial["docker run IMAGE true"].seconds, out)
    print(
        f"{os.cpu_count()} cores, load average before: {load[0]:.2f}; medians, measured in "
        f"{time.perf_counter() - began:.0f} s. Ratios are to the first line of each group, of batches to docker run\n"
    )
    for row in table:
        print(row)
    print(f"\nwhere the time of one grading goes, from its start to its result: {where}")


if __name__ == "__main__":
    main()
