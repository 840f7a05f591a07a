"""How much an exercise may ask for. Far more than a sensible one wants, and less than would hurt a machine or a parser.

One place, so that the page of the exercise format and the refusals say the same numbers; each is a type that says its own
bound when it is broken.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.tables import Many

CPUS = 16
MEMORY_MB = 16 * 1024
TMPFS_MB = 8 * 1024
INODES = 1_000_000
PIDS = 4096
OPEN_FILES = 65_536
OUTPUT_KB = 16 * 1024
DEADLINE_SECONDS = 3600
BUILD_SECONDS = 900
TIMEOUT_SECONDS = 300
MINUTES = 7 * 24 * 60
SANDBOXES = 12
HOSTS = 32
VARIABLES = 64
VALUE_CHARACTERS = 4096
WORDS = 64
GLOBS = 64
GLOB_CHARACTERS = 200
GLOB_WILDCARDS = 3
"""Of one glob; each may have to be tried at every place of a name."""
KNOBS = 16
KNOB_VALUES = 16
KNOB_CHARACTERS = 200
ITEMS = 200
"""Checks, gates, skills, languages, timeouts, human items; requirements of one check."""
TEMPLATES = 16
TEMPLATE_CHARACTERS = 1024 * 1024
"""Of what one template renders to."""
TEMPLATE_STEPS = 100_000
"""Numbers that loops of one template may count through."""

Cpus = Annotated[float, Field(gt=0, le=CPUS, allow_inf_nan=False)]
MemoryMb = Annotated[int, Field(gt=0, le=MEMORY_MB)]
TmpfsMb = Annotated[int, Field(gt=0, le=TMPFS_MB)]
Inodes = Annotated[int, Field(gt=0, le=INODES)]
Pids = Annotated[int, Field(gt=0, le=PIDS)]
OpenFiles = Annotated[int, Field(gt=0, le=OPEN_FILES)]
OutputKb = Annotated[int, Field(gt=0, le=OUTPUT_KB)]
DeadlineSeconds = Annotated[int, Field(gt=0, le=DEADLINE_SECONDS)]
BuildSeconds = Annotated[int, Field(gt=0, le=BUILD_SECONDS)]
TimeoutSeconds = Annotated[float, Field(gt=0, le=TIMEOUT_SECONDS, allow_inf_nan=False)]
Minutes = Annotated[int, Field(gt=0, le=MINUTES)]
Word = Annotated[str, Field(max_length=VALUE_CHARACTERS, pattern=r"^[^\x00]*$")]
Command = Annotated[Many[Word], Field(max_length=WORDS)]
Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$", max_length=100)]
Environment = Annotated[dict[Variable, Word], Field(max_length=VARIABLES)]
Glob = Annotated[str, Field(min_length=1, max_length=GLOB_CHARACTERS)]
Globs = Annotated[Many[Glob], Field(min_length=1, max_length=GLOBS)]
Knob = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
KnobValue = Annotated[str, Field(min_length=1, max_length=KNOB_CHARACTERS)]
Knobs = Annotated[
    dict[Knob, Annotated[Many[KnobValue], Field(min_length=1, max_length=KNOB_VALUES)]], Field(max_length=KNOBS)
]
AtMost = Field(max_length=ITEMS)
