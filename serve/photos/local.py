"""Kept photos in a folder: ab/cd/<sha256>, so that no folder grows too large to list.

A file is written in .writing/ and gets its name when all of it is on disk. What a killed process leaves there is found
by its age.
"""

import contextlib
import hashlib
import os
import time
import uuid
from pathlib import Path

from serve.photos.store import KeptPhotoDamaged, KeptPhotoMissing, PhotoStoreFailed, PhotoStoreUnusable

_CURE = "give this user the right, or choose another place by XUNTU_PHOTO_STORE_URL or XUNTU_DATA_FOLDER"


class LocalPhotos:
    """A folder of photos, made where it is missing. Processes may share it.

    Raises:
        PhotoStoreUnusable: it cannot be made or written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = folder / ".writing"
        self._durable: set[Path] = set()  # folders whose own entry this process knows to be on disk
        try:
            self._writing.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PhotoStoreUnusable(f"{folder}: cannot be made ({error.strerror}); {_CURE}") from error
        if not self.answers():
            raise PhotoStoreUnusable(f"{folder}: is not writable; {_CURE}")

    def put(self, sha256: str, data: bytes) -> None:
        """As the protocol says: the file is on disk before it gets its name, the name before this returns."""
        path = self._path(sha256)
        try:
            self._make_folder(path.parent)
            if not _stands(path, len(data)):
                self._write(path, data)
            # also where it stood: another process may have given it its name a moment ago, and not come to this yet
            _sync_folder(path.parent)
        except OSError as error:
            raise PhotoStoreFailed(f"{path}: cannot be written ({error.strerror}); free or mend the disk") from error

    def get(self, sha256: str) -> bytes:
        path = self._path(sha256)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise KeptPhotoMissing(str(path)) from error
        except OSError as error:
            raise PhotoStoreFailed(f"{path}: cannot be read ({error.strerror}); {_CURE}") from error
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise KeptPhotoDamaged(str(path), found)
        return data

    def delete(self, sha256: str) -> None:
        path = self._path(sha256)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise PhotoStoreFailed(f"{path}: cannot be removed ({error.strerror}); {_CURE}") from error

    def remove_unfinished(self, older_than_seconds: float) -> int:
        removed = 0
        written_before = time.time() - older_than_seconds
        try:
            for path in self._writing.iterdir():
                with contextlib.suppress(FileNotFoundError):  # it was finished, or another process was faster
                    if path.stat().st_mtime <= written_before:
                        path.unlink()
                        removed += 1
        except OSError as error:
            raise PhotoStoreFailed(f"{self._writing}: cannot be tidied ({error.strerror}); {_CURE}") from error
        return removed

    def answers(self) -> bool:
        return os.access(self._folder, os.R_OK | os.W_OK | os.X_OK)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:4] / sha256

    def _make_folder(self, folder: Path) -> None:
        if folder in self._durable:
            return
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)
        _sync_folder(folder.parent.parent)
        self._durable.add(folder)

    def _write(self, path: Path, data: bytes) -> None:
        unfinished = self._writing / f"{path.name}.{uuid.uuid4()}"  # machines may share the folder
        try:
            with unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise


def _stands(path: Path, length: int) -> bool:
    """Whether the file is there in full: what a failing disk has cut short is written again."""
    try:
        return path.stat().st_size == length
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
