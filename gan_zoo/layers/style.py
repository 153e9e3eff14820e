"""The layers of StyleGAN2 (Karras et al. 2019, arXiv:1912.04958).

Weights are drawn from N(0, 1) and scaled when they are used, so that all learn at the same rate
("equalized learning rate", Karras et al. 2017, arXiv:1710.10196, section 4.1). A *style* w is the
output of the mapping network, [B, D]; the synthesis network takes one for each of its layers, [B,
layers, D].
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import randomness, replicas
from gan_zoo.errors import check_decay, check_share
from gan_zoo.layers.conv import Conv2D, convolve
from gan_zoo.layers.fir import after_doubling, before_halving
from gan_zoo.layers.introspect import layers_of

MAPPING, SYNTHESIS = "mapping", "synthesis"  # the names of the two networks within a G
GAIN = 2**0.5  # after a LeakyReLU, as in the authors' code


def _normal() -> keras.Initializer:
    return keras.initializers.RandomNormal(stddev=1.0)


def leaky(x, dtype=None):
    """Return x after LeakyReLU 0.2, times the square root of 2; the same shape."""
    x = keras.layers.LeakyReLU(0.2, dtype=dtype)(x)
    return keras.layers.Rescaling(GAIN, dtype=dtype)(x)


@keras.saving.register_keras_serializable("gan_zoo")
class SecondMoment(keras.layers.Layer):
    """Each row divided by its root mean square: [B, D] -> [B, D]."""

    def call(self, x):
        """Return the scaled rows."""
        return x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), -1, keepdims=True) + 1e-8)

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable("gan_zoo")
class EqualizedDense(keras.layers.Layer):
    """A dense layer with equalized learning rate: [B, D] -> [B, units]."""

    def __init__(self, units: int, rate: float = 1.0, **kwargs):
        """Learn at ``rate`` times the optimizer's rate, as the mapping network does at 0.01."""
        super().__init__(**kwargs)
        self.units, self.rate = units, rate

    def build(self, input_shape):
        """Create the kernel [D, units] and the bias."""
        stddev = keras.initializers.RandomNormal(stddev=1.0 / self.rate)
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=stddev)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, x):
        """Return the product plus the bias."""
        scale = self.rate / math.sqrt(x.shape[-1])
        return tf.matmul(x, self.kernel * scale) + self.bias * self.rate

    def compute_output_shape(self, input_shape):
        """Return [B, units]."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), "units": self.units, "rate": self.rate}


@keras.saving.register_keras_serializable("gan_zoo")
class EqualizedConv2D(Conv2D):
    """A convolution with equalized learning rate, padding ``same`` and no stride."""

    def __init__(self, filters, kernel_size=3, **kwargs):
        """Convolve with a kernel drawn from N(0, 1)."""
        super().__init__(
            filters, kernel_size, **{"kernel_initializer": _normal(), "padding": "same", **kwargs}
        )

    def convolution_op(self, inputs, kernel):
        """Convolve, see ``keras.layers.Conv2D``."""
        return super().convolution_op(inputs, _equalized(kernel))


@keras.saving.register_keras_serializable("gan_zoo")
class SmoothDownConv2D(EqualizedConv2D):
    """StyleGAN2's filter and then a 3x3 convolution of stride 2: [B, H, W, C] -> [B, H / 2, ...].

    Sides are rounded up.
    """

    def __init__(self, filters, **kwargs):
        """Halve the map."""
        super().__init__(filters, **{**kwargs, "kernel_size": 3, "strides": 2, "padding": "valid"})

    def convolution_op(self, inputs, kernel):
        """Filter and convolve, see ``keras.layers.Conv2D``."""
        return super().convolution_op(before_halving(inputs), kernel)

    def compute_output_shape(self, input_shape):
        """Return [B, H / 2, W / 2, filters], rounded up."""
        return (input_shape[0], -(-input_shape[1] // 2), -(-input_shape[2] // 2), self.filters)


def _equalized(kernel):
    """Return a kernel [size, size, C, D] divided by the square root of its inputs."""
    kernel = tf.convert_to_tensor(kernel)
    return kernel * tf.cast(1.0 / math.sqrt(math.prod(kernel.shape[:3])), kernel.dtype)


@keras.saving.register_keras_serializable("gan_zoo")
class ModulatedConv2D(keras.layers.Layer):
    """A convolution whose input channels a style scales (sections 2.2 and B of the paper).

    A map [B, H, W, C] and styles [B, layers, D] -> [B, H, W, filters]. With demodulation, each
    output channel is divided by the norm of its scaled weights, equation 3. In place of a kernel
    for each image, the map is scaled before the convolution and again after it, which is the same.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        index: int = 0,
        double: bool = False,
        demodulate: bool = True,
        **kwargs,
    ):
        """Convolve.

        Args:
            filters: Output channels.
            kernel_size: The side of the kernel.
            index: Which of the styles it takes.
            double: Whether it doubles the map: a transposed convolution of stride 2, then the
                filter of :mod:`gan_zoo.layers.fir`; the kernel's side is 3.
            demodulate: Whether to demodulate; the layers that make colors do not.
            **kwargs: Arguments of ``keras.layers.Layer``.
        """
        super().__init__(**kwargs)
        if double and kernel_size != 3:
            raise ValueError(f"kernel_size={kernel_size} must be 3 where the map is doubled.")
        self.filters, self.kernel_size, self.index = filters, kernel_size, index
        self.double, self.demodulate = double, demodulate

    def build(self, x_shape, w_shape):
        """Create the kernel, and the dense layer from style to scales, whose bias starts at 1."""
        channels = x_shape[-1]
        size = {"dtype": self.variable_dtype, "autocast": False}
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=_normal(), **size)
        self.affine = self.add_weight(
            name="affine", shape=(w_shape[-1], channels), initializer=_normal(), **size
        )
        self.affine_bias = self.add_weight(
            name="affine_bias", shape=(channels,), initializer="ones", **size
        )

    def scales(self, w):
        """Return the factors [B, C] of the input channels, of styles [B, layers, D]."""
        w = tf.cast(w[:, self.index], self.affine.dtype)
        return tf.matmul(w, self.affine.value / math.sqrt(w.shape[-1])) + self.affine_bias.value

    def call(self, x, w):
        """Return the map after the convolution."""
        kernel, scales = _equalized(self.kernel.value), self.scales(w)
        y = self._convolve(x * _by_channel(scales, x.dtype), tf.cast(kernel, x.dtype))
        if self.demodulate:
            power = tf.matmul(tf.square(scales), tf.reduce_sum(tf.square(kernel), [0, 1]))
            y *= _by_channel(tf.math.rsqrt(power + 1e-8), x.dtype)
        return y

    def _convolve(self, x, kernel):
        if not self.double:
            return convolve(x, kernel, 1)
        height, width = (2 * side + 1 for side in x.shape[1:3])
        size = tf.stack([tf.shape(x)[0], height, width, self.filters])
        kernel = tf.transpose(kernel, [0, 1, 3, 2])
        return after_doubling(tf.nn.conv2d_transpose(x, kernel, size, 2, "VALID"))

    def compute_output_shape(self, x_shape, w_shape):
        """Return [B, H, W, filters], or twice the sides."""
        factor = 2 if self.double else 1
        return (x_shape[0], factor * x_shape[1], factor * x_shape[2], self.filters)

    def get_config(self):
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "index": self.index,
            "double": self.double,
            "demodulate": self.demodulate,
        }


@keras.saving.register_keras_serializable("gan_zoo")
class Bias(keras.layers.Layer):
    """Add a learned value to each channel, 0 at first: [B, H, W, C] -> the same."""

    def build(self, input_shape):
        """Create the bias [C]."""
        self.bias = self.add_weight(name="bias", shape=(input_shape[-1],), initializer="zeros")

    def call(self, x):
        """Return the map plus the bias."""
        return x + self.bias

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape


def _by_channel(values, dtype):
    """Return values [B, C] as [B, 1, 1, C]."""
    return tf.cast(values, dtype)[:, None, None, :]


@keras.saving.register_keras_serializable("gan_zoo")
class LearnedStart(keras.layers.Layer):
    """The learned map that a synthesis network begins with: styles [B, ...] -> [B, H, W, C]."""

    def __init__(self, size: tuple[int, int], channels: int, **kwargs):
        """Learn a map of ``size`` (H, W), from N(0, 1)."""
        super().__init__(**kwargs)
        self.size, self.channels = tuple(size), channels

    def build(self, input_shape):
        """Create the map [H, W, C]."""
        shape = (*self.size, self.channels)
        self.map = self.add_weight(name="map", shape=shape, initializer=_normal())

    def call(self, w):
        """Return the map once for each image."""
        start = tf.convert_to_tensor(self.map)
        return tf.broadcast_to(start, [tf.shape(w)[0], *start.shape])

    def compute_output_shape(self, input_shape):
        """Return [B, H, W, C]."""
        return (input_shape[0], *self.size, self.channels)

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), "size": self.size, "channels": self.channels}


@keras.saving.register_keras_serializable("gan_zoo")
class NoiseInput(keras.layers.Layer):
    """Add noise of one value a pixel, times a learned strength that starts at 0.

    [B, H, W, C] -> the same. In training it is drawn anew for each image. In inference it is one
    fixed map, so that an image depends on its noise vector alone, as ``noise_mode="const"`` of the
    authors' code.
    """

    def __init__(self, **kwargs):
        """Draw from a random stream of its own."""
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        """Create the strength and the fixed map [H, W, 1]."""
        shape = (*input_shape[1:3], 1)
        self.strength = self.add_weight(name="strength", shape=(), initializer="zeros")
        self.fixed = self.add_weight(
            name="fixed", shape=shape, initializer=_normal(), trainable=False
        )

    def call(self, x, training=False):
        """Return the map plus noise."""
        noise = tf.convert_to_tensor(self.fixed)
        if training:
            seed = tf.cast(self.seed_generator.next(), tf.int64)
            noise = randomness.normal([_batch(x), *noise.shape], seed)
        return x + tf.cast(noise, x.dtype) * tf.cast(self.strength, x.dtype)

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape


def _batch(x):
    """Return the number of images, a number where it is known."""
    return tf.shape(x)[0] if x.shape[0] is None else x.shape[0]


@keras.saving.register_keras_serializable("gan_zoo")
class AnotherNoise(keras.layers.Layer):
    """In training another noise vector from N(0, 1), for style mixing; else the input: [B, ...]."""

    def __init__(self, **kwargs):
        """Draw from a random stream of its own."""
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, z, training=False):
        """Return the other noise."""
        if not training:
            return z
        seed = tf.cast(self.seed_generator.next(), tf.int64)
        return tf.cast(randomness.normal([_batch(z), *z.shape[1:]], seed), z.dtype)

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable("gan_zoo")
class Styles(keras.layers.Layer):
    """One style for each layer of the synthesis network: [B, D] -> [B, layers, D].

    In training, with a probability ``mixing``, the layers from a random one on take the style of
    another noise vector (style mixing, Karras et al. 2018, arXiv:1812.04948, section 3.1). It keeps
    a moving average of w. In inference, w is brought nearer to that average by the factor
    ``truncation`` (appendix B there), and moved by ``offset``: weights that do not train, 1 and 0
    unless :func:`truncated` and :func:`moved` set them.
    """

    def __init__(self, layers: int, mixing: float = 0.9, decay: float = 0.998, **kwargs):
        """Give styles to ``layers`` layers; ``decay`` is the share that the average keeps."""
        check_share(mixing=mixing)
        check_decay(decay=decay)
        super().__init__(**kwargs)
        self.layers, self.mixing, self.decay = layers, mixing, decay
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, w_shape, other_shape=None):
        """Create the average [D], the truncation and the offset [D]."""
        size = {"dtype": self.variable_dtype, "autocast": False, "trainable": False}
        self.mean = self.add_weight(name="mean", shape=(w_shape[-1],), initializer="zeros", **size)
        self.truncation = self.add_weight(name="truncation", shape=(), initializer="ones", **size)
        self.offset = self.add_weight(
            name="offset", shape=(w_shape[-1],), initializer="zeros", **size
        )

    def call(self, w, other=None, training=False):
        """Return the styles; ``other`` [B, D] are those to mix with."""
        if not training:
            mean = self.mean.value
            nearer = mean + self.truncation.value * (tf.cast(w, mean.dtype) - mean)
            return for_each_layer(tf.cast(nearer + self.offset.value, w.dtype), self.layers)
        new = replicas.mean(tf.reduce_mean(tf.cast(w, self.mean.dtype), 0))
        self.mean.assign(self.mean * self.decay + tf.stop_gradient(new) * (1.0 - self.decay))
        if other is None:
            return for_each_layer(w, self.layers)
        seed = tf.cast(self.seed_generator.next(), tf.int64)
        share, place = (
            randomness.uniform([_batch(w), 1, 1], randomness.split(seed, k)) for k in (1, 2)
        )
        # The first layer with the other style: from 1 to the last, or none.
        first = 1.0 + tf.floor(place * (self.layers - 1))
        first = tf.where(share < self.mixing, first, tf.cast(self.layers, first.dtype))
        layer = tf.cast(tf.range(self.layers), first.dtype)[None, :, None]
        return tf.where(layer < first, w[:, None], other[:, None])

    def compute_output_shape(self, w_shape, other_shape=None):
        """Return [B, layers, D]."""
        return (w_shape[0], self.layers, w_shape[-1])

    def get_config(self):
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "layers": self.layers,
            "mixing": self.mixing,
            "decay": self.decay,
        }


def for_each_layer(w, layers: int):
    """Return the same style for each layer: [B, D] -> [B, layers, D]."""
    return w[:, None] * tf.ones([1, layers, 1], w.dtype)  # XLA cannot compile tf.repeat's gradient


def networks_of_styles(net: keras.Model) -> tuple[keras.Model, keras.Model] | None:
    """Return the networks ``mapping`` and ``synthesis`` of a style-based G; None for another G."""
    found = {layer.name: layer for layer in layers_of(net) if isinstance(layer, keras.Model)}
    mapping, synthesis = found.get(MAPPING), found.get(SYNTHESIS)
    return None if mapping is None or synthesis is None else (mapping, synthesis)


def styles_of(net: keras.Model) -> list[Styles]:
    """Return the layer of styles of a net, if it has one."""
    return [layer for layer in layers_of(net) if isinstance(layer, Styles)]


@contextlib.contextmanager
def truncated(net: keras.Model, truncation: float) -> Iterator[bool]:
    """Bring styles nearer to their average within the ``with`` block, in inference.

    Yields:
        Whether the net has styles.
    """
    with _set([(layer.truncation, truncation) for layer in styles_of(net)]) as number:
        yield number > 0


@contextlib.contextmanager
def moved(net: keras.Model, offset: np.ndarray) -> Iterator[None]:
    """Add ``offset`` [D] to all styles within the ``with`` block, in inference."""
    with _set([(layer.offset, offset) for layer in styles_of(net)]):
        yield


@contextlib.contextmanager
def _set(values: list[tuple[keras.Variable, Any]]) -> Iterator[int]:
    """Set variables within the ``with`` block; yields how many."""
    before = [variable.numpy() for variable, _ in values]
    try:
        for variable, value in values:
            variable.assign(value)
        yield len(values)
    finally:
        for (variable, _), value in zip(values, before, strict=True):
            variable.assign(value)
