"""A backup holds all there is, on either database and store, and is restored whole or not at all."""

import io
import json
import tarfile
import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from model.decision import Verdict
from serve.access.caller import Caller
from serve.access.roles import Role
from serve.backup import TABLES, BackupError, back_up
from serve.cases.audit import record
from serve.database import Database, default_url
from serve.photos.keeping import PhotoKeeper, claim
from serve.photos.local import LocalPhotos
from serve.photos.store import PhotoStoreFailed
from serve.restore import restore
from serve.settings import KeepPhotos
from serve.tables import AuditEntry, Case, CasePhoto, IdempotentAnswer, LooseFile, Verification
from tests.serve.postgresql import run_statement

NOW = datetime(2026, 7, 1, 8, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return LocalPhotos(tmp_path / "photos")


@pytest.fixture
def filled(database, store, photo):
    """A database with two cases, three kept files, and a loose one."""
    keeper = PhotoKeeper(
        database, store, policy=KeepPhotos.ALWAYS, originals=True, longest_side=256, loose_file_seconds=600
    )
    loose = photo(450)
    for number, photos in enumerate([[photo()], [photo(400)]]):
        kept = keeper.keep(photos, Verdict.REVIEW)
        case_id = f"case {number}"
        with database.writing() as session:
            session.add(
                Case(
                    id=case_id, created_at=NOW, updated_at=NOW, status="closed", verdict="problem",
                    scores={"garbage": 0.25}, external_id='号"\n1', longitude=121.47, latitude=31.23, crs="wgs84",
                    key_name="city", model_name="xuntu", model_version="1", model_fingerprint="f" * 64,
                    verifications=[
                        Verification(
                            id=f"v{number}", created_at=NOW, key_name="city", outcome="resolved", reason="gone",
                            scores={}, model_version="1",
                        )
                    ],
                )
            )  # fmt: skip
            session.flush()
            session.add_all(
                CasePhoto(
                    case_id=case_id, sha256="a" * 64, width=320, height=240, verdict="problem", problems=["garbage"],
                    scores={"garbage": 0.25}, quality=["too_dark"], signature=b"\x00\xfe\xff",
                    verification_id=f"v{number}", kept_sha256=where.kept_sha256, original_sha256=where.original_sha256,
                )
                for where in kept
            )  # fmt: skip
            session.add(
                IdempotentAnswer(
                    key_name="city", idempotency_key=str(number), request_sha256="0" * 64, status=201,
                    body='{"reporter": "李华"}', created_at=NOW,
                )
            )  # fmt: skip
            record(session, Caller(key_name="city", role=Role.SYSTEM), "case.created", case_id=case_id)
            claim(session, kept)
    keeper.keep([loose], Verdict.REVIEW)
    return database


@pytest.fixture
def all_rows():
    """Every row of a database but what belongs to the running service."""

    def read(database):
        with database.reading() as session:
            return {
                table.name: list(session.execute(select(table).order_by(*table.primary_key.columns)).mappings())
                for table in TABLES
            }

    return read


@pytest.fixture
def elsewhere(request, tmp_path):
    """An empty database of the other kind, and a store beside it: elsewhere(kind)."""
    opened = []

    def make(kind):
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        if kind == "sqlite":
            database = Database(default_url(folder))
        else:
            server = request.getfixturevalue("postgresql")
            name = f"restored_{uuid.uuid4().hex}"
            run_statement(server, f"CREATE DATABASE {name}")
            database = Database(f"{server}/{name}")
        opened.append(database)
        return database, LocalPhotos(folder / "photos")

    yield make
    for database in opened:
        database.close()


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_restored_is_what_was_there(filled, store, all_rows, elsewhere, tmp_path, kind):
    file = tmp_path / "day.tar"
    written = back_up(filled, store, file)
    database, other_store = elsewhere(kind)

    assert restore(database, other_store, file) == written

    assert all_rows(database) == all_rows(filled)
    assert (written.tables["cases"].rows, written.tables["audit_entries"].rows, written.photos) == (2, 2, 4)
    restored = files_of(tmp_path / "elsewhere" / "photos")
    assert len(restored) == 4  # not the loose ones
    assert restored.items() <= files_of(tmp_path / "photos").items()
    with database.reading() as session:
        assert session.scalar(select(LooseFile)) is None
    with database.writing() as session:  # numbers go on where they were
        record(session, Caller(key_name="city", role=Role.SYSTEM), "case.created")
    with database.reading() as session:
        assert len(session.scalars(select(AuditEntry)).all()) == 3
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_rows_are_of_one_moment_whatever_is_written_meanwhile(filled, store, all_rows, elsewhere, tmp_path):
    before = all_rows(filled)
    get = store.get

    class Busy:
        """A store during whose backup a case is changed and another is reported."""

        def get(self, address):
            with filled.writing() as session:
                for case in session.scalars(select(Case)):
                    case.status = "established"
                record(session, Caller(key_name="city", role=Role.SYSTEM), "case.reviewed")
            return get(address)

    back_up(filled, Busy(), tmp_path / "day.tar")
    database, other_store = elsewhere("sqlite")
    restore(database, other_store, tmp_path / "day.tar")

    assert all_rows(filled) != before
    assert all_rows(database) == before


def test_a_photo_that_is_gone_is_no_longer_kept_after_a_restore(filled, store, elsewhere, tmp_path, caplog):
    with filled.reading() as session:
        gone = session.scalar(select(CasePhoto.kept_sha256).where(CasePhoto.case_id == "case 0"))
    store.delete(gone)

    written = back_up(filled, store, tmp_path / "day.tar")

    assert written.missing == (gone,)
    assert gone in caplog.text  # a case names it, so the operator should know
    database, other_store = elsewhere("sqlite")
    restore(database, other_store, tmp_path / "day.tar")
    with database.reading() as session:
        kept = dict(session.execute(select(CasePhoto.case_id, CasePhoto.kept_sha256)).all())
        assert kept["case 0"] is None
        assert kept["case 1"] is not None
        assert None not in session.scalars(select(CasePhoto.original_sha256)).all()


def test_a_backup_is_written_whole_or_not_at_all(filled, store, tmp_path):
    file = tmp_path / "day.tar"
    file.write_bytes(b"of yesterday")

    class Away:
        def get(self, address):
            raise PhotoStoreFailed(f"{address}: cannot be read")

    with pytest.raises(PhotoStoreFailed):
        back_up(filled, Away(), file)

    assert file.read_bytes() == b"of yesterday"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with pytest.raises(BackupError, match=r"nowhere.day\.tar: cannot be written"):
        back_up(filled, store, tmp_path / "nowhere" / "day.tar")


def test_where_nothing_is_stored_there_is_nothing_to_back_up(store, tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    with pytest.raises(BackupError, match="XUNTU_DATABASE_URL"):
        back_up(database, store, tmp_path / "day.tar")

    assert not (tmp_path / "day.tar").exists()
    database.close()


def test_a_filled_database_is_left_alone(filled, store, all_rows, tmp_path):
    back_up(filled, store, tmp_path / "day.tar")
    before = all_rows(filled)

    with pytest.raises(BackupError, match="is not empty"):
        restore(filled, store, tmp_path / "day.tar")

    assert all_rows(filled) == before


# ---- files that are not a whole backup ----


@pytest.fixture
def backup_file(filled, store, tmp_path):
    back_up(filled, store, tmp_path / "day.tar")
    return tmp_path / "day.tar"


@pytest.fixture
def refused(elsewhere, tmp_path):
    """The sentence by which a file is refused; nothing may have been changed by then."""

    def run(file):
        database, store = elsewhere("sqlite")
        with pytest.raises(BackupError) as error:
            restore(database, store, file)
        assert files_of(tmp_path / "elsewhere" / "photos") == {}
        with pytest.raises(BackupError):
            back_up(database, store, tmp_path / "none.tar")  # no table was made
        return str(error.value)

    return run


@pytest.mark.parametrize(
    ("after", "more"),
    [
        pytest.param(b"", 0, id="empty"),
        pytest.param(b"", 300, id="within its first header"),
        pytest.param(b"tables/cases.jsonl", 700, id="within a table"),
        pytest.param(b"JFIF", 100, id="within a photo"),
        pytest.param(b"end.json", 0, id="before its end"),
        pytest.param(b'"photos": ', 0, id="within its end"),
    ],
)
def test_a_file_that_was_cut_off_is_refused(backup_file, refused, after, more):
    whole = backup_file.read_bytes()
    backup_file.write_bytes(whole[: whole.index(after) + more])

    assert "cut off or damaged" in refused(backup_file)


@pytest.mark.parametrize("found", [b"case 1", b"garbage", b"JFIF", b'"photos": 4'])
def test_a_file_in_which_a_byte_has_changed_is_refused(backup_file, refused, found):
    whole = bytearray(backup_file.read_bytes())
    place = whole.index(found)
    whole[place + 5 if found.endswith(b"4") else place] ^= 1
    backup_file.write_bytes(whole)

    assert "damaged" in refused(backup_file)


def rewrite(file, change):
    """The same backup with its first member changed."""
    with tarfile.open(file) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]
    with tarfile.open(file, "w") as tar:
        for number, (member, content) in enumerate(members):
            if number == 0:
                content = json.dumps(change(json.loads(content))).encode()
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def test_a_backup_of_a_later_format_is_refused(backup_file, refused):
    rewrite(backup_file, lambda first: first | {"format": 2})

    assert "no backup that this version can read" in refused(backup_file)


def test_a_backup_of_another_schema_is_refused(backup_file, elsewhere):
    rewrite(backup_file, lambda first: first | {"revision": "0000"})
    database, store = elsewhere("sqlite")

    with pytest.raises(BackupError, match="was made with schema 0000"):
        restore(database, store, backup_file)


def test_another_tar_is_refused(tmp_path, refused):
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(__file__, "test.py")

    assert "no backup" in refused(tmp_path / "other.tar")


def test_a_file_that_is_not_there_is_named(tmp_path, refused):
    assert "nowhere.tar: cannot be read (No such file" in refused(tmp_path / "nowhere.tar")


def test_a_restore_that_fails_leaves_no_rows_and_its_photos_loose(backup_file, elsewhere, monkeypatch, tmp_path):
    database, store = elsewhere("sqlite")

    def fail(*_):
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("serve.restore._forget_missing", fail)
        with pytest.raises(RuntimeError):
            restore(database, store, backup_file)

    with database.reading() as session:
        assert session.scalar(select(Case.id)) is None
        assert set(session.scalars(select(LooseFile.sha256))) == set(files_of(tmp_path / "elsewhere" / "photos"))
    restore(database, store, backup_file)
