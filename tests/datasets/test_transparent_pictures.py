"""Pictures with transparency: what --channels=4 reads, and what a run is told."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gan_zoo.analysis.audit import audit, open_audit_source
from gan_zoo.analysis.audit_report import audit_json, contact_sheet
from gan_zoo.datasets import build_dataset, pixels
from gan_zoo.datasets.pixels import Preprocessing, preprocess
from gan_zoo.datasets.values import Levels, Tally, Values
from gan_zoo.errors import UserError

RGBA8 = Preprocessing((8, 8), 4)
COLOR = (200, 100, 0)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_by_hand(color, pixels, key, bits=16):
    """A PNG of 16 bits, or fewer, with a transparent color, which Pillow does not write."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = b"".join(b"\0" + packed(row, bits) for row in pixels)
    header = struct.pack(">IIBBBBB", 8, 8, bits, color, 0, 0, 0)
    parts = [(b"IHDR", header), (b"tRNS", np.array(key, ">u2").tobytes())]
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def packed(row, bits):
    """The bytes of values, of which those of few bits share a byte."""
    if bits == 16:
        return row.astype(">u2").tobytes()
    return int("".join(f"{value:0{bits}b}" for value in row), 2).to_bytes(bits, "big")


def premultiplied_tiff(pixels):
    """A TIFF of colors that are multiplied by the opacity (ExtraSamples 1)."""
    strip, deep = 8 + 2 + 11 * 12 + 4 + 8, struct.pack("<4H", 8, 8, 8, 8)
    tags = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 4, strip - 8), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, strip), (277, 3, 1, 4), (278, 3, 1, 8), (279, 4, 1, 256), (284, 3, 1, 1)]
    tags += [(338, 3, 1, 1)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return header + entries + struct.pack("<I", 0) + deep + pixels.tobytes()


def half_sprite(hidden=(9, 250, 30)):
    """RGBA [8, 8, 4]: the left half is an opaque color, the right one hides another color."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (*COLOR, 255)
    pixels[:, 4:] = (*hidden, 0)
    return pixels


def with_key():
    """RGB [8, 8, 3]: the left half is a color, the right one the color that is transparent."""
    pixels = np.full((8, 8, 3), 7, np.uint8)
    pixels[:, :4] = COLOR
    return pixels


def palette(kind, **options):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([*COLOR, 255, 255, 255])
    image.paste(0, (0, 0, 4, 8))
    return encoded(image, kind, **options)


def gray(mode):
    pixels = np.full((8, 8), 77, np.uint16)
    pixels[:, :4] = 100 * (257 if mode == "I;16" else 1)
    return pixels if mode == "I;16" else pixels.astype(np.uint8)


KINDS = {
    "RGBA": encoded(Image.fromarray(half_sprite())),
    "WebP": encoded(Image.fromarray(half_sprite()), "WEBP", lossless=True, exact=True),
    "RGB with a transparent color": encoded(Image.fromarray(with_key()), transparency=(7, 7, 7)),
    "palette with opacities": palette("PNG", transparency=b"\xff\0"),
    "GIF": palette("GIF", transparency=1),
    "RGB of 16 bits": png_by_hand(2, with_key().astype(np.uint16) * 257, [7 * 257] * 3),
    "TIFF of multiplied colors": premultiplied_tiff(half_sprite(hidden=(0, 0, 0))),
    "array": half_sprite(),
}
GRAY = {
    "LA": encoded(Image.fromarray(np.stack([gray("L"), half_sprite()[..., 3]], -1))),
    "L with a transparent gray": encoded(Image.fromarray(gray("L")), transparency=77),
    "16 bits": png_by_hand(0, gray("I;16"), [77]),
    "array of 2 channels": np.stack([gray("L"), half_sprite()[..., 3]], -1),
}


@pytest.mark.parametrize("kind", [*KINDS, *GRAY])
def test_every_kind_of_transparency_is_read(kind):
    wanted = half_sprite(hidden=(0, 0, 0))
    if kind in GRAY:
        wanted[:, :4, :3] = 100
    picture = preprocess({**KINDS, **GRAY}[kind], RGBA8)
    np.testing.assert_array_equal(picture.pixels, wanted)
    assert picture.values.traits == {"transparent"}


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_gray_of_few_bits(bits):
    pixels = np.ones((8, 8), int)
    pixels[:, :4] = 0
    picture = preprocess(png_by_hand(0, pixels, [1], bits), RGBA8)
    np.testing.assert_array_equal(picture.pixels[..., 3], half_sprite()[..., 3])
    assert picture.values.traits == {"transparent"}


def test_a_transparent_color_of_12_bits_is_found_after_scaling():
    data = png_by_hand(2, with_key().astype(np.uint16) * 16, [7 * 16] * 3)
    found = preprocess(data, Preprocessing((8, 8), 4, levels=Levels(deep=4095))).pixels
    np.testing.assert_array_equal(found[..., 3], half_sprite()[..., 3])
    np.testing.assert_allclose(found[0, 0, :3], COLOR, atol=1)


def test_half_transparency_of_multiplied_colors_is_undone():
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:] = (100, 50, 0, 128)
    found = preprocess(premultiplied_tiff(pixels), RGBA8).pixels[0, 0]
    np.testing.assert_allclose(found, (199, 100, 0, 128), atol=1)


@pytest.mark.parametrize("hidden", [(255, 255, 255), (0, 0, 0)])
@pytest.mark.parametrize("resample", ["box", "lanczos"])
def test_hidden_colors_leave_no_fringe(hidden, resample):
    """At the edge an output pixel holds both halves: half opaque, and of the color alone."""
    pixels = np.zeros((8, 24, 4), np.uint8)
    pixels[..., :3], pixels[:, :13] = hidden, (*COLOR, 255)
    found = preprocess(pixels, Preprocessing((8, 12), 4, "stretch", resample)).pixels[4]
    if resample == "box":  # columns 12 and 13, of which one is opaque
        np.testing.assert_array_equal(found[6, 3], 128)
    seen = found[:, 3] > 0
    np.testing.assert_allclose(found[seen, :3], np.tile(COLOR, (seen.sum(), 1)), atol=1)
    assert (found[~seen] == 0).all()


@pytest.fixture
def read(tmp_path):
    """read(arrays, channels, spec) -> the data set of a folder of PNGs with these pixels."""

    def go(images, channels=4, spec="files", size=(8, 8)):
        folder = tmp_path / f"d{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(folder / f"{i}.png")
        return build_dataset(spec, size, channels, folder, tmp_path / "cache")

    return go


def test_what_is_hidden_does_not_count(read):
    first, second = (
        read([half_sprite(hidden), half_sprite((1, 2, 3))]) for hidden in ((9, 9, 9), (0, 5, 0))
    )
    assert first.image_shape == (8, 8, 4)
    assert first.hash == second.hash
    assert "2 of 2" not in first.notes[0]  # not: transparent parts become white
    assert any("equal at the size of training" in note for note in first.notes)


def test_pictures_without_transparency_are_counted_and_a_set_of_them_is_refused(read):
    opaque = np.full((8, 8, 3), 90, np.uint8)
    opaque[2:6, 2:6] = COLOR
    data = read([half_sprite(), half_sprite(), opaque])
    assert (data.images[2, ..., 3] == 255).all()
    (note,) = [note for note in data.notes if "opaque" in note]
    assert note.startswith("1 of 3 images in ")
    with pytest.raises(UserError, match=r"no image in .* has transparent parts.*--channels=3"):
        read([opaque, opaque])


def test_without_the_flag_transparency_is_flattened_and_the_flag_is_named(read):
    data = read([half_sprite(), half_sprite()], None)
    np.testing.assert_array_equal(data.images[0, 0, [0, 7]], [COLOR, (255, 255, 255)])
    (note,) = [note for note in data.notes if "transparent" in note]
    assert "become white" in note and "--channels=4 trains transparency" in note


@pytest.mark.parametrize("opacity", [0, 1])
def test_pictures_of_which_nothing_is_seen_are_told(read, opacity):
    empty = half_sprite()
    empty[..., 3] = opacity * (empty[..., 3] > 0)
    for channels in (None, 4):
        notes = " ".join(read([empty, half_sprite(), half_sprite()], channels).notes)
        assert "1 of 3 images in" in notes and "an opacity of at most 1 of 255" in notes
    assert "an opacity of at most" not in " ".join(read([half_sprite()]).notes)


def test_a_set_of_which_nothing_is_seen_is_refused(read):
    with pytest.raises(UserError, match=r"all 2 images in .* are transparent everywhere"):
        read([np.zeros((8, 8, 4), np.uint8)] * 2)


def test_a_large_picture_of_which_a_strip_is_empty_is_seen(monkeypatch):
    monkeypatch.setattr(pixels, "_SHRUNK", 100)
    monkeypatch.setattr(pixels, "_STRIP", 100)
    tall = np.zeros((64, 16, 4), np.uint8)
    assert "invisible" in preprocess(encoded(Image.fromarray(tall)), RGBA8).values.traits
    tall[:8] = 255
    assert "invisible" not in preprocess(encoded(Image.fromarray(tall)), RGBA8).values.traits


def test_a_background_has_no_opacity(read):
    with pytest.raises(UserError, match=r"background='#ff880000' has an opacity"):
        read([half_sprite()], 3, "files(background='#ff880000')")


def test_a_background_is_refused_and_padding_is_transparent(read):
    with pytest.raises(UserError, match=r"--channels=4 keeps transparency.*background='black'"):
        read([half_sprite()], spec="files(background='black')")
    data = read([half_sprite()[2:6], half_sprite()[2:6, :4].repeat(2, 1)], spec="files(fit='pad')")
    assert (data.images[:, [0, 7]] == 0).all()
    assert (data.images[:, 3, 0] == (*COLOR, 255)).all()


@pytest.mark.parametrize("order", ["NHWC", "NCHW"])
def test_arrays_of_four_channels_keep_their_opacity(tmp_path, order):
    images = np.stack([half_sprite(), half_sprite()[:, ::-1], half_sprite()[::-1, ::-1]] * 4)
    np.savez(tmp_path / "a.npz", images=images if order == "NHWC" else images.transpose(0, 3, 1, 2))
    data = build_dataset("files", (8, 8), 4, tmp_path / "a.npz", tmp_path / "cache")
    wanted = np.where(images[..., 3:] > 0, images, 0)
    np.testing.assert_array_equal(data.images, wanted)


@pytest.mark.parametrize(
    ("dtype", "factor", "opaque"),
    [("f4", 1, 1), ("f4", 1 / 255, 1), ("u2", 16, 65535), ("u2", 257, 65535), ("i4", 1, 1)],
)
def test_arrays_may_have_an_opacity_in_other_units(tmp_path, dtype, factor, opaque):
    images = np.stack([half_sprite(), half_sprite()[:, ::-1]] * 2)
    images[:, 0, :, :3] = 255 * (images[:, 0, :, 3:] > 0)
    array = (images.astype(float) * factor).astype(dtype)
    array[..., 3] = (images[..., 3] > 0) * opaque
    np.save(tmp_path / "a.npy", array)
    data = build_dataset("files", (8, 8), 4, tmp_path / "a.npy", tmp_path / "cache")
    wanted = np.where(images[..., 3:] > 0, images, 0)
    np.testing.assert_allclose(data.images, wanted, atol=1)


def test_black_shapes_are_not_called_flat_and_not_dark():
    """Their colors are 0 everywhere, and what shows is in the opacity."""
    shape = np.zeros((8, 8, 4), np.uint8)
    shape[2:6, 2:6, 3] = 255
    tally = Tally()
    for k in range(3):
        tally.add(np.roll(shape, k, 0), preprocess(shape, RGBA8).values)
    assert not list(tally.notes("here", Levels(), ""))
    deep, small = Tally(), np.zeros((8, 8, 4), np.uint8)
    small[3, 3:6] = (250, 40, 90, 255)
    for _ in range(3):
        deep.add(small, Values(deep=65535, traits=frozenset(["transparent"])))
    assert not list(deep.notes("here", Levels(), ""))  # hidden pixels are not dark ones
    flat = Tally()
    for _ in range(3):
        flat.add(np.full((8, 8, 4), (9, 9, 9, 255), np.uint8), preprocess(shape, RGBA8).values)
    assert ["one flat color" in note for note in flat.notes("here", Levels(), "")] == [True]


def test_an_audit_sees_white_sprites_apart_and_draws_them(tmp_path):
    y, x = np.mgrid[:16, :16]
    for i, where in enumerate([x < 8, y < 8, (x - 8) ** 2 + (y - 8) ** 2 < 20]):
        pixels = np.zeros((16, 16, 4), np.uint8)
        pixels[where] = 255
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    flat = audit_json(audit(open_audit_source(str(tmp_path), image_size="8")))
    assert flat["exact_duplicates"] == 2  # over white, all three are a white page
    found = audit(open_audit_source(str(tmp_path), image_size="8", channels=4))
    record = audit_json(found)
    assert (record["shape"], record["transparent"]) == ([8, 8, 4], 3)
    assert (record["exact_duplicates"], record["near_duplicates"]) == (0, 0)
    data = build_dataset("files", (8, 8), 4, tmp_path, tmp_path / "cache")
    assert record["hash"] == data.hash
    sheet = contact_sheet(found)
    assert sheet.shape[2] == 3
    assert {112, 160, 255} <= set(np.unique(sheet))  # the checkerboard behind white
