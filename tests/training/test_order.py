"""Which photos an epoch shows."""

from collections import Counter
from pathlib import Path

from datasets.manifest import LabelledPhoto
from training.order import BalancedOrder

PHOTOS = [
    LabelledPhoto(file=name, path=Path(name), labels={}, split="train", kind="graffiti", source=source)
    for source, count in (("large", 90), ("small", 10))
    for name in (f"{source}/{index}.jpg" for index in range(count))
]


def draw_epoch(epoch, *, balance=0.5, seed=3, rank=0, world=1):
    order = BalancedOrder(PHOTOS, balance, seed, rank, world)
    order.epoch = epoch
    return list(order)


def test_the_same_seed_and_epoch_show_the_same_photos_in_the_same_order():
    assert draw_epoch(4) == draw_epoch(4)
    assert draw_epoch(4) != draw_epoch(5)
    assert draw_epoch(4) != draw_epoch(4, seed=4)


def test_without_balance_each_photo_is_shown_once():
    assert sorted(draw_epoch(0, balance=0)) == list(range(100))


def test_photos_of_small_sources_are_shown_more_often_by_the_stated_power():
    shown = Counter(PHOTOS[index].source for index in draw_epoch(0))

    # 90 * 90 ** -0.5 : 10 * 10 ** -0.5 = 3 : 1
    assert shown["large"] in (74, 75, 76)
    assert shown["large"] + shown["small"] == 100


def test_processes_share_an_epoch_without_overlap():
    shares = [draw_epoch(2, balance=0, rank=rank, world=4) for rank in range(4)]

    assert sorted(index for share in shares for index in share) == list(range(100))
