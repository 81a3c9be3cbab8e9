"""One line of cells: servers beside each other and beside the ceiling, with one size of photo and so many clients.

All run at once, but all but one are stopped: they take turns of a few seconds, so that a machine that is slower for a
while is slower for all of them, and ratios hold.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ceiling import Ceiling, MeasureCeiling, ceiling_of
from benchmarks.load import Load, PreparedRequest, Tally, probe
from benchmarks.processes import Moment, cores, memory_megabytes
from benchmarks.servers import Contender, Running, running

BUSY_SHARE = 0.04
"""Turns in which others used more than this share of the machine are taken again; a cell that stays so is marked."""

_TURNS_LIMIT = 2  # times the turns asked for
_PROBES_A_SECOND = 50


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long each part takes, in seconds, and how many turns each server has."""

    turns: int = 4
    warm_up: float = 1.0
    ramp: float = 0.4  # of each turn, not counted: connections are made and the queue fills
    load: float = 2.5
    ceiling: float = 1.5
    probe: float = 4


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


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """What one server did while the others were stopped, and the ceiling right before it."""

    ceiling: Ceiling
    taken: Sequence[float]  # seconds of each answer
    wall_seconds: float
    server_cpu: float
    client_cpu: float
    megabytes: float
    others: float


@dataclass
class _Runner:
    """A contender while it is measured."""

    contender: Contender
    server: Running
    requests: list[PreparedRequest]
    tallies: list[Tally] = field(default_factory=list)
    turns: list[_Turn] = field(default_factory=list)


def measure(
    contenders: Sequence[Contender], model_folder: Path, photos_folder: Path, clients: int, durations: Durations
) -> list[Cell]:
    """One cell for each contender."""
    photos = [path.read_bytes() for path in sorted(photos_folder.iterdir())]
    with ExitStack() as stack:
        ceiling = stack.enter_context(ceiling_of(model_folder, photos_folder))
        runners = []
        for contender in contenders:
            requests = stack.enter_context(prepared(contender, photos))
            server = stack.enter_context(running(contender, model_folder))
            with server.paused_afterwards(), Load(server.port, requests, clients):
                time.sleep(durations.warm_up)
            runners.append(_Runner(contender, server, requests))
        _take_turns(runners, ceiling, clients, durations)
        return [_cell(runner, photos_folder.name, clients, _probe(runner, clients, durations)) for runner in runners]


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


def _take_turns(runners: Sequence[_Runner], ceiling: MeasureCeiling, clients: int, durations: Durations) -> None:
    """Until each has its calm turns, at most some times as many; the calmest are kept."""
    threads = min(clients, cores())
    for taken in range(durations.turns * _TURNS_LIMIT):
        for number in range(len(runners)):
            runner = runners[(number + taken) % len(runners)]  # none is always the first
            runner.turns.append(_turn(runner, ceiling(threads, durations.ceiling), clients, durations))
        calm = min(sum(turn.others <= BUSY_SHARE for turn in runner.turns) for runner in runners)
        if calm >= durations.turns:
            break
        if taken >= durations.turns - 1:
            print("  others use the machine: once more", file=sys.stderr)
    for runner in runners:
        runner.turns = sorted(runner.turns, key=lambda turn: turn.others)[: durations.turns]


def _turn(runner: _Runner, ceiling: Ceiling, clients: int, durations: Durations) -> _Turn:
    server = runner.server
    with server.paused_afterwards(), Load(server.port, runner.requests, clients) as tally:
        time.sleep(durations.ramp)
        start = Moment.now(server.pid)
        time.sleep(durations.load)
        end = Moment.now(server.pid)
        megabytes = memory_megabytes(server.pid)
    runner.tallies.append(tally)
    return _Turn(
        ceiling=ceiling,
        taken=[seconds for answered, seconds in tally.taken if start.wall <= answered < end.wall],
        wall_seconds=end.wall - start.wall,
        server_cpu=end.server_cpu - start.server_cpu,
        client_cpu=end.client_cpu - start.client_cpu,
        megabytes=megabytes,
        others=max(ceiling.others, end.others_since(start)),
    )


def _probe(runner: _Runner, clients: int, durations: Durations) -> list[float]:
    server = runner.server
    with server.paused_afterwards(), Load(server.port, runner.requests, clients) as tally:
        time.sleep(durations.ramp)
        live = probe(server.port, runner.contender.live_path, seconds=durations.probe, a_second=_PROBES_A_SECOND)
    runner.tallies.append(tally)
    return live


def _cell(runner: _Runner, photos: str, clients: int, live: Sequence[float]) -> Cell:
    turns, ceilings = runner.turns, [turn.ceiling for turn in runner.turns]
    taken = [seconds for turn in turns for seconds in turn.taken]
    answered = max(1, len(taken))
    requests_a_second = len(taken) / sum(turn.wall_seconds for turn in turns)
    server_cpu_ms = sum(turn.server_cpu for turn in turns) * 1000 / answered
    ceiling_photos = sum(ceiling.photos for ceiling in ceilings)
    ceiling_photos_a_second = ceiling_photos / sum(ceiling.wall_seconds for ceiling in ceilings)
    ceiling_cpu_ms = sum(ceiling.cpu_seconds for ceiling in ceilings) * 1000 / ceiling_photos
    p50_ms = percentile(taken, 50) * 1000
    same_answers = None
    if runner.contender.answers_as_we_do:
        same_answers = all(_same_answers(tally, ceilings[0]) for tally in runner.tallies)
    return Cell(
        server=runner.contender.name,
        photos=photos,
        clients=clients,
        requests_a_second=requests_a_second,
        ratio=requests_a_second / ceiling_photos_a_second,
        cpueff=ceiling_cpu_ms / server_cpu_ms,
        p50_ms=p50_ms,
        p99_ms=percentile(taken, 99) * 1000,
        p50_ratio=p50_ms / statistics.mean(ceiling.p50_ms for ceiling in ceilings),
        live_p99_ms=percentile(live, 99) * 1000,
        errors=sum(sum(tally.errors.values()) for tally in runner.tallies),
        refused=sum(len(tally.refused) for tally in runner.tallies),
        megabytes=max(turn.megabytes for turn in turns),
        megabytes_at_start=runner.server.megabytes_at_start,
        ready_seconds=runner.server.ready_seconds,
        same_answers=same_answers,
        server_cpu_ms=server_cpu_ms,
        client_cpu_ms=sum(turn.client_cpu for turn in turns) * 1000 / answered,
        ceiling_photos_a_second=ceiling_photos_a_second,
        ceiling_cpu_ms=ceiling_cpu_ms,
        others=max(turn.others for turn in turns),
    )


def _same_answers(tally: Tally, ceiling: Ceiling) -> bool:
    return all(json.loads(body)["photos"][0]["scores"] == ceiling.scores[n] for n, body in tally.answers.items())
