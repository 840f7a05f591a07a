"""What a submission changed of the starter it began with."""

from __future__ import annotations

from harness import patches
from harness.catalogue.pair import Pair
from harness.errors import SubmissionError
from harness.intake import folders, submission
from harness.model import Submission


def patch_of(found: Submission, pair: Pair) -> bytes:
    """Return it as :func:`harness.patches.render` writes it, of files that travel; empty without a known language.

    There is a starter for each language, and only a service.toml that can be read says which one it was.
    """
    try:
        language = submission.service(pair.exercise, found).language
    except SubmissionError:
        return b""
    travels = folders.matcher(pair.exercise.submit)
    starter = [file for file in pair.starter(language) if travels(file.path)]
    return patches.render(patches.compare(starter, found.files))
