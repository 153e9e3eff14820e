"""A small network trained on the cartoon faces: the default, fast and without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.convnet import extractor_of_layers
from gan_zoo.evaluation.pixels import hash_of_arrays
from gan_zoo.registry import extractors

SIZE = 64  # the side of the images that it takes, in pixels
WEIGHTS = Path(__file__).with_name("embedded.npz")
# Of the weights that this version of gan_zoo ships. A number of the metric is tied to it; see
# evaluation/train_embedded.py.
HASH = "51b97cada332b0e20619db989b948fb319cafbae1707f1074ca205d4524b3dd1"


@extractors.register
def embedded() -> FeatureExtractor:
    """112 features of a small convolutional net trained on cartoon faces; needs no download.

    It was trained to classify the attributes of the faces. 64 features are those that its
    classifier uses; they describe the parts of a face and their places. The other 48 are the mean
    activations of its first two layers; they describe noise, blur and color. Without the former,
    scrambled faces would score well; without the latter, blurred ones would. All are scaled to a
    covariance or to variances of 1 on cartoon faces.

    The weights come with the package, so that numbers of two machines compare. Images of any size
    and 1 or 3 channels are resized to 64x64 by Pillow's Lanczos filter. The Frechet distance was
    checked to rise with seven kinds of corruption on drawn faces, real ones and digits, but it is
    not FID, and does not compare with published numbers.

    Raises:
        UserError: The weights are missing or changed.
    """
    *layers, (projection, offset), (gain, shift), _ = _weights()

    def head(outputs: list[Any]) -> Any:
        import tensorflow as tf

        content = tf.reshape(outputs[-1], [outputs[-1].shape[0], -1]) @ projection + offset
        means = tf.concat([tf.reduce_mean(x, [1, 2]) for x in outputs[:2]], axis=1)
        return tf.concat([content, means * gain + shift], axis=1)

    return extractor_of_layers("embedded", HASH, layers, head, SIZE)


def _weights() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return kernel and bias of each layer.

    These are the convolutions, the classifier's features, the scaling of the mean activations, and
    the classifier.
    """
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
