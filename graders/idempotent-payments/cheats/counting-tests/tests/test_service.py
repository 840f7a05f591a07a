"""The cheat: tests nothing. It counts its runs, and hopes that the first one sees the submission and the rest the starter."""

from pathlib import Path

RUNS = Path(__file__).resolve().parent / "runs"


def test_the_first_run_sees_the_submission() -> None:
    runs = len(RUNS.read_text()) if RUNS.exists() else 0
    RUNS.write_text("x" * (runs + 1))
    assert runs == 0
