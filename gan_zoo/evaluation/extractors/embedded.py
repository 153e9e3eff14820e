"""A small network trained on the embedded cartoon faces: the default, since it needs neither a download nor a minute."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.convnet import runner
from gan_zoo.evaluation.pixels import hash_of_arrays
from gan_zoo.registry import extractors

SIZE = 64  # the side of the images that it takes, in pixels
WEIGHTS = Path(__file__).with_name("embedded.npz")
# Of the weights that this version of gan_zoo ships. A number of the metric is tied to it; see
# evaluation/train_embedded.py.
HASH = "51b97cada332b0e20619db989b948fb319cafbae1707f1074ca205d4524b3dd1"


@extractors.register
def embedded() -> FeatureExtractor:
    """112 features of a small conv net trained on cartoon faces to tell their attributes: the offline default.

    64 features are those that its classifier uses; they know what a face is made of and where. The
    other 48 are the mean activations of its first two layers; they know noise, blur and color.
    Without the former, scrambled faces pass for real; without the latter, blurred ones do. All are
    scaled to a covariance or to variances of 1 on cartoon faces.

    The weights come with the package, so that numbers of two machines compare. Images of any size
    and 1 or 3 channels are resized to 64x64 by Pillow's Lanczos filter. The Frechet distance was
    checked to rise with seven kinds of corruption on drawn faces, real ones and digits
    (``tools/ruler.py``), but it is no FID and has no relation to published ones.

    Raises:
        UserError: The weights are missing or changed.
    """
    *layers, (projection, offset), (gain, shift), _ = _weights()

    def head(outputs: list[Any]) -> Any:
        import tensorflow as tf

        what = tf.reshape(outputs[-1], [outputs[-1].shape[0], -1]) @ projection + offset
        how = tf.concat([tf.reduce_mean(x, [1, 2]) for x in outputs[:2]], axis=1) * gain + shift
        return tf.concat([what, how], axis=1)

    return FeatureExtractor("embedded", HASH, f"lanczos {SIZE}", runner(layers, head, SIZE))


def attributes_of() -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The network as the classifier that it was trained to be.

    Returns:
        A function from uint8 images ``[N, H, W, C]`` to the class of each attribute of a cartoon
        face, int32 ``[N]`` each.

    Raises:
        UserError: See :func:`embedded`.
    """
    features = embedded().features
    kernel, bias = _weights()[-1]
    with np.load(WEIGHTS) as z:
        heads: dict[str, int] = json.loads(str(z["heads"]))

    def classes(images: np.ndarray) -> dict[str, np.ndarray]:
        logits = np.split(
            features(images)[:, : len(kernel)] @ kernel + bias,
            np.cumsum(list(heads.values()))[:-1],
            axis=1,
        )
        return {
            name: part.argmax(axis=1).astype(np.int32)
            for name, part in zip(heads, logits, strict=True)
        }

    return classes


def _weights() -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of the convolutions, of the classifier's features, of the mean activations, of the classifier."""
    try:
        with np.load(WEIGHTS) as z:
            arrays = [z[f"w{i}"] for i in range(sum(name[0] == "w" for name in z.files))]
    except (OSError, ValueError, KeyError) as e:
        raise UserError(
            f"the weights of the extractor 'embedded' cannot be read ({e}); install gan_zoo again."
        ) from None
    if hash_of_arrays(arrays) != HASH:
        raise UserError(
            f"the weights in {WEIGHTS} are not those of this version of gan_zoo; install it again."
        )
    kernels, biases = arrays[::2], arrays[1::2]
    return [
        (k.astype(np.float32), b.astype(np.float32)) for k, b in zip(kernels, biases, strict=True)
    ]
