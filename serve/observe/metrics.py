"""What Prometheus is told. Every label has a closed set of values, so that nobody can fill the memory by asking.

Where several workers share an address, each adds to files in a folder that all of them read (serve/observe/sharing.py
makes it); the library picks this by the environment when it is imported, so import this module after that.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from model.card import ModelCard, Precision
from model.decision import Verdict
from serve.observe.notes import RequestNotes, Stage
from serve.observe.readiness import Check
from serve.observe.sharing import FOLDER_VARIABLE

Delivery = Literal["delivered", "failed", "given_up"]

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for every count, which says when the process started


class Metrics:
    """The metrics of one service. Threads may share it.

    Args:
        problems: every key that a person may name in a review, or a model may find.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.shared = FOLDER_VARIABLE in os.environ
        """Whether other processes serve at the same address, and their figures are shown together."""
        self._problems = frozenset(problems)
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "xuntu_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "xuntu_request_seconds",
            "From the first byte of a request to the last of its answer",
            ["route"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._stage_seconds = Histogram(
            "xuntu_photo_stage_seconds",
            "Where the time of photos goes; upload is once a request, the others once a photo",
            ["stage"],
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._photos = Counter("xuntu_photos", "Photos answered", ["verdict"], registry=registry)
        self._found = Counter("xuntu_problems_found", "Photos that show a problem", ["problem"], registry=registry)
        self._queue_photos = Gauge(
            "xuntu_queue_photos",
            "Photos that wait or are worked on",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._queue_bytes = Gauge(
            "xuntu_queue_bytes", "Bytes of photos in memory", multiprocess_mode="livesum", registry=registry
        )
        self._model = Gauge(
            "xuntu_model_info",
            "Always 1; the labels say which model answers",
            ["name", "version", "precision"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._ready = Gauge(
            "xuntu_ready",
            "Whether a condition of /health/ready holds",
            ["check"],
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._free_bytes = Gauge(
            "xuntu_data_free_bytes", "Free in the data folder", multiprocess_mode="livemin", registry=registry
        )
        self._reviews = Counter(
            "xuntu_reviews",
            "Cases that a person judged: agreed or disagreed with the machine, or not judgeable",
            ["result"],
            registry=registry,
        )
        self._review_problems = Counter(
            "xuntu_review_problems",
            "Problems in judged cases: agreed, false_alarm (the machine's alone), missed (the person's alone)",
            ["problem", "result"],
            registry=registry,
        )
        self._duplicates = Counter(
            "xuntu_duplicates", "Earlier cases pointed out in answers", ["reason"], registry=registry
        )
        self._deliveries = Counter("xuntu_webhook_deliveries", "Webhook messages sent", ["result"], registry=registry)
        if not self.shared:
            ProcessCollector(registry=registry)
        for verdict in Verdict:
            self._photos.labels(verdict.value)
        for stage in Stage:
            self._stage_seconds.labels(stage.value)

    def show_model(self, card: ModelCard, precision: Precision) -> None:
        """Which model answers."""
        self._model.labels(card.name, card.version, precision).set(1)
        for label in card.labels:
            self._found.labels(label)

    def show_queue(self, photos: int, held_bytes: int) -> None:
        """What waits now."""
        self._queue_photos.set(photos)
        self._queue_bytes.set(held_bytes)

    def show_readiness(self, checks: Mapping[Check, bool], free_bytes: int | None) -> None:
        """What the last look found."""
        for check, holds in checks.items():
            self._ready.labels(check).set(holds)
        if free_bytes is not None:
            self._free_bytes.set(free_bytes)

    def count_request(self, method: str, route: str | None, status: int, seconds: float, notes: RequestNotes) -> None:
        """A request was answered.

        Args:
            route: template of its path; None where there is nothing at its path.
        """
        route = route or _OTHER
        self._requests.labels(method if method in _METHODS else _OTHER, route, status).inc()
        self._request_seconds.labels(route).observe(seconds)
        for time in notes.stages:
            self._stage_seconds.labels(time.stage.value).observe(time.seconds)
        for photo in notes.photos:
            self._photos.labels(photo.verdict.value).inc()
            for problem in photo.problems:
                self._found.labels(problem).inc()

    def count_review(
        self, machine_problems: Collection[str], judgement: str, true_problems: Collection[str] = ()
    ) -> None:
        """A person judged a case: did the machine find the same?

        Args:
            machine_problems: keys the machine found in the case.
            judgement: `problems`, `none` or `not_judgeable`; the last says nothing of the machine.
            true_problems: keys the person saw.
        """
        if judgement == "not_judgeable":
            self._reviews.labels(judgement).inc()
            return
        found, true = self._known(machine_problems), self._known(true_problems)
        self._reviews.labels("agreed" if found == true else "disagreed").inc()
        for problem in found | true:
            result = "missed" if problem not in found else "agreed" if problem in true else "false_alarm"
            self._review_problems.labels(problem, result).inc()

    def count_duplicate(self, reason: str) -> None:
        """An answer pointed out an earlier case, for a reason of serve/cases/duplicates.py."""
        self._duplicates.labels(reason).inc()

    def count_delivery(self, result: Delivery) -> None:
        """A webhook message was sent once."""
        self._deliveries.labels(result).inc()

    def render(self, accept: str) -> tuple[bytes, str]:
        """All figures in the form that the scraper accepts, and its media type."""
        registry = self._registry
        if self.shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type

    def _known(self, problems: Collection[str]) -> frozenset[str]:
        return frozenset(problem if problem in self._problems else _OTHER for problem in problems)
