"""SIGTERM: what was taken is finished and acknowledged, nothing else is taken, and the command succeeds."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

SECONDS = 30


@contextmanager
def started(data_folder, workers):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "serve", "--port", str(port), "--workers", str(workers)]
    environment = {**os.environ, "XUNTU_DATA_FOLDER": str(data_folder)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            wait_for(lambda: answers(port))
            yield process, port
        finally:
            process.kill()


def wait_for(what):
    until = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success
    except httpx.TransportError:
        return False


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def taken(port, path, files):
    """A connection on which the service has begun to read this request, and the body that it waits for."""
    request = httpx.Request("POST", f"http://127.0.0.1:{port}{path}", files=files, headers={"Expect": "100-continue"})
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    return connection, body


def answer(connection):
    received = b""
    while piece := connection.recv(65536):
        received += piece
    connection.close()
    return int(received.split()[1])


@pytest.mark.parametrize("workers", [1, 2])
def test_uploads_and_examinations_in_progress_are_answered(tmp_path, photo, form, workers):
    with started(tmp_path, workers) as (process, port):
        uploading, upload = taken(port, "/v1/cases", form(photo()))
        examining, case = taken(port, "/v1/classify", form(*[photo(2000 + number, 1500) for number in range(9)]))
        uploading.sendall(upload[:1000])
        examining.sendall(case)
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: is_refused(port))
        uploading.sendall(upload[1000:])

        assert (answer(uploading), answer(examining)) == (201, 200)
        assert process.wait(SECONDS) == 0
        assert "Traceback" not in process.stderr.read()
