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

    def find(self, sha256: str, *, described: bool = False) -> ClassifiedPhoto | None:
        """What was said of the photo file with this hash, if that is still known and, where asked for, described."""
        key = (self._model_fingerprint, sha256)
        with self._lock:
            found = self._answers.get(key)
            if found is None or (described and found.signature is None):
                return None
            self._answers.move_to_end(key)
            return found

    def keep(self, sha256: str, answer: ClassifiedPhoto) -> None:
        """Keep an answer; the one that was not asked for the longest time makes room."""
        key = (self._model_fingerprint, sha256)
        with self._lock:
            known = self._answers.get(key)
            if known is None or known.signature is None:  # a plain answer says less than a described one
                self._answers[key] = answer
            if len(self._answers) > self._photos:
                self._answers.popitem(last=False)
