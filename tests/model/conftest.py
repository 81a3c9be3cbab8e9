"""A released model that a test may spoil; and properties are tried without a clock, as the machine may be busy."""

import shutil

import pytest
from hypothesis import settings

from model.classifier import current_release
from tests.colour_model import make_colour_model

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def spoilable_release(tmp_path):
    return shutil.copytree(current_release(), tmp_path / "release")


@pytest.fixture(scope="session")
def colour_model(tmp_path_factory):
    """A model folder that gives evidence, see tests/colour_model.py."""
    return make_colour_model(tmp_path_factory.mktemp("colours") / "model")
