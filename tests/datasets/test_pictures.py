"""Pictures of all kinds: which files are read, what their values mean, what a run is told."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from gan_zoo.datasets import build_dataset, picture_files, picture_formats, pixels, values
from gan_zoo.datasets.files import files
from gan_zoo.datasets.picture_files import find_pictures
from gan_zoo.datasets.picture_formats import FORMATS, sniff
from gan_zoo.datasets.values import Levels, black_and_white, white_of
from gan_zoo.errors import UserError

RNG = np.random.default_rng(0)


def noise(*shape, high=256, dtype=np.uint8):
    return RNG.integers(0, high, shape).astype(dtype)


def encoded(image, kind="PNG", **options):
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def deep_png(values):
    """A PNG of 16-bit color, uint16 [H, W, 3], which Pillow does not write."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind, body):
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def tiff(values, photometric=1, more=0):
    """A TIFF of little-endian values [H, W] or [H, W, C], of which the last ``more`` are extra."""
    height, width, channels = np.atleast_3d(values).shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = {256: width, 257: height, 259: 1, 262: photometric, 277: channels, 278: height}
    tags |= {258: [8 * values.itemsize] * channels, 339: [kind] * channels, 279: values.nbytes}
    tags |= {338: [0] * more} if more else {}
    tags[273] = start = 8 + 2 + 12 * (len(tags) + 1) + 4
    far, entries = b"", b""
    for tag, value in sorted(tags.items()):
        numbers = value if isinstance(value, list) else [value]
        packed = struct.pack(f"<{len(numbers)}H", *numbers)
        if len(packed) > 4:
            far, packed = far + packed, struct.pack("<I", start + values.nbytes + len(far))
        entries += struct.pack("<HHI", tag, 3, len(numbers)) + packed.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + entries + bytes(4) + values.tobytes() + far


@pytest.fixture
def read(tmp_path):
    """read({name: bytes or pixels}, ...) -> the data set of a folder with these files."""

    def go(files, spec="files", size=(8, 8), channels=None):
        folder = tmp_path / f"d{len(list(tmp_path.iterdir()))}"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else encoded(content))
        return build_dataset(spec, size, channels, folder, tmp_path / "cache")

    return go


@pytest.fixture
def read_array(tmp_path):
    """read_array(array) -> the data set of an .npz with it."""

    def go(array, name="images"):
        np.savez(tmp_path / "a.npz", **{name: array})
        return build_dataset("files", (8, 8), None, tmp_path / "a.npz", tmp_path / "cache")

    return go


# ---- which files are read


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("JPEG2000", "a.jp2"),
        ("TGA", "a.tga"),
        ("JPEG", "a.jpe"),
        ("PNG", "a.apng"),
        ("AVIF", "a.avif"),
        ("ICO", "a.ico"),
        ("PCX", "a.pcx"),
        ("PNG", "0a1b2c3d"),
        ("JPEG", "a.jpg?w=200"),
        ("WEBP", "a.unknown"),
        ("GIF", "a"),
        ("BMP", "b"),
        ("TIFF", "c"),
        ("PPM", "d"),
        ("JPEG2000", "e"),
        ("AVIF", "f"),
    ],
)
def test_a_picture_is_read_whatever_its_name(read, kind, name):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    data = read({name: encoded(noise(16, 16, 3), kind), "z.png": noise(16, 16, 3)})
    assert len(data.images) == 2
    told = "taken as pictures by content" in " ".join(data.notes).replace("file is", "files are")
    assert told == (not name.startswith("a.") or name in ("a.jpg?w=200", "a.unknown"))


def test_heic(read):
    pytest.importorskip("pillow_heif")
    assert "HEIF" in FORMATS
    content = encoded(np.full((16, 16, 3), (200, 30, 90), np.uint8), "HEIF")
    data = read({"a.HEIC": content, "b.jpg": content, "c": content})  # phones name them anything
    assert np.abs(data.images.astype(int) - (200, 30, 90)).max() < 9


def test_without_its_package_a_heic_is_read_if_it_is_a_jpeg_in_truth(read, monkeypatch):
    monkeypatch.setattr(picture_formats, "_READ", frozenset({".jpg", ".png"}))
    monkeypatch.setattr(picture_formats, "_NOT_READ", frozenset({".heic"}))
    true = b"\0\0\0\x18ftypheic\0\0\0\0"
    files = {"a.HEIC": encoded(noise(16, 16, 3), "JPEG"), "b.heic": encoded(noise(16, 16, 3))}
    data = read({**files, "c.heic": true, "d.heic": b"cut\0", "e.png": noise(16, 16, 3)})
    assert len(data.images) == 3
    notes = " ".join(data.notes)
    assert "2 files are not read: 2 .heic (pip install 'gan_zoo[heic]')" in notes
    assert "2 files are taken as pictures by content" in notes


def test_heic_and_others_that_are_not_read_are_counted(read, monkeypatch):
    files = {f"{i}.png": noise(8, 8, 3) for i in range(4)}
    files |= {f"IMG_{i}.MOV": b"\0\0\0\x14ftypqt  " for i in range(5)}
    files |= {f"IMG_{i}.psd": b"8BPS\0\1" for i in range(3)}
    files |= {"raw.CR2": b"II*\0", "note.txt": b"", "a.csv": b"", "set.json": b"", "README": b""}
    files |= {"photoshop": b"8BPS\0\1", "a.png.gz": b"\x1f\x8b", "a.log.gz": b"\x1f\x8b"}
    data = read(files)
    (note,) = data.notes
    assert "1 .png.gz" in note
    assert "11 files are not read: 5 .mov, 4 .psd (save them as .png), 1 .cr2 (raw files" in note


def test_text_beside_pictures_is_no_reason_for_a_note(read):
    others = (
        "a.txt",
        "b.csv",
        "c.json",
        "README",
        "LICENSE",
        "d.unknown",
        "e.npy",
        ".DS_Store",
    )
    assert read({"a.png": noise(8, 8, 3), **dict.fromkeys(others, b"some text")}).notes == ()


def test_a_picture_of_a_rare_kind_is_told(read):
    data = read({"a.png": noise(8, 8), "b.png": noise(8, 8), "c.pam": b"P7\nWIDTH 8\n"})
    assert "1 file is not read: 1 .pam (save them as .png)" in data.notes[0]


def test_no_images_says_what_there_is(read):
    with pytest.raises(UserError) as e:
        read({**{f"{i}.psd": b"8BPS" for i in range(3)}, "a.mov": b"", "b.txt": b""})
    assert "it holds 3 .psd (save them as .png), 1 .mov, 1 .txt;" in str(e.value)


def test_pictures_in_hidden_folders_alone(read):
    with pytest.raises(UserError, match=r"it holds 2 \.png in hidden files or folders, 1 \.txt;"):
        read({".hidden/1.png": b"", ".hidden/2.png": b"", "a.txt": b""})


def test_unknown_binary_files_are_told_if_they_are_many():
    pictures = [f"{i}.png" for i in range(8)]
    for names, content, told in (
        (["a.xyz", "b"], b"\1\0\0\2", True),
        (["a.xyz"], b"\1\0\0\2", False),
        (["a.xyz", "b"], b"text", False),
    ):
        found = find_pictures([*pictures, *names], lambda _, content=content: content, "X")
        says = "in X, 2 files are of an unknown kind and not read: 1 .xyz, 1 without an ending"
        assert (says in " ".join(found.notes), bool(found.notes)) == (told, told)


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/1.jpg",
        "$RECYCLE.BIN/S-1/1.jpg",
        ".thumbnails/1.jpg",
        ".Trash-1000/files/1.jpg",
        "Catalog Previews.lrdata/0/1.jpg",
        "__MACOSX/._1.jpg",
        "._1.jpg",
        "Thumbs.db",
        "lost+found/1.jpg",
        "System Volume Information/1.jpg",
        "photos_thumbs/1.jpg",
        "thumbnails/1.jpg",
        "thumbnails128x128/1.jpg",
    ],
)
def test_thumbnails_and_trash_are_left_out_and_said(name):
    found = find_pictures(["1.png", name], lambda _: b"", "X")
    assert list(found.names) == ["1.png"]
    assert "in X, 1 file is left out as thumbnails, trash or hidden" in found.notes[0]


@pytest.mark.parametrize(
    "name", ["thumbs_up/1.png", "thumbnails/1.png", "a/recycle/1.png", "thumb/1.png"]
)
def test_what_only_looks_like_thumbnails_is_read(name):
    for names in ([name], ["fist/2.png", name]):
        found = find_pictures(names, lambda _: b"", "X")
        assert (sorted(found.names), found.notes) == (sorted(names), ())


def test_only_files_of_unknown_kind_are_opened():
    opened = []

    def head(name):
        opened.append(name)
        return b"\xff\xd8\xff" if name < "h0500" else b"text"

    names = [*(f"h{i:04d}" for i in range(1000)), "a.png", "b.txt", "c.mov", ".d", "@eaDir/e"]
    found = find_pictures(names, head, "X")
    assert sorted(opened) == names[:1000]
    assert list(found.names) == ["a.png", *names[:500]] and found.endings["none"] == 502


def test_the_kinds_of_many_files_are_kept(read, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_ZOO_CACHE", str(tmp_path / "home"))
    monkeypatch.setattr(picture_files, "_KEPT", 3)
    sniffed = []
    monkeypatch.setattr(picture_files, "sniff", lambda head: sniffed.append(1) or sniff(head))
    files = {name: encoded(noise(8, 8, 3)) for name in "abc"} | {"d": b"text", "e.png": noise(8, 8)}
    read(files)
    folder = tmp_path / "d0"

    def again():
        sniffed.clear()
        data = build_dataset("files", (8, 8), None, folder, tmp_path / "cache")
        return len(sniffed), len(data.images)

    assert again() == (0, 4)
    (folder / "d").write_bytes(encoded(noise(8, 8, 3)))
    assert again() == (4, 5)
    assert again() == (0, 5)
    (folder / "a").rename(folder / "f")
    assert again() == (4, 5)


def test_the_kind_of_a_file_that_could_not_be_opened_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_ZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(picture_files, "_KEPT", 1)
    closed = ["b"]

    def head(name):
        if name in closed:
            raise PermissionError
        return b"\xff\xd8\xff"

    assert find_pictures("ab", head, "d", "key".join).names == ["a"]
    closed.clear()
    assert find_pictures("ab", head, "d", "key".join).names == ["a", "b"]
    closed += "ab"
    assert find_pictures("ab", head, "d", "key".join).names == ["a", "b"]


def test_a_file_that_cannot_be_opened_is_no_picture():
    def head(name):
        raise OSError("gone")

    assert list(find_pictures(["a", "b.png"], head, "X").names) == ["b.png"]


def test_what_hides_behind_a_wrong_ending_is_named(read):
    files = {f"{i}.png": noise(8, 8, 3) for i in range(9)}
    files |= {
        "page.jpg": b"<!DOCTYPE html><html>",
        "lfs.jpg": b"version https://git-lfs.github.com",
    }
    files |= {"photoshop.jpg": b"8BPS\0\1"}
    (note,) = read(files).notes
    for text in ("page.jpg (a web page", "lfs.jpg (a pointer of Git LFS", "(in truth .psd"):
        assert text in note


def test_a_kind_of_tiff_that_is_not_read_is_no_mere_text(read):
    files = {f"{i}.png": noise(8, 8, 3) for i in range(9)}
    files |= {"a.tif": tiff(noise(8, 8, 13).astype(np.uint16)), "b.tif": b"II*\0" + bytes(60)}
    (note,) = read(files).notes
    assert "a.tif (a .tif of a kind that is not read, 13 channels of 16 bits; save it as" in note
    assert "b.tif (a .tif that is damaged or of a kind that is not read)" in note


@pytest.mark.parametrize("white", [4095, 65535, 1.0])
def test_a_negative_is_turned(read, white):
    values = np.linspace(0, white, 64).reshape(8, 8)
    values = tiff(values.astype(np.float32 if white == 1 else np.uint16), photometric=0)
    image = read({"a.tif": values}).images[0, ..., 0]
    np.testing.assert_allclose(image.reshape(64), np.linspace(255, 0, 64), atol=1)


def test_bytes_with_a_sign_are_refused_if_they_are_below_0(read):
    files = {f"{i}.png": noise(8, 8) for i in range(9)}
    values = noise(8, 8, high=128).astype(np.int8)
    data = read({**files, "a.tif": tiff(-values), "b.tif": tiff(values)})
    assert "1 of 11" in data.notes[0] and "a.tif (values below 0" in data.notes[0]
    np.testing.assert_array_equal(data.images[-1, ..., 0], values)


@pytest.mark.parametrize(("channels", "more"), [(1, 1), (3, 1), (3, 2)])
def test_channels_beside_the_picture_are_told(read, channels, more):
    values = noise(8, 8, channels + more)
    data = read({"a.tif": tiff(values, 1 if channels == 1 else 2, more)})
    np.testing.assert_array_equal(data.images[0], values[..., :channels])
    assert "1 of 1 images" in data.notes[0] and "have more channels" in data.notes[0]


def test_a_label_file_that_nests_too_deeply_is_left_out(read):
    files = {f"{i}.png": noise(8, 8, 3) for i in range(3)}
    notes = read({**files, "dataset.json": b"[" * 100_000}).notes
    assert "labels are left out, since dataset.json is not valid JSON" in " ".join(notes)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_raster_formats_only(name):
    assert name not in ("EPS", "PDF", "PSD", "WMF", "FLI", "MPEG", "HDF5", "GRIB", "BUFR")


@pytest.mark.parametrize("head", [b"", b"BMW is a car", b"P1", b"RIFF0000WAVE", b"MM", bytes(64)])
def test_no_text_is_sniffed_as_a_picture(head):
    assert sniff(head) == ""


# ---- 16 bits


@pytest.mark.parametrize(
    ("largest", "white"),
    [(200, 255), (256, 1023), (4000, 4095), (4095, 4095), (9000, 16383), (20000, 65535)],
)
def test_the_white_of_16_bits_by_the_whole_set(read, largest, white):
    bright, dark = (
        np.linspace(0, top, 64).reshape(8, 8).astype(np.uint16) for top in (largest, largest // 4)
    )
    data = read({"a.png": dark, "b.png": bright})
    for image, expected in zip(data.images, (dark, bright), strict=True):
        np.testing.assert_array_equal(image[..., 0], np.rint(expected * (255 / white)))
    assert (f"{white:,} becomes white" in " ".join(data.notes)) == (white != 65535)


def test_a_dark_16_bit_file_is_not_brightened_alone(read):
    files = {f"{i}.png": noise(8, 8) for i in range(5)}
    data = read({**files, "dark.png": noise(8, 8, high=3000, dtype=np.uint16)})
    assert data.images[-1].max() <= 12
    assert "1 of 6 images" in data.notes[0] and "taken as dark images" in data.notes[0]


def test_12_bits_of_color(read):
    image = noise(8, 8, 3, high=4096, dtype=np.uint16)
    image[0, 0] = 4095
    data = read({"a.png": deep_png(image)})
    np.testing.assert_array_equal(data.images[0], np.rint(image * np.float32(255 / 4095)))
    assert "12-bit data" in data.notes[0]


def test_0_and_1_in_color_of_16_bits_are_masks(read):
    image = noise(8, 8, 3, high=2, dtype=np.uint16)
    data = read({"a.png": deep_png(image)})
    np.testing.assert_array_equal(data.images[0], image * 255)
    assert "hold only 0 and 1" in data.notes[0]


def test_full_color_of_16_bits_stays_as_it_was(read):
    image = noise(8, 8, 3, high=65536, dtype=np.uint16)
    data = read({"a.png": deep_png(image)})
    np.testing.assert_array_equal(data.images[0], image >> 8)
    assert data.notes == ()


@pytest.mark.parametrize("hot", [65535, 16000, 0])
def test_12_bits_with_hot_pixels_are_told(read, hot):
    images = [noise(8, 8, high=4096, dtype=np.uint16) // (4 if hot == 16000 else 1) for _ in "abc"]
    for image in images:
        image[0, 0] = hot
    notes = " ".join(read({f"{i}.png": image for i, image in enumerate(images)}).notes)
    assert ("of 16-bit files in" in notes and "nearly black" in notes) == (hot > 0)


def test_0_and_1_in_16_bits_are_masks(read):
    bits = [noise(8, 8, high=2, dtype=np.uint16) for _ in range(3)]
    data = read({f"{i}.png": image for i, image in enumerate(bits)})
    np.testing.assert_array_equal(data.images[..., 0], np.stack(bits) * 255)
    assert len(data.notes) == 1 and "16-bit files" in data.notes[0] and "masks" in data.notes[0]


# ---- other values


def test_masks_of_0_and_1(read):
    bits = [noise(8, 8, high=2) for _ in range(3)]
    data = read({f"{i}.png": image for i, image in enumerate(bits)})
    np.testing.assert_array_equal(data.images[..., 0], np.stack(bits) * 255)
    assert "hold only 0 and 1" in data.notes[0]
    mixed = read({"0.png": bits[0], "1.png": noise(8, 8)})
    assert mixed.images[0].max() == 1  # among others, it is a black image
    assert "1 of 2 images" in mixed.notes[0] and "no value above 1" in mixed.notes[0]


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 1, (0, 1)),
        (-1e-5, 1.00001, (0, 1)),
        (0.2, 0.4, (0, 1)),
        (-1, 1, (-1, 1)),
        (-1.001, 0.5, (-1, 1)),
        (0, 254.7, (0, 255)),
        (0, 0, (0, 1)),
        (0, 0.003, None),
        (0, 1.1, None),
        (0, 30, None),
        (-3, 3, None),
        (0, 4000, None),
        (-100, 100, None),
        (float("nan"), float("nan"), None),
    ],
)
def test_black_and_white_in_floats(low, high, found):
    assert black_and_white(low, high) == found


@pytest.mark.parametrize(("black", "white"), [(0, 1), (-1, 1), (0, 255)])
def test_float_tiffs_by_the_whole_set(read, black, white):
    dark, bright = np.linspace(black, (black + white) / 3, 64), np.linspace(black, white, 64)
    files = {
        f"{i}.tif": encoded(image.reshape(8, 8).astype(np.float32), "TIFF")
        for i, image in enumerate((dark, bright))
    }
    data = read(files)
    for image, pixels_ in zip(data.images, (dark, bright), strict=True):
        expected = (pixels_ - black) / (white - black) * 255
        assert np.abs(image.reshape(-1) - expected).max() <= 0.51
    assert len(data.notes) == ((black, white) != (0, 1))


def test_single_pixels_are_flat_colors(read):
    data = read({f"{i}.png": noise(1, 1, 3) for i in range(4)})
    assert "4 of 4 images" in data.notes[0] and "are one flat color" in data.notes[0]


def test_pairs_side_by_side_are_told(read):
    files = {f"{i}.png": noise(16, 32, 3) for i in range(4)}
    assert "all 4 images in" in read(files).notes[0]
    assert "twice as wide as high" in read(files).notes[0]
    for changed in ({"size": (8, 16)}, {"spec": "files(fit='pad')"}):
        assert read(files, **changed).notes == ()
    assert read({**files, "x.png": noise(16, 16, 3)}).notes == ()


def test_equal_flat_and_narrow_sets_are_told(read):
    image = noise(8, 8, 3)
    assert "are equal" in read({"a.png": image, "b.png": image}).notes[0]
    flat = {f"{i}.png": np.full((8, 8), 50 * i, np.uint8) for i in range(4)}
    assert "4 of 4" in (note := read(flat).notes[0]) and "one flat color" in note
    narrow = {f"{i}.png": noise(8, 8, high=20) + np.uint8(7) for i in range(4)}
    assert "lie between 7 and 26 of 0 to 255" in read(narrow).notes[0]
    with pytest.raises(UserError, match=r"are black.*cut to whole numbers"):
        read({f"{i}.png": np.zeros((8, 8), np.uint8) for i in range(2)})


# ---- arrays


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: a.transpose(0, 3, 1, 2), "is taken as [N, C, H, W]"),
        (lambda a: a / 255 * 1.0001, "0 becomes black and 1 white"),
        (lambda a: a / 255 - 0.00001, "0 becomes black and 1 white"),
        (lambda a: (a + 0.25).clip(0, 255), "0 becomes black and 255 white"),
        (lambda a: a.astype(np.uint16) * 257, ""),
        (lambda a: np.rint(a / 255 * 4095).astype(np.uint16), "4095 white"),
        (lambda a: a / 255 - 0.5, "-0.5 becomes black and 0.5 white"),
    ],
)
def test_arrays_of_all_kinds(read_array, change, says):
    array = noise(5, 8, 8, 3)
    array.flat[:2] = 0, 255
    data = read_array(change(array))
    assert np.abs(data.images.astype(int) - array).max() <= 1
    assert says in " ".join(data.notes) and bool(says) == bool(data.notes)


def test_the_only_picture_may_be_flat_and_files_can_be_called_from_python(tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    Image.new("RGB", (40, 30)).save(folder / "black.png")
    data = files(image_size=(16, 16), data_dir=folder, cache_dir=tmp_path / "cache")
    assert data.images.shape == (1, 16, 16, 3)
    assert "the one image in" in data.notes[0] and "one flat color" in data.notes[0]


def test_flat_arrays(read_array):
    data = read_array(array := noise(5, 64))
    np.testing.assert_array_equal(data.images.reshape(5, 64), array)
    assert "taken as 8x8 gray images" in data.notes[0]


@pytest.mark.parametrize(
    ("shape", "told"), [((40, 40, 5), True), ((9, 9, 9), False), ((5, 9, 9), False)]
)
def test_an_array_with_the_images_last_is_told(read_array, shape, told):
    notes = " ".join(read_array(noise(*shape)).notes)
    assert ("if it holds 5 of 40x40, save np.transpose(array, (2, 0, 1))" in notes) == told


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (noise(5, 192), "save array.reshape(-1, 8, 8, 3), or array.reshape(-1, 3, 8, 8)"),
        (noise(5, 785), "no array that may be images"),
        (noise(40, 40, 3), "looks like one image"),
        (noise(9, 9, 200), "looks like 200 images of 9x9; save it with the images first"),
        (noise(32, 32, 3, 50), "np.transpose(array, (3, 0, 1, 2))"),
        (noise(5, 16, 16, 13), "save the 1 or 3 of its 13 channels that are the picture"),
        (noise(5, 8, 8) / 255 / 255, "divided by 255 twice"),
        (noise(5, 8, 8) - np.float32(128.5), "save it as uint8"),
        (noise(5, 8, 8).astype(np.int16) - 128, "save it as uint8"),
        (noise(5, 8, 8) * 300.0, "save it as uint8"),
    ],
)
def test_unclear_arrays_are_refused_with_the_remedy(read_array, array, says):
    with pytest.raises(UserError) as e:
        read_array(array)
    assert says in str(e.value)


# ---- color and transparency


def swapped_profile():
    """sRGB with red and green swapped, which no eye can take for sRGB."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(data[131])}
    red, green = tags[b"rXYZ"] + 4, tags[b"gXYZ"] + 4
    data[red : red + 8], data[green : green + 8] = data[green : green + 8], data[red : red + 8]
    return bytes(data)


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_a_color_profile_is_converted(read, mode):
    image = Image.fromarray(np.kron(noise(2, 2, 3), np.ones((4, 4, 1), np.uint8))).convert(mode)
    plain = np.asarray(image.convert("RGB"), int)
    data = read({"a.png": encoded(image, icc_profile=swapped_profile())})
    assert np.abs(data.images[0][..., [1, 0, 2]] - plain).max() <= 2
    assert "have another color profile" in data.notes[0]


def test_srgb_and_broken_profiles_change_nothing(read):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = noise(8, 8, 3)
    for profile in (srgb, b"broken", swapped_profile()[:200]):
        data = read({"a.png": encoded(image, icc_profile=profile)})
        np.testing.assert_array_equal(data.images[0], image)
        assert data.notes == ()


def test_lab_and_cmyk(read):
    color = Image.new("RGB", (8, 8), (200, 60, 20))
    lab = ImageCms.profileToProfile(
        color, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    files = {
        "a.tif": encoded(lab, "TIFF"),
        "b.jpg": encoded(color.convert("CMYK"), "JPEG", quality=99),
    }
    for image in read(files).images:
        assert np.abs(image.astype(int) - (200, 60, 20)).max() <= 9


@pytest.mark.parametrize(
    ("background", "color"), [("white", 255), ("black", 0), ("#ff8800", (255, 136, 0))]
)
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_background(read, background, color, mode):
    image = Image.new("RGBA", (8, 8), (90, 90, 90, 255)).convert(mode)
    image.paste((0,) * len(mode), (0, 0, 4, 8))
    data = read({"a.png": encoded(image)}, f"files(background={background!r})")
    assert (data.images[0][:, :4] == color).all() and (data.images[0][:, 4:] == 90).all()
    assert f"which become {background}" in data.notes[0]


def test_the_background_is_that_of_padding(read):
    data = read({"a.png": np.full((4, 8, 3), 99, np.uint8)}, "files(fit='pad', background='black')")
    assert (data.images[0][0] == 0).all() and (data.images[0][4] == 99).all()


def test_an_unknown_background(read):
    with pytest.raises(UserError, match="background='whit' is no color"):
        read({"a.png": noise(8, 8, 3)}, "files(background='whit')")


def test_frames_and_gain_maps_are_told(read):
    frames = [Image.fromarray(noise(8, 8, 3)) for _ in range(2)]
    for name, kind in (("a.gif", "GIF"), ("a.mpo", "MPO"), ("a.tif", "TIFF"), ("a.png", "PNG")):
        first, second = (frame.copy() for frame in frames)  # Pillow keeps options on them
        content = encoded(first, kind, save_all=True, append_images=[second])
        assert "1 of 1 images" in (note := read({name: content}).notes[0]) and "frames" in note
    xmp = b'http://ns.adobe.com/xap/1.0/\0<rdf hdrgm:Version="1.0"/>'
    jpeg = encoded(frames[0], "JPEG")
    app1 = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    assert "HDR gain map" in read({"a.jpg": jpeg[:2] + app1 + jpeg[2:]}).notes[0]


# ---- large pictures


@pytest.fixture
def small_limits(monkeypatch):
    """Pictures of more than 60,000 pixels count as large; strips have 8,000 pixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60_000)
    monkeypatch.setattr(pixels, "_SHRUNK", 60_000)
    monkeypatch.setattr(pixels, "_LARGE", 30_000)
    monkeypatch.setattr(pixels, "_STRIP", 8_000)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("PNG", "RGB"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("PNG", "I;16"),
        ("TIFF", "RGB"),
        ("WEBP", "RGB"),
    ],
)
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_large_picture_is_shrunk_while_it_is_decoded(small_limits, monkeypatch, kind, mode, fit):
    ramp = np.indices((390, 500)).sum(0) * (255 / 890)
    image = Image.fromarray(np.stack([ramp, ramp[::-1], ramp[:, ::-1]], -1).astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray((ramp * 257).astype(np.uint16))
    elif mode == "RGBA":
        image.putalpha(Image.fromarray(ramp.astype(np.uint8)))
    else:
        image = image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(image, kind, exif=exif)
    how = pixels.Preprocessing((24, 16), None, fit)
    got = pixels.preprocess(data, how)
    monkeypatch.undo()
    expected = pixels.preprocess(data, how)
    assert got.values == expected.values
    assert np.abs(got.pixels.astype(int) - expected.pixels).max() <= 6


def test_a_picture_that_does_not_fit_in_memory_is_named(small_limits, read, monkeypatch):
    files = {f"{i}.png": noise(8, 8, 3) for i in range(4)}
    monkeypatch.setattr(pixels, "available_memory", lambda: 10_000)
    (note,) = read({**files, "big.png": noise(300, 300, 3)}).notes
    assert "big.png (0 megapixels, which need 0.0 GiB of memory)" in note


def test_the_limit_of_pillow_is_put_back(small_limits):
    pixels.open_picture(encoded(noise(400, 400))).close()
    assert Image.MAX_IMAGE_PIXELS == 60_000


def test_levels_are_decided_over_the_set():
    tally = values.Tally()
    assert tally.levels() == Levels()
    assert [white_of(v) for v in (0, 255, 256, 4096, 65535)] == [255, 255, 1023, 16383, 65535]
