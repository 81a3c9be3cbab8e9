"""python -m serve: what it says when it cannot start, and that it starts, is ready soon and ends in order."""

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from serve.__main__ import main
from serve.access.keys import find_key
from serve.database import Database, default_url

START_SECONDS = 20


@pytest.fixture(autouse=True)
def data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XUNTU_DATA_FOLDER", str(tmp_path))
    monkeypatch.setenv("XUNTU_LOG_FORMAT", "text")
    return tmp_path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def said(capsys):
    """The one sentence on stderr."""
    err = capsys.readouterr().err
    assert err.startswith("python -m serve: ")
    assert err.count("\n") == 1
    return err


def test_others_are_not_let_in_without_a_key(capsys):
    assert main(["--host", "0.0.0.0", "--port", "0"]) == 1
    assert "python -m serve keys add NAME --role admin" in said(capsys)


def test_nor_with_a_revoked_one_alone(capsys):
    main(["keys", "add", "office", "--role", "admin"])
    main(["keys", "revoke", "office"])
    capsys.readouterr()

    assert main(["--host", "0.0.0.0", "--port", "0"]) == 1
    assert "needs a key" in said(capsys)


def test_keys_of_before_there_was_a_database_are_pointed_out(capsys, data_folder):
    (data_folder / "keys.json").write_text("{}")

    assert main(["--port", "0"]) == 1
    assert "keys.json: keys are kept in the database now" in said(capsys)


def test_a_port_in_use_is_named(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert main(["--port", str(port)]) == 1

    assert f"port {port}" in said(capsys)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("XUNTU_PORT", "http", "XUNTU_PORT is 'http'"),
        ("XUNTU_THREADS", "0", "XUNTU_THREADS is '0'"),
        ("XUNTU_QUEUE_PHOTOS", "1", "XUNTU_QUEUE_PHOTOS is 1"),
        ("XUNTU_STANDARD", "gbt-1", "XUNTU_STANDARD is 'gbt-1', known are gbt-30428.2-2013"),
        ("XUNTU_REGION", "4406", "XUNTU_REGION is '4406'"),
        ("XUNTU_CODES", "{", "XUNTU_CODES is '{': not valid JSON"),
        (
            "XUNTU_CODES",
            '{"gbt-47678.5-2026": {"pothole": "06013"}}',
            "XUNTU_CODES: gbt-47678.5-2026: 'pothole' is not",
        ),
        ("XUNTU_MODEL_FOLDER", "/nowhere", "/nowhere: card.json is missing"),
    ],
)
def test_a_setting_that_cannot_work_is_named(monkeypatch, capsys, name, value, named):
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("XUNTU_PORT", value if name == "XUNTU_PORT" else "0")

    assert main([]) == 1
    assert named in said(capsys)


def test_a_damaged_card_is_named(monkeypatch, capsys, tmp_path):
    (tmp_path / "card.json").write_text("{")
    monkeypatch.setenv("XUNTU_MODEL_FOLDER", str(tmp_path))

    assert main(["--port", "0"]) == 1
    assert "card.json" in said(capsys)


def test_a_data_folder_that_cannot_be_used_is_named(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    for unusable in (tmp_path / "file", tmp_path / "file" / "data"):
        monkeypatch.setenv("XUNTU_DATA_FOLDER", str(unusable))

        assert main([]) == 1
        assert "XUNTU_DATA_FOLDER" in said(capsys)


def test_keys_are_made_listed_and_revoked(capsys, data_folder):
    database = Database(default_url(data_folder))
    assert main(["keys", "add", "patrol-07", "--role", "patrol", "--requests-per-minute", "30"]) == 0
    token = capsys.readouterr().out.split()[-1]
    key = find_key(database, token)
    assert (key.name, key.role, key.requests_per_minute) == ("patrol-07", "patrol", 30)

    assert main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert "patrol-07" in listed and "used never" in listed and "revoked" not in listed
    assert token.split("_", 2)[2] not in listed

    assert main(["keys", "revoke", "patrol-07"]) == 0
    assert find_key(database, token) is None
    capsys.readouterr()
    assert main(["keys", "list"]) == 0
    assert "patrol-07  revoked" in capsys.readouterr().out
    database.close()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["revoke", "nobody"], "keys list"),
        (["add", "patrol", "--role", "patrol"], "another name"),
        (["add", "a/b", "--role", "patrol"], "printable"),
        (["add", "new", "--role", "patrol", "--requests-per-minute", "-1"], "--requests-per-minute is -1"),
    ],
)
def test_a_key_that_cannot_be_made_or_revoked_is_named(capsys, arguments, named):
    main(["keys", "add", "patrol", "--role", "patrol"])
    capsys.readouterr()

    assert main(["keys", *arguments]) == 1
    assert named in said(capsys)


def test_a_key_needs_a_role(capsys):
    with pytest.raises(SystemExit):
        main(["keys", "add", "patrol"])
    assert "--role" in capsys.readouterr().err


def test_a_session_secret_that_is_too_short_is_not_shown(monkeypatch, capsys):
    monkeypatch.setenv("XUNTU_SESSION_SECRET", "hunter2")

    assert main([]) == 1
    message = said(capsys)
    assert "XUNTU_SESSION_SECRET has 7 characters" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_ends_in_order(photo, form, ending):
    port = free_port()
    command = [sys.executable, "-m", "serve", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        until = time.monotonic() + START_SECONDS
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            while True:
                assert time.monotonic() < until and process.poll() is None
                try:
                    if client.get("/health/ready").status_code == 200:
                        break
                except httpx.ConnectError:
                    time.sleep(0.05)
            assert client.post("/v1/classify", files=form(photo())).status_code == 200
        process.send_signal(ending)
        log = process.communicate(timeout=START_SECONDS)[1]

    assert f"http://127.0.0.1:{port}, model " in log
    assert "no key demanded" in log
    assert "Traceback" not in log
