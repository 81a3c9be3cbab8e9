"""A model folder that needs no training and gives evidence: red is road damage, blue is water, per quarter of a photo.

A quarter that is all red has the logit 18, a grey one -2; the photo has their mean.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

from model.card import NETWORK_FILE, Calibration, Familiar, ModelCard, Threshold, file_sha256, save_card
from model.familiarity import PROTOTYPES_FILE, Prototypes
from model.problems import load_problems

LABELS = tuple(load_problems())
SIDE = 64
_GAIN, _GREY_LOGIT = 20 / 255, -2.0


def make_colour_model(folder: Path, *, with_prototypes: bool = False) -> Path:
    """Write the model folder; its path. With prototypes it learned from red, blue and grey photos, and no others."""
    folder.mkdir(parents=True)
    onnx.save(_network(with_features=with_prototypes), folder / NETWORK_FILE)
    sha256 = {NETWORK_FILE: file_sha256(folder / NETWORK_FILE)}
    if with_prototypes:
        learned = Prototypes(problems=np.float32([[1, 0, 0], [0, 0, 1]]), normal=np.float32([[0.577, 0.577, 0.577]]))
        learned.save(folder / PROTOTYPES_FILE)
        sha256[PROTOTYPES_FILE] = file_sha256(folder / PROTOTYPES_FILE)
    card = ModelCard(
        name="colours",
        version="1.0.0",
        labels=LABELS,
        thresholds={label: Threshold(lower=0.3, upper=0.5) for label in LABELS},
        calibration={label: Calibration() for label in LABELS},
        input_side=SIDE,
        familiar=Familiar(problem=0.9, street=0.8) if with_prototypes else None,
        sha256=sha256,
    )
    save_card(card, folder)
    return folder


def draw_quarters(colours: str) -> Image.Image:
    """160 x 120 pixels; a colour for each quarter, row by row: "r" red, "b" blue, "g" grey."""
    picture = Image.new("RGB", (160, 120))
    pencil = ImageDraw.Draw(picture)
    for number, colour in enumerate(colours):
        left, top = 80 * (number % 2), 60 * (number // 2)
        fill = {"r": (255, 0, 0), "b": (0, 0, 255), "g": (128, 128, 128)}[colour]
        pencil.rectangle((left, top, left + 79, top + 59), fill=fill)
        pencil.ellipse((left + 30, top + 20, left + 50, top + 40), outline=(90, 90, 90), width=3)
    return picture


def _network(*, with_features: bool) -> onnx.ModelProto:
    weights = np.zeros((len(LABELS), 3, 1, 1), dtype=np.float32)
    weights[LABELS.index("road_damage"), :, 0, 0] = np.array([1, -0.5, -0.5]) * _GAIN
    weights[LABELS.index("waterlogging"), :, 0, 0] = np.array([-0.5, -0.5, 1]) * _GAIN
    constants = {
        "weights": weights,
        "bias": np.full(len(LABELS), _GREY_LOGIT, dtype=np.float32),
        "axes": np.array([2, 3], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("AveragePool", ["floats"], ["cells"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Conv", ["cells", "weights", "bias"], ["evidence"]),
        helper.make_node("ReduceMean", ["evidence", "axes"], ["logits"], keepdims=0),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["photos", len(LABELS)]),
        helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["photos", len(LABELS), 2, 2]),
    ]
    if with_features:  # the mean colour
        nodes.append(helper.make_node("ReduceMean", ["cells", "axes"], ["features"], keepdims=0))
        outputs.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["photos", 3]))
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["photos", 3, SIDE, SIDE])],
        outputs,
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"labels": ",".join(LABELS)})
    return model
