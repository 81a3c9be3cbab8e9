"""The commands of an operator: purge, backup and restore, by the settings of the service."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from serve.__main__ import main
from serve.database import Database, default_url
from serve.tables import AuditEntry, Case


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    folder = tmp_path / "data"
    monkeypatch.setenv("XUNTU_DATA_FOLDER", str(folder))
    return folder


@pytest.fixture
def case_of_last_year(data_folder):
    data_folder.mkdir()
    database = Database(default_url(data_folder))
    database.migrate()
    sent_at = datetime.now(UTC) - timedelta(days=365)
    with database.writing() as session:
        session.add(
            Case(
                id="old", created_at=sent_at, updated_at=sent_at, status="closed", verdict="problem", scores={},
                key_name="city", model_name="xuntu", model_version="1", model_fingerprint="f" * 64,
            )
        )  # fmt: skip
    yield database
    database.close()


def test_purge_says_what_it_would_do_and_does_it_when_told(case_of_last_year, capsys):
    assert main(["purge", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("Would purge 1 cases")
    assert main(["purge"]) == 0
    assert capsys.readouterr().out.startswith("Purged 1 cases")

    with case_of_last_year.reading() as session:
        assert session.scalar(select(Case)) is None
        assert session.scalar(select(AuditEntry.action)) == "case.purged"


def test_a_backup_brings_back_what_was_lost(case_of_last_year, data_folder, tmp_path, capsys):
    file = tmp_path / "day.tar"
    assert main(["backup", str(file)]) == 0
    assert "1 cases" in capsys.readouterr().out
    assert main(["restore", str(file)]) == 1
    assert "is not empty" in capsys.readouterr().err

    case_of_last_year.close()
    shutil.rmtree(data_folder)
    assert main(["restore", str(file)]) == 0

    with case_of_last_year.reading() as session:
        assert session.scalar(select(Case.id)) == "old"


@pytest.mark.parametrize("command", [["backup", "day.tar"], ["restore", "day.tar"], ["purge"]])
def test_a_store_that_cannot_be_used_is_said_in_one_sentence(data_folder, monkeypatch, capsys, command):
    monkeypatch.setenv("XUNTU_PHOTO_STORE_URL", "ftp://host/photos")

    assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith("python -m serve: XUNTU_PHOTO_STORE_URL is 'ftp://host/photos'")
    assert said.count("\n") == 1


def test_a_service_with_such_a_store_does_not_start(data_folder, monkeypatch, capsys):
    data_folder.mkdir()
    (data_folder / "photos").write_text("a file")

    assert main(["--port", "0"]) == 1
    assert "photos: cannot be made" in capsys.readouterr().err
