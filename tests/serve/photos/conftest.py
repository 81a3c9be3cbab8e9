"""A store for photos, beside a database of each kind, and cases as rows."""

import hashlib
from datetime import UTC, datetime

import pytest

from model.decision import Verdict
from serve.photos.keeping import PhotoKeeper
from serve.photos.local import LocalPhotos
from serve.settings import KeepPhotos
from serve.tables import Case, CasePhoto

GRACE = 600


@pytest.fixture
def store(tmp_path):
    return LocalPhotos(tmp_path / "photos")


@pytest.fixture
def stored(tmp_path):
    """The addresses that have a file in the store."""

    def look():
        return {path.name for path in (tmp_path / "photos").rglob("*") if path.is_file()}

    return look


@pytest.fixture
def keeper(database, store):
    """Make a keeper: keeper(policy=..., originals=...)."""

    def make(**varied):
        chosen = {
            "policy": KeepPhotos.ALWAYS, "originals": False, "longest_side": 400, "loose_file_seconds": GRACE, **varied
        }  # fmt: skip
        return PhotoKeeper(database, store, **chosen)

    return make


@pytest.fixture(scope="session")
def case_row():
    """A case as it is saved: case_row("1", kept, created_at=..., status=...)."""

    def make(case_id, kept=(), *, created_at=None, updated_at=None, status="established"):
        created_at = created_at or datetime.now(UTC)
        return Case(
            id=case_id, created_at=created_at, updated_at=updated_at or created_at, status=status,
            verdict=Verdict.PROBLEM, scores={"garbage": 0.9}, key_name="city", model_name="xuntu", model_version="1",
            model_fingerprint="f" * 64, reporter="Li Hua",
            photos=[
                CasePhoto(
                    sha256=hashlib.sha256(f"{case_id} {number}".encode()).hexdigest(), width=320, height=240,
                    verdict=Verdict.PROBLEM, problems=["garbage"], scores={"garbage": 0.9}, signature=b"\x00\xff",
                    kept_sha256=photo.kept_sha256, original_sha256=photo.original_sha256,
                )
                for number, photo in enumerate(kept)
            ],
        )  # fmt: skip

    return make
