"""How the golden photo and its pixels were made: `python -m tests.golden.draw`, only when the photo road changes."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from model.preprocessing import prepare_photo

GOLDEN = Path(__file__).parent
SIDE = 64


def draw_golden_photo() -> None:
    """A drawn street, stored sideways as phones do (EXIF orientation 6), and what the network gets of it."""
    scene = Image.new("RGB", (900, 1200), (140, 160, 180))
    drawing = ImageDraw.Draw(scene)
    drawing.rectangle((0, 700, 900, 1200), fill=(90, 90, 95))
    drawing.polygon([(380, 1200), (430, 700), (470, 700), (520, 1200)], fill=(230, 230, 220))
    drawing.ellipse((120, 900, 380, 1040), fill=(35, 30, 30))
    drawing.rectangle((600, 300, 860, 720), fill=(170, 80, 60))
    drawing.line((620, 420, 700, 360, 760, 470, 840, 380), fill=(20, 20, 120), width=14)
    exif = Image.Exif()
    exif[0x0112] = 6
    scene.transpose(Image.Transpose.ROTATE_90).save(GOLDEN / "photo.jpg", quality=85, exif=exif)
    pixels = prepare_photo((GOLDEN / "photo.jpg").read_bytes(), SIDE).pixels
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(GOLDEN / "pixels.png")


if __name__ == "__main__":
    draw_golden_photo()
