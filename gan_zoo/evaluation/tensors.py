"""Images on their way into a feature network as TensorFlow's operations, which have gradients."""

from __future__ import annotations

from typing import Any


def resized_tensor(images: Any, size: int, method: str = "bilinear") -> Any:
    """Return float images ``[B, H, W, C]``, C 1 or 3, as ``[B, size, size, 3]``.

    Args:
        images: In any range.
        size: The height and width wanted, in pixels.
        method: TensorFlow's name of the filter. Lanczos' is wide enough when it shrinks
            (antialiased), as Pillow's is.
    """
    import tensorflow as tf

    if images.shape[1:3] != (size, size):
        images = tf.image.resize(images, (size, size), method, antialias=method == "lanczos3")
    return tf.repeat(images, 3, axis=3) if images.shape[3] == 1 else images
