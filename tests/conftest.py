"""What all tests share: real samples where they are, and hypothesis profiles."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "project",
    max_examples=25,
    deadline=None,  # the first call of a kernel compiles it
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("project"), max_examples=500
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real samples; tests that need one skip where it is absent."""
    folder = Path(os.environ.get("INSARFEAT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real samples: set INSARFEAT_TEST_DATA to their folder")
    return folder
