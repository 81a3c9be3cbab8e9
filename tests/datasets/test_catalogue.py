"""datasets/catalogue.py: the set can be known again without a photo; and the one in the repository is what it says."""

from pathlib import Path

import pytest

import datasets.catalogue
from datasets.catalogue import write_catalogue
from datasets.drawn import draw_set
from datasets.manifest import read_manifest

CATALOGUE = Path(datasets.catalogue.__file__).with_suffix(".csv")
REAL = Path(__file__).parents[2].parent / "shared" / "photos" / "manifest.csv"


def test_a_catalogue_has_the_fingerprint_of_its_manifest_and_no_photo(tmp_path):
    manifest = read_manifest(draw_set(tmp_path / "drawn", 2, seed=1))

    catalogue = read_manifest(write_catalogue(manifest, tmp_path / "catalogue.csv"))

    assert catalogue.fingerprint() == manifest.fingerprint()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalogue.csv", "drawn"]


def test_every_photo_of_the_repository_s_catalogue_can_be_had_again():
    catalogue = read_manifest(CATALOGUE)

    assert len(catalogue.photos) == 6318
    assert all(
        photo.repo and len(photo.commit) == 40 and photo.original_path and photo.sha256 for photo in catalogue.photos
    )
    assert CATALOGUE.stat().st_size < 2_500_000


@pytest.mark.skipif(not REAL.is_file(), reason="the real photos are not beside this checkout")
def test_the_repository_s_catalogue_is_of_the_photos_beside_it():
    assert read_manifest(CATALOGUE).fingerprint() == read_manifest(REAL).fingerprint()
