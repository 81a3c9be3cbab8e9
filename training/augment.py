"""What a run does to photos so that the network learns the problem and not the collection it came from.

Each step removes a shortcut that the sources offer (see datasets/README.md). Framing hides aspect ratio and distance;
a normal photo may be cropped far closer than one that shows a problem, since no part of it shows one: that is where
close-ups of sound asphalt and plain walls come from. The look hides camera, light, weather and compression, and the
date stamps that sit mostly on photos of garbage.
"""

import io

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import conv2d, pad
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import resize

STAMPS = 48
STAMP_PROBABILITY = 0.15
SCALE = (0.4, 1.0)  # share of a photo that a crop keeps
CLOSE_SCALE = (0.1, 1.0)  # of a photo that shows no problem
RATIO = (0.6, 1.67)  # width / height of a crop, which is then squashed


class LowResolution(v2.Transform):
    """Makes a photo as coarse as one that was taken from afar or shrunk on its way."""

    def transform(self, inpt: Tensor, params: dict[str, object]) -> Tensor:
        """(3, side, side) uint8 → the same with less detail."""
        side = inpt.shape[-1]
        coarse = int(_draw(0.35, 0.9) * side)
        return resize(resize(inpt, [coarse, coarse], antialias=True), [side, side], antialias=True)


class Exposure(v2.Transform):
    """Too much light or too little, down to dusk."""

    def transform(self, inpt: Tensor, params: dict[str, object]) -> Tensor:
        """(3, height, width) uint8 → the same brighter or darker."""
        gamma = _draw(0.5, 2.4)
        brightest = _draw(0.35, 1.0) if gamma > 1 else 1.0
        return ((inpt.float() / 255) ** gamma * brightest * 255).to(torch.uint8)


class Haze(v2.Transform):
    """Fog, rain in the distance, a dirty lens."""

    def transform(self, inpt: Tensor, params: dict[str, object]) -> Tensor:
        """(3, height, width) uint8 → the same with less contrast."""
        share = _draw(0.15, 0.5)
        return (inpt.float() * (1 - share) + share * _draw(150, 235)).to(torch.uint8)


class MotionBlur(v2.Transform):
    """A hand or a vehicle that moved."""

    def transform(self, inpt: Tensor, params: dict[str, object]) -> Tensor:
        """(3, height, width) uint8 → the same smeared along a line of 5 to 13 pixels."""
        reach = int(torch.randint(2, 7, ()))
        angle = _draw(0, np.pi)
        steps = torch.linspace(-reach, reach, 8 * reach)
        rows, columns = (steps * np.sin(angle) + reach).round().long(), (steps * np.cos(angle) + reach).round().long()
        kernel = torch.zeros(2 * reach + 1, 2 * reach + 1)
        kernel[rows, columns] = 1
        kernel = (kernel / kernel.sum()).expand(3, 1, -1, -1)
        padded = pad(inpt[None].float(), [reach] * 4, mode="reflect")
        return conv2d(padded, kernel, groups=3)[0].round().to(torch.uint8)


class Noise(v2.Transform):
    """The grain of a small sensor in little light."""

    def transform(self, inpt: Tensor, params: dict[str, object]) -> Tensor:
        """(3, height, width) uint8 → the same with grain."""
        return (inpt.float() + torch.randn(inpt.shape) * _draw(4, 22)).clamp(0, 255).to(torch.uint8)


class Recompression(v2.Transform):
    """Saves a photo as JPEG once more, at any quality a phone or a chat program uses."""

    def transform(self, inpt: Tensor, params: dict[str, object]) -> Tensor:
        """(3, height, width) uint8 → the same with the traces of JPEG."""
        file = io.BytesIO()
        picture = Image.fromarray(inpt.permute(1, 2, 0).numpy())
        picture.save(file, "JPEG", quality=int(torch.randint(10, 91, ())))
        return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).contiguous()


class DateStamp(v2.Transform):
    """Writes a date, time or caption over a photo now and then, whatever it shows."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.masks = _draw_stamps(seed)

    def transform(self, inpt: Tensor, params: dict[str, object]) -> Tensor:
        """(3, height, width) uint8 → the same, perhaps with a stamp."""
        if torch.rand(()) >= STAMP_PROBABILITY:
            return inpt
        mask = self.masks[int(torch.randint(len(self.masks), ()))]
        height, width = min(mask.shape[0], inpt.shape[1]), min(mask.shape[1], inpt.shape[2])
        bottom = torch.rand(()) < 0.7  # where cameras put them
        top = inpt.shape[1] - height if bottom else 0
        left = int(torch.randint(inpt.shape[2] - width + 1, ()))
        colour = torch.tensor([[255, 255, 255], [255, 220, 60], [255, 90, 40], [20, 20, 20]], dtype=torch.uint8)
        stamped = inpt.clone()
        window = stamped[:, top : top + height, left : left + width]
        chosen = colour[int(torch.randint(len(colour), ()))].view(3, 1, 1).expand_as(window)
        window.copy_(torch.where(mask[:height, :width], chosen, window))
        return stamped


def _draw_stamps(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def draw_number(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    masks = []
    for _ in range(STAMPS):
        date = f"{draw_number(2012, 2027)}-{draw_number(1, 13):02}-{draw_number(1, 29):02}"
        clock = f"{draw_number(0, 24):02}:{draw_number(0, 60):02}:{draw_number(0, 60):02}"
        text = (f"{date} {clock}", date.replace("-", "/"), f"{date}\n{clock}", f"IMG {clock}")[draw_number(0, 4)]
        font = ImageFont.load_default(size=draw_number(9, 20))
        _, _, right, bottom = ImageDraw.Draw(Image.new("1", (1, 1))).multiline_textbbox((0, 0), text, font=font)
        picture = Image.new("L", (int(right) + 8, int(bottom) + 6), 0)
        ImageDraw.Draw(picture).multiline_text((4, 2), text, font=font, fill=255)
        rows = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
        masks.append(rows.view(picture.height, picture.width) > 127)
    return masks


def _draw(low: float, high: float) -> float:
    return float(torch.empty(()).uniform_(low, high))


class Augmentation:
    """(3, packed side, packed side) uint8 RGB → (3, side, side) uint8 RGB, by torch's global random state."""

    def __init__(self, side: int, seed: int) -> None:
        self.side = side
        turn = v2.RandomApply([v2.RandomAffine(degrees=12, shear=8, fill=127)], p=0.3)
        self._turned = v2.Compose([v2.RandomHorizontalFlip(), turn])
        self._look = v2.Compose(
            [
                v2.RandomApply([LowResolution()], p=0.25),
                v2.RandomApply([v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.5)], p=0.7),
                v2.RandomGrayscale(p=0.07),
                v2.RandomApply([Exposure()], p=0.2),
                v2.RandomApply([Haze()], p=0.06),
                v2.RandomApply([MotionBlur()], p=0.1),
                v2.RandomApply([v2.GaussianBlur(kernel_size=5, sigma=(0.4, 1.8))], p=0.1),
                v2.RandomApply([Noise()], p=0.15),
                v2.RandomApply([Recompression()], p=0.3),
                DateStamp(seed),
            ]
        )

    def __call__(self, pixels: Tensor, *, normal: bool = False) -> Tensor:
        """One photo; `normal`: it shows no problem anywhere."""
        return self.look(self.frame(pixels, self.side, self.side, normal=normal))

    def frame(self, pixels: Tensor, height: int, width: int, *, normal: bool) -> Tensor:
        """A part of the photo, mirrored, turned and squashed to (3, height, width) uint8."""
        close = normal and torch.rand(()) < 0.6
        scale = CLOSE_SCALE if close else SCALE
        return v2.RandomResizedCrop((height, width), scale=scale, ratio=RATIO, antialias=True)(self._turned(pixels))

    def look(self, pixels: Tensor) -> Tensor:
        """(3, side, side) uint8 → the same by another camera, in another light."""
        seen: Tensor = self._look(pixels)
        return seen
