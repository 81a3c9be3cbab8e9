"""A lost database or a full disk is a 503 that says when to come again, never a 500."""

import contextlib
import errno
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from serve.database import DATABASE_FILE, Database, default_url
from serve.photos.store import PhotoStoreFailed
from serve.storage import is_of_storage


@pytest.mark.parametrize(
    ("error", "of_storage"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OperationalError("INSERT", {}, Exception("database or disk is full")), True),
        (PhotoStoreFailed("s3://photos: does not answer"), True),
        (FileNotFoundError(errno.ENOENT, "No such file"), False),
        (ConnectionResetError(errno.ECONNRESET, "reset"), False),
    ],
)
def test_what_counts_as_storage(error, of_storage):
    assert is_of_storage(error) is of_storage


def test_a_lost_database_is_a_503_with_a_time_to_come_again(serve_with, make_key, sent_by, tmp_path):
    headers = sent_by("admin")
    service = serve_with(require_keys=True)
    assert service.get("/v1/keys", headers=headers).status_code == 200
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as other:
        other.execute("ALTER TABLE access_keys RENAME TO gone")  # as if a restore were under way

    answer = service.get("/v1/keys?lang=en", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert service.get("/health/live").status_code == 200


def test_errors_of_the_database_do_not_hold_what_was_to_be_stored(tmp_path):
    database = Database(default_url(tmp_path))
    with pytest.raises(OperationalError) as failed, database.reading() as session:
        session.execute(text("SELECT * FROM nothing WHERE reporter = :who"), {"who": "SECRET"})
    database.close()

    assert "SECRET" not in str(failed.value)
