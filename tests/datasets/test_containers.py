"""Archives, arrays and tables: what is read out of each, and how a bad one is refused."""

import bz2
import gzip
import io
import json
import struct
import sys
import tarfile
import threading
import time
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from gan_zoo.datasets import archives, build_dataset, nested, streams, tarballs
from gan_zoo.errors import UserError

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def png(image=None):
    buffer = io.BytesIO()
    Image.fromarray(noise(8, 8, 3) if image is None else image).save(buffer, "PNG")
    return buffer.getvalue()


def tarred(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def zipped(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def table(path, names=("cat", "dog"), labels=None, rows=10, **columns):
    """A table of Parquet as Hugging Face writes it; without ``names``, as others do."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    labels = [i % 2 for i in range(rows)] if labels is None else labels
    images = pa.array([{"bytes": png(), "path": f"{i}.png"} for i in range(rows)])
    made = pa.table({"image": images, "label": pa.array(labels), **columns})
    if names:
        features = {"image": {"_type": "Image"}}
        features["label"] = {"names": list(names), "_type": "ClassLabel"}
        record = {"info": {"features": features}}
        made = made.replace_schema_metadata({"huggingface": json.dumps(record)})
    pq.write_table(made, path, row_group_size=7)
    return path


@pytest.fixture(autouse=True)
def _listings(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_ZOO_CACHE", str(tmp_path / "home"))


@pytest.fixture
def read(tmp_path):
    """read(path, spec="files") -> Dataset of 8x8."""
    return lambda path, spec="files": build_dataset(spec, (8, 8), None, path, tmp_path / "cache")


@pytest.fixture
def refused(read):
    """The one sentence with which a path is refused."""

    def check(path, spec="files"):
        with pytest.raises(UserError) as e:
            read(path, spec)
        text = str(e.value)
        assert "\n" not in text and text.endswith(".")
        return text

    return check


def classes(data):
    return data.labels["class"].tolist() if data.labels else None


@pytest.fixture
def pets():
    return {f"top/{kind}/{i}.png": png() for kind in ("cat", "dog") for i in range(4)}


# ---- tar


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_the_same_data_set_as_its_folder(read, tmp_path, pets, mode):
    with tarfile.open(tarred(tmp_path / "a", dict(reversed(pets.items())), mode)) as archive:
        archive.extractall(tmp_path / "folder", filter="data")
    folder, packed = read(tmp_path / "folder"), read(tmp_path / "a")  # by content: it has no ending
    assert packed.hash == folder.hash
    assert packed.label_values == {"class": ("cat", "dog")}
    assert classes(packed) == classes(folder) == [0] * 4 + [1] * 4
    assert packed.notes == ()


def test_a_packed_tar_is_unpacked_once(read, tmp_path, pets, monkeypatch):
    path = tarred(tmp_path / "a.tgz", pets, "w:gz")
    first = read(path)
    monkeypatch.setattr(tarballs._Unpacked, "_unpack", lambda self: pytest.fail("unpacked again"))
    assert read(path).hash == first.hash


def test_a_packed_tar_whose_list_is_known_can_still_be_read(read, tmp_path, pets):
    path = tarred(tmp_path / "a.tgz", pets, "w:gz")
    first = read(path)
    other = build_dataset("files", (9, 9), None, path, tmp_path / "cache")  # decoded anew
    assert other.images.shape == (8, 9, 9, 3)
    assert build_dataset("files", (8, 8), None, path, tmp_path / "another").hash == first.hash


def test_threads_read_a_tar_at_once(tmp_path):
    files = {f"{i}.png": bytes([i]) * (i + 1) for i in range(200)}
    for mode in ("w", "w:gz"):
        container = tarballs.tar_container(tarred(tmp_path / f"{mode[2:]}.tar", files, mode))
        wrong = []

        def check(container=container, wrong=wrong):
            wrong.extend(name for name in files if container.read(name) != files[name])

        threads = [threading.Thread(target=check) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "zip in a folder"])
def test_of_files_with_one_name_the_last_is_taken_and_that_is_said(read, tmp_path, kind):
    first, last = np.zeros((8, 8, 3), np.uint8), noise(8, 8, 3)
    names = ["a.png", "./a.png"]
    path = tmp_path / "d" / f"x.{kind.split()[0]}"
    path.parent.mkdir()
    if kind.startswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, image in zip(names, (first, last), strict=True):
                archive.writestr(name, png(image))
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            for name, image in zip(names, (first, last), strict=True):
                info = tarfile.TarInfo(name)
                info.size = len(png(image))
                archive.addfile(info, io.BytesIO(png(image)))
    for _ in range(2):  # the list of a packed tar is kept
        data = read(path.parent if "folder" in kind else path)
        np.testing.assert_array_equal(data.images, last[None])
        assert "the name a.png is there more than once; the last file" in " ".join(data.notes)


def test_links_in_a_tar_stay_in_it(read, tmp_path):
    good = png()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:

        def add(name, kind=tarfile.REGTYPE, target="", content=b""):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(content)
            archive.addfile(info, io.BytesIO(content))

        add("in/a.png", content=good)
        for i in range(12):
            add(f"in/b{i}.png", content=png())
        add("hard.png", tarfile.LNKTYPE, "in/a.png")
        add("in/soft.png", tarfile.SYMTYPE, "../hard.png")
        add("out.png", tarfile.SYMTYPE, "/etc/hostname")
        add("up.png", tarfile.SYMTYPE, "../../etc/hostname")
        add("round.png", tarfile.SYMTYPE, "round.png")
        add("pipe.png", tarfile.FIFOTYPE)
    data = read(tmp_path / "a.tar")
    assert len(data.images) == 15
    assert sum((image == data.images[0]).all() for image in data.images) == 3
    assert "4 of 19 images" in data.notes[0] and "a link that leads to no file" in data.notes[0]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("name", ["../up.png", "/etc/x.png", "a/../../up.txt"])
def test_a_tar_that_points_out_of_itself(refused, tmp_path, name, mode):
    path = tarred(tmp_path / "a.tar", {"a.png": png(), name: png()}, mode)
    assert f"'{name}' points out of it" in refused(path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_that_is_cut_short_is_never_read_in_part(refused, tmp_path, pets, mode):
    whole = tarred(tmp_path / "whole.tar", pets, mode).read_bytes()
    end = len(pets) * 1024 if mode == "w" else len(whole) - 20  # what is behind is padding
    for size in range(100, end - 100, 211):
        (tmp_path / "cut.tar").write_bytes(whole[:size])
        assert "cut short" in refused(tmp_path / "cut.tar")


def test_a_tar_that_is_damaged_inside(refused, tmp_path, pets):
    data = bytearray(tarred(tmp_path / "a.tar", pets).read_bytes())
    data[1024 * 3 : 1024 * 3 + 400] = bytes(400)[:-1] + b"x"
    (tmp_path / "a.tar").write_bytes(data)
    assert "is damaged" in refused(tmp_path / "a.tar")


def test_a_bomb_in_a_tar(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(tarballs, "_BOMB", (2**20, 200))
    info = tarfile.TarInfo("big.png")
    info.size = 2**24
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(2**24)))
    assert "unpack to more than 200 times its size" in refused(path)


def test_a_tar_with_a_huge_image(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(tarballs, "LARGEST", 1000)
    for mode in ("w", "w:gz"):
        path = tarred(tmp_path / f"{mode[2:]}a.tar", {"big.png": noise(2000).tobytes()}, mode)
        assert "'big.png' has" in refused(path)


def test_a_tar_that_does_not_fit_on_the_disk(refused, tmp_path, pets, monkeypatch):
    class Full(io.BytesIO):
        def write(self, piece):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarballs, "scratch_file", Full)
    text = refused(tarred(tmp_path / "a.tgz", pets, "w:gz"))
    assert "No space left" in text and "GAN_ZOO_CACHE" in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(b"hello" * 999), "a packed file but no tar archive"),
        (bz2.compress(b"hello" * 999), "a packed file but no tar archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive, which is not read; unpack it"),
        (b"Rar!\x1a\x07\1\0" + bytes(99), "a RAR archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "tar --zstd -xf"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
        (b"\x80\x04\x95" + bytes(99), "which can run any code"),
        (b"hello", "holds no images that can be read; give a folder"),
        (b"", "is empty (0 bytes)"),
        (b"\n<!DOCTYPE html><html>", "is a web page and no archive; download it again"),
        (b"\xff\xd8\xff\xe0", "is a single picture; give the folder that it is in"),
    ],
    # Two processes must give a case the same name, and gzip writes the time of day.
    ids=["gz", "bz2", "7z", "rar", "zst", "hdf5", "pickle", "text", "empty", "html", "jpg"],
)
def test_other_files_are_named(refused, tmp_path, content, says):
    (tmp_path / "file").write_bytes(content)
    assert says in refused(tmp_path / "file")


def test_a_tar_that_ends_with_a_zip_is_a_tar(read, tmp_path):
    inner = zipped(tmp_path / "z.zip", {"x.png": png()}).read_bytes()
    path = tarred(tmp_path / "a.tar", {"a.png": png(), "b.png": png(), "z.zip": inner})
    assert len(read(path).images) == 2


# ---- archives in archives and in folders


@pytest.mark.parametrize("outer", [zipped, tarred])
@pytest.mark.parametrize("inner", ["zip", "tar", "tgz"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_in_an_archive(read, tmp_path, pets, outer, inner, packed):
    pack = {
        "zip": lambda path: zipped(path, pets, compression=8),
        "tar": lambda path: tarred(path, pets),
        "tgz": lambda path: tarred(path, pets, "w:gz"),
    }[inner]
    files = {f"in/deep.{inner}": pack(tmp_path / "deep").read_bytes(), "readme.txt": b"x"}
    if packed and outer is tarred:
        pytest.skip("see test_an_archive_in_a_packed_tar")
    options = {"compression": 8} if packed else {}
    data = read(outer(tmp_path / "out", files, **options))
    assert data.hash == read(pack(tmp_path / "plain")).hash
    assert classes(data) == [0] * 4 + [1] * 4
    assert data.notes == (
        f"{tmp_path / 'out'} itself holds no images; those of its archive in/deep.{inner} are taken.",
    )


def test_an_archive_in_a_packed_tar(refused, tmp_path, pets):
    files = {"deep.zip": zipped(tmp_path / "deep", pets).read_bytes()}
    assert "unpack it" in refused(tarred(tmp_path / "out.tgz", files, "w:gz"))


def test_a_bomb_in_a_zip_in_a_zip(refused, tmp_path):
    bomb = zipped(tmp_path / "in.zip", {"big.png": bytes(2**26)}, compression=8).read_bytes()
    assert "'big.png' would unpack to 64 MiB" in refused(
        zipped(tmp_path / "o.zip", {"a.zip": bomb})
    )


def test_an_inner_archive_that_would_unpack_to_terabytes(refused, tmp_path):
    path = zipped(tmp_path / "o.zip", {"a.zip": bytes(9999)}, compression=8)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2") + 24
    data[at : at + 4] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(data)
    assert "more than 200 times its size" in refused(path)


def test_archives_in_a_folder_are_classes_or_parts(read, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "kinds").mkdir(exist_ok=True)
        zipped(tmp_path / "kinds" / f"{name}.zip", {f"{i}.png": png() for i in range(3)})
    data = read(tmp_path / "kinds")
    assert data.label_values == {"class": ("cat", "dog")} and classes(data) == [0] * 3 + [1] * 3
    assert "those of all its 2 archives (cat.zip, dog.zip) are taken together" in data.notes[0]
    (tmp_path / "parts").mkdir()
    for i in range(3):
        files = {f"{kind}/{k}.png": png() for kind in ("cat", "dog") for k in range(2)}
        tarred(tmp_path / "parts" / f"set_{i}.tar", files | {"cat/._0.png": b"x"})
    data = read(tmp_path / "parts")
    assert data.label_values == {"class": ("cat", "dog")} and classes(data) == [0] * 6 + [1] * 6
    assert data.notes[0].endswith("taken together, numbered ones as parts of one set.")


def test_parts_of_a_set():
    def place(*names):
        return [p.of("a/b.png") for p in nested.place_parts(names)]

    assert place("x.zip") == ["a/b.png"]
    assert place("x.zip", "y.tar.gz") == ["x/a/b.png", "y/a/b.png"]
    assert place("00.tar", "01.tar") == ["a/00!b.png", "a/01!b.png"]
    assert place("s/t-0.tar", "s/t-1.tar", "s/v-0.tar") == [
        "s/t/a/t-0!b.png",
        "s/t/a/t-1!b.png",
        "s/v-0/a/b.png",
    ]
    (one, other) = nested.place_parts(["v1.0-0.tar", "v1.0-1.tar"])
    assert one.of("._b.png") == ".v1-0-0!._b.png" != other.of("._b.png")  # hidden, and one dot


def test_a_change_in_an_inner_archive_is_seen(read, tmp_path):
    hashes = set()
    for _ in range(2):  # of the same sizes
        inner = tarred(
            tmp_path / "in.tar", {"a.png": noise(1).tobytes() * 0 + png(), "b.png": png()}
        )
        hashes.add(read(tarred(tmp_path / "o.tar", {"in.tar": inner.read_bytes()})).hash)
    assert len(hashes) == 2


def test_archives_that_are_not_read_and_empty_folders_are_told(read, tmp_path, pets):
    folder = tmp_path / "d"
    folder.mkdir()
    zipped(folder / "a.zip", pets)
    (folder / "b.rar").write_bytes(b"Rar!")
    (folder / "x.mov").write_bytes(b"")
    (folder / "bird").mkdir()
    (folder / ".git" / "refs").mkdir(parents=True)
    notes = " ".join(read(folder).notes)
    assert "1 archive is not read, such as b.rar; unpack" in notes and "1 .mov" in notes
    (folder / "c.png").write_bytes(png())
    notes = " ".join(read(folder).notes)
    assert "2 archives are not read, such as a.zip; unpack" in notes
    assert "1 folder is empty, such as bird." in notes
    (folder / "data").mkdir()
    (folder / "data" / "train-0.parquet").write_bytes(b"PAR1")  # beside the logo of a repository
    notes = " ".join(read(folder).notes)
    assert "3 archives or tables are not read, such as a.zip; give alone" in notes


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["data_batch_1", "batches.meta"], "--data=cifar10 reads them"),
        (["train-images-idx3-ubyte.gz"], "--data=mnist reads them"),
        (["state.json", "dataset_info.json", "data-0.arrow"], "--data='hub("),
        (["1.0.0/dataset_info.json", "1.0.0/x.tfrecord-0"], "--data='tfds("),
        (["0.npy", "1.npy"], "save them as one array"),
        (["x.rar", "readme.md"], "unpack them"),
        (["readme.md"], "put files in it such as .png"),
    ],
)
def test_a_folder_without_images_gets_a_remedy(refused, tmp_path, files, says):
    for name in files:
        path = tmp_path / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert says in refused(tmp_path / "d")


def test_images_in_a_folder_come_before_archives(read, tmp_path):
    zipped(tmp_path / "a.zip", {"x.png": png()})
    (tmp_path / "y.png").write_bytes(png())
    assert len(read(tmp_path).images) == 1


# ---- WebDataset


def shards(folder, labels, ending=".cls", text=str):
    folder.mkdir()
    for k, values in enumerate(labels):
        files = {}
        for i, value in enumerate(values):
            files[f"{i:04d}.png"] = png()
            if value is not None:
                files[f"{i:04d}{ending}"] = text(value).encode()
        tarred(folder / f"shard-{k:03d}.tar", files)
    return folder


def test_shards_have_labels_beside_the_images(read, tmp_path):
    data = read(shards(tmp_path / "d", [[10, 9, 10], [2, 9]]))
    assert data.label_values == {"class": ("2", "9", "10")}
    assert classes(data) == [2, 1, 2, 0, 1]
    data = read(shards(tmp_path / "j", [["b", "a"]], ".json", lambda v: json.dumps({"label": v})))
    assert data.label_values == {"class": ("a", "b")} and classes(data) == [1, 0]


def test_a_changed_label_in_a_shard_is_seen(read, tmp_path):
    path = tmp_path / "a.tar"
    files = {"1.png": png(), "1.cls": b"0", "2.png": png(), "2.cls": b"1"}
    assert classes(read(tarred(path, files))) == [0, 1]
    assert classes(read(tarred(path, files | {"2.cls": b"0"}))) == [0, 0]


def test_shards_with_captions_or_lacking_labels(read, refused, tmp_path):
    captions = shards(tmp_path / "c", [["b", "a"]], ".json", lambda v: json.dumps({"text": v}))
    assert classes(read(captions)) is None
    data = read(shards(tmp_path / "l", [[1, None, 2]]))
    assert classes(data) is None and "1 of 3 images have no file .cls beside them" in data.notes[-1]
    assert "'0001.cls' holds no label" in refused(shards(tmp_path / "e", [[1, ""]]))
    records = shards(tmp_path / "r", [[None, 1, 2]], ".json", lambda v: json.dumps({"label": v}))
    data = read(records)
    assert classes(data) is None and "1 of 3 images have no file .json" in data.notes[-1]


def test_odd_numbers_in_shards(read, tmp_path):
    data = read(shards(tmp_path / "h", [["9" * 30, 7], ["9" * 30]]))
    assert data.label_values == {"class": ("7", "9" * 30)} and classes(data) == [1, 0, 1]
    assert classes(read(shards(tmp_path / "w", [["9" * 9000, 7]]))) == [1, 0]
    floats = shards(tmp_path / "f", [[1.0, 0.0]], ".json", lambda v: json.dumps({"label": v}))
    assert read(floats).label_values == {"class": ("0", "1")}


def test_a_damaged_label_in_a_shard_is_told(refused, tmp_path):
    (tmp_path / "d").mkdir()
    with zipfile.ZipFile(tmp_path / "d" / "a.zip", "w") as archive:
        for name, data in {"0.png": png(), "0.json": b'{"label": "MARK"}'}.items():
            archive.writestr(name, data)
    path = tmp_path / "d" / "a.zip"
    path.write_bytes(path.read_bytes().replace(b"MARK", b"CRAM", 1))
    assert "'0.json' holds no label" in refused(tmp_path / "d")


def test_labels_of_shards_in_a_folder_are_told(read, tmp_path):
    for name in ("0", "1"):
        (tmp_path / f"{name}.png").write_bytes(png())
        (tmp_path / f"{name}.cls").write_text(name)
    data = read(tmp_path)
    assert data.labels == {} and "the 2 files .cls beside the images" in " ".join(data.notes)


# ---- zip


def long_run(n):
    """The bytes b"a" * n in Deflate64: one match of a length that plain Deflate cannot have."""
    bits = [1, 1, 0]  # the last block, of fixed codes
    bits += map(int, f"{0x30 + ord('a'):08b}")
    bits += map(int, f"{0xC0 + 5:08b}")  # length code 285, with 16 more bits
    bits += [(n - 4) >> i & 1 for i in range(16)]
    bits += [0] * 5 + [0] * 7  # distance 1; the end
    return bytes(
        sum(bit << i for i, bit in enumerate(bits[k : k + 8])) for k in range(0, len(bits), 8)
    )


def deflate64(path, content, packed=None):
    """A zip with a.png packed by Deflate64."""
    pytest.importorskip("inflate64")
    if packed is None:  # without matches, both methods are one
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
        packed = deflater.compress(content) + deflater.flush()
    info = zipfile.ZipInfo("a.png")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, packed)
    data = path.read_bytes()
    crc, size = struct.pack("<I", zlib.crc32(content)), struct.pack("<I", len(content))
    data = data.replace(struct.pack("<I", zlib.crc32(packed)), crc)
    for magic, method, length in ((b"PK\3\4", 8, 22), (b"PK\1\2", 10, 24)):
        at = data.index(magic)
        data = data[: at + method] + b"\x09\0" + data[at + method + 2 :]
        data = data[: at + length] + size + data[at + length + 4 :]
    path.write_bytes(data)
    return path


def test_deflate64(read, refused, tmp_path, monkeypatch):
    image = noise(8, 8, 3)
    path = deflate64(tmp_path / "a.zip", png(image))
    np.testing.assert_array_equal(read(path).images[0], image)
    monkeypatch.setitem(sys.modules, "inflate64", None)
    text = refused(path)
    assert "Deflate64" in text and "pip install 'gan_zoo[deflate64]', or unpack it" in text


def test_deflate64_is_checked_and_bounded(tmp_path):
    path = deflate64(tmp_path / "a.zip", b"a" * 50_000, long_run(50_000))
    assert archives.zip_container(path).read("a.png") == b"a" * 50_000
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 50_000), struct.pack("<I", 99)))
    with pytest.raises(zipfile.BadZipFile, match="Bad CRC"):
        archives.zip_container(path).read("a.png")


def test_other_methods_of_a_zip_are_named(refused, tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.png": png()})
    data = bytearray(path.read_bytes())
    for magic, method in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data[data.index(magic) + method] = 98
    path.write_bytes(data)
    assert "packed by PPMd, which is not read; unpack it" in refused(path)


def test_a_part_of_a_split_zip(refused, tmp_path):
    (tmp_path / "a.z01").write_bytes(b"x")
    (tmp_path / "a.zip").write_bytes(zipped(tmp_path / "b", {"a.png": png()}).read_bytes()[:-30])
    assert "one part of a zip archive that was split; join the parts" in refused(tmp_path / "a.zip")


def test_a_part_of_an_archive_that_was_cut(refused, tmp_path):
    whole = zipped(tmp_path / "b", {"a.png": png()}).read_bytes()
    (tmp_path / "b").unlink()
    (tmp_path / "a.zip.001").write_bytes(whole[:60])
    (tmp_path / "a.zip.002").write_bytes(whole[60:])
    for path in (tmp_path / "a.zip.001", tmp_path / "a.zip.002", tmp_path):
        assert "join its parts (cat a.zip.* > a.zip)" in refused(path)


def test_archives_without_images_are_not_recommended(refused, tmp_path):
    (tmp_path / "d").mkdir()
    inner = zipped(tmp_path / "inner.zip", {"a.png": png()}).read_bytes()
    zipped(
        tmp_path / "d" / "a.zip", {"b.zip": zipped(tmp_path / "c", {"x.zip": inner}).read_bytes()}
    )
    said = refused(tmp_path / "d")
    assert "it holds 1 .zip; unpack them" in said and "a.zip as --data_dir" not in said


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_names_in_a_zip_without_the_flag_of_utf_8(read, tmp_path, encoding):
    class Info(zipfile.ZipInfo):
        def _encodeFilenameFlags(self):  # noqa: N802 (of zipfile)
            return self.filename.encode(encoding), self.flag_bits

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("dog/1.png", "\u732b/1.png", "\u72d7\u72d7/1.png"):
            archive.writestr(Info(name), png())
    data = read(tmp_path / "a.zip")
    assert (data.label_values["class"] == ("dog", "\u72d7\u72d7", "\u732b")) == (
        encoding == "utf-8"
    )
    told = "the names of 2 files are not in UTF-8 and may look wrong" in " ".join(data.notes)
    assert told == (encoding == "gbk")


def zip_with_a_hole(path, images):
    """A zip whose last image lies behind 4 GiB; the hole before it takes no room on the disk."""
    *first, last = images
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        for i, image in enumerate(first):
            archive.writestr(f"{i}.png", png(image))
        file.truncate(file.seek(2**32 + 99))
        archive.start_dir = file.tell()
        archive.writestr("z.png", png(last))
    return path


def test_a_zip_of_more_than_4_gib(read, tmp_path):
    images = noise(3, 8, 8, 3)
    np.testing.assert_array_equal(read(zip_with_a_hole(tmp_path / "a.zip", images)).images, images)


def test_a_zip_of_more_than_4_gib_without_zip64(read, tmp_path):
    images, path = noise(3, 8, 8, 3), tmp_path / "a.zip"
    size = zip_with_a_hole(path, images).stat().st_size
    with path.open("r+b") as file:  # as the Finder writes it: the lower 32 bits, and no more
        file.seek(size - 500)
        tail = file.read()
        begin = tail.index(b"PK\1\2")
        directory = bytearray(tail[begin : tail.index(b"PK\6\6")])
        last = directory.rindex(b"PK\1\2")
        extra = int.from_bytes(directory[last + 30 : last + 32], "little")
        directory[last + 30 : last + 32] = b"\0\0"
        directory[last + 42 : last + 46] = struct.pack("<I", 99)
        del directory[len(directory) - extra :]
        place = (size - 500 + begin) % 2**32
        end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 3, 3, len(directory), place, 0)
        file.seek(size - 500 + begin)
        file.write(bytes(directory) + end)
        file.truncate()
    np.testing.assert_array_equal(read(path).images, images)


# ---- npy


@pytest.mark.parametrize(
    "change",
    [lambda a: a, lambda a: a.astype("f4") / 255, lambda a: a.astype("i8"), np.asfortranarray],
)
def test_npy(read, tmp_path, change):
    images = noise(5, 8, 8, 3)
    images.flat[:2] = 0, 255
    np.save(tmp_path / "a.npy", change(images))
    np.testing.assert_array_equal(read(tmp_path / "a.npy").images, images)


@pytest.mark.parametrize(
    ("images", "labels", "told"),
    [
        ("X.npy", "Y.npy", True),
        ("x_train.npy", "y_train.npy", True),
        ("images.npy", "labels.npy", True),
        ("x_train.npy", "y_test.npy", False),
        ("images.npy", "means.npy", False),
    ],
)
def test_labels_in_an_npy_beside_are_told(read, tmp_path, images, labels, told):
    np.save(tmp_path / images, noise(4, 8, 8, 3))
    np.save(tmp_path / labels, np.arange(4) % 2)
    notes = " ".join(read(tmp_path / images).notes)
    assert (f"{labels} is not read; save both in one file" in notes) == told


def test_an_array_of_an_npz_that_may_be_labels_is_told(read, tmp_path):
    arrays = {"images": noise(4, 8, 8, 3), "mean": np.zeros(3), "category": np.arange(4) % 2}
    np.savez(tmp_path / "a.npz", **arrays)
    data = read(tmp_path / "a.npz")
    assert data.labels == {} and 'files(classes="category")' in " ".join(data.notes)
    assert "category" not in " ".join(read(tmp_path / "a.npz", "files(classes='none')").notes)


def test_a_changed_npy_is_read_anew(read, tmp_path):
    for _ in range(2):
        images = noise(5, 8, 8, 3)
        np.save(tmp_path / "a.npy", images)
        np.testing.assert_array_equal(read(tmp_path / "a.npy").images, images)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((5, 64), np.uint8), "has the shape (5, 64)"),
        (np.array([{}] * 3, object), "holds objects"),
        (np.zeros((0, 8, 8), np.uint8), "empty"),
        (np.full((2, 8, 8), np.nan), "values from nan to nan"),
        (np.zeros((2, 8, 8), complex), "complex128"),
    ],
)
def test_bad_npy(refused, tmp_path, array, says):
    np.save(tmp_path / "a.npy", array)
    assert says in refused(tmp_path / "a.npy")


def test_an_npy_that_is_cut_short(refused, tmp_path):
    np.save(tmp_path / "a.npy", noise(5, 8, 8, 3))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-9])
    assert "is damaged" in refused(tmp_path / "a.npy")


# ---- Parquet


def test_a_table_of_hugging_face(read, tmp_path):
    data = read(table(tmp_path / "a.parquet"))
    assert data.label_values == {"class": ("cat", "dog")}
    assert classes(data) == [0, 1] * 5 and data.notes == ()
    assert read(table(tmp_path / "b.parquet", names=())).label_values == {"class": ("0", "1")}


def test_a_repository_of_tables(read, tmp_path):
    for part in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        table(tmp_path / "d" / "data" / f"{part}.parquet")
    (tmp_path / "d" / "README.md").write_text("x")
    data = read(tmp_path / "d")
    assert data.images.shape == (20, 8, 8, 3) and classes(data) == [0, 1] * 10
    assert "2 tables (data/train-00000-of-00002.parquet" in data.notes[0]
    assert "the test split" in data.notes[1] and "test-00000" in data.notes[1]


def test_tables_with_other_classes_are_not_mixed(refused, tmp_path):
    table(tmp_path / "d" / "a-0.parquet")
    table(tmp_path / "d" / "a-1.parquet", names=("dog", "cat"))
    assert "different columns or classes" in refused(tmp_path / "d")


def test_missing_labels_of_a_table_are_told(read, tmp_path):
    data = read(table(tmp_path / "a.parquet", labels=[0, -1] * 5))
    assert classes(data) is None
    assert "labels are left out, since 5 of 10 in the column 'label'" in data.notes[0]


def test_a_second_column_of_images_is_told(read, tmp_path):
    pa = pytest.importorskip("pyarrow")
    mask = pa.array([png()] * 10)
    data = read(table(tmp_path / "a.parquet", names=(), mask=mask))
    assert len(data.images) == 10 and "the column 'image'; mask may hold others" in data.notes[0]


def test_paths_in_a_table_stay_in_its_folder(read, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "in.png").write_bytes(png())
    (tmp_path / "out.png").write_bytes(png())
    paths = ["in.png"] * 3 + ["../out.png"]
    images = pa.array([{"bytes": None, "path": path} for path in paths])
    images = images.cast(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"image": images}), tmp_path / "d" / "a.parquet")
    data = read(tmp_path / "d" / "a.parquet")
    assert len(data.images) == 3 and "leads out of its folder" in data.notes[0]


def test_bad_tables(refused, tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    (tmp_path / "cut.parquet").write_bytes(table(tmp_path / "a.parquet").read_bytes()[:-99])
    assert "damaged or cut short" in refused(tmp_path / "cut.parquet")
    pq.write_table(pa.table({"n": [1]}), tmp_path / "n.parquet")
    assert "no column of encoded images, but n (int64)" in refused(tmp_path / "n.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install 'gan_zoo[parquet]'" in refused(tmp_path / "a.parquet")


# ---- items that come in order


def test_threads_read_items_that_come_in_order():
    starts = []

    def begin(first):
        starts.append(first)
        return ((i, -i) for i in range(first // 7 * 7, 1000))

    reader, got = streams.InOrder(begin), {}

    def work(rows):
        for i in rows:
            time.sleep(1e-5)
            got[i] = reader.read(i)

    threads = [threading.Thread(target=work, args=(range(k, 1000, 8),)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {i: -i for i in range(1000)}
    assert len(starts) < 9 and not reader._ready
    assert [reader.read(i) for i in (500, 3, 501)] == [-500, -3, -501]
    with pytest.raises(EOFError):
        reader.read(1000)


def test_the_list_of_a_large_tar_is_kept(read, tmp_path, pets, monkeypatch):
    monkeypatch.setattr(tarballs, "_MANY", 3)
    path = tarred(tmp_path / "a.tar", pets)
    first = read(path)
    scan = tarballs._scan
    monkeypatch.setattr(tarballs, "_scan", lambda *_: pytest.fail("listed again"))
    assert read(path).hash == first.hash
    monkeypatch.setattr(tarballs, "_scan", scan)
    tarred(path, {**pets, "top/dog/9.png": png()})
    assert len(read(path).images) == 9
