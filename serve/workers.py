"""Several processes behind one address, for machines with more cores than one process can keep busy.

Each is a whole service with threads, queue and model of its own; they take connections from one listening socket.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

log = logging.getLogger(__name__)

_RESTART_SECONDS = 1  # a worker that dies at once must not keep the machine busy with starting it


def run_workers(
    count: int, serve: Callable[[], int], *, on_end: Callable[[], None], on_worker_end: Callable[[int], None]
) -> int:
    """Keep `count` processes running `serve` until one of SIGTERM and SIGINT arrives, or one of them cannot serve.

    Args:
        on_end: called here when no other worker will be started; may be called more than once.
        on_worker_end: called here with the id of each worker that has ended.

    Returns in each process: what `serve` returned in a worker, in the one that started them the first that is not 0.
    """
    workers: set[int] = set()
    ending = False
    result = 0

    def end(*_: object) -> None:
        nonlocal ending
        ending = True
        on_end()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGTERM)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    while True:
        while len(workers) < count and not ending:
            worker = os.fork()
            if worker == 0:
                for number, handler in before.items():
                    signal.signal(number, handler)
                return serve()
            workers.add(worker)
        if not workers:
            return result
        worker, status = os.wait()
        workers.discard(worker)
        on_worker_end(worker)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:  # it has said why
            result = result or os.WEXITSTATUS(status)
            end()
        elif not ending:
            log.warning("worker %d ended (%s); starting another", worker, os.waitstatus_to_exitcode(status))
            time.sleep(_RESTART_SECONDS)
