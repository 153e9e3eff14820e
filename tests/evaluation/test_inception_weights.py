"""FID's Inception from PyTorch's file, against torch-fidelity's and pytorch-fid's own networks.

The fixtures are of ``tools/inception_reference.py``, with PyTorch 2.13, torch-fidelity 0.4.0 and
pytorch-fid 0.3.0; the random weights are drawn again here.
"""

import hashlib
import importlib.util
import io
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_zoo import registry
from gan_zoo.errors import UserError
from gan_zoo.evaluation.extractors import inception
from gan_zoo.evaluation.fid_inception import (
    FEATURES,
    RESIZES,
    check_weights,
    network,
    weight_shapes,
)
from gan_zoo.evaluation.torch_weights import read_weights

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
FILES = [FIXTURES / "torch_zip.pth", FIXTURES / "torch_legacy.pth"]


@pytest.fixture(scope="module")
def random_weights():
    path = ROOT / "tools" / "inception_reference.py"
    spec = importlib.util.spec_from_file_location("inception_reference", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool.random_weights()


def torch_zip(path, table, storages=None, compression=zipfile.ZIP_STORED):
    """Write a zip as PyTorch does, of a pickle's bytes and the bytes of storages."""
    with zipfile.ZipFile(path, "w", compression) as z:
        z.writestr("archive/data.pkl", table)
        for key, content in (storages or {}).items():
            z.writestr(f"archive/data/{key}", content)
    return path


def torch_table(shapes):
    """A pickle of float32 weights of these shapes, whose values all lie in storage 0."""
    out = io.BytesIO()
    out.write(b"\x80\x02}(")
    for name, shape in shapes.items():
        strides = [int(np.prod(shape[i + 1 :], dtype=int)) for i in range(len(shape))]
        out.write(b"X" + struct.pack("<I", len(name)) + name.encode())
        out.write(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage")
        out.write(b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu")
        out.write(b"J" + struct.pack("<i", LARGEST) + b"tQK\x00")
        for numbers in (shape, strides):
            out.write(b"(" + b"".join(b"J" + struct.pack("<i", n) for n in numbers) + b"t")
        out.write(b"\x89NtR")
    out.write(b"u.")
    return out.getvalue()


LARGEST = max(int(np.prod(shape)) for shape in weight_shapes().values())


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_files_of_pytorch_are_read_in_both_forms(path):
    found = read_weights(path)
    shapes = {name: w.shape for name, w in found.items()}
    assert shapes == {
        "0.weight": (3, 2, 2, 2),
        "0.bias": (3,),
        "1.weight": (3,),
        "1.bias": (3,),
        "1.running_mean": (3,),
        "1.running_var": (3,),
        "1.num_batches_tracked": (),
        "transposed": (3, 2),
        "part": (2,),
    }
    assert np.array_equal(found["0.weight"].ravel(), np.arange(24)), "the first begin at 0"
    assert np.array_equal(found["1.running_mean"], [400, 401, 402])
    assert np.array_equal(found["transposed"], np.arange(6).reshape(2, 3).T)
    assert found["part"].dtype == np.float16 and found["part"].tolist() == [3, 4]
    assert (
        found["1.num_batches_tracked"].dtype == np.int64 and found["1.num_batches_tracked"] == 600
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_that_is_cut_anywhere_is_one_sentence(path, tmp_path):
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(
            UserError, match=r"cannot be read as weights of PyTorch \(.*get the file"
        ):
            read_weights(tmp_path / "cut.pth")


@pytest.mark.parametrize(
    "call",
    [
        b"cos\nsystem\n(X%s\x00\x00\x00touch %stR.",
        b"cbuiltins\neval\n(X%s\x00\x00\x00touch %stR.",
        b"ctorch\nload\n(X%s\x00\x00\x00touch %stR.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93(X%s\x00\x00\x00touch %stR.",
    ],
)
def test_a_poisoned_file_runs_nothing(call, tmp_path):
    victim = tmp_path / "ran"
    command = f"touch {victim}".encode()
    evil = call.replace(b"%s\x00", bytes([len(command)]) + b"\x00", 1).replace(b"touch %s", command)
    cases = [torch_zip(tmp_path / "evil.pth", evil), tmp_path / "evil_old.pth"]
    start = FILES[1].read_bytes()
    cases[1].write_bytes(start[: start.index(b".", start.index(b"little_endian")) + 1] + evil)
    for path in cases:
        with pytest.raises(UserError, match=r"(asks for|damaged)"):
            read_weights(path)
    if call[:4] == b"cos\n":  # the same bytes do run where nothing guards them
        pickle.loads(evil)
        assert victim.exists()
    else:
        assert not victim.exists()


def test_files_of_something_else_are_one_sentence_each(tmp_path):
    def written(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    with zipfile.ZipFile(tmp_path / "script.pt", "w") as z:
        z.writestr("m/code/__torch__.py", "")
        z.writestr("m/data.pkl", pickle.dumps({}))
    table = torch_table({"w": (2,)})
    values = bytes(4 * LARGEST)
    for path, words in {
        written("page.pth", b"<html>not found</html>"): "does not begin as such a file",
        written("numbers.pth", pickle.dumps([1, 2])): "pickle of something else",
        written("png.pth", b"\x89PNG"): "does not begin",
        tmp_path / "script.pt": "TorchScript",
        torch_zip(tmp_path / "list.pth", pickle.dumps([1], 2)): "no table of weights",
        torch_zip(tmp_path / "step.pth", pickle.dumps({"step": 1}, 2)): "'step' is not a weight",
        torch_zip(tmp_path / "gone.pth", table): "data/0 are missing",
        torch_zip(tmp_path / "few.pth", table, {"0": b"1234"}): "1 values in place of",
        torch_zip(tmp_path / "bomb.pth", table, {"0": values}, zipfile.ZIP_DEFLATED): "compressed",
        torch_zip(tmp_path / "wide.pth", torch_table({"w": (2**15, 2**15)}), {"0": values}): (
            "larger than its values"
        ),
        tmp_path / "nowhere.pth": "there is no file",
    }.items():
        with pytest.raises(UserError, match=words) as e:
            read_weights(path)
        assert "\n" not in str(e.value)


def test_the_network_is_that_of_the_others(random_weights):
    """Same features and logits from random weights, with the resize of each."""
    with np.load(FIXTURES / "inception_random.npz") as z:
        theirs = dict(z)
    run = network(random_weights)
    for program in ("torch-fidelity", "pytorch-fid"):
        found = run(RESIZES[program].apply(theirs["images"])).numpy()
        wanted = theirs[program.replace("-", "_")]
        scale = np.abs(wanted).max()
        assert found.shape == (3, FEATURES + 1008) and 1 < scale < 100
        assert np.abs(found[:, :FEATURES:16] - wanted).max() < 2e-6 * scale
        if program == "torch-fidelity":
            logits = theirs["logits"]
            assert np.abs(found[:, FEATURES::16] - logits).max() < 2e-6 * np.abs(logits).max()


def test_each_resize_is_what_its_name_says():
    step = np.zeros((1, 2, 2, 3), np.uint8)
    step[:, :, 1] = 255
    # TensorFlow 1 puts the corners of the first pixels together, so that the edge is flat to the right.
    old = np.asarray(RESIZES["torch-fidelity"].apply(step))[0, 0, :, 0] * 128 + 128
    x = np.minimum(np.arange(299) * 2 / 299, 1)
    assert np.allclose(old, 255 * x, atol=1e-3)
    half = (np.asarray(RESIZES["pytorch-fid"].apply(step))[0, 0, :, 0] + 1) * 127.5
    assert np.allclose(half, 255 * np.clip((np.arange(299) + 0.5) * 2 / 299 - 0.5, 0, 1), atol=1e-3)
    noise = np.random.default_rng(0).integers(0, 256, (2, 20, 24, 3), np.uint8)
    bicubic = np.asarray(RESIZES["clean-fid"].apply(noise)) * 128 + 128
    assert bicubic.min() == 0 and bicubic.max() == 255 and bicubic.dtype == np.float32
    # By build_resizer("clean") of clean-fid e88c4d6.
    theirs = [157.623, 197.909, 155.537, 46.166, 53.337]
    assert np.allclose(bicubic[1, 100:140:8, 57, 1], theirs, atol=1e-3)
    soft = noise // 4 + 90  # no overshoot, which Pillow cuts after each of its two passes
    bicubic = np.asarray(RESIZES["clean-fid"].apply(soft)) * 128 + 128
    whole = np.asarray(Image.fromarray(soft[1]).resize((299, 299), Image.Resampling.BICUBIC))
    assert 0.2 < np.abs(bicubic[1] - whole).max() < 2, "equal but for rounding to whole numbers"


def test_weights_of_another_network_are_refused(random_weights):
    check_weights(random_weights, "a")
    counted = {**random_weights, "Conv2d_1a_3x3.bn.num_batches_tracked": np.array(3)}
    check_weights(counted, "a")
    torchvision = {
        **random_weights,
        "fc.weight": np.zeros((1000, 2048), np.float32),
        "AuxLogits.fc.bias": np.zeros(1000),
    }
    bad = random_weights["fc.bias"] * np.nan
    negative = random_weights["Mixed_5b.branch1x1.bn.running_var"] - 9
    for weights, words in {
        "torchvision": (torchvision, r"fc.weight is \[1000, 2048\] and not \[1008, 2048\]"),
        "small": (read_weights(FILES[0]), r"472 of 472 weights are missing"),
        "more": ({**random_weights, "x": bad}, "1 weights too many, such as x"),
        "nan": ({**random_weights, "fc.bias": bad}, "NaN"),
        "negative": (
            {**random_weights, "Mixed_5b.branch1x1.bn.running_var": negative},
            "variances below 0",
        ),
    }.values():
        with pytest.raises(UserError, match=f"not those of FID's Inception: .*{words}"):
            check_weights(weights, "a")


def test_the_extractor_takes_the_file_by_name(tmp_path, monkeypatch, random_weights):
    monkeypatch.setattr(inception, "read_weights", lambda path: random_weights)
    # In place of the network, which takes seconds: the first pixels.
    monkeypatch.setattr(
        inception, "network", lambda weights: lambda x: np.reshape(x, (len(x), -1))[:, :3056]
    )
    path = tmp_path / "some.pth"
    path.write_bytes(b"stands for the file")
    digest = hashlib.sha256(b"stands for the file").hexdigest()
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), np.uint8)

    def built(arguments=""):
        return registry.extractors.build(f"inception({str(path)!r}{arguments})", cache_dir=tmp_path)

    other = built()
    assert (other.name, other.hash) == ("other_inception", digest), "no FID by other weights"
    monkeypatch.setattr(inception, "WEIGHTS", inception.WEIGHTS._replace(sha256=digest))
    e = built()
    assert (e.name, e.resize) == ("inception", "bilinear 299 (TF1)")
    assert built(", resize='clean-fid'").resize == "bicubic 299 (Pillow)"
    gray = e.features(images)
    assert gray.shape == (3, 2048) and e.logits(images).shape == (3, 1008)
    assert np.allclose(gray, e.features(np.repeat(images, 3, axis=3)), atol=1e-4)
    with pytest.raises(UserError, match=r"no resize 'bicubic'.* torch-fidelity, pytorch-fid"):
        built(", resize='bicubic'")
    with pytest.raises(UserError, match=r"there is no /nowhere; .*'pt_inception'"):
        registry.extractors.build("inception('/nowhere')", cache_dir=tmp_path)
    # The word takes the file of the cache; nothing is downloaded.
    (tmp_path / "downloads").mkdir()
    shutil.copy(path, tmp_path / "downloads" / inception.WEIGHTS.name)
    found = registry.extractors.build("inception('pt_inception')", cache_dir=tmp_path)
    assert found.hash == digest
