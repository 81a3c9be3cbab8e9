"""Where a process of a run computes: alone, or as one of several that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Place:
    """One of `world` processes, on its own device; rank 0 writes what the run leaves behind."""

    device: torch.device
    rank: int
    world: int

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to people."""
        return self.rank == 0

    def wait_for_others(self) -> None:
        """Return when every process of the run has come here."""
        if self.world > 1:
            torch.distributed.barrier()


@contextmanager
def join_run() -> Iterator[Place]:
    """This process's place; a GPU where there is one, else the CPU."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if world > 1:
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Place(device=device, rank=rank, world=world)
    finally:
        if world > 1:
            torch.distributed.destroy_process_group()
