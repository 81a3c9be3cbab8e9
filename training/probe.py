"""A last layer to start from: logistic regression on the features of the network as it is, before anything else moves.

Fine-tuning from a random last layer first bends the features to it, and bends them most where photos look like those
it learns from; a fitted one leaves them as they were and does better on places never seen (Kumar et al. 2022). Runs
that start from the same one also end close enough to each other for their mean to be a good network.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torchvision.transforms.v2.functional import resize

from model.network import Network
from training.metrics import average_precision

PHOTOS_AT_ONCE = 64
UNSEEN_LOGIT = -4.0  # of a problem that no photo shows: about 2 %
AS_GOOD = 0.002  # in average precision; docs/experiments.md has what other tolerances give
LEAST_DEVIATION = 0.1  # of the mean one: what hardly ever stirs in these photos may not weigh thousands when it does

Floats = npt.NDArray[np.floating]


def fit_last_layer(
    network: Network,
    packed: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.float32],
    side: int,
    strengths: Sequence[float],
    *,
    pages: npt.NDArray[np.uint8] | None = None,
    held_out: tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]] | None = None,
) -> tuple[float, ...]:
    """Set `network.classify` to one logistic regression a problem; everything else of the network stays.

    Args:
        packed: (photos, 3, packed side, packed side) uint8 RGB.
        labels: (photos, labels) 1, 0, or NaN where nobody judged.
        side: pixels at which the photos are shown.
        strengths: inverse of the regularisation of standardised features (scikit-learn's C), from the lowest up; of
            several, each problem takes the lowest that ranks the held-out photos almost as well as any.
        pages: (pages, 3, packed side, packed side) uint8, pictures that are no photo of a street and show nothing.
        held_out: photos and their labels, as above, to choose strengths by.

    Returns:
        The strength that each problem took.
    """
    features = _features(network, packed, side)
    if pages is not None:
        features = np.concatenate([features, _features(network, pages, side)])
        labels = np.concatenate([labels, np.zeros((len(pages), labels.shape[1]), labels.dtype)])
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation = np.maximum(deviation, LEAST_DEVIATION * deviation.mean() + 1e-6)  # tiny photos may all look the same
    standard = (features - mean) / deviation
    tested, truth = (_features(network, held_out[0], side), held_out[1]) if held_out else (features[:0], labels[:0])
    tested = (tested - mean) / deviation
    layer, taken = network.classify, []
    for column in range(labels.shape[1]):
        judged = ~np.isnan(labels[:, column])
        fitted = [_regress(standard[judged], labels[judged, column], strength) for strength in strengths]
        place = lowest_as_good([average_precision(truth[:, column], tested @ weight + bias) for weight, bias in fitted])
        weight, bias = fitted[place]
        with torch.no_grad():
            layer.weight[column] = torch.from_numpy(weight / deviation)
            layer.bias[column] = bias - float(weight / deviation @ mean)
        taken.append(strengths[place])
    return tuple(taken)


def lowest_as_good(precisions: Sequence[float]) -> int:
    """The first whose average precision is within AS_GOOD of the best; 0 where nothing could be measured."""
    good = np.asarray(precisions) >= np.nanmax([0, *precisions]) - AS_GOOD
    return int(good.argmax())


def _features(network: Network, packed: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float64]:
    """(photos, 1280) of whole photos, unchanged."""
    device = network.classify.weight.device
    network.eval()
    seen = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        for start in range(0, len(packed), PHOTOS_AT_ONCE):
            pixels = resize(torch.from_numpy(packed[start : start + PHOTOS_AT_ONCE].copy()), [side, side])
            seen.append(network.features(pixels.to(device, memory_format=torch.channels_last)).float().cpu())
    return torch.cat(seen).double().numpy()


def _regress(features: Floats, labels: Floats, strength: float) -> tuple[Floats, float]:
    """Weights and bias; none and UNSEEN_LOGIT where all photos show the same."""
    if len(np.unique(labels)) < 2:
        return np.zeros(features.shape[1]), UNSEEN_LOGIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough after so many steps
        model = LogisticRegression(C=strength, max_iter=100).fit(features, labels)
    return model.coef_[0], float(model.intercept_[0])
