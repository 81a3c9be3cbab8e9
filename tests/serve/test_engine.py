"""The engine: exactly so many threads, nothing started that nobody waits for."""

import asyncio
import threading

import pytest

from serve.engine import Engine
from serve.refusals import Refusal


def engine_with(model, **limits):
    return Engine(model, **{"threads": 2, "queue_photos": 64, "queue_bytes": 1_000, **limits})


def test_photos_are_answered_in_order(classifier, photo):
    photos = [photo(64 + number, 48) for number in range(9)]

    async def run():
        engine = engine_with(classifier)
        try:
            return await engine.examine(photos)
        finally:
            engine.close()

    assert [seen.classified.width for seen in asyncio.run(run())] == [64 + number for number in range(9)]


def test_no_more_photos_are_worked_on_than_there_are_threads(classifier, photo):
    at_once, most, lock = 0, 0, threading.Lock()

    class Counting:
        card = classifier.card

        def classify(self, photos):
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            answer = classifier.classify(photos)
            with lock:
                at_once -= 1
            return answer

    async def run():
        engine = engine_with(Counting(), threads=2)
        await asyncio.gather(*(engine.examine([photo(800, 600)] * 5) for _ in range(4)))
        engine.close()

    asyncio.run(run())
    assert most == 2


def test_photos_nobody_waits_for_are_never_started(patient, photo):
    async def run():
        engine = engine_with(patient, threads=1)
        wanted = asyncio.create_task(engine.examine([photo()]))
        left = [asyncio.create_task(engine.examine([photo()] * 3)) for _ in range(5)]
        await asyncio.sleep(0.1)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        assert engine.seconds_until_free() == 1
        patient.let_go.set()
        answer = await wanted
        engine.close()
        return answer

    assert len(asyncio.run(run())) == 1
    assert patient.started == 1


def test_room_is_given_back_after_a_refusal(classifier, photo):
    async def run():
        engine = engine_with(classifier, queue_photos=3)
        for _ in range(3):
            with pytest.raises(Refusal, match="photo_format"):
                await engine.examine([photo(), photo(), b"no photo"])
        with pytest.raises(Refusal, match="overloaded"):
            await engine.examine([photo()] * 4)
        assert len(await engine.examine([photo()] * 3)) == 3
        engine.close()

    asyncio.run(run())


def test_bytes_are_counted_over_all_requests_and_given_back(classifier):
    async def run():
        engine = engine_with(classifier, queue_bytes=1_000)
        with engine.bytes_held() as one, engine.bytes_held() as other:
            one(600)
            other(400)
            with pytest.raises(Refusal, match="overloaded"):
                other(1)
        with engine.bytes_held() as later:
            later(1_000)
        engine.close()

    asyncio.run(run())


def test_retry_after_grows_with_what_waits(patient, photo):
    async def run():
        engine = engine_with(patient, threads=1, queue_photos=500)
        waiting = asyncio.create_task(engine.examine([photo()] * 300))
        await asyncio.sleep(0.2)
        seconds = engine.seconds_until_free()
        waiting.cancel()
        patient.let_go.set()
        await asyncio.gather(waiting, return_exceptions=True)
        engine.close()
        return seconds

    assert asyncio.run(run()) > 1
