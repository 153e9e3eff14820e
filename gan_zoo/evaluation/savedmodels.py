"""SavedModels as feature networks: of TensorFlow 2, or of tensorflow_hub for TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.fid_inception import Resize
from gan_zoo.evaluation.pixels import hash_of_folder, in_batches, remembering
from gan_zoo.evaluation.tensors import resized_tensor


def extractor_of(
    name: str,
    folder: Path,
    *,
    size: int,
    features: str,
    logits: str,
    resize: Resize | None = None,
) -> FeatureExtractor:
    """Load a SavedModel as a feature network. TF-GAN would load it once a batch.

    Args:
        name: The extractor's public name.
        folder: Where its ``saved_model.pb`` lies.
        size: To which images are resized, in pixels; they come as [-1, 1], RGB.
        features: Name of the output that gives features; may be empty where there is only one.
        logits: Name of the output that gives logits; empty where there are none.
        resize: How they are resized; by TensorFlow's bilinear filter by default, as in TF-GAN.

    Raises:
        UserError: There is no SavedModel, it does not load, or it lacks an output.
    """
    import tensorflow as tf

    if not (folder / "saved_model.pb").is_file():
        raise UserError(f"there is no saved_model.pb in {folder}; name the folder of a SavedModel.")
    network = _callable(folder)

    wanted = (features, logits) if logits else (features,)

    def bilinear(batch: np.ndarray) -> Any:
        return tf.image.resize(tf.constant(batch, tf.float32) / 127.5 - 1.0, (size, size))

    way = resize or Resize(f"bilinear {size} (TF)", bilinear)

    def one(batch: np.ndarray) -> Any:
        outputs = network(way.apply(np.repeat(batch, 3 // batch.shape[3], axis=3)))
        return tf.concat(
            [tf.reshape(_pick(outputs, output, folder), [len(batch), -1]) for output in wanted],
            axis=1,
        )

    # A missing output is reported here, before a generator draws ten thousand images.
    outputs = network(tf.zeros((1, size, size, 3)))
    width = int(np.prod(_pick(outputs, features, folder).shape[1:]))
    if logits:
        _pick(outputs, logits, folder)

    def differentiable(images: Any) -> Any:
        found = _pick(network(resized_tensor(images, size)), features, folder)
        return tf.reshape(found, [-1, width])

    run = remembering(lambda images: in_batches(one, images, 50))
    return FeatureExtractor(
        name,
        hash_of_folder(folder),
        way.words,
        lambda images: run(images)[:, :width],
        (lambda images: run(images)[:, width:]) if logits else None,
        differentiable,
    )


def _callable(folder: Path) -> Callable[[Any], Any]:
    import tensorflow as tf

    try:
        try:
            model = tf.saved_model.load(str(folder))
        except (RuntimeError, ValueError):
            # The TF1 hub format holds several graphs; that for inference has no tags.
            model = tf.saved_model.load(str(folder), tags=[])
    except Exception as e:  # TensorFlow raises many kinds for a broken file
        short = " ".join(str(e).split())[:200]
        raise UserError(
            f"the SavedModel in {folder} does not load ({short}); get it again."
        ) from None
    if callable(model):
        return lambda x: model(x)
    signatures = model.signatures
    name = next((n for n in ("default", "serving_default", *signatures) if n in signatures), None)
    if name is None:
        raise UserError(
            f"the SavedModel in {folder} has no signature and cannot be called; export it with one."
        )
    signature = signatures[name]
    (argument,) = list(signature.structured_input_signature[1]) or [None]

    def call(x: Any) -> Any:
        return signature(**{argument: x}) if argument else signature(x)

    # A signature does not keep the variables of its model alive.
    call.model = model  # type: ignore[attr-defined]
    return call


def _pick(outputs: Any, output: str, folder: Path) -> Any:
    if not isinstance(outputs, dict):
        return outputs
    if output in outputs:
        return outputs[output]
    if not output and len(outputs) == 1:
        return next(iter(outputs.values()))
    wanted = f"an output '{output}'" if output else "one output"
    raise UserError(
        f"the SavedModel in {folder} should have {wanted}, but has {', '.join(sorted(outputs))};"
        " name one of these."
    )
