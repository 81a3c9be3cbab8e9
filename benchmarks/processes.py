"""What Linux tells of CPU and memory: of a server's processes, and of the machine, to see when others use it too."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The checkout, where `python -m` finds its packages."""
PROC = Path("/proc")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_NOT_OTHERS = (3, 4, 5, 6)  # in /proc/stat: idle and iowait; irq and softirq, which our own traffic causes
_GUEST = 8  # from here on /proc/stat repeats what user time holds already


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for process in found:
        with suppress(OSError):
            for task in (PROC / str(process) / "task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all below it, those that ended included."""
    ticks = 0
    for process in tree(pid):
        with suppress(OSError):
            fields = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
            if process == pid:
                ticks += int(fields[13]) + int(fields[14])  # children that were waited for
    return ticks / _TICKS_A_SECOND


def memory_megabytes(pid: int) -> float:
    """PSS of a process and all below it: pages they share are counted once."""
    kilobytes = 0
    for process in tree(pid):
        with suppress(OSError):
            kilobytes += sum(_pss(process))
    return kilobytes / 1000


def _pss(process: int) -> Iterator[int]:
    for line in (PROC / str(process) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            yield int(line.split()[1])


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The clocks of the machine and of what is measured, read together."""

    wall: float
    machine_cpu: float  # seconds all cores were busy, those that the host gave to others included
    server_cpu: float
    client_cpu: float

    @classmethod
    def now(cls, server: int | None) -> "Moment":
        """Read all clocks."""
        ticks = [int(value) for value in (PROC / "stat").read_text().splitlines()[0].split()[1:]]
        busy = sum(value for place, value in enumerate(ticks[:_GUEST]) if place not in _NOT_OTHERS)
        return cls(
            wall=time.perf_counter(),
            machine_cpu=busy / _TICKS_A_SECOND,
            server_cpu=cpu_seconds(server) if server is not None else 0.0,
            client_cpu=time.process_time(),
        )

    def others_since(self, start: "Moment") -> float:
        """Share 0-1 of the machine that neither the server nor its clients used."""
        ours = self.server_cpu - start.server_cpu + self.client_cpu - start.client_cpu
        others = self.machine_cpu - start.machine_cpu - ours
        return max(0.0, others / ((self.wall - start.wall) * cores()))


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))
