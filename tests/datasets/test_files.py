"""Pictures from the disk: what is read, what is refused and how, what the cache keeps."""

import errno
import functools
import io
import json
import os
import shutil
import struct
import threading
import time
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_zoo import registry
from gan_zoo.datasets import build_dataset, load, pixels, sources, store
from gan_zoo.errors import UserError

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def encoded(image, kind="PNG", **options):
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else encoded(content))
    return folder


def zipped(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes) else encoded(content))
    return path


def colors(n, size=(8, 8)):
    return {f"{i:03d}.png": noise(*size, 3) for i in range(n)}


@pytest.fixture
def read(tmp_path):
    """read(data_dir, spec="files", size=(8, 8), channels=None) -> Dataset, with a cache of the test's own."""

    def go(data_dir, spec="files", size=(8, 8), channels=None, cache=tmp_path / "cache"):
        return build_dataset(spec, size, channels, data_dir, cache)

    return go


@pytest.fixture
def one(read, tmp_path):
    """one(content, ...) -> the pixels of a folder's only image."""

    def go(content, name="image.png", **kwargs):
        folder = tmp_path / f"one{len(list(tmp_path.iterdir()))}"
        return read(write(folder, {name: content}), **kwargs).images[0]

    return go


@pytest.fixture
def refused(read):
    """The one sentence with which a call is refused."""

    def check(*args, **kwargs):
        with pytest.raises(UserError) as e:
            read(*args, **kwargs)
        text = str(e.value)
        assert "\n" not in text and text.endswith(".")
        return text

    return check


# ---- what is read


def test_a_folder_is_read_in_order_and_untouched_at_its_own_size(read, tmp_path):
    files = {
        "b/2.png": noise(8, 8, 3),
        "a.png": noise(8, 8, 3),
        "b/1.bmp": encoded(image := noise(8, 8, 3), "BMP"),
    }
    data = read(write(tmp_path / "d", files))
    np.testing.assert_array_equal(data.images, [files["a.png"], image, files["b/2.png"]])
    assert data.images.dtype == np.uint8
    assert (data.name, data.image_shape, data.resize, data.notes, dict(data.labels)) == (
        "files",
        (8, 8, 3),
        "none",
        (),
        {},
    )
    assert data.hash == store.pixel_hash(data.images)


def test_folder_and_zip_and_npz_are_one_data_set(read, tmp_path):
    files = {f"{c}/{i}.png": noise(9, 7, 3) for c in ("cat", "dog") for i in range(5)}
    folder = read(write(tmp_path / "folder", files))
    plain = read(zipped(tmp_path / "a.zip", files))
    deep = read(
        zipped(tmp_path / "b.zip", {f"top/{name}": f for name, f in reversed(files.items())})
    )
    np.savez_compressed(
        tmp_path / "c.npz", images=np.stack(list(files.values())), labels=["cat"] * 5 + ["dog"] * 5
    )
    arrays = read(tmp_path / "c.npz")
    for data in (folder, plain, deep, arrays):
        assert data.hash == folder.hash
        assert data.resize == "crop+lanczos (Pillow)"
        assert data.label_values == {"class": ("cat", "dog")}
        assert data.labels["class"].tolist() == [0] * 5 + [1] * 5
        assert data.labels["class"].dtype == np.int32


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["a/1.png", "b/1.png"], ("a", "b")),
        (["top/mid/b/1.png", "top/mid/a/x/1.png"], ("a", "b")),
        (["a/1.png", "a/2.png"], ()),
        (["a/1.png", "b/1.png", "1.png"], ()),
        (["1.png", "2.png"], ()),
        (["a/x/1.png", "a/y/1.png"], ("x", "y")),
        (["a1/1.png", "a2/1.png"], ("a1", "a2")),  # a common beginning of names is no folder
        (["a/1.png", "b/1.png", ".c/1.png", "__MACOSX/1.png"], ("a", "b")),
    ],
)
def test_classes_come_from_folders(read, tmp_path, names, classes):
    data = read(write(tmp_path / "d", {name: noise(8, 8, 3) for name in names}))
    assert data.label_values.get("class", ()) == classes
    assert set(data.labels) == ({"class"} if classes else set())


def test_labels_follow_their_images_where_some_are_left_out(read, tmp_path):
    files = {f"{c}/{i}.png": noise(8, 8, 3) for c in "abc" for i in range(4)}
    files["a/1.png"] = b""
    files["b/3.png"] = files["b/0.png"]
    data = read(write(tmp_path / "d", files), "files(drop_duplicates=True)")
    assert data.labels["class"].tolist() == [0] * 3 + [1] * 3 + [2] * 4


def test_other_files_are_no_candidates(read, tmp_path):
    others = (
        "note.txt",
        "a.csv",
        ".DS_Store",
        "Thumbs.db",
        ".hidden.png",
        "__MACOSX/x.png",
        "__MACOSX/._a.png",
        ".git/a.png",
        "png",
    )
    files = {**colors(2), **dict.fromkeys(others, b"text")}
    for path in (write(tmp_path / "d", files), zipped(tmp_path / "d.zip", files)):
        data = read(path)
        assert len(data.images) == 2
        (note,) = data.notes
        assert f"in {path}, 5 files are left out" in note
        assert "2 in __MACOSX, 2 in hidden files or folders, 1 in Thumbs.db" in note


def test_odd_names(read, tmp_path):
    names = [
        "UPPER.PNG",
        "with space.png",
        "grüße 猫.png",
        "line\nend.png",
        os.fsdecode(b"\xff.png"),
        "12:30.png",
    ]
    data = read(write(tmp_path / "d", {**{n: noise(8, 8, 3) for n in names}, "bad\n\x1b.png": b""}))
    assert len(data.images) == 6
    assert data.notes[0].endswith("are left out: bad??.png (empty).")


def test_backslashes_and_dots_in_a_zip(read, tmp_path):
    path = tmp_path / "w.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("set\\a\\1.png", "set\\b\\1.png"):
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, encoded(noise(8, 8, 3)))
    assert read(path).label_values == {"class": ("a", "b")}
    dotted = zipped(tmp_path / "d.zip", {"./a/1.png": noise(8, 8, 3), "./b/1.png": noise(8, 8, 3)})
    assert read(dotted).label_values == {"class": ("a", "b")}


def test_links_that_turn_in_circles_end(read, tmp_path):
    folder = write(tmp_path / "d", {**colors(9), "in/1.png": noise(8, 8, 3)})
    for name in ("up", "higher", "again"):  # each way through three links is another path
        (folder / "in" / name).symlink_to(folder)
    (folder / "itself").symlink_to(folder / "itself")
    (folder / "self.png").symlink_to(folder / "self.png")
    os.mkfifo(folder / "pipe.png")
    write(tmp_path / "other", {"far.png": noise(8, 8, 3)})
    (folder / "link").symlink_to(tmp_path / "other")
    began = time.monotonic()
    data = read(folder)
    assert time.monotonic() - began < 5
    assert len(data.images) == 11  # nine, the one in in/, and the one behind the link
    assert "2 of 13 images" in data.notes[0] and "pipe.png" in data.notes[0]


# ---- pixels


def transparent(mode):
    """Left half opaque, right half transparent; 8x8. Returns the image and its two colors on white."""
    alpha = Image.fromarray(np.repeat(np.repeat(np.array([[255, 0]], np.uint8), 8, 0), 4, 1))
    if mode == "RGBA":
        image = Image.new("RGB", (8, 8), (10, 200, 30))
        image.putalpha(alpha)
        return image, {}, (10, 200, 30)
    if mode == "LA":
        image = Image.new("L", (8, 8), 50)
        image.putalpha(alpha)
        return image, {}, (50,)
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.putpalette([10, 200, 30, 90, 90, 90])
        image.paste(1, (4, 0, 8, 8))
        return image, {"transparency": 1}, (10, 200, 30)
    if mode == "RGB":
        image = Image.new("RGB", (8, 8), (10, 200, 30))
        image.paste((1, 2, 3), (4, 0, 8, 8))
        return image, {"transparency": (1, 2, 3)}, (10, 200, 30)
    image = Image.new("L", (8, 8), 50)
    image.paste(7, (4, 0, 8, 8))
    return image, {"transparency": 7}, (50,)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L"])
def test_what_is_transparent_becomes_white(one, mode):
    image, options, color = transparent(mode)
    pixels = one(encoded(image, **options))
    assert pixels.shape == (8, 8, len(color))
    assert (pixels[:, :4] == color).all()
    assert (pixels[:, 4:] == 255).all()


def test_half_transparent(one):
    pixels = one(encoded(Image.new("RGBA", (8, 8), (0, 100, 200, 128))))
    assert np.abs(pixels[0, 0].astype(int) - [127, 177, 227]).max() <= 1


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("L", "JPEG"),
        ("P", "PNG"),
        ("P", "GIF"),
        ("RGB", "PPM"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("YCbCr", "TIFF"),
    ],
)
def test_modes(one, mode, kind):
    image = Image.new("RGB", (8, 8), (200, 60, 20)).convert(mode)
    pixels = one(encoded(image, kind), name=f"x.{'jpg' if kind == 'JPEG' else kind.lower()}")
    expected = np.asarray(image.convert("RGB"), int)[0, 0]
    assert pixels.shape[-1] == (1 if mode in "1L" else 3)
    assert np.abs(pixels[4, 4].astype(int) - expected).max() <= 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bits_are_scaled(one, kind):
    deep = np.repeat(np.linspace(0, 65535, 8).astype(np.uint16)[None], 8, 0)
    pixels = one(encoded(deep, kind), name=f"x.{kind.lower()}")
    np.testing.assert_array_equal(pixels[0, :, 0], np.rint(deep[0] / 257))


def test_16_bit_color(one):
    # Pillow writes none, so here is the format by hand: one filter byte and 8 pixels of 3 x 16 bits
    # a row.
    row = b"\0" + struct.pack(">24H", *[0x1234, 0x8000, 0xFFFF] * 8)

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * 8))
        + chunk(b"IEND", b"")
    )
    assert one(png)[0, 0].tolist() == [0x12, 0x80, 0xFF]


def test_floating_point_tiff(one, refused, tmp_path):
    ramp = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (8, 1))
    np.testing.assert_array_equal(
        one(encoded(ramp, "TIFF"), name="x.tif")[0, :, 0], np.rint(ramp[0] * 255)
    )
    assert "outside of [0, 1]" in refused(
        write(tmp_path / "d", {"x.tif": encoded(ramp * 9, "TIFF")})
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_photograph(one, orientation):
    upright = np.zeros((16, 8, 3), np.uint8)
    upright[:4, :4] = 255  # the top left corner
    turn = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.swapaxes(0, 1), 6: np.rot90, 7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, 3),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(turn(upright)))
    np.testing.assert_array_equal(one(encoded(stored, exif=exif), size=(16, 8)), upright)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", bytes(20)]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_metadata_do_no_harm(one, kind, exif):
    assert (one(encoded(Image.new("L", (8, 8), 7), kind, exif=exif), channels=1) == 7).all()


def test_the_first_frame_of_an_animation(one):
    frames = [Image.new("RGB", (8, 8), c) for c in ((250, 0, 0), (0, 250, 0))]
    assert one(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), name="x.gif")[
        0, 0
    ].tolist() == [250, 0, 0]


def test_the_name_of_the_file_does_not_matter(one):
    assert one(encoded(Image.new("RGB", (8, 8), (9, 9, 9)), "BMP"), name="x.jpg")[
        0, 0
    ].tolist() == [9, 9, 9]


# ---- size and aspect


def landscape():
    """16x32: red, then green in the middle 16 columns, then blue."""
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, :8, 0] = image[:, 8:24, 1] = image[:, 24:, 2] = 255
    return image


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("resample", ["lanczos", "bicubic", "bilinear", "box"])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_fit(read, tmp_path, fit, resample, turn):
    image = landscape().swapaxes(0, 1) if turn else landscape()
    folder = write(tmp_path / "d", {"a.png": image})
    data = read(folder, f"files(fit='{fit}', resample='{resample}')", size=(8, 8))
    assert data.resize == f"{fit}+{resample} (Pillow)"
    got = data.images[0].swapaxes(0, 1) if turn else data.images[0]
    if fit == "crop":
        assert (
            np.abs(got[:, 1:-1].astype(int) - [0, 255, 0]).max() <= 20
        )  # a filter sees a little of what lies beside
    elif fit == "pad":
        assert (got[:2] == 255).all() and (got[6:] == 255).all()
        assert got[4, 0].argmax() == 0 and got[4, 4].argmax() == 1 and got[4, 7].argmax() == 2
        assert np.abs(got[3, 4].astype(int) - [0, 255, 0]).max() <= 2
    else:
        assert got[:, [0, 4, 7]].argmax(-1).tolist() == [[0, 1, 2]] * 8


@pytest.mark.parametrize("size", [(28, 28), (100, 75), (75, 100), (8, 64)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_sizes_are_height_by_width(read, tmp_path, size, fit):
    folder = write(
        tmp_path / "d",
        {
            f"{h}x{w}.png": noise(h, w, 3)
            for h, w in ((1, 1), (9, 300), (300, 9), (100, 75), (101, 77))
        },
    )
    data = read(folder, f"files(fit='{fit}')", size=size)
    assert data.images.shape == (5, *size, 3)


def test_a_crop_without_scaling_copies_pixels(one):
    image = noise(31, 28, 3)
    np.testing.assert_array_equal(one(image, size=(28, 28)), image[1:29])


def test_shrinking_is_antialiased(one):
    checks = np.kron(np.indices((32, 32)).sum(0) % 2, np.ones((2, 2))).astype(np.uint8) * 255
    assert np.abs(one(checks).astype(int) - 127).max() < 20  # plain subsampling would give 0 or 255


# ---- channels


@pytest.mark.parametrize(
    ("modes", "asked", "depth"),
    [
        ("LL", None, 1),
        ("LL", 1, 1),
        ("CC", None, 3),
        ("CC", 1, 1),
        ("CC", 3, 3),
        ("LC", None, 3),
        ("CL", None, 3),
        ("LC", 3, 3),
        ("LC", 1, 1),
    ],
)
def test_channels(read, tmp_path, modes, asked, depth):
    gray, color = Image.new("L", (8, 8), 77), Image.new("RGB", (8, 8), (250, 10, 10))
    files = {f"{i}.png": encoded(gray if m == "L" else color) for i, m in enumerate(modes)}
    for _ in range(2):  # the second time from the cache
        data = read(write(tmp_path / "d", files), channels=asked)
        assert data.image_shape == (8, 8, depth)
        for image, mode in zip(data.images, modes, strict=True):
            expected = np.asarray(
                (gray if mode == "L" else color).convert("L" if depth == 1 else "RGB")
            )
            np.testing.assert_array_equal(image.squeeze(), expected)


def test_color_far_behind_gray(read, tmp_path):
    files = {f"{i:03d}.png": encoded(Image.new("L", (8, 8), i)) for i in range(150)}
    data = read(write(tmp_path / "d", {**files, "z.png": noise(8, 8, 3)}))
    assert data.images.shape == (151, 8, 8, 3)
    assert (data.images[149] == 149).all()


def test_a_broken_color_image_does_not_make_gray_data_color(read, tmp_path):
    files = {f"{i}.png": encoded(Image.new("L", (8, 8), i)) for i in range(5)}
    files["a.jpg"] = encoded(noise(64, 64, 3), "JPEG")[:-900]
    assert read(write(tmp_path / "d", files)).image_shape == (8, 8, 1)


def test_gray_data_where_color_is_asked_for(refused, tmp_path):
    text = refused(write(tmp_path / "d", {"a.png": noise(8, 8)}), channels=3)
    assert "all images in" in text and "--channels=1" in text


# ---- what cannot be read


@functools.cache
def bomb():
    """A PNG that announces 30000x30000 pixels."""
    small = encoded(Image.new("1", (8, 8)))
    header = b"IHDR" + struct.pack(">II", 30000, 30000) + small[24:29]
    return small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]


BAD = {
    "empty.png": (lambda: b"", "empty"),
    "text.png": (lambda: b"this is no picture", "no image"),
    "zip.jpg": (lambda: b"PK\3\4 and so on", "no image"),
    "eps.png": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "in truth .eps"),
    "half.jpg": (lambda: encoded(noise(64, 64, 3), "JPEG")[:2000], "truncated"),
    "most.jpg": (lambda: encoded(noise(64, 64, 3), "JPEG")[:-2], "truncated"),
    "half.png": (lambda: encoded(noise(64, 64, 3))[:2000], "truncated"),
    "half.gif": (lambda: encoded(noise(64, 64), "GIF")[:2000], "truncated"),
    "half.bmp": (lambda: encoded(noise(64, 64, 3), "BMP")[:2000], "truncated"),
    "half.webp": (lambda: encoded(noise(64, 64, 3), "WEBP")[:2000], ""),
    "half.tif": (lambda: encoded(noise(64, 64, 3), "TIFF")[:2000], ""),
    "zeros.png": (lambda: with_zeros(encoded(noise(64, 64, 3))), "a checksum of its pixels"),
    "zeros.webp": (lambda: with_zeros(encoded(noise(64, 64, 3), "WEBP")), "zeros in its place"),
    "crc.png": (lambda: swapped(encoded(noise(64, 64, 3)), -17), "a checksum of its pixels"),
    "bomb.png": (bomb, "too many pixels"),
}


# Of formats that not every Pillow writes.
if "AVIF" in Image.SAVE:
    BAD["zeros.avif"] = lambda: with_zeros(encoded(noise(64, 64, 3), "AVIF")), "zeros in its place"
if "QOI" in Image.SAVE:
    BAD["zeros.qoi"] = lambda: with_zeros(encoded(noise(64, 64, 3), "QOI")), "its end is missing"


def with_zeros(data):
    """A file of which only the first half was downloaded, with room for all of it."""
    return data[: len(data) // 2] + bytes(len(data) - len(data) // 2)


def swapped(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 or len(data) :]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_left_out(read, tmp_path, name, packed):
    content, reason = BAD[name]
    files = {**colors(4), name: content()}
    path = zipped(tmp_path / "d.zip", files) if packed else write(tmp_path / "d", files)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            data = read(path)
            assert len(data.images) == 4
            (note,) = data.notes
            assert f"1 of 5 images in {path} cannot be used and are left out: {name} (" in note
            assert reason in note and "0x" not in note


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "QOI", "JPEG", "GIF"])
def test_zeros_behind_the_end_of_a_file_do_no_harm(one, kind):
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    whole = encoded(np.full((8, 8, 3), 90, np.uint8), kind)
    np.testing.assert_array_equal(one(whole + bytes(200)), one(whole))


def test_a_picture_that_is_mostly_flat_is_whole(one):
    image = np.full((1024, 1024, 3), 255, np.uint8)
    assert encoded(image, "WEBP").endswith(bytes(64))
    assert (one(encoded(image, "WEBP")) == 255).all()


def test_every_jpeg_that_is_cut_is_found_out():
    whole = encoded(noise(40, 40, 3), "JPEG")
    how = pixels.Preprocessing((8, 8), None)
    pixels.preprocess(whole, how)
    for size in range(0, len(whole), 7):
        with pytest.raises(Exception):  # noqa: B017
            pixels.preprocess(whole[:size], how)


@pytest.mark.filterwarnings("ignore")
def test_any_bytes_raise_and_never_hang():
    how = pixels.Preprocessing((8, 8), None)
    wholes = [
        encoded(noise(12, 12, 3), kind)
        for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
    ]
    for i in range(300):
        data = bytearray(wholes[i % len(wholes)])
        for at in RNG.integers(0, len(data), 3):
            data[at] = RNG.integers(256)
        result = load._preprocess(sources.Contents(["x"], lambda _, d=bytes(data): d), 0, how)
        assert isinstance(result, load._Failure) or result.pixels.shape[:2] == (8, 8)


def test_unreadable_files_count(read, tmp_path, monkeypatch):
    folder = write(tmp_path / "d", {**colors(4), "locked.png": noise(8, 8, 3)})
    (folder / "locked.png").chmod(0)
    if os.geteuid() == 0:  # whom no permission stops
        whole = type(folder).read_bytes

        def stopped(path):
            if path.name == "locked.png":
                raise PermissionError(errno.EACCES, "Permission denied")
            return whole(path)

        monkeypatch.setattr(type(folder), "read_bytes", stopped)
    assert "locked.png (Permission denied)" in read(folder).notes[0]


def test_a_member_with_a_wrong_checksum_counts(read, tmp_path):
    path = zipped(tmp_path / "d.zip", {**colors(4), "bad.png": b"MARK" + bytes(40)})
    path.write_bytes(path.read_bytes().replace(b"MARK", b"KRAM"))
    assert "bad.png (Bad CRC-32" in read(path).notes[0]


@pytest.mark.parametrize(("good", "bad"), [(11, 4), (0, 1), (0, 9)])
def test_too_many_bad_files(refused, read, tmp_path, good, bad):
    folder = write(tmp_path / "d", {**colors(good), **{f"x{i}.png": b"" for i in range(bad)}})
    text = refused(folder)
    assert f"{bad} of {good + bad} images in {folder} cannot be used: x0.png (empty)" in text
    assert ("..." in text) == (bad > 3)
    assert not list((folder.parent / "cache").glob("*.*"))


def test_a_quarter_of_bad_files_is_borne(read, tmp_path):
    assert len(read(write(tmp_path / "d", {**colors(3), "x.png": b""})).images) == 3


# ---- what is refused


def test_no_data_dir(refused):
    assert "--data=files" in (text := refused(None)) and "--data_dir" in text


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p / "nothing", "does not exist"),
        (lambda p: p / ("x" * 300), "does not exist"),
        (lambda p: write(p, {"d/a.txt": b"x"}) / "d", "there are no images in"),
        (lambda p: zipped(p / "inner.npz", {}).parent, "inner.npz as --data_dir"),
        (
            lambda p: write(p, {"a.png": noise(8, 8)}) / "a.png",
            "is a single picture; give the folder that it is in",
        ),
        (lambda p: write(p, {"a.zip": b"x"}) / "a.zip", "is not a zip archive, or is damaged"),
        (lambda p: write(p, {"a.zip": b""}) / "a.zip", "is empty (0 bytes)"),
        (
            lambda p: write(p, {"a.zip": zipped(p / "b", colors(3)).read_bytes()[:-30]}) / "a.zip",
            "damaged",
        ),
        (lambda p: zipped(p / "a.zip", {}), "there are no images in"),
        (lambda p: zipped(p / "a.zip", {"a.txt": b"x"}), "there are no images in"),
        (
            lambda p: zipped(p / "a.zip", {**colors(2), "../up.png": noise(8, 8)}),
            "'../up.png' points out of it",
        ),
        (
            lambda p: zipped(p / "a.zip", {**colors(2), "a/../../up.txt": b""}),
            "'a/../../up.txt' points out of it",
        ),
        (
            lambda p: zipped(p / "a.zip", {**colors(2), "/etc/x.png": b""}),
            "'/etc/x.png' points out of it",
        ),
        (lambda p: zipped(p / "a.zip", {**colors(2), "C:\\x.png": b""}), "x.png' points out of it"),
        (
            lambda p: zipped(p / "a.zip", {"big.png": bytes(2**26)}, compression=8),
            "'big.png' would unpack to 64 MiB",
        ),
        (lambda p: write(p, {"a.npz": b"x"}) / "a.npz", "is not a zip archive, or is damaged"),
        (lambda p: zipped(p / "a.npz", {"x.npy": b"x"}), "is damaged at x.npy"),
    ],
)
def test_bad_places(refused, tmp_path, make, says):
    assert says in refused(make(tmp_path))


def patched(path, offset_in_directory, value):
    """Change bytes in the first entry of a zip's directory."""
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2") + offset_in_directory
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("path", ["https://a.b/c.zip", "/here/s3://bucket/x"])
def test_an_address(refused, path):
    assert "takes no address such as" in refused(Path(path))


def test_an_encrypted_zip(refused, tmp_path):
    assert "is encrypted; unpack it" in refused(
        patched(zipped(tmp_path / "a.zip", colors(3)), 8, b"\1")
    )


def test_a_zip_that_announces_a_huge_image(refused, tmp_path):
    path = patched(zipped(tmp_path / "a.zip", colors(3)), 24, struct.pack("<I", 2**30))
    assert "'000.png' would unpack to 1,024 MiB" in refused(path)


def test_a_zip_that_lies_about_a_size_yields_no_more_than_it_announces(read, tmp_path):
    files = {
        "000.png": encoded(noise(8, 8, 3)) + bytes(2**20),
        **{f"{i}.png": noise(8, 8, 3) for i in range(1, 9)},
    }
    data = read(
        patched(zipped(tmp_path / "a.zip", files, compression=8), 24, struct.pack("<I", 60))
    )
    assert len(data.images) == 8 and "000.png" in data.notes[0]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("files(fit='squash')", "crop, pad, stretch"),
        ("files(resample='nearest')", "lanczos, bicubic"),
        ("files(crop=1)", "files(fit="),
    ],
)
def test_bad_parameters(refused, tmp_path, spec, says):
    assert says in refused(write(tmp_path / "d", colors(2)), spec)


# ---- npz


@pytest.mark.parametrize(
    ("arrays", "shape", "labels"),
    [
        ({"x_train": noise(6, 8, 8), "y_train": np.arange(6) % 3, "x_test": noise(2, 8, 8)}, (6, 8, 8, 1), [0, 1, 2] * 2),
        ({"images": noise(4, 8, 8, 3), "labels": np.array([[7], [5], [7], [5]])}, (4, 8, 8, 3), [1, 0, 1, 0]),
        ({"arr_0": noise(4, 8, 8, 1), "arr_1": np.arange(9)}, (4, 8, 8, 1), None),
        ({"X": noise(4, 8, 8, 3), "Y": np.zeros(4, np.int64)}, (4, 8, 8, 3), [0] * 4),
        ({"pictures": noise(4, 8, 8, 3), "ids": np.arange(4)}, (4, 8, 8, 3), None),
        ({"x": noise(4, 8, 8, 4)}, (4, 8, 8, 3), None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(read, tmp_path, arrays, shape, labels, save):
    save(tmp_path / "a.npz", **arrays)
    data = read(tmp_path / "a.npz")
    assert data.images.shape == shape
    assert {k: v.tolist() for k, v in data.labels.items()} == (
        {} if labels is None else {"class": labels}
    )
    alpha = arrays.get("x", noise(1)).shape[-1] == 4
    assert len(data.notes) == len({"arr_1", "x_test"} & set(arrays)) + alpha
    if "arr_1" in arrays:
        assert data.notes[0].endswith("a.npz has the shape (9,), and there are 4 images.")


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.astype(np.float32) / 255,
        lambda a: a.astype(np.float64) / 127.5 - 1,
        lambda a: (a.astype(np.float32) / 255).astype(np.float16),
        lambda a: a.astype(np.int64),
        lambda a: a.astype(np.float32),
        lambda a: np.asfortranarray(a),
    ],
)
def test_values_of_an_npz(read, tmp_path, change):
    images = np.arange(512, dtype=np.uint16).reshape(2, 8, 8, 4)[..., :3].astype(np.uint8)
    images.flat[:2] = 0, 255
    np.savez(tmp_path / "a.npz", images=change(images))
    np.testing.assert_array_equal(read(tmp_path / "a.npz").images, images)


def test_booleans_in_an_npz(read, tmp_path):
    np.savez(tmp_path / "a.npz", images=(bits := noise(3, 8, 8) > 99))
    np.testing.assert_array_equal(read(tmp_path / "a.npz").images[..., 0], bits * 255)


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/gan_zoo_pwned",)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"images": np.full((2, 8, 8), np.nan)}, "values from nan to nan"),
        ({"images": np.full((2, 8, 8), 300.0)}, "values from 300 to 300"),
        ({"images": np.linspace(-2, 5, 128).reshape(2, 8, 8)}, "values from -2 to 5"),
        ({"images": np.linspace(0, 1.1, 128).reshape(2, 8, 8)}, "values from 0 to 1.1"),
        ({"images": np.full((2, 8, 8), 70000, np.uint32)}, "save it as uint8"),
        ({"images": noise(2, 9, 8, 8)}, "[N, H, W, C]"),
        ({"images": np.zeros((0, 8, 8), np.uint8)}, "is empty"),
        ({"images": np.zeros((2, 8, 8), complex)}, "values of type complex128"),
        ({"images": np.full((2, 2, 2), Evil())}, "cannot be read"),
        ({"a": noise(2, 8, 8), "b": noise(2, 8, 8)}, "more than one array"),
        ({"a": noise(8, 8)}, "no array that may be images"),
    ],
)
def test_bad_npz(refused, tmp_path, arrays, says):
    np.savez(tmp_path / "a.npz", **arrays)
    assert says in refused(tmp_path / "a.npz")
    assert not os.path.exists("/tmp/gan_zoo_pwned")


def test_an_npz_whose_header_lies(refused, tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 999, 999)}
    )
    assert "its size is not that of its shape" in refused(
        zipped(tmp_path / "a.npz", {"images.npy": buffer.getvalue() + bytes(99)})
    )


# ---- duplicates


@pytest.mark.parametrize("drop", [False, True])
def test_duplicates(read, tmp_path, drop):
    a, b = noise(8, 8, 3), noise(8, 8, 3)
    files = {"1.png": a, "2.png": b, "3.bmp": encoded(a, "BMP"), "4.png": a}
    data = read(write(tmp_path / "d", files), f"files(drop_duplicates={drop})")
    np.testing.assert_array_equal(data.images, [a, b] if drop else [a, b, a, a])
    where = tmp_path / "d"
    (note,) = data.notes
    if drop:
        assert note == f"2 of 4 images in {where} repeat an earlier one exactly and are dropped."
    else:
        assert note.startswith(f"3 of 4 images in {where} are equal at the size of training")


# ---- the cache


def same(a, b):
    assert (a.name, a.hash, a.resize, a.notes, a.label_values) == (
        b.name,
        b.hash,
        b.resize,
        b.notes,
        b.label_values,
    )
    np.testing.assert_array_equal(a.images, b.images)
    assert {k: v.tolist() for k, v in a.labels.items()} == {
        k: v.tolist() for k, v in b.labels.items()
    }


@pytest.fixture
def folder(tmp_path):
    return write(
        tmp_path / "d",
        {
            "a/1.png": noise(9, 9, 3),
            "b/1.png": noise(8, 8, 3),
            "b/2.png": noise(8, 8, 3),
            "b/x.png": b"",
        },
    )


def test_the_second_time_nothing_is_decoded(read, folder, decoded):
    first = read(folder)
    assert decoded[0] == 4
    same(first, read(folder))
    assert decoded[0] == 4
    assert not first.images.flags.writeable


def test_options_have_entries_of_their_own(read, folder, decoded):
    hashes = set()
    for spec in (
        "files",
        "files(fit='pad')",
        "files(resample='box')",
        "files(drop_duplicates=True)",
    ):
        for size in ((8, 8), (8, 16)):
            for channels in (None, 1):
                before = decoded[0]
                hashes.add(read(folder, spec, size, channels).hash)
                assert decoded[0] > before
    assert len(hashes) > 8


@pytest.mark.parametrize("module", [load, pixels])
def test_new_code_reads_anew(read, folder, decoded, monkeypatch, module):
    read(folder)
    monkeypatch.setattr(module, "VERSION", 999)
    read(folder)
    assert decoded[0] == 8


def test_a_changed_file_is_read_anew(read, folder, decoded):
    first = read(folder)
    content = (folder / "b/1.png").read_bytes()
    os.utime(folder / "b/1.png", ns=(1, 1))
    same(first, read(folder))
    assert decoded[0] == 4  # another time of change, the same bytes
    (folder / "b/1.png").write_bytes(content + b"\0")
    os.utime(folder / "b/1.png", ns=(1, 1))
    read(folder)
    assert decoded[0] == 8  # another size
    (folder / "b/1.png").write_bytes(content + b"\1")
    read(folder)
    assert decoded[0] == 12  # other bytes
    (folder / "b/1.png").rename(folder / "b/0.png")
    read(folder)
    assert decoded[0] == 16  # another name


def test_a_changed_zip_is_read_anew(read, tmp_path, decoded):
    files = {name: encoded(image, "BMP") for name, image in colors(3).items()}
    path = zipped(tmp_path / "a.zip", files)
    first = read(path)
    os.utime(path, ns=(1, 1))
    same(first, read(path))
    assert decoded[0] == 3  # a zip knows its contents by their checksums
    files["000.png"] = encoded(noise(8, 8, 3), "BMP")  # of the same size
    zipped(path, files)
    assert read(path).hash != first.hash


def entries(tmp_path, suffix):
    return sorted((tmp_path / "cache").glob(f"*{suffix}"))


def flip(data):
    return data[:200] + bytes([data[200] ^ 255]) + data[201:]


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".npy", lambda d: d[:-1]),
        (".npy", lambda d: d + b"\0"),
        (".npy", lambda d: b""),
        (".npy", lambda d: d[:60]),
        (".npy", lambda d: bytes(len(d))),
        (".npy", flip),
        (".npy", None),
        (".json", None),
        (".json", lambda d: d[:-9]),
        (".json", lambda d: b"[]"),
        (".json", lambda d: b"\xff"),
        (".json", lambda d: json.dumps({**json.loads(d), "shape": [1, 2, 3]}).encode()),
        (
            ".json",
            lambda d: json.dumps({**json.loads(d), "report": {"labels": {"class": [1]}}}).encode(),
        ),
        (".json", lambda d: json.dumps({**json.loads(d), "report": {"labels": 3}}).encode()),
    ],
)
def test_a_damaged_entry_is_made_again(
    read, folder, tmp_path, decoded, monkeypatch, suffix, damage, mapped
):
    if mapped:
        if damage is flip:
            pytest.skip("the pixels of a memory map are not checked")
        monkeypatch.setattr(store, "available_memory", lambda: 0)
    first = read(folder)
    (entry,) = entries(tmp_path, suffix)
    if damage is None:
        entry.unlink()
    else:
        content = damage(entry.read_bytes())
        entry.unlink()  # as the first data set may still be mapped
        entry.write_bytes(content)
    if not mapped or suffix == ".json":
        same(first, read(folder))
    else:
        same(read(folder), read(folder))
    assert decoded[0] == 8


@pytest.mark.parametrize(
    ("memory", "mapped"), [(10**12, False), (4 * 576 + 4, False), (4 * 576, True), (0, True)]
)
def test_large_sets_are_mapped(read, folder, monkeypatch, memory, mapped):
    monkeypatch.setattr(store, "available_memory", lambda: memory)
    for _ in range(2):
        data = read(folder)
        assert data.images.nbytes == 576
        assert isinstance(data.images, np.memmap) == mapped
        assert not data.images.flags.writeable
        assert data.hash == store.pixel_hash(data.images)


def test_a_cache_that_cannot_be_written(read, folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    first = read(folder, cache=tmp_path / "file" / "cache")
    assert first.hash == read(folder).hash
    assert (
        "cannot be written (Not a directory)" in first.notes[-1]
        and "GAN_ZOO_CACHE" in first.notes[-1]
    )
    assert (tmp_path / "file").read_text() == "mine"


def test_a_disk_that_is_full_from_the_start(read, folder, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    data = read(folder)
    assert "No space left on device" in data.notes[-1]
    assert any("are left out" in note for note in data.notes)  # that on the bad file is there
    assert not list((tmp_path / "cache").iterdir())
    monkeypatch.undo()
    assert read(folder).hash == data.hash


def test_a_disk_that_fills_up(read, tmp_path, monkeypatch):
    folder = write(tmp_path / "d", colors(200))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.os, "fsync", full)
    data = read(folder)
    assert "No space left on device" in data.notes[-1]
    assert data.images.shape == (200, 8, 8, 3)
    assert not list((tmp_path / "cache").iterdir())
    assert threading.active_count() < 10


def test_neither_disk_nor_memory(refused, folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(store, "available_memory", lambda: 10)
    assert "choose a smaller --image_size" in refused(folder, cache=tmp_path / "file" / "cache")


def test_leftovers_of_killed_runs_are_removed(read, folder, tmp_path):
    old, young = tmp_path / "cache" / ".x.npy.1-2.part", tmp_path / "cache" / ".y.npy.1-2.part"
    write(tmp_path / "cache", {old.name: b"", young.name: b""})
    os.utime(old, (1, 1))
    read(folder)
    assert not old.exists() and young.exists()


def test_a_plugin_may_ask_for_the_image_spec_or_for_its_fields(read, tmp_path, monkeypatch):
    monkeypatch.setattr(registry.third_party, "files", [])
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "from gan_zoo.contracts import Dataset\n"
        "from gan_zoo.registry import datasets\n"
        "def blank(size, channels, where):\n"
        "    images = np.zeros((4, *size, channels or 3), np.uint8)\n"
        "    return Dataset(str(where), images, {}, {}, 'hash', 'none')\n"
        "@datasets.register\n"
        "def by_fields(*, image_size, channels, data_dir, cache_dir):\n"
        "    'One.'\n"
        "    return blank(image_size, channels, (data_dir, cache_dir))\n"
        "@datasets.register\n"
        "def by_spec(*, images):\n"
        "    'Another.'\n"
        "    return blank(images.size, images.channels, (images.data_dir, images.cache_dir))\n"
    )
    registry.add_plugin_file(file)
    try:
        first, second = (
            read(tmp_path / "d", name, size=(8, 12), channels=1, cache=tmp_path / "c")
            for name in ("by_fields", "by_spec")
        )
    finally:
        for name in ("by_fields", "by_spec"):
            registry.datasets._loaded.pop(name, None)
        monkeypatch.undo()
        registry.datasets.forget_index()
    assert first.image_shape == second.image_shape == (8, 12, 1)
    assert first.name == second.name == str((tmp_path / "d", tmp_path / "c"))


def test_processes_do_not_disturb_each_other(light_forks, tmp_path):
    folder = write(tmp_path / "d", colors(40))
    code = (
        "import sys; from pathlib import Path; from gan_zoo.datasets import build_dataset; "
        f"d = build_dataset('files', (32, 32), None, Path({str(folder)!r}), "
        f"Path({str(tmp_path / 'cache')!r})); print(d.hash, d.notes)"
    )
    runs = [light_forks.start(code=code) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0], runs[0].stderr
    assert len({run.stdout for run in runs}) == 1 and runs[0].stdout
    assert sorted(p.suffix for p in (tmp_path / "cache").iterdir()) == ["", ".json", ".npy"]


def test_memory_stays_small_while_the_cache_is_written(read, tmp_path, monkeypatch):
    files = {f"{i:03d}.png": encoded(Image.new("RGB", (8, 8), (i, 0, 0))) for i in range(100)}
    folder = write(tmp_path / "d", files)
    monkeypatch.setattr(store, "available_memory", lambda: 0)  # so that the result is mapped
    read(folder)  # imports and the like
    tracemalloc.start()
    data = read(folder, size=(256, 256))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.images.nbytes > 19e6
    assert peak < 19e6


def test_the_hash_knows_shape_and_pixels():
    images = noise(3, 4, 5, 3)
    other = images.copy()
    other[2, 3, 4, 2] ^= 1
    assert (
        len(
            {
                store.pixel_hash(a)
                for a in (images, other, images.reshape(3, 5, 4, 3), images[:2], images[::-1])
            }
        )
        == 5
    )
    many = noise(2500, 2, 2, 1)
    hasher = store.Hasher()
    for part in np.array_split(many, 7):
        hasher.add(part)
    assert hasher.hexdigest() == store.pixel_hash(many)


def test_decoding_runs_only_a_little_ahead():
    started = []
    results = load._in_order(started.append, range(1000))
    for _ in range(3):
        next(results)
    time.sleep(0.05)
    assert len(started) < 200
    results.close()
    assert threading.active_count() < 10


def test_the_order_does_not_depend_on_threads(read, tmp_path, monkeypatch):
    folder = write(tmp_path / "d", colors(300))
    preprocess = pixels.preprocess

    def slow(*args):
        time.sleep(RNG.random() / 1000)
        return preprocess(*args)

    monkeypatch.setattr(pixels, "preprocess", slow)
    assert read(folder).hash == read(folder, cache=tmp_path / "other").hash


def test_no_tensorflow(light_forks):
    code = "import gan_zoo.datasets.files, gan_zoo.datasets.classic, gan_zoo.datasets.faces"
    done = light_forks.run(code=code)
    assert done.returncode == 0, done.stderr
