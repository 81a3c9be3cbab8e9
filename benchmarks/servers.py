"""The servers that are measured: ours, and peers that serve the same model. Each runs as processes of its own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import ROOT, memory_megabytes

PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
"""Has what requirements/bench.txt names."""

_PEERS_FOLDER = Path(__file__).with_name("peers")
_START_SECONDS = 60
_END_SECONDS = 20


class CannotMeasure(Exception):
    """Why there is nothing to measure, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One server, and how it is asked."""

    name: str
    command: Callable[[Path, int], Sequence[str | Path]]  # (model folder, port) → arguments
    upload_path: str
    live_path: str
    ready_path: str
    answers_as_we_do: bool = False
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A contender that answers."""

    pid: int
    port: int
    ready_seconds: float
    megabytes_at_start: float

    @contextmanager
    def paused_afterwards(self) -> Iterator[None]:
        """Run within the block, take no CPU at all after it: some servers never rest."""
        os.killpg(self.pid, signal.SIGCONT)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGSTOP)


def ours(name: str = "xuntu", folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> Contender:
    """The service of this checkout, or of another one."""
    return Contender(
        name=name,
        command=lambda _, port: [sys.executable, "-m", "serve", "--port", str(port)],
        upload_path="/v1/classify",
        live_path="/health/live",
        ready_path="/health/ready",
        answers_as_we_do=True,
        folder=folder,
        environment={"XUNTU_ANSWER_CACHE_PHOTOS": "0", **(environment or {})},  # the same photos come again and again
    )


def peers() -> Sequence[Contender]:
    """The tutorial server and LitServe.

    Raises:
        CannotMeasure: their environment is missing.
    """
    if not PEERS_PYTHON.exists():
        raise CannotMeasure(
            "the peers need an environment of their own: python -m venv .venv-bench && "
            ".venv-bench/bin/pip install -r requirements/bench.txt; or leave them out: --no-peers"
        )
    return [_peer("tutorial FastAPI", "tutorial.py"), _peer("LitServe", "litserve_server.py")]


def _peer(name: str, file: str) -> Contender:
    return Contender(
        name=name,
        command=lambda model_folder, port: [PEERS_PYTHON, _PEERS_FOLDER / file, model_folder, str(port)],
        upload_path="/predict",
        live_path="/health",
        ready_path="/health",
    )


@contextmanager
def running(contender: Contender, model_folder: Path) -> Iterator[Running]:
    """Start a contender and wait until it can answer photos; it ends with the block.

    Raises:
        CannotMeasure: it does not start; the message holds what it said.
    """
    port = _free_port()
    with tempfile.TemporaryFile() as said, tempfile.TemporaryDirectory() as data_folder:
        environment = {
            **os.environ,
            "XUNTU_MODEL_FOLDER": str(model_folder),
            "XUNTU_DATA_FOLDER": data_folder,
            **contender.environment,
        }
        command = contender.command(model_folder, port)
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=contender.folder, env=environment, stdout=said, stderr=said, process_group=0
        )
        try:
            while not _answers(port, contender.ready_path):
                if process.poll() is not None or time.perf_counter() > started + _START_SECONDS:
                    said.seek(0)
                    raise CannotMeasure(f"{contender.name} does not start: {said.read().decode(errors='replace')}")
                time.sleep(0.01)
            yield Running(
                pid=process.pid,
                port=port,
                ready_seconds=time.perf_counter() - started,
                megabytes_at_start=memory_megabytes(process.pid),
            )
        finally:
            _end(process)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGCONT)
        process.terminate()
        process.wait(_END_SECONDS)
    except (subprocess.TimeoutExpired, ProcessLookupError):
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it left behind
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
