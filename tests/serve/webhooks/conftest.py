"""A receiver on this machine that answers as told, and endpoints and messages as rows."""

import base64
import threading
from collections import deque
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serve.tables import WebhookEndpoint
from serve.webhooks.outbox import announce

WAIT_SECONDS = 10
SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes, nobody guesses").decode()


class Receiver:
    """Keeps what it is sent; answers 204, or first what `answers` holds."""

    def __init__(self) -> None:
        self.answers: deque[int] = deque()
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.let_go = threading.Event()
        self.let_go.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(({key.lower(): value for key, value in self.headers.items()}, body))
                receiver.let_go.wait(WAIT_SECONDS)
                self.send_response(receiver.answers.popleft() if receiver.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?city=1"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.received]

    def end(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.thread.join(WAIT_SECONDS)
        self.server.server_close()


@pytest.fixture
def new_receiver():
    receivers = []

    def make():
        receivers.append(Receiver())
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.end()


@pytest.fixture
def receiver(new_receiver):
    return new_receiver()


@pytest.fixture
def add_webhook(database):
    """Add an endpoint for case.created: add_webhook("city", url)."""

    def add(name, url):
        with database.writing() as session:
            session.add(
                WebhookEndpoint(id=name, url=url, secret=SECRET, events=["case.created"], created_at=datetime.now(UTC))
            )

    return add


@pytest.fixture
def tell(database):
    """Announce that a case was created."""

    def announce_case(case_id="c"):
        with database.writing() as session:
            announce(session, "case.created", {"case_id": case_id, "problems": ["道路"]})

    return announce_case
