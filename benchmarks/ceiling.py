"""What the machine could do at best: decode and infer through `model.Classifier`, no HTTP, as many threads as cores.

Run as a process of its own, so that its CPU is its own: `python -m benchmarks.ceiling MODEL PHOTOS THREADS SECONDS`
prints one JSON object.
"""

import itertools
import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.processes import ROOT, Moment
from model.classifier import Classifier

_WARM_UP_PHOTOS = 4
_DECIMALS = 4  # as the service rounds scores


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """One measurement without HTTP."""

    photos_a_second: float
    cpu_ms_a_photo: float
    p50_ms: float
    others: float  # share of the machine that others used, 0-1
    scores: list[dict[str, float]]  # of each photo, in order: what every server should answer


def measure_ceiling(model_folder: Path, photos_folder: Path, *, threads: int, seconds: float) -> Ceiling:
    """Run this file as a process."""
    arguments = (str(model_folder), str(photos_folder), str(threads), str(seconds))
    command = (sys.executable, "-m", "benchmarks.ceiling", *arguments)
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Ceiling(**json.loads(answer.stdout))


def _measure(model_folder: Path, photos_folder: Path, threads: int, seconds: float) -> Ceiling:
    classifier = Classifier.load(model_folder)
    photos = [path.read_bytes() for path in sorted(photos_folder.iterdir())]
    answers = classifier.classify(photos)
    for photo in itertools.islice(itertools.cycle(photos), _WARM_UP_PHOTOS):
        classifier.classify([photo])
    taken: list[float] = []
    started = Moment.now(None)
    until = started.wall + seconds
    workers = [threading.Thread(target=_work, args=(classifier, photos, until, taken)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ended = Moment.now(None)
    return Ceiling(
        photos_a_second=len(taken) / (ended.wall - started.wall),
        cpu_ms_a_photo=(ended.client_cpu - started.client_cpu) * 1000 / len(taken),
        p50_ms=sorted(taken)[len(taken) // 2] * 1000,
        others=ended.others_since(started),
        scores=[{key: round(score, _DECIMALS) for key, score in seen.decision.scores.items()} for seen in answers],
    )


def _work(classifier: Classifier, photos: list[bytes], until: float, taken: list[float]) -> None:
    for photo in itertools.cycle(photos):
        started = time.perf_counter()
        if started >= until:
            return
        classifier.classify([photo])
        taken.append(time.perf_counter() - started)


if __name__ == "__main__":
    model_folder, photos_folder, threads, seconds = sys.argv[1:]
    print(json.dumps(asdict(_measure(Path(model_folder), Path(photos_folder), int(threads), float(seconds)))))
