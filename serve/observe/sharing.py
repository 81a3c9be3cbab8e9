"""How workers add up their metrics: by files in one folder, where the figures of a worker outlive it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client, when it is imported, looks for the folder."""

_MEMORY = Path("/dev/shm")


@contextmanager
def shared_metrics() -> Iterator[Callable[[int], None]]:
    """Make the folder before workers are forked, and remove it in the process that made it.

    Gives the function to call with the id of each worker that has ended: what was in its queue is there no more.
    """
    # In memory where that is possible: to write a mapped file on a full disk would end the worker.
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="xuntu-metrics-", dir=memory))
    os.environ[FOLDER_VARIABLE] = str(folder)
    maker = os.getpid()

    def forget(worker: int) -> None:
        for file in folder.glob(f"gauge_live*_{worker}.db"):
            file.unlink(missing_ok=True)

    try:
        yield forget
    finally:
        if os.getpid() == maker:
            del os.environ[FOLDER_VARIABLE]
            shutil.rmtree(folder, ignore_errors=True)
