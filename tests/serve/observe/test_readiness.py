"""Ready is what model, database, photo store and disk allow; a check that hangs hangs nothing."""

import asyncio
import shutil
import threading
import time
from types import SimpleNamespace

import pytest

from serve.observe import readiness
from serve.observe.readiness import Check, Readiness


def readiness_with(tmp_path, **given):
    holds = {
        "warm": lambda: True,
        "database_answers": lambda: True,
        "photo_store_answers": lambda: True,
        "data_folder": tmp_path,
        "least_free_bytes": 0,
    }
    return Readiness(**{**holds, **given})


@pytest.mark.parametrize(
    ("given", "failed", "code"),
    [
        ({}, set(), None),
        ({"warm": lambda: False}, {Check.MODEL}, "not_ready"),
        ({"database_answers": lambda: False}, {Check.DATABASE}, "storage_unavailable"),
        ({"photo_store_answers": lambda: 1 / 0}, {Check.PHOTO_STORE}, "storage_unavailable"),
        ({"least_free_bytes": 10**18}, {Check.DISK}, "disk_full"),
    ],
)
def test_each_check_has_its_reason(tmp_path, given, failed, code):
    found = asyncio.run(readiness_with(tmp_path, **given).look())

    assert {check for check, holds in found.checks.items() if not holds} == failed
    assert found.code() == code


def test_a_shutdown_counts_at_once(tmp_path):
    async def run():
        watched = readiness_with(tmp_path)
        before = (await watched.look()).code()
        watched.begin_shutdown()
        return before, (await watched.look()).code()

    assert asyncio.run(run()) == (None, "shutting_down")


def test_a_database_that_hangs_is_asked_once_and_waited_for_briefly(tmp_path, monkeypatch):
    monkeypatch.setattr(readiness, "_PATIENCE_SECONDS", 0.05)
    let_go, asked = threading.Event(), []

    def hang():
        asked.append(threading.current_thread().daemon)
        return let_go.wait(10)

    async def run():
        watched = readiness_with(tmp_path, database_answers=hang)
        during = [(await watched.look()).code() for _ in range(3)]
        let_go.set()
        await asyncio.sleep(0.2)
        return during, (await watched.look()).code()

    assert asyncio.run(run()) == (["storage_unavailable"] * 3, None)
    assert asked == [True]


def test_answers_a_second_old_are_good_enough(tmp_path):
    asked = []

    async def run():
        watched = readiness_with(tmp_path, database_answers=lambda: asked.append(1) or True)
        await asyncio.gather(*(watched.look() for _ in range(5)))
        await watched.look()

    asyncio.run(run())
    assert len(asked) == 1


def test_a_full_disk_shows_in_the_answer(serve_with, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**8))
    service = serve_with()
    for _ in range(500):
        answer = service.get("/health/ready")
        if answer.json()["code"] != "not_ready":
            break
        time.sleep(0.01)

    assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
    assert answer.json()["checks"] == {
        "model": True, "database": True, "photo_store": True, "disk": False, "shutdown": True,
    }  # fmt: skip
    assert answer.headers["retry-after"] == "1"
