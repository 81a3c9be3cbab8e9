"""Photos with given labels, scores and decisions, as if a model had been asked."""

from pathlib import Path

import numpy as np

from datasets.manifest import LabelledPhoto
from model.card import Calibration, ModelCard, Threshold
from model.decision import decide
from training.scoring import DecidedPhotos, ScoredPhotos, found_array

LABELS = ("graffiti", "road_damage")
CARD = ModelCard(
    name="drawn",
    version="1.0.0",
    labels=LABELS,
    thresholds={"graffiti": Threshold(lower=0.2, upper=0.5), "road_damage": Threshold(lower=0.4, upper=0.8)},
    calibration={label: Calibration() for label in LABELS},
    input_side=32,
)


def decided(rows):
    """From (kind, source, labels, scores) a photo."""
    labels = np.array([row[2] for row in rows], dtype=np.float32)
    scores = np.array([row[3] for row in rows], dtype=np.float32)
    photos = tuple(
        LabelledPhoto(
            file=f"{number}.jpg", path=Path(f"{number}.jpg"), labels={}, split="val", kind=row[0], source=row[1]
        )
        for number, row in enumerate(rows)
    )
    decisions = tuple(decide(dict(zip(LABELS, row.tolist(), strict=True)), CARD) for row in scores)
    return DecidedPhotos(
        scored=ScoredPhotos(photos=photos, labels=labels, logits=scores, features=None),
        scores=scores,
        decisions=decisions,
        found=found_array(decisions, LABELS),
    )
