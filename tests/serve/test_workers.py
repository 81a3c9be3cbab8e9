"""python -m serve --workers: one address, several processes, replaced when they die, ended together."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

SECONDS = 30

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")


@contextmanager
def workers(tmp_path, **environment):
    """Two workers on a free port: the process that keeps them, and its address once it is known."""
    log = tmp_path / "log"
    command = [sys.executable, "-m", "serve", "--port", "0", "--workers", "2"]
    environment = {**os.environ, "XUNTU_DATA_FOLDER": str(tmp_path), "XUNTU_LOG_FORMAT": "text", **environment}
    with log.open("w") as said, subprocess.Popen(command, stderr=said, env=environment) as process:
        try:
            yield process, log
        finally:
            process.kill()
            for child in children(process):
                os.kill(child, signal.SIGKILL)


def children(process):
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []


def wait_for(what):
    until = time.monotonic() + SECONDS
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def addresses(log):
    """One for each worker that ever started."""
    return [line.split(", model ")[0].split()[-1] for line in log.read_text().splitlines() if ", model " in line]


def test_workers_share_an_address_are_replaced_and_end_together(tmp_path, photo, form):
    with workers(tmp_path) as (process, log):
        wait_for(lambda: len(addresses(log)) == 2)
        (address,) = set(addresses(log))

        def answered():
            with httpx.Client(base_url=address, timeout=SECONDS) as client:
                return client.post("/v1/classify", files=form(photo())).status_code

        assert {answered() for _ in range(8)} == {200}

        def counted():
            name = 'xuntu_requests_total{method="POST",route="/v1/classify",status="200"} '
            figures = httpx.get(f"{address}/metrics").text.splitlines()
            return sum(float(line.removeprefix(name)) for line in figures if line.startswith(name))

        wait_for(lambda: counted() == 8)  # of both workers, whichever is asked
        before = children(process)
        assert len(before) == 2

        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: len(addresses(log)) == 3)
        after = children(process)
        assert len(after) == 2 and before[1] in after
        assert {answered() for _ in range(8)} == {200}
        wait_for(lambda: counted() == 16)  # those of the worker that died too

        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert not [child for child in after if Path(f"/proc/{child}/stat").exists()]
    assert "Traceback" not in log.read_text()


def test_workers_that_cannot_serve_end_the_command(tmp_path):
    with workers(tmp_path, XUNTU_MODEL_FOLDER="/nowhere") as (process, log):
        assert process.wait(SECONDS) == 1

    assert "/nowhere: card.json is missing" in log.read_text()
