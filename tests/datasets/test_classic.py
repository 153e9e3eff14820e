"""Data sets with names: their layouts, their crops, their file formats, and what a missing one says."""

import gzip
import io
import os
import pickle
import struct
import sys
import tarfile
import types
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan_zoo.datasets import build_dataset, faces, raw_formats
from gan_zoo.errors import UserError

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def zipped(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def read(tmp_path):
    def go(spec, data_dir, size=(28, 28), channels=None):
        return build_dataset(spec, size, channels, data_dir, tmp_path / "cache")

    return go


@pytest.fixture
def refused(read):
    def check(*args, **kwargs):
        with pytest.raises(UserError) as e:
            read(*args, **kwargs)
        assert "\n" not in str(e.value)
        return str(e.value)

    return check


# ---- sets of image files

FOLDERS = {"simpsons": "cropped", "anime_faces": "data", "celeba": "img_align_celeba"}


@pytest.fixture
def images():
    return {f"{i}.png": png(noise(218, 178, 3)) for i in range(3)}


def inside(folder, files):
    return {f"{folder}/{name}": content for name, content in files.items()}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_layout_is_found(read, tmp_path, images, name):
    folder = FOLDERS[name]
    more = {
        **inside("simplified", images),
        "list_attr.csv": b"",
        **inside(f"{folder}/{folder}", images),
    }
    layouts = [
        write(tmp_path / "1", {**inside(folder, images), **more}),
        write(tmp_path / "2", inside(folder, images)) / folder,
        write(tmp_path / "3", inside(f"a/b/{folder}", images)),
        write(tmp_path / "4", inside(f"{folder}/{folder}", images)),
        write(tmp_path / "5", images),
        zipped(tmp_path / "6.zip", {**inside(folder, images), **more}),
        zipped(tmp_path / "7.zip", inside(f"top/{folder}", images)),
        zipped(tmp_path / "8.zip", images),
        zipped(
            tmp_path / "9" / f"my-{name.split('_')[0]}-download.zip", inside(folder, images)
        ).parent,
        zipped(tmp_path / "10" / "archive.zip", inside(folder, images)).parent,
    ]
    data = [read(name, layout) for layout in layouts]
    assert {len(d.images) for d in data} == {3}
    assert len({d.hash for d in data}) == 1
    assert all((d.name, dict(d.labels), d.notes) == (name, {}, ()) for d in data)


@pytest.mark.parametrize("name", FOLDERS)
def test_no_data_dir_says_where_to_get_it(refused, name):
    text = refused(name, None)
    assert name in text and "Kaggle" in text and FOLDERS[name] in text and "--data_dir" in text


@pytest.mark.parametrize("name", FOLDERS)
def test_another_layout_is_refused(refused, tmp_path, images, name):
    folder = write(tmp_path / "d", {**inside("a", images), **inside("b", images)})
    assert f"no folder {FOLDERS[name]}/" in refused(name, folder)
    assert "there are no images in" in refused(name, write(tmp_path / "empty", {"a.txt": b""}))
    assert "does not exist" in refused(name, tmp_path / "nothing")


# ---- CelebA


@pytest.mark.parametrize(
    ("crop", "size", "resize"),
    [
        ("auto", (28, 28), "close_v1, crop+lanczos (Pillow)"),
        ("auto", (32, 32), "close_v1, crop+lanczos (Pillow)"),
        ("auto", (64, 64), "align178_v1, crop+lanczos (Pillow)"),
        ("auto", (100, 75), "align178_v1, crop+lanczos (Pillow)"),
        ("auto", (178, 178), "align178_v1"),
        ("close_v1", (112, 112), "close_v1"),
        ("align178_v1", (28, 28), "align178_v1, crop+lanczos (Pillow)"),
        ("none", (218, 178), "none"),
    ],
)
def test_crops_of_celeba(read, tmp_path, images, crop, size, resize):
    data = read(f"celeba(crop='{crop}')", write(tmp_path / "d", images), size=size)
    assert data.resize == resize
    assert data.images.shape == (3, *size, 3)
    if "lanczos" not in resize:
        left, top, right, bottom = (
            faces.CELEBA_CROPS[resize].box if resize != "none" else (0, 0, 178, 218)
        )
        whole = np.asarray(Image.open(io.BytesIO(images["1.png"])))
        np.testing.assert_array_equal(data.images[1], whole[top:bottom, left:right])


def test_published_crops_do_not_change():
    # A new box needs a new name, or runs on the old and the new one cannot be told apart.
    boxes = {name: (crop.name, crop.box) for name, crop in faces.CELEBA_CROPS.items()}
    assert boxes == {
        "close_v1": ("close_v1", (33, 66, 145, 178)),
        "align178_v1": ("align178_v1", (0, 20, 178, 198)),
    }


def test_images_of_another_size_are_not_celeba(refused, read, tmp_path, images):
    folder = write(tmp_path / "d", images)
    write(folder, {"x.png": png(noise(64, 64, 3))})
    assert (
        "x.png (64x64 pixels where the crop close_v1 expects 178x218)"
        in read("celeba", folder).notes[0]
    )
    write(folder, {"y.png": png(noise(64, 64, 3)), "z.png": png(noise(178, 218, 3))})
    assert "z.png (218x178 pixels where" in refused("celeba", folder)
    assert len(read("celeba(crop='none')", folder).images) == 6


def test_an_unknown_crop(refused, tmp_path, images):
    assert "auto, close_v1, align178_v1, none" in refused(
        "celeba(crop='closer')", write(tmp_path / "d", images)
    )


# ---- MNIST and its kin


def idx(array):
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}i", *array.shape)
        + array.tobytes()
    )


SETS = {
    "train": (noise(12, 28, 28), np.arange(12, dtype=np.uint8) % 10),
    "t10k": (noise(5, 28, 28), np.arange(5, dtype=np.uint8)),
}
IDX = {
    f"{prefix}-{kind}-idx{rank}-ubyte": idx(array)
    for prefix, arrays in SETS.items()
    for kind, rank, array in zip(("images", "labels"), (3, 1), arrays, strict=True)
}
ZIPPED_IDX = {f"{name}.gz": gzip.compress(content) for name, content in IDX.items()}
ARRAYS = dict(
    zip(("x_train", "y_train", "x_test", "y_test"), (*SETS["train"], *SETS["t10k"]), strict=True)
)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_every_form_of_mnist(read, tmp_path, name):
    np.savez(write(tmp_path / "npz", {"x.txt": b""}) / f"{name}.npz", **ARRAYS)
    places = [
        tmp_path / "npz",
        tmp_path / "npz" / f"{name}.npz",
        write(tmp_path / "raw", IDX),
        write(tmp_path / "gz", ZIPPED_IDX),
        write(tmp_path / "both", {**IDX, **ZIPPED_IDX}),
        write(tmp_path / "dots", {n.replace("-idx", ".idx"): c for n, c in IDX.items()}),
        write(tmp_path / "deep", inside("MNIST/raw", IDX)),
        tmp_path / "raw" / "train-images-idx3-ubyte",
        tmp_path / "gz" / "train-images-idx3-ubyte.gz",
    ]
    for place in places:
        data = read(name, place)
        np.testing.assert_array_equal(data.images[..., 0], SETS["train"][0])
        assert data.labels["class"].tolist() == SETS["train"][1].tolist()
        assert (data.name, data.resize, data.image_shape) == (name, "none", (28, 28, 1))


def test_splits_and_classes(read, tmp_path):
    folder = write(tmp_path / "d", IDX)
    assert [len(read(f"mnist(split='{s}')", folder).images) for s in ("train", "test", "all")] == [
        12,
        5,
        17,
    ]
    assert read(
        "mnist(split='test')",
        write(tmp_path / "t", {n: c for n, c in IDX.items() if n[0] == "t" and n[1] == "1"}),
    ).labels
    assert read("mnist", folder).label_values["class"] == tuple("0123456789")
    assert read("fashion_mnist", folder).label_values["class"][9] == "Ankle boot"


def test_mnist_at_another_size(read, tmp_path):
    data = read("mnist(fit='pad')", write(tmp_path / "d", IDX), size=(32, 40))
    assert (data.images.shape, data.resize) == ((12, 32, 40, 1), "pad+lanczos (Pillow)")


@pytest.mark.parametrize(
    ("files", "spec", "says"),
    [
        ({"a.txt": b""}, "mnist", "mnist.npz"),
        ({"a.txt": b""}, "fashion_mnist", "zalandoresearch"),
        ({n: c for n, c in IDX.items() if "labels" not in n}, "mnist", "does not hold mnist"),
        (
            {n: c for n, c in IDX.items() if "t10k" not in n},
            "mnist(split='all')",
            "does not hold mnist",
        ),
        (
            {**inside("MNIST/raw", IDX), **inside("FashionMNIST/raw", IDX)},
            "mnist",
            "holds several sets",
        ),
        (IDX, "mnist(split='dev')", "train, test, all"),
        ({**IDX, "train-images-idx3-ubyte": b""}, "mnist", "does not begin as an idx file"),
        (
            {**IDX, "train-images-idx3-ubyte": IDX["train-labels-idx1-ubyte"]},
            "mnist",
            "in 3 dimensions",
        ),
        (
            {**IDX, "train-images-idx3-ubyte": IDX["train-images-idx3-ubyte"][:-1]},
            "mnist",
            "are announced",
        ),
        (
            {**IDX, "train-labels-idx1-ubyte": IDX["t10k-labels-idx1-ubyte"]},
            "mnist",
            "with a label 0 to 9 each",
        ),
        (
            {**IDX, "train-labels-idx1-ubyte": idx(np.full(12, 10, np.uint8))},
            "mnist",
            "with a label 0 to 9 each",
        ),
        ({**ZIPPED_IDX, "train-images-idx3-ubyte.gz": b"text"}, "mnist", "cannot be read"),
        (
            {
                **ZIPPED_IDX,
                "train-images-idx3-ubyte.gz": ZIPPED_IDX["train-images-idx3-ubyte.gz"][:-99],
            },
            "mnist",
            "cannot be read",
        ),
        ({"mnist.npz": b"text"}, "mnist", "cannot be read as mnist"),
    ],
)
def test_bad_mnist(refused, tmp_path, files, spec, says):
    assert says in refused(spec, write(tmp_path / "d", files))


def test_mnist_is_gray(refused, tmp_path):
    assert "--channels=1" in refused("mnist", write(tmp_path / "d", IDX), channels=3)


# ---- Stacked MNIST


def test_stacked_digits_and_their_labels(read, tmp_path):
    folder = write(tmp_path / "d", IDX)
    data = read("stacked_mnist(n=200)", folder)
    assert (data.images.shape, data.name, data.resize) == (
        (200, 28, 28, 3),
        "stacked_mnist",
        "none",
    )
    digits, classes = SETS["train"]
    source = {image.tobytes(): int(digit) for image, digit in zip(digits, classes, strict=True)}
    shown = np.array([[source[i[..., c].tobytes()] for c in range(3)] for i in data.images])
    for c, color in enumerate(("red", "green", "blue")):
        assert data.labels[color].tolist() == shown[:, c].tolist()
        assert data.label_values[color] == tuple("0123456789")
    assert data.labels["class"].tolist() == (shown @ [100, 10, 1]).tolist()
    assert data.label_values["class"][::500] == ("000", "500")
    assert len(set(data.labels["class"].tolist())) > 50, "all combinations"
    other = read("stacked_mnist(n=200, seed=1)", folder)
    assert (other.labels["class"] != data.labels["class"]).any()
    assert (read("stacked_mnist(n=200)", folder).images == data.images).all()


def test_the_other_split_has_none_of_the_digits_trained_on(read, tmp_path):
    folder = write(tmp_path / "d", IDX)
    test = read("stacked_mnist(n=30, split='test')", folder)
    known = {image.tobytes() for image in SETS["t10k"][0]}
    assert all(i[..., c].tobytes() in known for i in test.images for c in range(3))


def test_what_cannot_be_stacked(refused, tmp_path):
    folder = write(tmp_path / "d", IDX)
    assert "--data=mnist" in refused("stacked_mnist", folder, channels=1)
    assert "n=-1" in refused("stacked_mnist(n=-1)", folder)
    assert "train, test, all" in refused("stacked_mnist(split='dev')", folder)
    assert "does not hold mnist" in refused("stacked_mnist", write(tmp_path / "e", {"a.txt": b""}))


# ---- CIFAR-10


def batch(n, seed=0):
    rng = np.random.default_rng(seed)
    return {
        b"data": rng.integers(0, 256, (n, 3072), dtype=np.uint8),
        b"labels": [i % 10 for i in range(n)],
        b"batch_label": b"x",
    }


BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
CIFAR = {name: pickle.dumps(batch(2, i), protocol=2) for i, name in enumerate(BATCHES)}
CIFAR["batches.meta"] = b""


def tarred(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_every_form_of_cifar10(read, tmp_path):
    own = inside("cifar-10-batches-py", CIFAR)
    places = [
        write(tmp_path / "1", own),
        tmp_path / "1" / "cifar-10-batches-py",
        tarred(tmp_path / "2" / "cifar-10-python.tar.gz", own),
        tmp_path / "2",
    ]
    expected = np.concatenate([batch(2, i)[b"data"] for i in range(6)]).reshape(12, 3, 32, 32)
    for place in places:
        data = read("cifar10(split='all')", place, size=(32, 32))
        for c in range(3):
            np.testing.assert_array_equal(data.images[..., c], expected[:, c])
        assert data.labels["class"].tolist() == [0, 1] * 6
        assert data.label_values["class"][:2] == ("airplane", "automobile")
    assert len(read("cifar10", places[0]).images) == 10
    assert len(read("cifar10(split='test')", places[2]).images) == 2


class Call:
    def __init__(self, function, *args):
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced


EVIL = {
    "a shell": (Call(os.system, "touch {mark}"), "system"),
    "open": (Call(open, "{mark}", "w"), "open"),
    "eval": (Call(eval, "1+1"), "eval"),
    "getattr": (Call(getattr, 1, "real"), "getattr"),
    "numpy's own loader": (Call(np.load, "{mark}"), "numpy"),
    "another codec": (Call(__import__("codecs").encode, "x", "rot13"), "rot13"),
}


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("kind", EVIL)
def test_pickles_that_do_more_than_hold_arrays_are_refused(refused, tmp_path, kind, protocol):
    call, says = EVIL[kind]
    mark = tmp_path / "pwned"
    function, args = call.reduced
    evil = Call(
        function, *(a.replace("{mark}", str(mark)) if isinstance(a, str) else a for a in args)
    )
    content = pickle.dumps({**batch(2), b"more": evil}, protocol=protocol)
    text = refused(
        "cifar10", write(tmp_path / "d", {**CIFAR, "data_batch_3": content}), size=(32, 32)
    )
    assert "'data_batch_3'" in text and says in text and "is refused" in text
    assert not mark.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_pass_the_unpickler(protocol):
    images, labels = raw_formats.read_cifar_batch(pickle.dumps(batch(4), protocol=protocol), "here")
    assert (images.shape, labels.tolist()) == ((4, 32, 32, 3), [0, 1, 2, 3])


def test_a_pickle_of_python_2():
    # As Python 2 and an old NumPy wrote it: the old module name, and bytes as text.
    data = pickle.dumps(batch(2), protocol=2).replace(
        b"numpy._core.multiarray", b"numpy.core.multiarray"
    )
    assert raw_formats.read_cifar_batch(data, "here")[0].shape == (2, 32, 32, 3)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.txt": b""}, "does not hold CIFAR-10"),
        ({k: v for k, v in CIFAR.items() if k != "data_batch_4"}, "has no file 'data_batch_4'"),
        ({**CIFAR, "data_batch_2": b""}, "'data_batch_2'"),
        ({**CIFAR, "data_batch_2": CIFAR["data_batch_2"][:500]}, "'data_batch_2'"),
        ({**CIFAR, "data_batch_2": pickle.dumps([1])}, "not a batch of CIFAR-10"),
        ({**CIFAR, "data_batch_2": pickle.dumps({**batch(2), b"labels": [1]})}, "N labels"),
        ({**CIFAR, "data_batch_2": pickle.dumps({**batch(2), b"labels": [1, 10]})}, "not 0 to 9"),
        ({"cifar-10-python.tar.gz": b"text"}, "cannot be read"),
    ],
)
def test_bad_cifar10(refused, tmp_path, files, says):
    assert says in refused("cifar10", write(tmp_path / "d", files), size=(32, 32))


def test_a_truncated_tar(refused, tmp_path):
    path = tarred(tmp_path / "a.tar.gz", inside("cifar-10-batches-py", CIFAR))
    path.write_bytes(path.read_bytes()[:9000])
    assert "cannot be read" in refused("cifar10", path, size=(32, 32))


# ---- downloads


@pytest.fixture
def downloads(monkeypatch):
    """A stand-in for Keras: what is downloaded, or the exception that a download raises."""
    asked, answer = [], [None]

    def load_data():
        asked.append(1)
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    sets = types.SimpleNamespace(
        **{
            n: types.SimpleNamespace(load_data=load_data)
            for n in ("mnist", "fashion_mnist", "cifar10")
        }
    )
    monkeypatch.setitem(sys.modules, "keras", types.SimpleNamespace(datasets=sets))
    return asked, answer


def test_keras_downloads_once(read, downloads):
    asked, answer = downloads
    answer[0] = SETS["train"], SETS["t10k"]
    for _ in range(2):
        data = read("mnist", None)
        np.testing.assert_array_equal(data.images[..., 0], SETS["train"][0])
        assert len(asked) == 1
    answer[0] = (
        (noise(4, 32, 32, 3), np.arange(4)[:, None]),
        (noise(2, 32, 32, 3), np.arange(2)[:, None]),
    )
    assert read("cifar10(split='all')", None, size=(32, 32)).labels["class"].tolist() == [
        0,
        1,
        2,
        3,
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("name", "origin"),
    [("mnist", "mnist.npz"), ("fashion_mnist", "zalandoresearch"), ("cifar10", "kriz")],
)
def test_no_network(refused, downloads, name, origin):
    downloads[1][0] = Exception(
        "URL fetch failure on https://x: None --\n[Errno -2] Name or service not known"
    )
    text = refused(name, None)
    assert f"{name} cannot be downloaded (URL fetch failure" in text
    assert origin in text and "--data_dir" in text
