"""What a run does to photos so that the network learns the problem and not the collection it came from.

Each step removes a shortcut that the sources offer (see datasets/README.md): framing and aspect ratio, distance,
camera and compression, and the date stamps that sit mostly on photos of garbage.
"""

import io

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms import v2

STAMPS = 48
STAMP_PROBABILITY = 0.15


class Recompression(v2.Transform):
    """Saves a photo as JPEG once more, at any quality a phone or a chat program uses."""

    def transform(self, inpt: Tensor, params: dict[str, object]) -> Tensor:
        """(3, height, width) uint8 → the same with the traces of JPEG."""
        file = io.BytesIO()
        picture = Image.fromarray(inpt.permute(1, 2, 0).numpy())
        picture.save(file, "JPEG", quality=int(torch.randint(25, 91, ())))
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


def build_augmentation(side: int, seed: int) -> v2.Transform:
    """(3, packed side, packed side) uint8 RGB → (3, side, side) uint8 RGB, by torch's global random state."""
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.RandomAffine(degrees=10, shear=8, fill=127)], p=0.3),
            v2.RandomResizedCrop(side, scale=(0.45, 1.0), ratio=(0.7, 1.43), antialias=True),
            v2.RandomApply([v2.ColorJitter(brightness=0.35, contrast=0.3, saturation=0.3)], p=0.7),
            v2.RandomGrayscale(p=0.05),
            v2.RandomApply([v2.GaussianBlur(kernel_size=5, sigma=(0.4, 1.6))], p=0.12),
            v2.RandomApply([Recompression()], p=0.3),
            DateStamp(seed),
        ]
    )
