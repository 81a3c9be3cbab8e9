"""A released model that a test may spoil; and properties are tried without a clock, as the machine may be busy."""

import shutil

import pytest
from hypothesis import settings

from model.classifier import current_release

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def spoilable_release(tmp_path):
    return shutil.copytree(current_release(), tmp_path / "release")
