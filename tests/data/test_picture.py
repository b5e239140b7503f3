"""One picture from its bytes: sizes, colours, orientation, and a clear answer to everything that is wrong with it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jzsl.data.formats.picture import MOST_PIXELS, Reading, decode, read_bytes
from jzsl.errors import InputError

WHOLE = Reading()


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def photo(random) -> np.ndarray:
    """Smooth colours, which JPEG and WebP keep nearly as they are: uint8[40, 60, 3]."""
    y, x = np.mgrid[:40, :60]
    return np.stack([4 * x, 6 * y, 2 * (x + y)], -1).astype(np.uint8)


@pytest.mark.parametrize(("kind", "off"), [("PNG", 0), ("JPEG", 6), ("WEBP", 14)])
def test_formats(photo, kind, off):
    options = {"quality": 100, **({"subsampling": 0} if kind == "JPEG" else {})} if kind != "PNG" else {}
    pixels = decode(encoded(Image.fromarray(photo), kind, **options), "a", WHOLE)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (40, 60, 3)
    assert np.abs(pixels.astype(int) - photo).max() <= off


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("width", "height"), [(50, 33), (33, 50), (64, 64), (20, 20), (31, 17), (7, 56)])
@pytest.mark.parametrize(("shorter", "size"), [(32, 28), (24, 24), (41, 33), (None, 16)])
def test_resizing_and_cropping_are_those_of_pillow_one_after_the_other(
    random, interpolation, width, height, shorter, size
):
    """As torchvision does: the shorter side first, the longer one rounded down, then the centre."""
    image = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
    side = shorter or size
    resized = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    whole = image.resize(resized, getattr(Image.Resampling, interpolation.upper()))
    left, top = round((resized[0] - size) / 2), round((resized[1] - size) / 2)
    expected = np.asarray(whole)[top : top + size, left : left + size]
    pixels = decode(encoded(image), "a", Reading(size, shorter, interpolation))
    np.testing.assert_array_equal(pixels, expected)


def test_a_line_of_pixels_is_not_resized_to_more_than_memory_holds():
    image = Image.new("RGB", (1, 60_000), (10, 20, 30))
    assert (decode(encoded(image), "a", Reading(224, 256)) == [10, 20, 30]).all()
    assert decode(encoded(image.transpose(Image.Transpose.ROTATE_90)), "a", Reading(8)).shape == (8, 8, 3)


def test_colours(photo):
    """Grey is repeated, palettes are looked up, CMYK is converted, and what is transparent is white."""
    grey = photo[..., 0]
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey)), "a", WHOLE), np.repeat(grey[..., None], 3, 2))
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey)), "a", Reading(colours="grey")), grey[..., None])
    luma = decode(encoded(Image.fromarray(photo)), "a", Reading(colours="grey"))[..., 0]
    assert np.abs(luma - photo @ [0.299, 0.587, 0.114]).max() <= 1
    wide = (grey.astype(np.uint16) << 8) + 77
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(wide)), "a", Reading(colours="grey"))[..., 0], grey)
    palette = Image.fromarray(grey).convert("P")
    np.testing.assert_array_equal(decode(encoded(palette), "a", WHOLE), np.asarray(palette.convert("RGB")))
    two = Image.fromarray(grey > 100)
    np.testing.assert_array_equal(decode(encoded(two), "a", WHOLE)[..., 1], 255 * (grey > 100))
    ink = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    cyan = decode(encoded(ink, "JPEG", quality=100), "a", WHOLE).reshape(-1, 3).mean(0)
    assert np.abs(cyan - [0, 255, 255]).max() < 4


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_pixels_lie_on_white(photo, kind):
    opacity = np.zeros((40, 60, 1), np.uint8)
    opacity[:, 20:40], opacity[:, 40:] = 255, 102
    image = Image.fromarray(np.concatenate([photo, opacity], -1))
    pixels = decode(encoded(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})), "a", WHOLE)
    assert (pixels[:, :20] == 255).all()
    np.testing.assert_array_equal(pixels[:, 20:40], photo[:, 20:40])
    expected = 0.4 * photo[:, 40:] + 0.6 * 255
    assert np.abs(pixels[:, 40:] - expected).max() <= 1


def test_a_transparent_colour_of_a_palette_is_white():
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    pixels = decode(encoded(image, transparency=1), "a", WHOLE)
    assert {tuple(map(int, pixel)) for pixel in pixels.reshape(-1, 3)} == {(10, 20, 30), (255, 255, 255)}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera_is_applied(orientation):
    """Each of the eight orientations of the EXIF standard shows the same corner colours once it is applied."""
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16], upright[:8, 16:], upright[8:, :16] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    # Row and column of the stored picture's origin, by EXIF 2.3, table 4.6.A: the inverse of what a viewer does.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright), 7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(decode(content, "a", WHOLE), upright)


def test_a_damaged_exif_record_has_no_orientation(photo):
    content = encoded(Image.fromarray(photo), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(9))
    np.testing.assert_array_equal(decode(content, "a", WHOLE), photo)


def test_of_an_animation_the_first_frame_is_taken(photo):
    frames = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(decode(content, "a", WHOLE), photo)


def bomb() -> bytes:
    """A PNG of some hundred bytes that claims 50,000 x 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


FOREIGN = {
    "zero bytes": (b"", "0 bytes found"),
    "text": (b"not a picture", "neither of these"),
    "a web page": (b"\n <!DOCTYPE html><html>404", "text of a web page"),
    "GIF": (encoded(Image.new("RGB", (4, 4)), "GIF"), "a GIF image found, expected PNG, JPEG or WebP"),
    "BMP": (encoded(Image.new("RGB", (4, 4)), "BMP"), "a BMP image found"),
    "TIFF": (encoded(Image.new("RGB", (4, 4)), "TIFF"), "a TIFF image found"),
    "a bomb": (bomb(), "pixels claimed"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_no_picture_is_refused_by_name(case):
    content, message = FOREIGN[case]
    with pytest.raises(InputError, match=rf"^photos/a\.jpg: .*{message}"):
        decode(content, "photos/a.jpg", WHOLE)


def test_pixels_just_beyond_the_limit_are_refused_before_they_are_decoded():
    side = int(MOST_PIXELS**0.5)
    content = bytearray(encoded(Image.new("L", (4, 4))))
    content[16:24] = struct.pack(">II", side, side + 1)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    with pytest.raises(InputError, match="nothing was decoded"):
        decode(bytes(content), "a", WHOLE)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_file_is_refused_wherever_it_ends(random, kind):
    content = encoded(Image.fromarray(random.integers(0, 256, (24, 24, 3), np.uint8)), kind)
    for share in (0.01, 0.1, 0.5, 0.9, 0.97):
        with pytest.raises(InputError, match=r"^photos/a: "):
            decode(content[: int(share * len(content))], "photos/a", WHOLE)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_bytes(tmp_path / "a.png")
    with pytest.raises(InputError, match="not a regular file"):
        read_bytes(tmp_path)
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"link\.png: no such file"):
        read_bytes(tmp_path / "link.png")
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match="expected a picture of at most"):
        read_bytes(tmp_path / "large.png")


def test_readings_that_make_no_sense():
    for size, shorter, message in (
        (0, None, r"reading\.size: 0 found"),
        (8, 0, r"reading\.shorter: 0 found"),
        (8, 7, "expected a size of at most as much"),
        (None, 7, "expected a size of at most as much"),
    ):
        with pytest.raises(InputError, match=message):
            Reading(size, shorter)
