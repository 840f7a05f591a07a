"""What a submission is for that was refused before anybody could tell."""

from __future__ import annotations

from harness.model import Exercise, Limits

NO_EXERCISE = Exercise(
    id="",
    version="",
    status="draft",
    title="",
    summary="",
    skills={},
    minutes=0,
    pass_mark=0.0,
    seed=0,
    deadline_seconds=0,
    languages=(),
    network=False,
    sandboxes=(),
    grader_limits=Limits(),
    build_limits=Limits(),
    build_seconds=0,
    timeouts=(),
    submit=(),
    max_bytes=0,
    max_files=0,
    parameters={},
    checks=(),
    gates=(),
    human=(),
)
"""What a submission is for that was refused before anybody could tell."""
