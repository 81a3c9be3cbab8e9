"""The bounded pool between the event loop and the classifier.

Decoding and inference run on exactly `threads` threads: more of them only hold more photos in memory, and the event
loop must stay free to say that the service lives. What requests hold is counted in photos and in bytes; a request
that does not fit is told when to come back.
"""

import asyncio
import hashlib
import io
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from PIL import Image

from model.classifier import ClassifiedPhoto, Classifier
from model.errors import PhotoError
from model.preprocessing import check_photo
from serve.answers import AnswerCache
from serve.observe.notes import Stage, note_photo, note_stage
from serve.refusals import Refusal

log = logging.getLogger(__name__)

_JOBS_PER_THREAD = 2  # one runs, one lies ready, so that no thread waits for the event loop to hand over the next
_SPEED_MEMORY = 0.9  # weight of the past in the moving average of seconds a photo

_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class ExaminedPhoto:
    """A classified photo and the SHA-256 of its file."""

    classified: ClassifiedPhoto
    sha256: str


class Engine:
    """Examines photos without blocking the event loop. Belongs to one event loop."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        threads: int,
        queue_photos: int,
        queue_bytes: int,
        answer_cache_photos: int = 0,
    ) -> None:
        self.classifier = classifier
        self.warm = False
        """Whether a first photo was answered; until then answers are slow."""
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="photo")
        self._handover = asyncio.Semaphore(threads * _JOBS_PER_THREAD)
        self._queue_photos = queue_photos
        self._queue_bytes = queue_bytes
        self._photos = 0
        self._bytes = 0
        self._answers = AnswerCache(answer_cache_photos, classifier.card.fingerprint()) if answer_cache_photos else None
        self._seconds_per_photo = 0.02

    async def warm_up(self) -> None:
        """Answer a drawn photo, which loads decoder and network into memory."""
        drawn = io.BytesIO()
        Image.new("RGB", (640, 480), "gray").save(drawn, "JPEG")
        started = time.perf_counter()
        await self.examine([drawn.getvalue()])
        self.warm = True
        log.info("warmed up in %.0f ms", (time.perf_counter() - started) * 1000)

    async def examine(
        self, photos: Sequence[bytes], *, described: bool = False, evidence: bool = False
    ) -> list[ExaminedPhoto]:
        """All photos of one case, in order; each is a job of its own, so that a case uses every core.

        Args:
            described: with signature and features, for what is kept and compared later.
            evidence: with it, where the network gives it; such an answer is never one that was kept.

        Raises:
            Refusal: the queue is full, or a photo cannot be used; nothing is half-answered.
        """
        if self._photos + len(photos) > self._queue_photos:
            raise self.full()
        self._photos += len(photos)
        try:
            if len(photos) > 1:  # a single photo is checked by its header before it is decoded anyway
                await self._run(partial(_check_headers, photos))
            examined = await self._examine_each(photos, described, evidence)
        finally:
            self._photos -= len(photos)
        for photo in examined:
            note_photo(photo.sha256, photo.classified.decision.verdict, photo.classified.decision.problems)
        return examined

    def load(self) -> tuple[int, int]:
        """Photos that wait or are worked on, and bytes held in memory."""
        return self._photos, self._bytes

    @contextmanager
    def bytes_held(self) -> Iterator[Callable[[int], None]]:
        """Count what one request holds in memory; call the given function for all that arrives, before keeping it.

        Raises (the function):
            Refusal: all requests together hold too much.
        """
        held = 0

        def add(count: int) -> None:
            nonlocal held
            if self._bytes + count > self._queue_bytes:
                raise self.full()
            held += count
            self._bytes += count

        try:
            yield add
        finally:
            self._bytes -= held

    def full(self) -> Refusal:
        """The refusal that says when there should be room again, from the recent speed."""
        return Refusal.to_come_back("overloaded", self.seconds_until_free())

    def seconds_until_free(self) -> int:
        """Whole seconds, at least 1, until the photos that wait now are answered at the recent speed."""
        return max(1, math.ceil(self._photos * self._seconds_per_photo / self._threads))

    def close(self) -> None:
        """End the threads once their photos are done."""
        self._pool.shutdown(cancel_futures=True)

    async def _examine_each(self, photos: Sequence[bytes], described: bool, evidence: bool) -> list[ExaminedPhoto]:
        queued = time.perf_counter()
        jobs = [
            asyncio.create_task(self._run(partial(self._examine_one, number, photo, described, evidence, queued)))
            for number, photo in enumerate(photos)
        ]
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_EXCEPTION)
            for job in jobs:
                if job.done():
                    job.result()  # raises what the first bad photo raised
            return [job.result() for job in jobs]
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _run(self, job: Callable[[], _Result]) -> _Result:
        """Run on a thread. A job that is cancelled before it starts never starts."""
        loop = asyncio.get_running_loop()
        await self._handover.acquire()
        future = self._pool.submit(copy_context().run, job)  # notes and log lines know the request
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._handover.release))
        return await asyncio.wrap_future(future)

    def _examine_one(self, number: int, photo: bytes, described: bool, evidence: bool, queued: float) -> ExaminedPhoto:
        started = time.perf_counter()
        note_stage(Stage.WAIT, queued, started - queued)
        sha256 = hashlib.sha256(photo).hexdigest()
        answers = None if evidence else self._answers
        if answers is not None and (known := answers.find(sha256, described=described)) is not None:
            return ExaminedPhoto(classified=known, sha256=sha256)
        look = self.classifier.describe if described else self.classifier.classify
        try:
            (classified,) = look([photo], evidence=True) if evidence else look([photo])
        except PhotoError as error:
            raise Refusal.of_photo(error, number) from error
        if answers is not None:
            answers.keep(sha256, classified)
        note_stage(Stage.DECODE, started, classified.decode_seconds)
        note_stage(Stage.INFER, started + classified.decode_seconds, classified.infer_seconds)
        seconds = time.perf_counter() - started
        self._seconds_per_photo = _SPEED_MEMORY * self._seconds_per_photo + (1 - _SPEED_MEMORY) * seconds
        return ExaminedPhoto(classified=classified, sha256=sha256)


def _check_headers(photos: Sequence[bytes]) -> None:
    for number, photo in enumerate(photos):
        try:
            check_photo(photo)
        except PhotoError as error:
            raise Refusal.of_photo(error, number) from error
