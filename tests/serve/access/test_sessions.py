"""Cookies of staff: signed, expiring, and good in every process that has the secret."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import itsdangerous.timed
import pytest

from serve.access.sessions import Sessions, end_session, is_ended, stored_secret
from serve.tables import EndedSession

SECRET = "s" * 32


def test_a_cookie_is_read_by_every_process_with_the_secret():
    opened, cookie = Sessions(SECRET, hours=12).open("0123456789abcdef")

    assert Sessions(SECRET, hours=12).read(cookie) == opened
    assert opened.key_id == "0123456789abcdef"
    assert len(opened.csrf_token) == 43
    assert timedelta(hours=11.9) < opened.expires_at - datetime.now(UTC) <= timedelta(hours=12)
    assert Sessions("t" * 32, hours=12).read(cookie) is None


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "\x00", "é", "." * 5000])
def test_what_we_did_not_sign_says_nothing(cookie):
    assert Sessions(SECRET, hours=12).read(cookie) is None


def test_every_changed_character_spoils_a_cookie():
    sessions = Sessions(SECRET, hours=12)
    cookie = sessions.open("0123456789abcdef")[1]

    for place in range(len(cookie) - 1):  # the last one carries bits that base64 ignores
        changed = "A" if cookie[place] != "A" else "B"
        assert sessions.read(cookie[:place] + changed + cookie[place + 1 :]) is None


def test_a_cookie_expires(monkeypatch):
    sessions = Sessions(SECRET, hours=0.5)
    opened, cookie = sessions.open("0123456789abcdef")
    end = int(opened.expires_at.timestamp())

    monkeypatch.setattr(itsdangerous.timed.time, "time", lambda: end)
    assert sessions.read(cookie) is not None
    monkeypatch.setattr(itsdangerous.timed.time, "time", lambda: end + 1)
    assert sessions.read(cookie) is None


def test_an_ended_session_is_remembered_until_it_would_have_expired(database):
    sessions = Sessions(SECRET, hours=1)
    (ended, _), (other, _) = sessions.open("0123456789abcdef"), sessions.open("0123456789abcdef")
    with database.writing() as session:
        session.add(EndedSession(id="old", expires_at=datetime.now(UTC) - timedelta(seconds=1)))

    for _ in range(2):
        with database.writing() as session:
            end_session(session, ended)

    with database.reading() as session:
        assert is_ended(session, ended)
        assert not is_ended(session, other)
        assert session.get(EndedSession, "old") is None


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path):
    with ThreadPoolExecutor(8) as processes:
        secrets = set(processes.map(stored_secret, [tmp_path] * 8))

    assert len(secrets) == 1
    assert len(secrets.pop()) == 43
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
