"""Folder and bucket hold photos alike: by their content, whole, checked when read."""

import hashlib
import os
import socket
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from serve.photos.store import (
    KeptPhotoDamaged,
    KeptPhotoMissing,
    PhotoStoreFailed,
    PhotoStoreUnusable,
    default_photo_url,
    open_photo_store,
)

PHOTO = b"a photo"
ADDRESS = hashlib.sha256(PHOTO).hexdigest()
KEY = f"{ADDRESS[:2]}/{ADDRESS[2:4]}/{ADDRESS}"


@pytest.fixture(scope="module")
def s3_server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """An empty bucket, named in the environment as an operator would."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server, "AWS_REGION": "cn-north-1", "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    bucket = boto3.resource("s3", endpoint_url=s3_server, region_name="cn-north-1").Bucket("district")
    bucket.create(CreateBucketConfiguration={"LocationConstraint": "cn-north-1"})
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


class InFolder:
    def __init__(self, folder):
        self.url = default_photo_url(folder)
        self._folder = folder / "photos"

    def names(self):
        return sorted(path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*") if path.is_file())

    def overwrite(self, data):
        (self._folder / KEY).write_bytes(data)


class InBucket:
    url = "s3://district/xuntu/photos"

    def __init__(self, bucket):
        self._bucket = bucket

    def names(self):
        return sorted(item.key.removeprefix("xuntu/photos/") for item in self._bucket.objects.all())

    def overwrite(self, data):
        self._bucket.put_object(Key=f"xuntu/photos/{KEY}", Body=data)


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path):
    return InFolder(tmp_path) if request.param == "folder" else InBucket(request.getfixturevalue("bucket"))


@pytest.fixture
def store(place):
    return open_photo_store(place.url)


def test_a_photo_stands_at_its_address_until_it_is_deleted(store, place):
    store.put(ADDRESS, PHOTO)
    store.put(ADDRESS, PHOTO)

    assert store.get(ADDRESS) == PHOTO
    assert place.names() == [KEY]

    store.delete(ADDRESS)
    store.delete(ADDRESS)
    assert place.names() == []
    with pytest.raises(KeptPhotoMissing, match=ADDRESS):
        store.get(ADDRESS)


def test_what_stands_is_not_written_again_unless_it_was_cut_short(store, place):
    store.put(ADDRESS, PHOTO)
    place.overwrite(PHOTO.upper())
    store.put(ADDRESS, PHOTO)
    with pytest.raises(KeptPhotoDamaged, match="damaged"):
        store.get(ADDRESS)

    place.overwrite(PHOTO[:3])
    store.put(ADDRESS, PHOTO)
    assert store.get(ADDRESS) == PHOTO


def test_a_store_that_works_answers(store):
    assert store.answers()


@pytest.mark.parametrize(
    "url", ["", "photos", "file://photos", "file:///", "s3://", "s3:///photos", "ftp://host/photos", "s3://b/p?x=1"]
)
def test_a_url_that_names_no_store_is_refused(url):
    with pytest.raises(PhotoStoreUnusable, match="XUNTU_PHOTO_STORE_URL"):
        open_photo_store(url)


# ---- the folder ----


def test_a_folder_name_may_hold_any_character(tmp_path):
    open_photo_store(default_photo_url(tmp_path / "巡图 50% #1")).put(ADDRESS, PHOTO)

    assert (tmp_path / "巡图 50% #1" / "photos" / KEY).read_bytes() == PHOTO


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "photos").write_text("a file")

    with pytest.raises(PhotoStoreUnusable, match=r"photos: cannot be made .* XUNTU_DATA_FOLDER"):
        open_photo_store(default_photo_url(tmp_path))


def test_a_photo_has_no_name_before_all_of_it_is_on_disk(tmp_path, monkeypatch):
    """Names and file contents reach the disk in this order: the folders, the file, its name."""
    steps = []
    fsync, replace = os.fsync, os.rename

    def note_fsync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(("folder" if path.is_dir() else "file", path.relative_to(tmp_path / "photos").as_posix()))
        fsync(descriptor)

    store = open_photo_store(default_photo_url(tmp_path))
    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr("pathlib.Path.replace", lambda path, to: (steps.append(("name", None)), replace(path, to)))

    store.put(ADDRESS, PHOTO)

    assert [kind for kind, _ in steps] == ["folder", "folder", "file", "name", "folder"]
    assert [path for kind, path in steps if kind == "folder"] == [ADDRESS[:2], ".", f"{ADDRESS[:2]}/{ADDRESS[2:4]}"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    store = open_photo_store(default_photo_url(tmp_path))
    store.put(ADDRESS, PHOTO)
    store.delete(ADDRESS)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(PhotoStoreFailed, match="No space left"):
            store.put(ADDRESS, PHOTO)

    assert not [path for path in (tmp_path / "photos").rglob("*") if path.is_file()]
    store.put(ADDRESS, PHOTO)
    assert store.get(ADDRESS) == PHOTO


# ---- the bucket ----


def test_a_bucket_that_is_not_there_is_named(bucket):
    with pytest.raises(PhotoStoreUnusable, match=r"s3://other/photos: does not answer \(NoSuchBucket\)"):
        open_photo_store("s3://other/photos")


def test_a_bucket_lost_later_is_noticed(bucket):
    store = open_photo_store("s3://district")
    bucket.delete()
    try:
        assert not store.answers()
        for use in (lambda: store.put(ADDRESS, PHOTO), lambda: store.delete(ADDRESS)):
            with pytest.raises(PhotoStoreFailed, match=f"s3://district/{KEY}"):
                use()
    finally:
        bucket.create(CreateBucketConfiguration={"LocationConstraint": "cn-north-1"})


def test_a_server_that_is_not_there_is_named(bucket, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    monkeypatch.setattr("serve.photos.s3._RETRIES", 0)

    with pytest.raises(PhotoStoreUnusable, match="AWS_ENDPOINT_URL"):
        open_photo_store("s3://district")
