"""datasets/splits.py: blocks, not chance."""

from collections import Counter
from itertools import groupby

import pytest

from datasets.splits import natural_order, split_in_blocks


def test_a_series_is_cut_twice_and_no_more():
    names = [f"IMG_{number}.jpg" for number in range(1, 201)]

    splits = split_in_blocks(names)

    in_order = [splits[name] for name in names]
    assert [split for split, _ in groupby(in_order)] == ["train", "val", "test"]
    assert Counter(in_order) == {"train": 140, "val": 30, "test": 30}


def test_the_order_of_a_listing_changes_nothing():
    names = [f"{number}.jpg" for number in range(50)]

    assert split_in_blocks(reversed(names)) == split_in_blocks(names)


@pytest.mark.parametrize(
    ("photos", "expected"),
    [(0, {}), (1, {"train": 1}), (3, {"train": 2, "val": 1}), (7, {"train": 5, "val": 1, "test": 1})],
)
def test_few_photos_teach_first(photos, expected):
    assert Counter(split_in_blocks(str(number) for number in range(photos)).values()) == expected


def test_names_are_ordered_as_people_count():
    names = ["IMG_10.jpg", "img_9.jpg", "a/2.jpg", "a/1.jpg", "12.jpg", "2.jpg"]

    assert sorted(names, key=natural_order) == ["2.jpg", "12.jpg", "a/1.jpg", "a/2.jpg", "img_9.jpg", "IMG_10.jpg"]
