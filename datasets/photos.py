"""Does one thing with every photo of a set: several at once, with the time left on a terminal's stderr."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

Given = TypeVar("Given")
Result = TypeVar("Result")


def for_each_photo(do: Callable[[Given], Result], photos: Sequence[Given], doing: str) -> list[Result]:
    """The results in the order of the photos. Threads suffice: Pillow and numpy release the GIL."""
    pool = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        # disable=None: no bar where stderr is not a terminal
        return list(tqdm(pool.map(do, photos), total=len(photos), desc=doing, unit="photo", disable=None))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for thousands of photos
