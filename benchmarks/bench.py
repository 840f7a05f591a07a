"""``make bench``: what a grading costs, beside the plain things it is made of, in one run on one machine.

Ratios are what counts; seconds are of the machine that printed them. Rounds alternate between the things compared, so
that a slow minute hits all of them, and medians are shown. Nothing else should run meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
HARNESS = [sys.executable, "-m", "harness"]
REFERENCE = CHECKOUT / "graders" / "skeleton" / "references"
ROUNDS = 7
BATCH = 24


def seconds(command: list[str], *, expect: tuple[int, ...] = (0,)) -> float:
    """Return how long ``command`` takes; exits when it does not end as expected: a failing thing is not timed."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    took = time.perf_counter() - began
    if done.returncode not in expect:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return took


def alternate(things: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the median of each thing, run in turns; the first turn warms caches and is dropped."""
    taken: dict[str, list[float]] = {name: [] for name in things}
    for number in range(rounds + 1):
        for name, run in things.items():
            took = run()
            if number:
                taken[name].append(took)
    return {name: statistics.median(values) for name, values in taken.items()}


def start_up() -> list[tuple[str, float, float]]:
    """Command start-up beside ``python -c 'import click'``."""
    medians = alternate(
        {
            "import click": lambda: seconds([sys.executable, "-c", "import click"]),
            "harness --help": lambda: seconds([*HARNESS, "--help"]),
            "harness list": lambda: seconds([*HARNESS, "list"]),
        }
    )
    base = medians["import click"]
    return [(name, value, value / base) for name, value in medians.items()]


def one_shot(image: str, out: Path) -> list[tuple[str, float, float]]:
    """A trivial grading beside ``docker run`` of the same image, and beside pytest alone."""
    test = out / "test_trivial.py"
    test.write_text("def test_trivial():\n    assert 2 + 2 == 4\n", encoding="utf-8")
    docker_run = ["docker", "run", "--rm", "--network", "none", image, "true"]
    grade = [*HARNESS, "grade", str(reference()), "--exercise", "skeleton", "--out", str(out), "--json"]
    medians = alternate(
        {
            "docker run IMAGE true": lambda: seconds(docker_run),
            "pytest, one test": lambda: seconds(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
            ),
            "harness grade, one check": lambda: seconds(grade),
        }
    )
    base = medians["docker run IMAGE true"]
    return [(name, value, value / base) for name, value in medians.items()]


def batch(docker_run_seconds: float, out: Path) -> list[tuple[str, float, float]]:
    """Gradings a second at 1, 2 and 4 jobs; the ratio is a grading's share beside one sequential ``docker run``."""
    copies = [str(shutil.copytree(reference(), out / f"copy-{number}")) for number in range(BATCH)]
    rows = []
    for jobs in (1, 2, 4):
        command = [
            *HARNESS,
            "grade",
            *copies,
            "--exercise",
            "skeleton",
            "--jobs",
            str(jobs),
            "--out",
            str(out),
            "--json",
        ]
        took = statistics.median(seconds(command) for _ in range(3))
        rows.append(
            (
                f"{BATCH} gradings, {jobs} jobs: {BATCH / took:.2f} a second",
                took / BATCH,
                took / BATCH / docker_run_seconds,
            )
        )
    return rows


def reference() -> Path:
    """Return the skeleton's reference submission."""
    return next(path for path in sorted(REFERENCE.iterdir()) if path.is_dir())


def phases(out: Path) -> str:
    """Return where the time of the last one-shot grading went."""
    newest = max(out.rglob("result.json"), key=lambda path: path.stat().st_mtime)
    found = json.loads(newest.read_text(encoding="utf-8"))["phases"]
    return ", ".join(f"{phase['name']} {phase['seconds']:.2f} s" for phase in found)


def main() -> None:
    """Print one table."""
    from harness.images import manage as images

    tag = images.ensure(("grader-core", "python"))["python"]
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as scratch:
        out = Path(scratch)
        rows = start_up()
        trivial = one_shot(tag, out)
        rows += trivial
        where = phases(out)
        rows += batch(trivial[0][1], out)
    print(f"{os.cpu_count()} cores, medians; ratios are to the first line of each group\n")
    for name, value, ratio in rows:
        print(f"{name:<48} {value:8.3f} s {ratio:8.2f} x")
    print(f"\nwhere one grading's time goes: {where}")


if __name__ == "__main__":
    main()
