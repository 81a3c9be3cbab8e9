"""serve/database.py and the migrations, on SQLite and PostgreSQL."""

from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from serve.database import MIGRATIONS_FOLDER, Database, DatabaseUnusable
from serve.tables import AuditEntry, CasePhoto, LooseFile, Table

NOW = datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC)


def add_entry(database):
    with database.writing() as session:
        session.add(AuditEntry(at=NOW, key_name="k", role="admin", action="a", photo_sha256s=[], content={"x": 1}))


def test_the_migrations_make_the_tables_that_the_code_uses(database):
    with database.writing() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), Table.metadata) == []


def test_a_second_migration_changes_nothing(database):
    add_entry(database)
    database.migrate()

    with database.reading() as session:
        assert session.query(AuditEntry).count() == 1


def test_the_first_migration_can_be_undone(database):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    with database.writing() as session:
        config.attributes["connection"] = session.connection()
        command.downgrade(config, "base")

    with database.reading() as session:
        assert inspect(session.connection()).get_table_names() == ["alembic_version"]
    database.migrate()


def test_photos_of_the_first_schema_stay_and_have_no_issue(database):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    with database.writing() as session:
        config.attributes["connection"] = session.connection()
        command.downgrade(config, "0001")
        session.execute(
            text(
                "INSERT INTO cases (id, created_at, updated_at, status, verdict, scores, key_name, model_name,"
                " model_version, model_fingerprint)"
                " VALUES ('c', :now, :now, 'closed', 'review', '{}', 'k', 'm', '1', 'f')"
            ),
            {"now": NOW.isoformat(sep=" ")},
        )
        session.execute(
            text(
                "INSERT INTO case_photos (case_id, sha256, width, height, verdict, problems, scores)"
                " VALUES ('c', 'ab', 64, 48, 'review', '[]', '{}')"
            )
        )

    database.migrate()

    with database.reading() as session:
        (photo,) = session.query(CasePhoto).all()
    assert (photo.sha256, photo.quality) == ("ab", [])


def test_the_schema_of_a_later_version_is_refused(database):
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseUnusable, match="9999"):
        database.migrate()


@pytest.mark.parametrize("change", ["UPDATE audit_entries SET action = 'b'", "DELETE FROM audit_entries"])
def test_the_database_itself_refuses_to_change_the_audit_log(database, change):
    add_entry(database)

    with pytest.raises(DBAPIError, match="never changed or removed"), database.writing() as session:
        session.execute(text(change))

    with database.reading() as session:
        assert session.query(AuditEntry).one().action == "a"


def test_moments_keep_their_zone_and_their_microseconds(database):
    add_entry(database)

    with database.reading() as session:
        assert session.query(AuditEntry).one().at == NOW


def test_a_writing_block_that_raises_leaves_nothing(database):
    with pytest.raises(RuntimeError), database.writing() as session:
        session.add(LooseFile(sha256="ab", noted_at=NOW))
        session.flush()
        raise RuntimeError

    with database.reading() as session:
        assert session.query(LooseFile).count() == 0


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql://x/y", "postgresql://"),
        ("nonsense", "expected sqlite:///"),
    ],
)
def test_another_kind_of_database_is_refused(url, named):
    with pytest.raises(DatabaseUnusable, match=named):
        Database(url)


def test_a_database_that_is_not_there_is_named_without_its_password():
    with pytest.raises(DatabaseUnusable) as refused:
        Database("postgresql://user:secret@127.0.0.1:1/x").migrate()

    assert "127.0.0.1:1" in str(refused.value)
    assert "secret" not in str(refused.value)
