"""Inception: TF-GAN's module, which gives FID and KID, and Keras' weights, which do not."""

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
from gan_zoo.evaluation.pixels import hash_of_arrays, in_batches, remembering
from gan_zoo.evaluation.savedmodels import extractor_of
from gan_zoo.files import user_path
from gan_zoo.registry import extractors

_ADDRESS = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1?tf-hub-format=compressed"
_PAGE = "kaggle.com/models/tensorflow/inception/tensorFlow1/tfgan-eval-inception/1"


@extractors.register
def inception(path: str = "", *, cache_dir: str) -> FeatureExtractor:
    """TF-GAN's Inception module of 2015, the one whose Frechet distance is called FID.

    Images are resized to 299x299 by TensorFlow's bilinear filter and brought to [-1, 1], as TF-GAN
    does. Features are ``pool_3`` (2048), logits are ``logits``. Both the TF2 SavedModel and the TF1
    hub format are read.

    Args:
        path: The unpacked folder, or the archive (.tar.gz). When empty, the cache is looked at,
            then the network.
        cache_dir: Where the archive is unpacked.

    Raises:
        UserError: There is no module at ``path``, or it cannot be downloaded.
    """
    return extractor_of(
        "inception",
        _folder(path, Path(cache_dir) / "inception"),
        size=299,
        features="pool_3",
        logits="logits",
    )


def _folder(path: str, cache: Path) -> Path:
    if not path:
        if not (cache / "saved_model.pb").is_file():
            _download(cache)
        return cache
    archive = user_path(path)
    if archive.is_dir():
        return archive
    if not archive.is_file():
        raise UserError(f"there is no Inception module at {archive}; {_remedy()}")
    cache = cache.with_name(f"{cache.name}-{archive.stat().st_size}-{archive.stat().st_mtime_ns}")
    if not (cache / "saved_model.pb").is_file():
        unpack(archive, cache)
    return cache


def _remedy() -> str:
    return f"get the archive from {_PAGE} and name it: inception('/path/to/archive.tar.gz')."


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
    )
