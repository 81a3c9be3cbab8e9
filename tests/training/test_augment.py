"""What augmentation may do to a photo: change how it looks, never its shape, and the same for the same seed."""

import pytest
import torch

from training.augment import Augmentation, DateStamp, Exposure, Haze, LowResolution, MotionBlur, Noise, Recompression

PIXELS = torch.randint(0, 256, (3, 80, 80), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("side", [32, 96])
def test_photos_keep_bytes_and_get_the_side_of_the_stage(side):
    augmentation = Augmentation(side, seed=1)

    for seed in range(30):
        torch.manual_seed(seed)
        augmented = augmentation(PIXELS)
        assert augmented.shape == (3, side, side)
        assert augmented.dtype == torch.uint8


def test_the_same_random_state_gives_the_same_photo():
    def augment(seed):
        torch.manual_seed(seed)
        return Augmentation(64, seed=1)(PIXELS)

    assert torch.equal(augment(7), augment(7))
    assert not torch.equal(augment(7), augment(8))


def test_only_a_normal_photo_is_seen_from_very_close():
    columns = torch.arange(80, dtype=torch.uint8).repeat(3, 80, 1)  # how wide a crop is shows in its range

    def narrowest(normal):
        torch.manual_seed(3)
        frames = [Augmentation(64, seed=1).frame(columns, 64, 64, normal=normal) for _ in range(80)]
        return min(int(frame[frame != 127].max()) - int(frame.min()) for frame in frames)

    assert narrowest(normal=False) > 30  # a crop keeps 0.4 of the photo, so more than half of its width when square
    assert narrowest(normal=True) < 26


@pytest.mark.parametrize("change", [LowResolution(), Exposure(), Haze(), MotionBlur(), Noise()])
def test_each_change_of_the_look_keeps_the_shape_and_most_of_the_picture(change):
    scene = torch.zeros(3, 64, 64, dtype=torch.uint8) + 60
    scene[:, :, 32:] = 190

    for seed in range(20):
        torch.manual_seed(seed)
        changed = change(scene)
        assert changed.shape == scene.shape
        assert changed.dtype == torch.uint8
        assert changed[:, :, 48:].float().mean() - changed[:, :, :16].float().mean() > 20


def test_motion_blur_keeps_the_light_of_a_photo():
    torch.manual_seed(0)

    assert (MotionBlur()(torch.full((3, 32, 32), 200, dtype=torch.uint8)).int() - 200).abs().max() <= 1


def test_date_stamps_are_written_now_and_then():
    stamp, grey = DateStamp(seed=1), torch.full((3, 224, 224), 127, dtype=torch.uint8)
    torch.manual_seed(0)

    stamped = sum(bool((stamp(grey) != grey).any()) for _ in range(300))

    assert 25 <= stamped <= 65  # 45 expected
    assert (grey == 127).all()  # the photo itself is not written on


def test_recompression_leaves_the_traces_of_jpeg_and_the_picture():
    torch.manual_seed(0)
    steps = torch.arange(0, 192, 24, dtype=torch.uint8).repeat_interleave(10).repeat(3, 80, 1)

    compressed = Recompression()(steps)

    difference = (compressed.int() - steps.int()).abs()
    assert 0 < difference.max() < 40
