"""Periodic work: it goes on after a failure, ends when asked, and only one process has the turn."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from serve import tasks
from serve.database import Database
from serve.tables import Case, LooseFile
from serve.tasks import Tasks, in_turn, take_turn


def test_work_that_fails_is_done_again(caplog):
    async def run():
        done, twice = [], asyncio.Event()

        async def work():
            done.append(len(done))
            if len(done) == 1:
                raise OSError("the disk is away")
            twice.set()

        loops = Tasks()
        loops.run_every(0.001, work)
        await asyncio.wait_for(twice.wait(), 10)
        await loops.end()
        count = len(done)
        await asyncio.sleep(0.01)
        assert len(done) == count >= 2

    asyncio.run(run())
    assert "the disk is away" in caplog.text


def test_the_end_waits_for_work_in_progress_but_not_for_the_next_turn():
    async def run():
        steps, started = [], asyncio.Event()
        loops = Tasks()

        async def work():
            steps.append("begun")
            started.set()
            while loops.go_on():
                await asyncio.sleep(0.001)
            steps.append("ended")

        loops.run_every(3600, work)
        await asyncio.wait_for(started.wait(), 10)
        await loops.end()
        assert steps == ["begun", "ended"]

    asyncio.run(run())


def test_work_that_does_not_end_is_left(monkeypatch):
    monkeypatch.setattr(tasks, "_ENDING_SECONDS", 0.01)

    async def run():
        loops = Tasks()
        loops.run_every(1, asyncio.Event().wait)
        await asyncio.sleep(0)
        await asyncio.wait_for(loops.end(), 10)

    asyncio.run(run())


# ---- whose turn it is ----


def test_one_process_has_the_turn_until_it_has_passed(database, database_url, monkeypatch):
    other = Database(database_url)
    try:
        assert take_turn(database, "purge", 100)
        assert not take_turn(other, "purge", 100)
        assert not take_turn(database, "purge", 100)
        assert take_turn(other, "sweep", 100)

        class Later(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(UTC) + timedelta(seconds=101)

        monkeypatch.setattr(tasks, "datetime", Later)
        assert take_turn(other, "purge", 100)
        assert not take_turn(database, "purge", 100)
    finally:
        other.close()


def test_work_is_done_once_in_a_turn_and_again_after_a_failure(database):
    done = []

    def fail():
        raise OSError

    with pytest.raises(OSError):
        in_turn(database, "purge", 100, fail)
    assert in_turn(database, "purge", 100, lambda: done.append(1))
    assert not in_turn(database, "purge", 100, lambda: done.append(2))
    assert done == [1]


# ---- what a service does ----


def test_a_starting_service_mends_what_a_crash_left_and_purges(serve_with, tmp_path, database, database_url):
    long_ago = datetime.now(UTC) - timedelta(days=200)
    address = "ab" * 32
    file = tmp_path / "photos" / "ab" / "ab" / address
    file.parent.mkdir(parents=True)
    file.write_bytes(b"nobody's photo")
    with database.writing() as session:
        session.add(LooseFile(sha256=address, noted_at=long_ago))
        session.add(
            Case(
                id="old", created_at=long_ago, updated_at=long_ago, status="established", verdict="problem", scores={},
                key_name="city", model_name="xuntu", model_version="1", model_fingerprint="f" * 64,
            )
        )  # fmt: skip

    service = serve_with(database_url=database_url)
    until = time.monotonic() + 10
    while file.exists() or _left(database):
        assert time.monotonic() < until
        assert service.get("/health/live").status_code == 200


def _left(database):
    with database.reading() as session:
        return [*session.scalars(select(Case.id)), *session.scalars(select(LooseFile.sha256))]
