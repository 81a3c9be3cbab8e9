"""A released model that a test may spoil."""

import shutil

import pytest

from model.classifier import current_release


@pytest.fixture
def spoilable_release(tmp_path):
    return shutil.copytree(current_release(), tmp_path / "release")
