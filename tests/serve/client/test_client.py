"""serve/client: against the real service, and against one that fails in between."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from serve.client.__main__ import main
from serve.client.client import Client, Refused, Unreachable
from serve.client.folder import JOURNAL_FILE, JournalDamaged, find_cases, upload_folder

LOCATION = {"longitude": 112.8965, "latitude": 23.1556, "crs": "gcj02"}


@pytest.fixture
def service(serve_with, says):
    return serve_with(says("problem"), keep_photos="always")


@pytest.fixture
def xuntu(service):
    with Client(str(service.base_url)) as client:
        yield client


def test_a_case_is_reported_checked_reviewed_and_found_again(xuntu, photo, tmp_path):
    (tmp_path / "a.jpg").write_bytes(photo())

    case = xuntu.create_case([tmp_path / "a.jpg", photo(400, 300)], external_id="a", location=LOCATION, grid="g")
    checked = xuntu.verify(case.id, [photo()])
    reviewed = xuntu.review(case.id, judgement="problems", problems=["graffiti"])

    assert (case.external_id, case.grid, len(case.photos)) == ("a", "g", 2)
    assert case.location is not None and case.location.model_dump(mode="json") == LOCATION
    assert checked.verifications[0].outcome == "still_present"
    assert [problem.key for problem in reviewed.problems] == ["graffiti"]
    assert xuntu.case(case.id) == reviewed
    assert xuntu.photo(case.id, 2).startswith(b"\xff\xd8")
    assert xuntu.classify([photo()]).verdict == "problem"


def test_all_pages_of_a_list_are_read(xuntu, photo):
    ids = [xuntu.create_case([photo(300 + number)], grid="g").id for number in range(5)]
    xuntu.create_case([photo()], grid="other")

    assert [case.id for case in xuntu.cases(grid="g", limit=2)] == ids[::-1]


def test_a_refusal_is_raised_with_its_code_and_photo(xuntu, photo):
    with pytest.raises(Refused) as refused:
        xuntu.create_case([photo(), b"no photo"])

    assert (refused.value.status, refused.value.code, refused.value.photo) == (415, "photo_format", 1)


def test_a_key_is_sent(serve_with, make_key, photo):
    service = serve_with(require_keys=True)

    with Client(str(service.base_url), key=make_key("system")) as client:
        assert client.create_case([photo()]).id
    with Client(str(service.base_url)) as client, pytest.raises(Refused, match="unauthorized"):
        client.create_case([photo()])


@pytest.fixture
def script():
    """A service that gives these answers in turn, (status, headers) or None for a broken connection; keeps the keys."""

    class Handler(BaseHTTPRequestHandler):
        answers: list = []  # noqa: RUF012
        keys: list = []  # noqa: RUF012

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.keys.append(self.headers["Idempotency-Key"])
            answer = self.answers.pop(0)
            if answer is None:
                self.close_connection = True
                return
            status, headers = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_sent_again_with_the_same_key_after_the_wait_that_was_asked_for(script, photo):
    script.answers[:] = [None, (503, {"Retry-After": "7"}), (429, {"Retry-After": "100000"}), (422, {})]
    script.keys.clear()
    waits = []

    with Client(script.url, sleep=waits.append) as client, pytest.raises(Refused):
        client.create_case([photo()])

    assert len(script.keys) == 4
    assert len(set(script.keys)) == 1
    assert waits == [0.5, 7.0, 60.0]


def test_a_service_that_never_answers_is_unreachable(script, photo):
    script.answers[:] = [None] * 3

    with Client(script.url, attempts=3, sleep=lambda _: None) as client, pytest.raises(Unreachable, match="/v1/cases"):
        client.create_case([photo()])


# ---- folders ----


@pytest.fixture
def folder(tmp_path, photo):
    """Two cases in folders, one of a single photo."""
    for name in ("b/1.jpg", "b/2.jpg", "a/1.jpg", "single.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(320 + 8 * len(name), 240, format="PNG" if name.endswith("png") else "JPEG"))
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    return tmp_path / "photos"


def test_each_folder_of_photos_is_a_case(folder):
    found = {case.name: [photo.name for photo in case.photos] for case in find_cases(folder)}

    assert found == {"a": ["1.jpg"], "b": ["1.jpg", "2.jpg"], "single.png": ["single.png"]}


def test_a_folder_is_uploaded_once_however_often_it_is_run(xuntu, folder):
    first = list(upload_folder(xuntu, folder, {"grid": "g"}))
    again = list(upload_folder(xuntu, folder, {"grid": "g"}))

    assert [uploaded.name for uploaded in first] == ["a", "b", "single.png"]
    assert again == []
    assert {case.external_id: len(case.photos) for case in xuntu.cases()} == {"a": 1, "b": 2, "single.png": 1}


def test_a_journal_that_was_cut_off_or_lost_doubles_nothing(xuntu, folder):
    first = list(upload_folder(xuntu, folder, {}))
    journal = folder / JOURNAL_FILE
    journal.write_bytes(journal.read_bytes()[:-20])
    again = list(upload_folder(xuntu, folder, {}))
    journal.unlink()
    third = list(upload_folder(xuntu, folder, {}))

    assert again == first[-1:]
    assert third == first
    assert len(list(xuntu.cases())) == 3


def test_what_one_service_has_is_sent_to_another_all_the_same(xuntu, folder):
    first = list(upload_folder(xuntu, folder, {}))
    journal = folder / JOURNAL_FILE
    journal.write_text(journal.read_text().replace(xuntu.address, "http://elsewhere:8000"))

    assert list(upload_folder(xuntu, folder, {})) == first
    assert list(upload_folder(xuntu, folder, {})) == []
    assert len(list(xuntu.cases())) == 3


def test_a_new_photo_in_a_folder_is_a_new_case(xuntu, folder, photo):
    list(upload_folder(xuntu, folder, {}))
    (folder / "a" / "2.jpg").write_bytes(photo(500))

    (uploaded,) = upload_folder(xuntu, folder, {})

    assert uploaded.name == "a"


def test_a_case_that_is_refused_does_not_stop_the_others(xuntu, folder):
    (folder / "a" / "1.jpg").write_bytes(b"no photo")

    uploaded = {case.name: case for case in upload_folder(xuntu, folder, {})}

    assert "photo_format" in uploaded["a"].refused
    assert uploaded["b"].case_id and uploaded["single.png"].case_id


def test_a_damaged_journal_is_named_before_anything_is_sent(xuntu, folder):
    (folder / JOURNAL_FILE).write_text("nonsense\n")

    with pytest.raises(JournalDamaged, match=r"xuntu-upload\.jsonl"):
        list(upload_folder(xuntu, folder, {}))

    assert list(xuntu.cases()) == []


def test_the_command_uploads_lists_and_shows(service, folder, capsys):
    url = ["--url", str(service.base_url)]

    assert main([*url, "upload", str(folder), "--grid", "g"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["a", "b", "single.png"]
    assert main([*url, "upload", str(folder), "--grid", "g"]) == 0
    assert "3 cases were sent to" in capsys.readouterr().err
    assert main([*url, "list", "--grid", "g"]) == 0
    cases = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [case["external_id"] for case in cases] == ["single.png", "b", "a"]
    assert main([*url, "show", cases[0]["id"]]) == 0
    assert json.loads(capsys.readouterr().out) == cases[0]
    assert main([*url, "show", "x"]) == 1
    assert "case_not_found" in capsys.readouterr().err
