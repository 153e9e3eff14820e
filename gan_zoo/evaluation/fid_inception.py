"""The Inception network of the papers' FID, from the weights file of pytorch-fid.

It is the graph ``inception-2015-12-05`` of TensorFlow (Szegedy et al. 2015, arXiv 1512.00567;
Heusel et al. 2017, arXiv 1706.08500). It differs from the Inception v3 of Keras and torchvision:
averages of 3x3 do not count the padding, the last block has a maximum in place of an average, the
epsilon of batch normalization is 0.001, and there are 1008 classes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gan_zoo.errors import UserError

SIZE = 299  # the side of the images that it takes, in pixels
FEATURES, CLASSES = 2048, 1008
_EPSILON = 0.001  # of batch normalization


class _Conv(NamedTuple):
    """A convolution without bias, batch normalization and ReLU."""

    name: str
    height: int
    width: int
    out: int
    stride: int = 1
    padding: str = "SAME"


class _Pool(NamedTuple):
    """The maximum or the average of 3x3 pixels; no padding takes part in either."""

    kind: str
    stride: int = 1
    padding: str = "SAME"


class _Branches(NamedTuple):
    """Paths from one input, whose outputs are put together."""

    name: str
    paths: tuple[tuple[Any, ...], ...]


_Step = _Conv | _Pool | _Branches


def _chain(name: str, *layers: tuple[int, int, int]) -> tuple[_Conv, ...]:
    """Return a path of convolutions (height, width, out), called ``name_1``, ``name_2`` ..."""
    return tuple(_Conv(f"{name}_{i}", *layer) for i, layer in enumerate(layers, 1))


def _down(conv: _Conv) -> _Conv:
    return conv._replace(stride=2, padding="VALID")


_HALVE = _Pool("MAX", 2, "VALID")


def _a(name: str, pool: int) -> _Branches:
    return _Branches(
        name,
        (
            (_Conv("branch1x1", 1, 1, 64),),
            _chain("branch5x5", (1, 1, 48), (5, 5, 64)),
            _chain("branch3x3dbl", (1, 1, 64), (3, 3, 96), (3, 3, 96)),
            (_Pool("AVG"), _Conv("branch_pool", 1, 1, pool)),
        ),
    )


def _c(name: str, c: int) -> _Branches:
    return _Branches(
        name,
        (
            (_Conv("branch1x1", 1, 1, 192),),
            _chain("branch7x7", (1, 1, c), (1, 7, c), (7, 1, 192)),
            _chain("branch7x7dbl", (1, 1, c), (7, 1, c), (1, 7, c), (7, 1, c), (1, 7, 192)),
            (_Pool("AVG"), _Conv("branch_pool", 1, 1, 192)),
        ),
    )


def _e(name: str, pool: str) -> _Branches:
    def fork(name: str) -> _Branches:
        paths = (_Conv(f"{name}a", 1, 3, 384),), (_Conv(f"{name}b", 3, 1, 384),)
        return _Branches("", paths)

    return _Branches(
        name,
        (
            (_Conv("branch1x1", 1, 1, 320),),
            (*_chain("branch3x3", (1, 1, 384)), fork("branch3x3_2")),
            (*_chain("branch3x3dbl", (1, 1, 448), (3, 3, 384)), fork("branch3x3dbl_3")),
            (_Pool(pool), _Conv("branch_pool", 1, 1, 192)),
        ),
    )


def _network() -> tuple[_Step, ...]:
    *double, last = _chain("branch3x3dbl", (1, 1, 64), (3, 3, 96), (3, 3, 96))
    first_3, last_3 = _chain("branch3x3", (1, 1, 192), (3, 3, 320))
    *seven, last_7 = _chain("branch7x7x3", (1, 1, 192), (1, 7, 192), (7, 1, 192), (3, 3, 192))
    return (
        _down(_Conv("Conv2d_1a_3x3", 3, 3, 32)),
        _Conv("Conv2d_2a_3x3", 3, 3, 32, padding="VALID"),
        _Conv("Conv2d_2b_3x3", 3, 3, 64),
        _HALVE,
        _Conv("Conv2d_3b_1x1", 1, 1, 80),
        _Conv("Conv2d_4a_3x3", 3, 3, 192, padding="VALID"),
        _HALVE,
        _a("Mixed_5b", 32),
        _a("Mixed_5c", 64),
        _a("Mixed_5d", 64),
        _Branches(
            "Mixed_6a",
            ((_down(_Conv("branch3x3", 3, 3, 384)),), (*double, _down(last)), (_HALVE,)),
        ),
        _c("Mixed_6b", 128),
        _c("Mixed_6c", 160),
        _c("Mixed_6d", 160),
        _c("Mixed_6e", 192),
        _Branches("Mixed_7a", ((first_3, _down(last_3)), (*seven, _down(last_7)), (_HALVE,))),
        _e("Mixed_7b", "AVG"),
        _e("Mixed_7c", "MAX"),
    )


_NETWORK = _network()


def _shapes(
    steps: Sequence[_Step], channels: int, prefix: str = ""
) -> Generator[tuple[str, tuple[int, ...]], None, int]:
    """Yield name and shape of the kernel of each convolution; return the channels after them."""
    for step in steps:
        if isinstance(step, _Conv):
            yield prefix + step.name, (step.out, channels, step.height, step.width)
            channels = step.out
        elif isinstance(step, _Branches):
            inner, outputs = f"{prefix}{step.name}." if step.name else prefix, 0
            for path in step.paths:
                outputs += yield from _shapes(path, channels, inner)
            channels = outputs
    return channels


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight by its name in PyTorch."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in _shapes(_NETWORK, 3):
        shapes[f"{name}.conv.weight"] = shape
        for norm in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{norm}"] = shape[:1]
    return {**shapes, "fc.weight": (CLASSES, FEATURES), "fc.bias": (CLASSES,)}


def check_weights(weights: Mapping[str, np.ndarray], source: str) -> None:
    """Check that weights are those of this network, by names, shapes and values.

    Args:
        weights: By their names in PyTorch.
        source: Their file, for the message.

    Raises:
        UserError: One is missing, too much, of another shape, or not finite.
    """
    wanted = weight_shapes()
    # Counts of batches, which newer versions of PyTorch save, too.
    found = {name: w for name, w in weights.items() if not name.endswith(".num_batches_tracked")}
    problem = ""
    if missing := [name for name in wanted if name not in found]:
        problem = f"{len(missing)} of {len(wanted)} weights are missing, such as {missing[0]}"
    elif wrong := [name for name, shape in wanted.items() if found[name].shape != shape]:
        name = wrong[0]
        problem = f"{name} is {list(found[name].shape)} and not {list(wanted[name])}"
    elif more := [name for name in found if name not in wanted]:
        problem = f"there are {len(more)} weights too many, such as {more[0][:60]}"
    elif bad := [name for name in wanted if not np.isfinite(found[name]).all()]:
        problem = f"{bad[0]} has values that are NaN or infinite"
    elif bad := [n for n in wanted if n.endswith("running_var") and (found[n] < 0).any()]:
        problem = f"{bad[0]} has variances below 0"
    if problem:
        raise UserError(
            f"the weights in {source} are not those of FID's Inception: {problem}; get"
            " pt_inception-2015-12-05-6726825d.pth."
        )


def _folded(weights: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return kernel ``[h, w, in, out]`` and bias of each convolution with its normalization."""
    layers = {}
    for name, _ in _shapes(_NETWORK, 3):
        gain, shift, mean, variance = (
            weights[f"{name}.bn.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + _EPSILON)
        kernel = np.transpose(weights[f"{name}.conv.weight"], (2, 3, 1, 0)) * scale
        layers[name] = (kernel.astype(np.float32), (shift - mean * scale).astype(np.float32))
    return layers


def _forward(steps: Sequence[_Step], x: Any, layers: Mapping[str, Any], prefix: str = "") -> Any:
    import tensorflow as tf

    for step in steps:
        if isinstance(step, _Conv):
            kernel, bias = layers[prefix + step.name]
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, step.stride, step.padding) + bias)
        elif isinstance(step, _Pool):
            x = tf.nn.pool(x, (3, 3), step.kind, (step.stride,) * 2, step.padding)
        else:
            inner = f"{prefix}{step.name}." if step.name else prefix
            x = tf.concat([_forward(path, x, layers, inner) for path in step.paths], 3)
    return x


def network(weights: Mapping[str, np.ndarray]) -> Callable[[Any], Any]:
    """Return a function from images in [-1, 1], float32 ``[N, 299, 299, 3]``, to ``[N, 3056]``.

    The first 2048 columns are the features, the others the logits. These are without their bias,
    as in the Inception score (Salimans et al. 2016, arXiv 1606.03498).

    Args:
        weights: See :func:`check_weights`.
    """
    import tensorflow as tf

    layers = {
        name: (tf.constant(kernel), tf.constant(bias))
        for name, (kernel, bias) in _folded(weights).items()
    }
    head = tf.constant(weights["fc.weight"].T, tf.float32)

    def run(images: Any) -> Any:
        features = tf.reduce_mean(_forward(_NETWORK, images, layers), [1, 2])
        return tf.concat([features, features @ head], 1)

    return tf.function(run, input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32)])


class Resize(NamedTuple):
    """How a program brings images to 299x299, and their values to [-1, 1].

    Attributes:
        words: For the stamp.
        apply: From uint8 ``[N, H, W, 3]`` to float32 ``[N, 299, 299, 3]``.
    """

    words: str
    apply: Callable[[np.ndarray], Any]


def _bilinear(images: np.ndarray, half_pixel_centers: bool) -> Any:
    import tensorflow as tf

    return tf.raw_ops.ResizeBilinear(
        images=images, size=(SIZE, SIZE), half_pixel_centers=half_pixel_centers
    )


def _bicubic(images: np.ndarray) -> np.ndarray:
    """Return images resized by Pillow's bicubic filter, each channel in float, cut to 0 to 255."""
    result = np.empty((len(images), SIZE, SIZE, 3), np.float32)
    for image, out in zip(images, result, strict=True):
        for c in range(3):
            channel = Image.fromarray(image[..., c].astype(np.float32))
            out[..., c] = np.asarray(channel.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    return result.clip(0, 255)


# By the program that does it so.
RESIZES = {
    # As TensorFlow 1 did it, in the graph of Heusel et al.: no half pixels. StyleGAN does the same.
    "torch-fidelity": Resize("bilinear 299 (TF1)", lambda x: (_bilinear(x, False) - 128) / 128),
    "pytorch-fid": Resize("bilinear 299 (PyTorch)", lambda x: _bilinear(x, True) / 127.5 - 1),
    "clean-fid": Resize("bicubic 299 (Pillow)", lambda x: (_bicubic(x) - 128) / 128),
}
