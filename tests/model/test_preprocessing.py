"""The one road from photo bytes to the network's input."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from model.errors import NotAPhoto, PhotoTooManyPixels, PhotoTooSmall, PhotoTruncated
from model.likeness import signatures
from model.preprocessing import _reduction, check_photo, copy_photo, prepare_photo, read_photo, shrink

SIDE = 224


def draw_scene(width, height):
    """A picture with large shapes, fine texture and edges as sharp as a lens draws them."""
    rng = np.random.default_rng(5)
    small = Image.fromarray(rng.integers(40, 220, (45, 60, 3), dtype=np.uint8))
    scene = small.resize((2400, 1800), Image.Resampling.BICUBIC)
    drawing = ImageDraw.Draw(scene)
    for _ in range(60):
        x, y = int(rng.integers(2400)), int(rng.integers(1800))
        colour = tuple(int(value) for value in rng.integers(0, 255, 3))
        drawing.rectangle((x, y, x + 120, y + 60), fill=colour)
        drawing.line((x, y, x + 300, y + 300), fill=colour, width=3)
    grain = rng.normal(0, 6, (1800, 2400, 1))
    grained = Image.fromarray((np.asarray(scene) + grain).clip(0, 255).astype(np.uint8))
    return grained.resize((width, height), Image.Resampling.LANCZOS)


def encode(image, file_format="JPEG", **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("width", "height"),
    [(4000, 3000), (3944, 2240), (2988, 2960), (3243, 2973), (2510, 1120), (1902, 1480), (1200, 900), (448, 300)],
)
@pytest.mark.parametrize("side", [SIDE, 256])
def test_decoding_at_reduced_scale_equals_full_decoding(width, height, side):
    photo = encode(draw_scene(width, height), quality=90)

    prepared = prepare_photo(photo, side)

    full = Image.open(io.BytesIO(photo)).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    difference = np.abs(prepared.pixels.astype(int) - np.asarray(full).transpose(2, 0, 1))
    assert difference.mean() <= 0.25
    assert np.percentile(difference, 99) <= 1
    assert (prepared.width, prepared.height) == (width, height)


@pytest.mark.parametrize(
    ("size", "side", "reduction"),
    [
        pytest.param((4000, 3000), 224, 4, id="12 MP"),
        pytest.param((3000, 4000), 256, 4, id="12 MP upright, larger network"),
        pytest.param((8000, 6000), 256, 8, id="48 MP"),
        pytest.param((4002, 3002), 224, 2, id="divided by 2 alone"),
        pytest.param((4001, 3000), 224, 1, id="not divided"),
        pytest.param((1440, 1080), 256, 1, id="reduced by a chat program"),
    ],
)
def test_a_photo_is_decoded_as_small_as_the_network_and_its_sides_allow(size, side, reduction):
    assert _reduction(size, side) == reduction


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (448, 300), (120, 400)])
def test_a_prepared_photo_shrinks_to_what_decoding_it_at_that_side_would_give(width, height):
    photo = encode(draw_scene(width, height), quality=90)

    shrunk, decoded = shrink(prepare_photo(photo, SIDE).pixels, 64), prepare_photo(photo, 64).pixels

    assert shrunk.shape == (3, 64, 64)
    assert shrunk.flags["C_CONTIGUOUS"]
    assert float(signatures(shrunk)[0] @ signatures(decoded)[0]) > 0.99


def test_pixels_are_channels_first_rgb_bytes():
    prepared = prepare_photo(encode(Image.new("RGB", (300, 200), (250, 120, 10)), "PNG"), 64)

    assert prepared.pixels.shape == (3, 64, 64)
    assert prepared.pixels.dtype == np.uint8
    assert prepared.pixels.flags["C_CONTIGUOUS"]
    assert [int(channel[0, 0]) for channel in prepared.pixels] == [250, 120, 10]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_comes_out_upright_however_the_phone_was_held(file_format, orientation):
    upright = Image.new("RGB", (120, 80), "white")
    ImageDraw.Draw(upright).rectangle((0, 0, 30, 20), fill=(220, 0, 0))  # top left
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = encode(stored, file_format, exif=exif.tobytes())

    prepared = prepare_photo(photo, 64)

    assert (prepared.width, prepared.height) == (120, 80) == check_photo(photo)
    red, green, _ = prepared.pixels.astype(int)
    reddest = np.unravel_index(np.argmax(red - green), red.shape)
    assert reddest[0] < 20
    assert reddest[1] < 20
    assert read_photo(photo).size == (120, 80)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        pytest.param("L", 100, (100, 100, 100), id="grey"),
        pytest.param("1", 1, (255, 255, 255), id="one bit"),
        pytest.param("RGBA", (255, 0, 0, 0), (255, 255, 255), id="transparent shows white"),
        pytest.param("LA", (0, 255), (0, 0, 0), id="grey with alpha"),
        pytest.param("I;16", 0x8000, (128, 128, 128), id="16 bit grey is scaled, not clipped"),
    ],
)
def test_every_mode_becomes_rgb(mode, colour, expected):
    prepared = prepare_photo(encode(Image.new(mode, (64, 64), colour), "PNG"), 32)

    assert tuple(int(channel[16, 16]) for channel in prepared.pixels) == expected


def test_palette_and_cmyk_become_rgb():
    palette = Image.new("RGB", (64, 64), (0, 200, 0)).quantize(4)
    cmyk = Image.new("RGB", (64, 64), (0, 200, 0)).convert("CMYK")

    for photo in (encode(palette, "PNG"), encode(cmyk, "JPEG", quality=95)):
        red, green, blue = (int(channel[16, 16]) for channel in prepare_photo(photo, 32).pixels)
        assert green > 150 > 60 > max(red, blue)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow says so, and goes on
def test_a_damaged_exif_block_does_not_cost_the_photo():
    photo = encode(Image.new("RGB", (80, 60)), exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff broken")

    assert check_photo(photo) == (80, 60)
    assert prepare_photo(photo, 32).width == 80


def png_header(width, height):
    """A PNG that only announces its size."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00")) + chunk(b"IEND", b"")


GIF = encode(Image.new("P", (64, 64)), "GIF")


@pytest.mark.parametrize(
    ("photo", "error"),
    [
        pytest.param(b"", NotAPhoto, id="empty"),
        pytest.param(b"\xff", NotAPhoto, id="one byte"),
        pytest.param(b"<html>no photo</html>", NotAPhoto, id="text"),
        pytest.param(GIF, NotAPhoto, id="GIF"),
        pytest.param(png_header(50_000, 50_000), PhotoTooManyPixels, id="a header of 2,500 megapixels"),
        pytest.param(png_header(8_001, 8_000), PhotoTooManyPixels, id="just over 64 megapixels"),
        pytest.param(encode(Image.new("RGB", (31, 400))), PhotoTooSmall, id="31 pixels wide"),
    ],
)
def test_what_the_header_shows_is_refused_before_decoding(photo, error):
    with pytest.raises(error):
        check_photo(photo)
    with pytest.raises(error):
        prepare_photo(photo, 32)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_photo_cut_off_is_refused(file_format, kept):
    photo = encode(draw_scene(400, 300), file_format)

    with pytest.raises((PhotoTruncated, NotAPhoto)):
        prepare_photo(photo[: int(len(photo) * kept)], 32)


# ---- the copy that is kept ----


def with_metadata(image, file_format="JPEG", orientation=6):
    """A photo file that says who took it, where, with what, and what they thought."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "MAKER-OF-PHONE"
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 14.0, 5.0), 3: "E", 4: (121.0, 28.0, 7.0), 29: "GPSDATE-2026"})
    options = {
        "exif": exif.tobytes(),
        "icc_profile": b"ICC-PROFILE" + bytes(200),
        "xmp": b"<x:xmpmeta>XMP-PACKET</x:xmpmeta>",
    }
    if file_format == "JPEG":
        options["comment"] = b"COMMENT-OF-MINE"
    return encode(image, file_format, **options)


MARKS = (b"MAKER-OF-PHONE", b"GPSDATE-2026", b"ICC-PROFILE", b"XMP-PACKET", b"COMMENT-OF-MINE")


def test_a_copy_holds_nothing_but_the_picture():
    photo = with_metadata(Image.new("RGB", (400, 300), (90, 120, 60)))
    assert all(mark in photo for mark in MARKS)

    copy = copy_photo(photo, 1600)

    assert not [mark for mark in MARKS if mark in copy]
    assert not [mark for mark in (b"Exif", b"ICC_PROFILE", b"ns.adobe.com") if mark in copy]
    assert set(Image.open(io.BytesIO(copy)).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_a_copy_is_upright(file_format):
    lying = Image.new("RGB", (400, 200), "white")
    ImageDraw.Draw(lying).rectangle((0, 160, 40, 200), fill=(220, 0, 0))  # bottom left, top left once turned
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = encode(lying, file_format, exif=exif.tobytes())

    copy = Image.open(io.BytesIO(copy_photo(photo, 1600)))

    assert (copy.format, copy.mode, copy.size) == ("JPEG", "RGB", (200, 400))
    red, green, _ = copy.getpixel((15, 15))
    assert red > 180 and green < 60


@pytest.mark.parametrize(
    ("width", "height", "longest", "expected"),
    [
        (4000, 3000, 1600, (1600, 1200)),
        (3000, 4000, 1600, (1200, 1600)),
        (1601, 801, 1600, (1600, 800)),
        (640, 480, 1600, (640, 480)),  # never enlarged
        (6000, 40, 1600, (1600, 11)),
    ],
)
def test_a_copy_is_as_large_as_asked_for_and_no_larger(width, height, longest, expected):
    copy = Image.open(io.BytesIO(copy_photo(encode(draw_scene(width, height), quality=90), longest)))

    assert copy.size == expected


def test_a_copy_decoded_at_reduced_scale_looks_like_one_that_was_not():
    photo = encode(draw_scene(4000, 3000), quality=90)

    copy = np.asarray(Image.open(io.BytesIO(copy_photo(photo, 1600)))).astype(int)

    full = np.asarray(Image.open(io.BytesIO(photo)).resize((1600, 1200), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(copy - full).mean() < 4  # the JPEG itself costs about 3


def test_transparency_is_white_in_a_copy():
    photo = encode(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "PNG")

    assert Image.open(io.BytesIO(copy_photo(photo, 1600))).getpixel((32, 32)) == (255, 255, 255)


def test_a_damaged_photo_is_not_copied():
    with pytest.raises(PhotoTruncated):
        copy_photo(encode(draw_scene(400, 300))[:3000], 1600)
