"""One cell of the table: one server, one size of photo, so many clients, beside the ceiling of the same minute."""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ceiling import Ceiling, measure_ceiling
from benchmarks.load import Load, PreparedRequest, Tally, probe
from benchmarks.processes import Moment, cores, memory_megabytes
from benchmarks.servers import Contender, Running, running

BUSY_SHARE = 0.04
"""Where others used more than this share of the machine, a cell is measured again, and in the end marked."""

_ATTEMPTS = 3
_CALM_SECONDS = 10  # before another attempt
_PROBES_A_SECOND = 50


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long each part of a cell takes, in seconds."""

    warm_up: float = 1.5
    load: float = 7
    probe: float = 6
    ceiling: float = 4


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one server did with one size of photo and so many clients."""

    server: str
    photos: str
    clients: int
    requests_a_second: float
    ratio: float  # to the photos/s that as many threads as clients, at most one a core, reach without HTTP
    cpueff: float  # CPU a photo costs without HTTP / CPU a request costs the server
    p50_ms: float
    p99_ms: float
    p50_ratio: float  # to the p50 without HTTP
    live_p99_ms: float  # of the health check, under the same load
    errors: int
    refused: int  # 503
    megabytes: float  # most PSS
    megabytes_at_start: float
    ready_seconds: float
    same_answers: bool | None  # as the classifier gives without HTTP; None for peers, which decode otherwise
    server_cpu_ms: float  # a request
    client_cpu_ms: float  # a request; the clients share the machine, so the ratio cannot quite reach 1
    ceiling_photos_a_second: float
    ceiling_cpu_ms: float  # a photo
    others: float  # share of the machine that others used, 0-1

    @property
    def calm(self) -> bool:
        """Whether the figures can be trusted."""
        return self.others <= BUSY_SHARE


def measure(contender: Contender, model_folder: Path, photos_folder: Path, clients: int, durations: Durations) -> Cell:
    """Measure until nobody else used the machine, at most some times; the calmest counts."""
    attempts: list[Cell] = []
    while len(attempts) < _ATTEMPTS:
        attempts.append(_measure_once(contender, model_folder, photos_folder, clients, durations))
        if attempts[-1].calm:
            break
        print(f"  others used {attempts[-1].others:.0%} of the machine", file=sys.stderr)
        time.sleep(_CALM_SECONDS)
    return min(attempts, key=lambda cell: cell.others)


def _measure_once(
    contender: Contender, model_folder: Path, photos_folder: Path, clients: int, durations: Durations
) -> Cell:
    def ceiling() -> Ceiling:
        threads = min(clients, cores())
        return measure_ceiling(model_folder, photos_folder, threads=threads, seconds=durations.ceiling)

    photos = [path.read_bytes() for path in sorted(photos_folder.iterdir())]
    with prepared(contender, photos) as requests, running(contender, model_folder) as server:
        with server.paused():
            before = ceiling()
        with Load(server.port, requests, clients) as tally:
            time.sleep(durations.warm_up)
            start = Moment.now(server.pid)
            megabytes = _most_memory(server, start.wall + durations.load)
            end = Moment.now(server.pid)
            live = probe(server.port, contender.live_path, seconds=durations.probe, a_second=_PROBES_A_SECOND)
        with server.paused():
            after = ceiling()

    taken = [seconds for answered, seconds in list(tally.taken) if start.wall <= answered < end.wall]
    requests_a_second = len(taken) / (end.wall - start.wall)
    count = max(1, len(taken))
    server_cpu_ms = (end.server_cpu - start.server_cpu) * 1000 / count
    ceiling_photos_a_second = statistics.mean((before.photos_a_second, after.photos_a_second))
    ceiling_cpu_ms = statistics.mean((before.cpu_ms_a_photo, after.cpu_ms_a_photo))
    p50_ms = percentile(taken, 50) * 1000
    return Cell(
        server=contender.name,
        photos=photos_folder.name,
        clients=clients,
        requests_a_second=requests_a_second,
        ratio=requests_a_second / ceiling_photos_a_second,
        cpueff=ceiling_cpu_ms / server_cpu_ms,
        p50_ms=p50_ms,
        p99_ms=percentile(taken, 99) * 1000,
        p50_ratio=p50_ms / statistics.mean((before.p50_ms, after.p50_ms)),
        live_p99_ms=percentile(live, 99) * 1000,
        errors=sum(tally.errors.values()),
        refused=len(tally.refused),
        megabytes=megabytes,
        megabytes_at_start=server.megabytes_at_start,
        ready_seconds=server.ready_seconds,
        same_answers=_same_answers(tally, before) if contender.answers_as_we_do else None,
        server_cpu_ms=server_cpu_ms,
        client_cpu_ms=(end.client_cpu - start.client_cpu) * 1000 / count,
        ceiling_photos_a_second=ceiling_photos_a_second,
        ceiling_cpu_ms=ceiling_cpu_ms,
        others=max(before.others, end.others_since(start), after.others),
    )


@contextmanager
def prepared(contender: Contender, photos: Sequence[bytes]) -> Iterator[list[PreparedRequest]]:
    """One request a photo, ready to be sent."""
    requests = [PreparedRequest.upload(contender.upload_path, "photo", photo) for photo in photos]
    try:
        yield requests
    finally:
        for request in requests:
            os.close(request.descriptor)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed; infinite where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("inf")


def _most_memory(server: Running, until: float) -> float:
    most = 0.0
    while (left := until - time.perf_counter()) > 0:
        time.sleep(min(1.0, left))
        most = max(most, memory_megabytes(server.pid))
    return most


def _same_answers(tally: Tally, ceiling: Ceiling) -> bool:
    return all(json.loads(body)["photos"][0]["scores"] == ceiling.scores[n] for n, body in tally.answers.items())
