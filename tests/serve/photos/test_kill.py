"""A process that is killed loses no saved case's photo and leaves no file that a sweep does not find."""

import subprocess
import sys

import pytest
from sqlalchemy import or_, select

from serve.photos.keeping import sweep
from serve.tables import CasePhoto, LooseFile

SECONDS = 30

# Keeps a photo as one who reports a case does, and stops at the step it is told, to be killed there.
REPORT = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from model.decision import Verdict
from serve.database import Database
from serve.photos.keeping import PhotoKeeper, claim
from serve.photos.local import LocalPhotos
from serve.settings import KeepPhotos
from serve.tables import Case, CasePhoto

url, folder, photo, stop = sys.argv[1:]

def reach(step):
    if step == stop:
        print(step, flush=True)
        time.sleep(600)

def half_written(descriptor):
    if not os.path.isdir(f"/proc/self/fd/{descriptor}"):
        reach("half written")
    fsync(descriptor)

fsync, os.fsync = os.fsync, half_written

class Store(LocalPhotos):
    def put(self, sha256, data):
        reach("noted")
        super().put(sha256, data)

database = Database(url)
keeper = PhotoKeeper(database, Store(Path(folder)), policy=KeepPhotos.ALWAYS, originals=True, longest_side=400,
                     loose_file_seconds=600)
kept = keeper.keep([Path(photo).read_bytes()], Verdict.REVIEW)
reach("written")
now = datetime.now(UTC)
with database.writing() as session:
    session.add(Case(id=stop, created_at=now, updated_at=now, status="in_review", verdict="review", scores={},
                     key_name="city", model_name="xuntu", model_version="1", model_fingerprint="f" * 64))
    session.flush()
    session.add(CasePhoto(case_id=stop, sha256="a" * 64, width=1, height=1, verdict="review", problems=[], scores={},
                          kept_sha256=kept[0].kept_sha256, original_sha256=kept[0].original_sha256))
    claim(session, kept)
    session.flush()
    reach("claimed, not committed")
reach("saved")
"""


@pytest.mark.parametrize(
    ("step", "files_left"),
    [("noted", 0), ("half written", 1), ("written", 2), ("claimed, not committed", 2), ("saved", 2)],
)
def test_a_process_killed_at_any_step_leaves_what_a_sweep_mends(
    database, database_url, store, stored, tmp_path, photo, step, files_left
):
    (tmp_path / "photo.jpg").write_bytes(photo())
    command = [sys.executable, "-c", REPORT, database_url, tmp_path / "photos", tmp_path / "photo.jpg", step]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().strip() == step
        finally:
            process.kill()
        process.wait(SECONDS)
    assert len(stored()) == files_left

    sweep(database, store, 0)

    with database.reading() as session:
        named = select(CasePhoto).where(or_(CasePhoto.kept_sha256.is_not(None), CasePhoto.original_sha256.is_not(None)))
        photos = session.scalars(named).all()
        assert session.scalar(select(LooseFile)) is None
    assert len(photos) == (1 if step == "saved" else 0)
    assert stored() == {address for row in photos for address in (row.kept_sha256, row.original_sha256)}
    for address in stored():
        store.get(address)
