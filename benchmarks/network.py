"""What a photo costs on one thread, of several models in turns: the network alone, and a whole 12-megapixel JPEG.

    python -m benchmarks.network model/released/1.3.0 model/released/1.4.0 [--turns 40]

Ratios are to the first model in the same precision and turn, so a slower minute is slower for both.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.photos import SIZES, make_photos
from model.card import QUANTIZED_FILE, Precision
from model.classifier import Classifier

_WARM_UP = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a model and precision: median milliseconds of both, and the median ratios to the first model."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network", description="Time models on one thread.")
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="folders; the first is compared with")
    parser.add_argument("--turns", type=int, default=40)
    given = parser.parse_args(arguments)
    photo = make_photos(SIZES[-1])[0]
    precisions: tuple[Precision, ...] = ("fp32", "int8")
    for precision in precisions:
        folders = [folder for folder in given.models if precision == "fp32" or (folder / QUANTIZED_FILE).is_file()]
        asked = [_questions(Classifier.load(folder, precision=precision), photo) for folder in folders]
        times = _take_turns(asked, given.turns)
        for folder, network, whole in zip(folders, times[::2], times[1::2], strict=True):
            print(
                f"{folder.name} {precision}: network {_middle(network)}, {_ratio(network, times[0])}; "
                f"12 MP photo {_middle(whole)}, {_ratio(whole, times[1])}",
                flush=True,
            )
    return 0


def _questions(classifier: Classifier, photo: bytes) -> tuple[Callable[[], object], Callable[[], object]]:
    """The network on pixels that are there already, and a whole photo from its file on."""
    pixels = classifier.prepare(photo).pixels[None]
    return (lambda: classifier.logits(pixels)), (lambda: classifier.classify([photo]))


def _take_turns(asked: Sequence[tuple[Callable[[], object], ...]], turns: int) -> list[list[float]]:
    """Milliseconds of each question, one list a question."""
    questions = [question for each in asked for question in each]
    times: list[list[float]] = [[] for _ in questions]
    for turn in range(_WARM_UP + turns):
        for question, taken in zip(questions, times, strict=True):
            began = time.perf_counter()
            question()
            if turn >= _WARM_UP:
                taken.append(1000 * (time.perf_counter() - began))
    return times


def _middle(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.1f} ms"


def _ratio(times: Sequence[float], first: Sequence[float]) -> str:
    ratios = np.divide(times, first)
    low, high = np.percentile(ratios, [5, 95])
    return f"{np.median(ratios):.2f} x ({low:.2f}-{high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
