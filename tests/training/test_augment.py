"""What augmentation may do to a photo: change how it looks, never its shape, and the same for the same seed."""

import pytest
import torch

from training.augment import DateStamp, Recompression, build_augmentation

PIXELS = torch.randint(0, 256, (3, 80, 80), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("side", [32, 96])
def test_photos_keep_bytes_and_get_the_side_of_the_stage(side):
    augmentation = build_augmentation(side, seed=1)

    for seed in range(30):
        torch.manual_seed(seed)
        augmented = augmentation(PIXELS)
        assert augmented.shape == (3, side, side)
        assert augmented.dtype == torch.uint8


def test_the_same_random_state_gives_the_same_photo():
    def augment(seed):
        torch.manual_seed(seed)
        return build_augmentation(64, seed=1)(PIXELS)

    assert torch.equal(augment(7), augment(7))
    assert not torch.equal(augment(7), augment(8))


def test_date_stamps_are_written_now_and_then():
    stamp, grey = DateStamp(seed=1), torch.full((3, 224, 224), 127, dtype=torch.uint8)
    torch.manual_seed(0)

    stamped = sum(bool((stamp(grey) != grey).any()) for _ in range(300))

    assert 25 <= stamped <= 65  # 45 expected
    assert (grey == 127).all()  # the photo itself is not written on


def test_recompression_leaves_the_traces_of_jpeg_and_the_picture():
    torch.manual_seed(0)
    smooth = torch.arange(0, 192, 2, dtype=torch.uint8).repeat(3, 96, 1)

    compressed = Recompression()(smooth)

    difference = (compressed.int() - smooth.int()).abs()
    assert 0 < difference.max() < 40
