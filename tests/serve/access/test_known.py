"""Keys in memory: hashed once, asked about again, forgotten when revoked."""

import asyncio

import pytest

from serve.access import known
from serve.access.keys import add_key, find_key, list_keys, revoke_key
from serve.access.known import RECHECK_SECONDS, KnownKeys
from serve.access.roles import Role


@pytest.fixture
def token(database):
    with database.writing() as session:
        return add_key(session, "patrol", Role.PATROL)


@pytest.fixture
def clock(monkeypatch):
    """Seconds, put forward by the test."""
    now = [1000.0]
    monkeypatch.setattr(known.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def asked(monkeypatch, database):
    """Each look into the database: "hash" with a hash, "id" without."""
    looks = []
    by_id = known.key_by_id
    monkeypatch.setattr(known, "find_key", lambda *given: looks.append("hash") or find_key(*given))
    monkeypatch.setattr(known, "key_by_id", lambda *given: looks.append("id") or by_id(*given))
    return looks


def revoke(database, name="patrol"):
    with database.writing() as session:
        return revoke_key(session, name)


def test_a_key_is_hashed_once_and_asked_about_every_few_seconds(database, token, clock, asked):
    async def use():
        keys = KnownKeys(database)
        assert not keys.has_seen(token)
        for _ in range(3):
            assert (await keys.by_token(token)).name == "patrol"
        assert asked == ["hash"]
        assert keys.has_seen(token)

        clock[0] += RECHECK_SECONDS
        for _ in range(3):
            assert (await keys.by_token(token)).role == Role.PATROL
        assert asked == ["hash", "id"]
        keys.close()

    asyncio.run(use())


def test_a_wrong_key_is_never_remembered(database, token, asked):
    async def use():
        keys = KnownKeys(database)
        for _ in range(2):
            assert await keys.by_token(token + "x") is None
        assert not keys.has_seen(token + "x")
        keys.close()

    asyncio.run(use())
    assert asked == ["hash", "hash"]


def test_a_key_revoked_by_another_process_opens_nothing_after_the_next_question(database, token, clock):
    async def use():
        keys = KnownKeys(database)
        assert await keys.by_token(token)
        revoke(database)
        clock[0] += RECHECK_SECONDS - 0.1
        assert await keys.by_token(token)  # as documented
        clock[0] += 0.1
        assert await keys.by_token(token) is None
        assert not keys.has_seen(token)
        keys.close()

    asyncio.run(use())


def test_a_key_revoked_by_this_process_opens_nothing_at_once(database, token, clock):
    async def use():
        keys = KnownKeys(database)
        assert await keys.by_token(token)
        keys.forget(revoke(database))
        assert await keys.by_token(token) is None
        keys.close()

    asyncio.run(use())


def test_what_was_read_before_a_revocation_is_not_kept_after_it(database, token, clock, monkeypatch):
    async def use():
        keys = KnownKeys(database)

        def revoked_meanwhile(*given):
            found = find_key(*given)
            loop.call_soon_threadsafe(keys.forget, revoke(database))
            return found

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(known, "find_key", revoked_meanwhile)
        assert await keys.by_token(token)  # it came before
        monkeypatch.setattr(known, "find_key", find_key)
        assert await keys.by_token(token) is None
        keys.close()

    asyncio.run(use())


def test_use_is_written_by_another_thread_once_a_minute(database, token, clock, monkeypatch):
    written = []
    note_use = known.note_use
    monkeypatch.setattr(known, "note_use", lambda *given: written.append(given) or note_use(*given))

    async def use():
        keys = KnownKeys(database)
        for _ in range(3):
            await keys.by_token(token)
        clock[0] += 60
        await keys.by_token(token)
        keys.close()

    asyncio.run(use())
    assert len(written) == 2
    with database.reading() as session:
        assert list_keys(session)[0].last_used_at is not None


def test_a_database_that_cannot_note_a_use_stops_nobody(database, token, clock, caplog):
    async def use():
        keys = KnownKeys(database)
        assert await keys.by_token(token)
        with database.writing() as session:
            session.connection().exec_driver_sql("ALTER TABLE access_keys RENAME TO elsewhere")
        clock[0] += 60 - RECHECK_SECONDS
        keys.note_use(next(iter(keys._keys.values()))[0])
        clock[0] += RECHECK_SECONDS
        keys.note_use(next(iter(keys._keys.values()))[0])
        keys.close()

    asyncio.run(use())
    assert "could not be written when key" in caplog.text
