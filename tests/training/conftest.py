"""A drawn set and a run on it that takes seconds; nothing measured here says anything about real photos."""

import pytest

from datasets.drawn import draw_set
from training.config import Stage, TrainingConfig


@pytest.fixture(scope="session")
def drawn_manifest(tmp_path_factory):
    return draw_set(tmp_path_factory.mktemp("drawn"), photos_per_kind=36, seed=5)


@pytest.fixture(scope="session")
def config(drawn_manifest):
    return TrainingConfig(
        manifest=drawn_manifest,
        stages=(Stage(side=32, epochs=1), Stage(side=48, epochs=1)),
        photos_per_step=32,
        workers=0,
        averaging_decay=0.8,
    )
