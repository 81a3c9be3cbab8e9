"""Bodies arrive whole however the network cuts them, and the application is woken for large pieces only."""

import socket
import sys
import time

import httpx
import pytest

from serve.protocol import UploadProtocol

URL = "/v1/classify"


class Pieces(httpx.SyncByteStream):
    """A body sent in pieces of so many bytes."""

    def __init__(self, body, piece_bytes):
        self._body, self._piece_bytes = body, piece_bytes

    def __iter__(self):
        for start in range(0, len(self._body), self._piece_bytes):
            yield self._body[start : start + self._piece_bytes]
            time.sleep(0.0002)


@pytest.mark.parametrize("piece_bytes", [1_400, 65_535, 65_536, 65_537, 10_000_000])
@pytest.mark.parametrize("told", [True, False], ids=["Content-Length", "chunked"])
def test_a_body_is_the_same_in_pieces_of_any_length(client, photo, piece_bytes, told):
    data = photo(640, 480) + bytes(400_000)
    headers = {"Content-Type": "image/jpeg", **({"Content-Length": str(len(data))} if told else {})}

    first = client.post(URL, content=data, headers={"Content-Type": "image/jpeg"})
    again = client.post(URL, content=Pieces(data, piece_bytes), headers=headers)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()


def test_the_end_of_a_body_is_not_waited_for_and_the_next_request_is_read(client, photo):
    """One connection: a long body whose last piece comes late and short, then a request without a body."""
    data = photo() + bytes(200_000)
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=5) as connection:
        connection.sendall(head + data[:-1])
        time.sleep(0.2)
        connection.sendall(data[-1:])
        assert connection.recv(100_000).startswith(b"HTTP/1.1 200")

        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)
        assert b"200 OK" in connection.recv(100_000)


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels report every piece")
def test_small_pieces_wake_the_application_seldom(monkeypatch, serve_with, photo):
    reported = []
    received = UploadProtocol.data_received

    def counting(self, data):
        reported.append(len(data))
        received(self, data)

    monkeypatch.setattr(UploadProtocol, "data_received", counting)
    data = photo() + bytes(300_000)
    headers = {"Content-Type": "image/jpeg", "Content-Length": str(len(data))}

    answer = serve_with().post(URL, content=Pieces(data, 1_400), headers=headers)

    assert answer.status_code == 200
    assert len(reported) < 20  # 215 pieces were sent
