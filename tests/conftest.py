"""What all tests share: graders on the fake engine start in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from harness.engines.fake import grader
from tests import graders

# Machines that grade are busy: how long one example takes says nothing.
# The same examples each time: a change is not refused because of what chance found in code that it does not touch.
hypothesis.settings.register_profile("long", deadline=None, derandomize=True)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=25)
hypothesis.settings.load_profile("quick")  # make test-all asks for the long one


@pytest.fixture(autouse=True, scope="session")
def _own_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Sign results with keys of the tests', and leave none in the home of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_graders() -> Iterator[None]:
    """Fork the graders of the fake engine; those of commands in a process of their own start as they do elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grader, "start", graders.start)
        yield
