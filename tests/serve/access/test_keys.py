"""Keys: made, kept as hashes, recognised, revoked; what is wrong with one cannot be told from how it is refused."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from serve.access import keys
from serve.access.keys import (
    KeyNameTaken,
    KeysError,
    NoSuchKey,
    add_key,
    find_key,
    key_by_id,
    list_keys,
    note_use,
    revoke_key,
)
from serve.access.roles import Role
from serve.tables import AccessKey

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def made(database, name="patrol", role=Role.PATROL, **given):
    with database.writing() as session:
        return add_key(session, name, role, **given)


def revoked(database, name):
    with database.writing() as session:
        return revoke_key(session, name)


def row(database, name="patrol"):
    with database.reading() as session:
        return next(key for key in list_keys(session) if key.name == name)


def test_a_key_is_shown_once_and_kept_as_a_hash(database):
    token = made(database)

    assert re.fullmatch(r"xt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", token)  # 43 characters of base64 are 256 bits
    kept = row(database)
    assert kept.hash.startswith("$argon2id$")
    assert token.split("_", 2)[1:] == [kept.id, token[20:]]
    assert token[20:] not in "".join(str(value) for value in vars(kept).values())


def test_a_key_is_found_with_its_role_and_limit_until_it_is_revoked(database):
    patrol, office = made(database, requests_per_minute=30), made(database, "office", Role.ADMIN)
    found = find_key(database, patrol)
    assert (found.name, found.role, found.requests_per_minute) == ("patrol", Role.PATROL, 30)
    assert find_key(database, office).requests_per_minute is None

    key_id = revoked(database, "patrol")

    assert key_id == found.id
    assert find_key(database, patrol) is None
    assert find_key(database, office).name == "office"
    with database.reading() as session:
        assert key_by_id(session, key_id) is None
        assert key_by_id(session, find_key(database, office).id).role == Role.ADMIN


def test_a_second_revocation_keeps_the_first_date(database):
    made(database)
    revoked(database, "patrol")
    first = row(database).revoked_at

    revoked(database, "patrol")

    assert row(database).revoked_at == first


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda token: "", id="none"),
        pytest.param(lambda token: "xt_x", id="another form"),
        pytest.param(lambda token: token + "x", id="too long"),
        pytest.param(lambda token: token[:-4] + "AAAA", id="another secret"),
        pytest.param(lambda token: "xt_" + "0" * 16 + token[19:], id="another id"),
        pytest.param(lambda token: "xt_\x00\ud800", id="what no database takes"),
        pytest.param(lambda token: "x" * 100_000, id="huge"),
    ],
)
def test_whatever_is_wrong_one_hash_is_computed(database, monkeypatch, spoil):
    token = spoil(made(database))
    checked = []

    class Counting:
        def verify(self, hashed, secret):
            checked.append((hashed, len(secret)))
            return hasher.verify(hashed, secret)

    hasher = keys._HASHER
    monkeypatch.setattr(keys, "_HASHER", Counting())

    assert find_key(database, token) is None
    ((hashed, characters),) = checked
    assert "m=1024,t=1,p=1" in hashed  # the one of nobody costs what a real one does
    assert characters <= 43


def test_a_revoked_key_costs_a_hash_too(database, monkeypatch):
    token = made(database)
    revoked(database, "patrol")
    checked = []
    monkeypatch.setattr(keys, "_HASHER", type("Hasher", (), {"verify": lambda *given: checked.append(given)})())

    assert find_key(database, token) is None
    assert len(checked) == 1


def test_names_are_unique_for_ever(database):
    made(database)
    revoked(database, "patrol")

    with pytest.raises(KeyNameTaken, match="another name"):
        made(database)
    with pytest.raises(NoSuchKey, match="office"):
        revoked(database, "office")


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a\nb", "a\x00", "x" * 65, "a/b", "..", "local", "command line", "\ud800"]
)
def test_an_unfit_name_is_refused(database, name):
    with pytest.raises(KeysError, match="printable"):
        made(database, name)
    with pytest.raises(NoSuchKey):
        revoked(database, name)


@pytest.mark.parametrize("name", ["x", "巡查员 07", "x" * 64, "a.b:c"])
def test_people_name_keys_as_they_like(database, name):
    made(database, name)

    assert row(database, name).name == name


def test_use_is_noted_once_a_minute(database):
    made(database)
    key_id = row(database).id

    for at, noted in (
        (NOON, NOON),
        (NOON + MINUTE / 2, NOON),
        (NOON + MINUTE, NOON + MINUTE),
        (NOON, NOON + MINUTE),  # another process was slower
    ):
        with database.writing() as session:
            note_use(session, key_id, at, MINUTE)
        assert row(database).last_used_at == noted


def test_keys_are_listed_oldest_first(database):
    for name in ("b", "a", "c"):
        made(database, name)

    with database.reading() as session:
        listed = list_keys(session)

    assert [key.name for key in listed] == ["b", "a", "c"]
    assert all(isinstance(key, AccessKey) for key in listed)
