"""Clients that cost almost no CPU, for they share the machine with the server.

A client is a thread that sends one request after the other over one connection. Requests are built beforehand and lie
in memory files, which the kernel hands to the socket itself (sendfile); answers are read whole and hardly looked at.
"""

import itertools
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_BOUNDARY = "benchmark-photo-boundary"
_PATIENCE = struct.pack("ll", 60, 0)  # seconds and microseconds until a silent server counts as an error
_READ_BYTES = 65_536


@dataclass(frozen=True)
class PreparedRequest:
    """One whole HTTP request in a memory file."""

    descriptor: int
    length: int

    @classmethod
    def upload(cls, path: str, part: str, photo: bytes) -> "PreparedRequest":
        """A form with one photo in the part of this name."""
        opening = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{part}"; filename="photo.jpg"\r\n'
        body = f"{opening}Content-Type: image/jpeg\r\n\r\n".encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: benchmark\r\nAccept: application/json\r\n"
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return cls._of(head.encode() + body)

    @classmethod
    def get(cls, path: str) -> "PreparedRequest":
        """A request without a body."""
        return cls._of(f"GET {path} HTTP/1.1\r\nHost: benchmark\r\n\r\n".encode())

    @classmethod
    def _of(cls, whole: bytes) -> "PreparedRequest":
        descriptor = os.memfd_create("request")
        os.write(descriptor, whole)
        return cls(descriptor, len(whole))


class Connection:
    """One connection to the server, opened again where the server closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: PreparedRequest) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            OSError, ValueError: there was none, or none that can be read.
        """
        connected = self._socket = self._socket or self._open()
        try:
            self._send(connected, request)
            status, body, stays = _read_answer(connected)
        except (OSError, ValueError):
            self.close()
            raise
        if not stays:
            self.close()
        return status, body

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # settimeout would make sendfile non-blocking
            opened.setsockopt(socket.SOL_SOCKET, direction, _PATIENCE)
        return opened

    @staticmethod
    def _send(connected: socket.socket, request: PreparedRequest) -> None:
        sent = 0
        try:
            while sent < request.length:
                sent += os.sendfile(connected.fileno(), request.descriptor, sent, request.length - sent)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server answered early and hung up: the answer may still be read


def _read_answer(connected: socket.socket) -> tuple[int, bytes, bool]:
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _received(connected)
    head = received[:end].lower()
    status = int(head[9:12])
    _, named, rest = head.partition(b"content-length:")
    if not named:
        raise ValueError(f"an answer without Content-Length: {head!r}")
    length = int(rest.split(b"\r\n", 1)[0])
    body = received[end + 4 :]
    while len(body) < length:
        body += _received(connected)
    return status, body, b"connection: close" not in head


def _received(connected: socket.socket) -> bytes:
    received = connected.recv(_READ_BYTES)
    if not received:
        raise ConnectionResetError("the server hung up")
    return received


@dataclass
class Tally:
    """What the clients of one run saw."""

    taken: list[tuple[float, float]] = field(default_factory=list)  # (when answered, seconds) of each good answer
    refused: list[float] = field(default_factory=list)  # when a 503 came
    errors: Counter[str] = field(default_factory=Counter)
    answers: dict[int, bytes] = field(default_factory=dict)  # place of the photo → body


class Load:
    """`clients` connections, each sending one request after the other, until it is ended. A context manager."""

    def __init__(self, port: int, requests: Sequence[PreparedRequest], clients: int) -> None:
        self.tally = Tally()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(Connection(port), requests, number), daemon=True)
            for number in range(clients)
        ]

    def __enter__(self) -> Tally:
        for thread in self._threads:
            thread.start()
        return self.tally

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _send(self, connection: Connection, requests: Sequence[PreparedRequest], first: int) -> None:
        for place in itertools.islice(itertools.cycle(range(len(requests))), first, None):
            if self._over.is_set():
                break
            started = time.perf_counter()
            try:
                status, body = connection.ask(requests[place])
            except (OSError, ValueError) as error:
                self.tally.errors[f"{type(error).__name__}: {error}"] += 1
                time.sleep(0.1)
                continue
            ended = time.perf_counter()
            if status == 200:
                self.tally.taken.append((ended, ended - started))
                self.tally.answers[place] = body
            elif status == 503:
                self.tally.refused.append(ended)
                time.sleep(0.1)
            else:
                self.tally.errors[f"status {status}: {body[:200]!r}"] += 1
        connection.close()


def probe(port: int, path: str, *, seconds: float, a_second: float) -> list[float]:
    """Seconds that each of regular small requests took; one that failed counts as infinite."""
    request, connection = PreparedRequest.get(path), Connection(port)
    until = time.perf_counter() + seconds
    taken = []
    while (started := time.perf_counter()) < until:
        try:
            status, _ = connection.ask(request)
            taken.append(time.perf_counter() - started if status == 200 else float("inf"))
        except (OSError, ValueError):
            taken.append(float("inf"))
        time.sleep(max(0.0, 1 / a_second - (time.perf_counter() - started)))
    connection.close()
    os.close(request.descriptor)
    return taken
