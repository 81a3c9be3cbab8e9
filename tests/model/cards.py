"""A card of two problems, with thresholds that are easy to reckon with."""

from model.card import Calibration, ModelCard, Threshold

LABELS = ("graffiti", "road_damage")
CARD = ModelCard(
    name="test",
    version="1.0.0",
    labels=LABELS,
    thresholds={"graffiti": Threshold(lower=0.2, upper=0.6), "road_damage": Threshold(lower=0.1, upper=0.9)},
    calibration={label: Calibration() for label in LABELS},
    input_side=64,
    same_place=0.5,
)
