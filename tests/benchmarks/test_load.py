"""Clients count what happened: answers, refusals, errors."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.load import Connection, Load, PreparedRequest, probe


@pytest.fixture
def port():
    """A server that answers every upload with its length, except what it was told to refuse."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            length = len(self.rfile.read(int(self.headers["Content-Length"])))
            status = {"/full": 503, "/broken": 500}.get(self.path, 200)
            body = str(length).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.send_error(500)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_photo_arrives_whole(port):
    photo = b"\xff\xd8" + bytes(300_000)
    connection = Connection(port)

    status, body = connection.ask(PreparedRequest.upload("/", "photo", photo))
    connection.close()

    assert status == 200
    assert 300_000 < int(body) < 300_500


@pytest.mark.parametrize(("path", "counted"), [("/", "taken"), ("/full", "refused"), ("/broken", "errors")])
def test_each_answer_is_counted_as_what_it_is(port, path, counted):
    with Load(port, [PreparedRequest.upload(path, "photo", b"data")], clients=2) as tally:
        time.sleep(0.3)

    found = {"taken": len(tally.taken), "refused": len(tally.refused), "errors": sum(tally.errors.values())}
    assert found.pop(counted) >= 2
    assert set(found.values()) == {0}


def test_a_server_that_is_not_there_is_an_error(port):
    with Load(1, [PreparedRequest.upload("/", "photo", b"data")], clients=1) as tally:
        time.sleep(0.05)

    assert list(tally.errors) == ["ConnectionRefusedError: [Errno 111] Connection refused"]
    assert probe(1, "/", seconds=0.05, a_second=50)[0] == float("inf")
