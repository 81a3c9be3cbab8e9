"""What the machine could do at best: decode and infer through `model.Classifier`, no HTTP, as many threads as cores.

A process of its own, so that its CPU is its own, which rests between measurements. `python -m benchmarks.ceiling MODEL
PHOTOS` reads lines of `THREADS SECONDS` and answers each with one JSON object.
"""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.processes import ROOT, Moment
from model.classifier import Classifier

_DECIMALS = 4  # as the service rounds scores


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """One measurement without HTTP."""

    photos: int
    wall_seconds: float
    cpu_seconds: float
    p50_ms: float
    others: float  # share of the machine that others used, 0-1
    scores: list[dict[str, float]]  # of each photo, in order: what every server of ours should answer


MeasureCeiling = Callable[[int, float], Ceiling]  # (threads, seconds) → what they reached


@contextmanager
def ceiling_of(model_folder: Path, photos_folder: Path) -> Iterator[MeasureCeiling]:
    """Run this file as a process; it ends with the block."""
    command = (sys.executable, "-m", "benchmarks.ceiling", str(model_folder), str(photos_folder))
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        asking, answering = process.stdin, process.stdout

        def measure(threads: int, seconds: float) -> Ceiling:
            asking.write(f"{threads} {seconds}\n")
            asking.flush()
            return Ceiling(**json.loads(answering.readline()))

        yield measure
        asking.close()


def _answer(model_folder: Path, photos_folder: Path) -> None:
    classifier = Classifier.load(model_folder)
    photos = [path.read_bytes() for path in sorted(photos_folder.iterdir())]
    answers = [
        {key: round(score, _DECIMALS) for key, score in seen.decision.scores.items()}
        for seen in classifier.classify(photos)
    ]
    for line in sys.stdin:
        threads, seconds = line.split()
        print(json.dumps(asdict(_measure(classifier, photos, answers, int(threads), float(seconds)))), flush=True)


def _measure(
    classifier: Classifier,
    photos: Sequence[bytes],
    answers: list[dict[str, float]],
    threads: int,
    seconds: float,
) -> Ceiling:
    taken: list[float] = []
    started = Moment.now(None)
    until = started.wall + seconds
    workers = [threading.Thread(target=_work, args=(classifier, photos, n, until, taken)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ended = Moment.now(None)
    return Ceiling(
        photos=len(taken),
        wall_seconds=ended.wall - started.wall,
        cpu_seconds=ended.client_cpu - started.client_cpu,
        p50_ms=sorted(taken)[len(taken) // 2] * 1000,
        others=ended.others_since(started),
        scores=answers,
    )


def _work(classifier: Classifier, photos: Sequence[bytes], first: int, until: float, taken: list[float]) -> None:
    for photo in itertools.islice(itertools.cycle(photos), first, None):
        started = time.perf_counter()
        if started >= until:
            return
        classifier.classify([photo])
        taken.append(time.perf_counter() - started)


if __name__ == "__main__":
    _answer(Path(sys.argv[1]), Path(sys.argv[2]))
