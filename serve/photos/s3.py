"""Kept photos in a bucket of S3 or of what speaks like it; where and who come from the usual AWS_* variables."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from serve.photos.store import KeptPhotoDamaged, KeptPhotoMissing, PhotoStoreFailed, PhotoStoreUnusable

_REQUEST_SECONDS = 10
_RETRIES = 2
_RETRY_SECONDS = 10  # after this time no further try begins
_PROBE = "answers"  # a prefix at which nothing ever stands
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class BucketPhotos:
    """Photos under a prefix of a bucket: needs the right to list, read, write and delete there.

    Raises:
        PhotoStoreUnusable: the bucket does not answer.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self._name = f"s3://{bucket}/{prefix}".rstrip("/")
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                client_options={
                    "allow_http": endpoint.startswith("http://"),  # a store in one's own network may have no TLS
                    "timeout": timedelta(seconds=_REQUEST_SECONDS),
                },
                retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
            )
            self._list_nothing()
        except (BaseError, OSError, ValueError) as error:
            cure = "correct XUNTU_PHOTO_STORE_URL and the variables AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID"
            raise PhotoStoreUnusable(
                f"{self._name}: does not answer ({_reason(error)}); {cure} and AWS_SECRET_ACCESS_KEY"
            ) from error

    def put(self, sha256: str, data: bytes) -> None:
        with self._failing(sha256, "written"):
            if not self._stands(sha256, len(data)):
                obstore.put(self._store, _key(sha256), data)

    def get(self, sha256: str) -> bytes:
        with self._failing(sha256, "read"):
            try:
                data = bytes(obstore.get(self._store, _key(sha256)).bytes())
            except FileNotFoundError as error:
                raise KeptPhotoMissing(self._where(sha256)) from error
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise KeptPhotoDamaged(self._where(sha256), found)
        return data

    def delete(self, sha256: str) -> None:
        with self._failing(sha256, "removed"):
            obstore.delete(self._store, _key(sha256))

    def remove_unfinished(self, older_than_seconds: float) -> int:
        return 0  # an object is there in full or not at all

    def answers(self) -> bool:
        try:
            self._list_nothing()
        except (BaseError, OSError):
            return False
        return True

    def _stands(self, sha256: str, length: int) -> bool:
        try:
            return obstore.head(self._store, _key(sha256))["size"] == length
        except FileNotFoundError:
            return False

    def _list_nothing(self) -> None:
        list(obstore.list(self._store, _PROBE))  # unlike asking for one object, it notices a missing bucket

    def _where(self, sha256: str) -> str:
        return f"{self._name}/{_key(sha256)}"

    @contextmanager
    def _failing(self, sha256: str, what: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            where = self._where(sha256)
            raise PhotoStoreFailed(f"{where}: cannot be {what} ({_reason(error)}); look after the bucket") from error


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _reason(error: Exception) -> str:
    code = re.search(r"<Code>(\w+)</Code>", str(error))  # as S3 names it
    return code[1] if code else str(error).strip().partition("\n")[0]
