"""Inception: of PyTorch's file or TF-GAN's module for FID, and of Keras, which gives no FID."""

from __future__ import annotations

import http.client
import shutil
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.downloads import PublicFile, downloaded
from gan_zoo.evaluation.fid_inception import FEATURES, RESIZES, SIZE, check_weights, network
from gan_zoo.evaluation.pixels import hash_of_arrays, hash_of_file, in_batches, remembering
from gan_zoo.evaluation.savedmodels import extractor_of
from gan_zoo.evaluation.tensors import resized_tensor
from gan_zoo.evaluation.torch_weights import read_weights
from gan_zoo.files import require_there, user_path
from gan_zoo.registry import extractors

_ADDRESS = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1?tf-hub-format=compressed"
_PAGE = "kaggle.com/models/tensorflow/inception/tensorFlow1/tfgan-eval-inception/1"
_WORD = "pt_inception"
# The same file under two names.
WEIGHTS = PublicFile(
    "pt_inception-2015-12-05-6726825d.pth",
    (
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
        "weights-inception-2015-12-05-6726825d.pth",
    ),
    95_628_359,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    ", or name it: --extractor='inception(path=\"FILE.pth\")'",
)
_BATCH = 50


@extractors.register
def inception(path: str = "", resize: str = "", *, cache_dir: str) -> FeatureExtractor:
    """Inception of 2015, whose Frechet distance is called FID; from PyTorch's file or TF-GAN's.

    The network is one, in two files. One is the weights file of pytorch-fid and torch-fidelity,
    which most papers use today; its logits are those of the Inception score, without bias. The
    other is TF-GAN's module: the TF2 SavedModel or the TF1 hub format, with the outputs ``pool_3``
    and ``logits``. Features have 2048 dimensions.

    Another file of weights in PyTorch's form is called ``other_inception``, since its distance is
    no FID.

    Args:
        path: The weights file, ``pt_inception`` to download it, or TF-GAN's module: the unpacked
            folder or the archive (.tar.gz). When empty, TF-GAN's module is looked for in the cache,
            then in the network.
        resize: The program whose way to 299x299 is taken: ``torch-fidelity`` (bilinear as
            TensorFlow 1 had it, as in the papers of Heusel et al. and of StyleGAN),
            ``pytorch-fid`` (bilinear of half pixels) or ``clean-fid`` (Pillow's bicubic). When
            empty, ``torch-fidelity`` for the weights file, and TF-GAN's way (TensorFlow 2's
            bilinear, of half pixels) for its module.
        cache_dir: Where downloads are kept, and the archive is unpacked.

    Raises:
        UserError: There is no network of this kind at ``path``, or it cannot be downloaded.
    """
    require_there("", "pt_inception", path=path)
    if resize and resize not in RESIZES:
        raise UserError(
            f"there is no resize '{resize}' for Inception; choose one of {', '.join(RESIZES)}."
        )
    if path == _WORD:
        return _from_weights(downloaded(WEIGHTS, Path(cache_dir) / "downloads"), resize)
    if path and _is_weights(user_path(path)):
        return _from_weights(user_path(path), resize)
    return extractor_of(
        "inception",
        _folder(path, Path(cache_dir) / "inception"),
        size=SIZE,
        features="pool_3",
        logits="logits",
        resize=RESIZES.get(resize),
    )


def _is_weights(path: Path) -> bool:
    """Whether a path is a file, and by its name or beginning no archive."""
    if path.suffix in (".pth", ".pt"):
        return True
    if not path.is_file() or path.suffix in (".gz", ".tgz", ".tar"):
        return False
    with path.open("rb") as file:
        return file.read(2)[:2] in (b"PK", b"\x80\2")


def _from_weights(path: Path, resize: str) -> FeatureExtractor:
    """Return the network of a weights file of PyTorch."""
    weights = read_weights(path)
    check_weights(weights, str(path))
    digest = hash_of_file(path)
    run, way = network(weights), RESIZES[resize or "torch-fidelity"]

    def one(batch: np.ndarray) -> Any:
        return run(way.apply(np.repeat(batch, 3 // batch.shape[3], axis=3)))

    both = remembering(lambda images: in_batches(one, images, _BATCH))
    return FeatureExtractor(
        "inception" if digest == WEIGHTS.sha256 else "other_inception",
        digest,
        way.words,
        lambda images: both(images)[:, :FEATURES],
        lambda images: both(images)[:, FEATURES:],
        lambda images: run(resized_tensor(images, SIZE))[:, :FEATURES],
    )


def _folder(path: str, cache: Path) -> Path:
    if not path:
        if not (cache / "saved_model.pb").is_file():
            _download(cache)
        return cache
    archive = user_path(path)
    if archive.is_dir():
        return archive
    cache = cache.with_name(f"{cache.name}-{archive.stat().st_size}-{archive.stat().st_mtime_ns}")
    if not (cache / "saved_model.pb").is_file():
        unpack(archive, cache)
    return cache


def _remedy() -> str:
    return (
        f"inception('{_WORD}') downloads the weights of pytorch-fid; or get {WEIGHTS.addresses[0]}"
        ' on another machine and name it: inception(path="FILE.pth"); or get the archive from'
        f" {_PAGE} and name it: inception('/path/to/archive.tar.gz')."
    )


def _download(cache: Path) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache.parent, suffix=".tar.gz") as file:
        try:
            with urllib.request.urlopen(_ADDRESS, timeout=20) as answer:
                shutil.copyfileobj(answer, file)
        except (OSError, http.client.HTTPException) as e:
            reason = getattr(e, "reason", e)
            raise UserError(
                f"TF-GAN's Inception is not in {cache} and cannot be downloaded"
                f" ({reason}); {_remedy()}"
            ) from None
        file.flush()
        unpack(Path(file.name), cache)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar.gz into a folder that appears whole or not at all.

    Only plain files and folders that stay inside are taken; anything else in an archive (links,
    devices, ``..``) is refused.

    Raises:
        UserError: It is not an archive, holds something else, or has no ``saved_model.pb`` at its
            top (one folder down at most).
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        root = Path(scratch, "module").resolve()
        root.mkdir()
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    target = (root / member.name).resolve()
                    if not (member.isfile() or member.isdir()) or not target.is_relative_to(root):
                        raise UserError(
                            f"{archive} holds '{member.name}', which is not a plain file inside it;"
                            " do not trust it."
                        )
                    if member.isdir():
                        target.mkdir(parents=True, exist_ok=True)
                        continue
                    target.parent.mkdir(parents=True, exist_ok=True)
                    content = tar.extractfile(member)
                    assert content is not None
                    with content, target.open("wb") as out:
                        shutil.copyfileobj(content, out)
        except (tarfile.TarError, EOFError, OSError) as e:
            raise UserError(f"{archive} cannot be unpacked ({e}); download it again.") from None
        folders = [root, *(p for p in root.iterdir() if p.is_dir())]
        top = next((p for p in folders if (p / "saved_model.pb").is_file()), None)
        if top is None:
            raise UserError(f"{archive} holds no saved_model.pb; {_remedy()}")
        shutil.rmtree(folder, ignore_errors=True)
        top.rename(folder)


@extractors.register
def keras_inception(path: str = "imagenet") -> FeatureExtractor:
    """keras.applications' InceptionV3; its weights are not TF-GAN's, so it gives no FID.

    Args:
        path: A file of its weights, or ``imagenet`` to download them (or take them from Keras'
            cache).

    Raises:
        UserError: The weights cannot be had.
    """
    require_there("imagenet", path=path)
    import tensorflow as tf

    try:
        network = tf.keras.applications.InceptionV3(weights=path, classifier_activation=None)
    except Exception as e:  # Keras raises whatever its download or its file reader raises
        short = " ".join(str(e).split())[:200]
        raise UserError(
            f"Keras' InceptionV3 weights cannot be loaded from '{path}' ({short}); get"
            " inception_v3_weights_tf_dim_ordering_tf_kernels.h5 and name it:"
            " keras_inception('/path/to/file.h5')."
        ) from None
    both = tf.keras.Model(network.input, [network.get_layer("avg_pool").output, network.output])
    digest = hash_of_arrays(network.get_weights())

    def one(batch: np.ndarray) -> Any:
        x = tf.image.resize(
            tf.constant(np.repeat(batch, 3 // batch.shape[3], axis=3), tf.float32), (299, 299)
        )
        return tf.concat(both(x / 127.5 - 1.0, training=False), axis=1)

    run = remembering(lambda images: in_batches(one, images, 50))
    return FeatureExtractor(
        "keras_inception",
        digest,
        "bilinear 299 (TF)",
        lambda images: run(images)[:, :2048],
        lambda images: run(images)[:, 2048:],
        lambda images: both(resized_tensor(images, 299), training=False)[0],
    )
