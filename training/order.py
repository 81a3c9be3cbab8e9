"""Which photos an epoch shows, in which order: sources balanced, the same again for the same seed and epoch."""

from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

from datasets.manifest import LabelledPhoto


class BalancedOrder(Sampler[int]):
    """Draws each epoch so that photos of large sources appear a little less often than photos of small ones.

    A photo of a source with n photos is shown in proportion to n ** -balance. The draw is systematic (evenly spaced
    along the summed weights), so each photo appears its expected number of times, rounded up or down.
    """

    def __init__(self, photos: Sequence[LabelledPhoto], balance: float, seed: int, rank: int = 0, world: int = 1):
        sources = [(photo.kind, photo.source) for photo in photos]
        counts = Counter(sources)
        self._weights = torch.tensor([counts[source] ** -balance for source in sources], dtype=torch.float64)
        self._seed = seed
        self._rank, self._world = rank, world
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._weights) // self._world

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self.epoch)
        count = len(self._weights)
        shuffled = torch.randperm(count, generator=generator)
        summed = self._weights[shuffled].cumsum(0)
        places = (torch.arange(count) + torch.rand((), generator=generator, dtype=torch.float64)) / count
        drawn = shuffled[torch.searchsorted(summed, places * summed[-1]).clamp_max(count - 1)]
        drawn = drawn[torch.randperm(count, generator=generator)]
        yield from drawn[self._rank :: self._world][: len(self)].tolist()
