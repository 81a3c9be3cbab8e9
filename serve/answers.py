"""Answers kept for photos that are sent again: patrol apps repeat an upload whose answer did not reach them.

What was said of a photo is kept, never the photo.
"""

import threading
from collections import OrderedDict

from model.classifier import ClassifiedPhoto


class AnswerCache:
    """The last `photos` answers of one model. Threads may share it."""

    def __init__(self, photos: int, model_fingerprint: str) -> None:
        self._photos = photos
        self._model_fingerprint = model_fingerprint
        self._answers: OrderedDict[tuple[str, str], ClassifiedPhoto] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, sha256: str) -> ClassifiedPhoto | None:
        """What was said of the photo file with this hash, if it is still known."""
        key = (self._model_fingerprint, sha256)
        with self._lock:
            found = self._answers.get(key)
            if found is not None:
                self._answers.move_to_end(key)
            return found

    def keep(self, sha256: str, answer: ClassifiedPhoto) -> None:
        """Keep an answer; the one that was not asked for the longest time makes room."""
        with self._lock:
            self._answers[self._model_fingerprint, sha256] = answer
            if len(self._answers) > self._photos:
                self._answers.popitem(last=False)
