"""Where kept photos are stored: by the SHA-256 of their bytes, in a local folder or in a bucket that speaks S3.

A photo's address is its content, so a file is never changed: it is written, read and removed.

PhotoStoreError
├── PhotoStoreUnusable   the setting is wrong, or the place cannot be used: the service does not start
├── PhotoStoreFailed     it worked before and fails now: full, unreachable, no longer allowed
├── KeptPhotoMissing     nothing stands at the address
└── KeptPhotoDamaged     what stands there is not what was written
"""

from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

PHOTO_FOLDER = "photos"


class PhotoStoreError(Exception):
    """Base of what goes wrong with stored photos. The message says where, what was found and what to do."""


class PhotoStoreUnusable(PhotoStoreError):
    """The place for photos cannot be used at all."""


class PhotoStoreFailed(PhotoStoreError):
    """One photo could not be written, read or removed."""


class KeptPhotoMissing(PhotoStoreError):
    """Nothing stands at the address of a photo."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where}: is not there; look for it in a backup, as photos/<sha256>")


class KeptPhotoDamaged(PhotoStoreError):
    """What stands at the address of a photo has another SHA-256."""

    def __init__(self, where: str, found_sha256: str) -> None:
        cure = "check the disk, and take photos/<sha256> out of a backup"
        super().__init__(f"{where}: holds bytes of SHA-256 {found_sha256[:12]}…, so it is damaged; {cure}")


class PhotoStore(Protocol):
    """Threads may share it. Every call blocks.

    Raises (all but `answers`):
        PhotoStoreError: one of its kinds.
    """

    def put(self, sha256: str, data: bytes) -> None:
        """Store `data` at its address; when this returns it outlives a power cut. Does nothing where it stands."""

    def get(self, sha256: str) -> bytes:
        """What stands at this address, checked."""

    def delete(self, sha256: str) -> None:
        """Remove what stands at this address. Does nothing where nothing does."""

    def remove_unfinished(self, older_than_seconds: float) -> int:
        """Remove what processes that died while they wrote have left, at no address; how many files."""

    def answers(self) -> bool:
        """Whether photos could be stored now."""


def default_photo_url(data_folder: Path) -> str:
    """A folder in the data folder."""
    return (data_folder.absolute() / PHOTO_FOLDER).as_uri()


def open_photo_store(url: str) -> PhotoStore:
    """The store at `file:///FOLDER` or `s3://BUCKET/PREFIX`, ready to be used. Open it after a fork.

    Raises:
        PhotoStoreUnusable: the URL is wrong, or what it names cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        from serve.photos.local import LocalPhotos

        return LocalPhotos(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        from serve.photos.s3 import BucketPhotos  # its library is loaded only where a bucket is used

        return BucketPhotos(parts.netloc, parts.path.strip("/"))
    raise PhotoStoreUnusable(f"XUNTU_PHOTO_STORE_URL is {url!r}, expected file:///FOLDER or s3://BUCKET/PREFIX")
