"""The real service as a process of its own, which can be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
SECONDS_TO_START = 60
SECONDS_TO_END = 60


class ServiceProcess:
    """`python -m serve` on a free port, with its data below a folder.

    Args:
        settings: environment variables.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.data_folder = folder / "data"
        self.log = folder / "serve.log"
        self._environment = os.environ | {
            "XUNTU_DATA_FOLDER": str(self.data_folder),
            "XUNTU_PORT": str(port),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def make_key(self, name: str, role: str) -> str:
        """A new key, by the command that an administrator uses."""
        words = [sys.executable, "-m", "serve", "keys", "add", name, "--role", role]
        said = subprocess.run(words, cwd=ROOT, env=self._environment, check=True, capture_output=True, text=True)
        return next(word for word in said.stdout.split() if word.startswith("xt_"))

    def start(self) -> None:
        """Return once it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "serve"], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        until = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/health/ready").is_success:
                    return
            except httpx.TransportError:
                pass
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"not ready after {SECONDS_TO_START} s: {self.log.read_text()}")

    def kill(self) -> None:
        """No warning, no time to finish."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(SECONDS_TO_END)
