"""The Keras layers and shapes that several families share."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import keras
import tensorflow as tf


def ladder(height: int, width: int, smallest: int = 6, steps: int | None = None) -> list[tuple[int, int]]:
    """The sizes on the way from a small map up to the image, each half of the next (rounded up).

    A stride-2 convolution with padding ``same`` walks down this ladder exactly; a transposed one walks up it after
    :func:`crop_to`. So 28, 48, 96 and 100x75 need no special case.

    Args:
        height: Of the image, in pixels.
        width: Likewise.
        smallest: The ladder ends at the first size whose longer side is at most this.
        steps: In place of ``smallest``, how often the image is halved.
    """
    sizes = [(height, width)]
    while len(sizes) <= steps if steps is not None else max(sizes[0]) > smallest:
        h, w = sizes[0]
        sizes.insert(0, ((h + 1) // 2, (w + 1) // 2))
    return sizes


def crop_to(x, size: tuple[int, int]):
    """Cut the last row or column off where doubling went one pixel past an odd size. x: [B, h, w, C] -> [B, *size, C]."""
    down, right = x.shape[1] - size[0], x.shape[2] - size[1]
    return keras.layers.Cropping2D(((0, down), (0, right)))(x) if down or right else x


def dcgan_init() -> keras.Initializer:
    """normal(0, 0.02), as Radford et al. 2015 (arXiv:1511.06434), section 4, initialise all weights."""
    return keras.initializers.RandomNormal(stddev=0.02)


_across_replicas = True


@contextlib.contextmanager
def batch_norm_across_replicas(wanted: bool) -> Iterator[None]:
    """Whether batch norms made in the body take their statistics over all replicas, as one device would, or each its own."""
    global _across_replicas
    before, _across_replicas = _across_replicas, wanted
    try:
        yield
    finally:
        _across_replicas = before


@keras.saving.register_keras_serializable("gan_zoo")
class BatchNorm(keras.layers.Layer):
    """Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) on TensorFlow's fused kernel.

    Differs from ``keras.layers.BatchNormalization`` in three ways: it is one kernel forward and one backward, which on a CPU is
    a good part of a DCGAN's step; its momentum is 0.9, since with 0.99 a short run samples rubbish in inference mode; and its
    moving variance is the unbiased one, as that of the fused kernel.

    Over several replicas its statistics are those of the global batch, by two reductions a call in place of the fused kernel,
    unless :func:`batch_norm_across_replicas` says otherwise; then the moving ones are averaged after each chunk of steps.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        """Normalise over all axes but the last; ``momentum`` is the share of the old moving statistics kept at a call."""
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.across_replicas = _across_replicas

    def build(self, input_shape):
        """Make gamma, beta and the moving statistics, each [C], in full precision under any policy."""
        size = {"shape": (input_shape[-1],), "dtype": self.variable_dtype, "autocast": False}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **size)
        self.beta = self.add_weight(name="beta", initializer="zeros", **size)
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", trainable=False, **size)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", trainable=False, **size)

    def call(self, x, training=False):
        """Normalise [B, C] or [B, H, W, C] by the batch's statistics if ``training``, else by the moving ones."""
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        if x.dtype == tf.float64 or (training and replicas > 1 and self.across_replicas):
            return self._by_formula(x, training, context, replicas)
        flat = len(x.shape) == 2
        if flat:
            x = x[:, None, None, :]
        gamma, beta = self.gamma.value, self.beta.value
        if training:
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=self.epsilon, is_training=True
            )
            self._move(mean, variance)
        else:
            y, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=gamma,
                offset=beta,
                mean=self.moving_mean.value,
                variance=self.moving_variance.value,
                epsilon=self.epsilon,
                is_training=False,
            )
        return y[:, 0, 0, :] if flat else y

    def _by_formula(self, x, training, context, replicas):
        """The same over all replicas, in the precision of the weights."""
        wide, axes = tf.cast(x, self.moving_mean.dtype), list(range(len(x.shape) - 1))
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training:
            mean = context.all_reduce("MEAN", tf.reduce_mean(wide, axes))
            variance = context.all_reduce("MEAN", tf.reduce_mean(tf.square(wide - mean), axes))
            count = replicas * math.prod(x.shape[:-1])
            self._move(mean, variance * (count / (count - 1)))
        y = tf.nn.batch_normalization(wide, mean, variance, self.beta.value, self.gamma.value, self.epsilon)
        return tf.cast(y, x.dtype)

    def _move(self, mean, variance):
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + new * (1 - self.momentum))

    def compute_output_shape(self, input_shape):
        """The input's own shape."""
        return input_shape

    def get_config(self):
        """For saving."""
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("gan_zoo")
class Conv2D(keras.layers.Conv2D):
    """Keras' convolution; in bfloat16 on a CPU, where its map is small, with a filter gradient of matrix products.

    TensorFlow's own is then the slowest operation of a DCGAN's step: down to a fifth of the machine's speed (measured with
    ``tools/bench.py``'s nets on an EPYC with AVX512-BF16).
    """

    def convolution_op(self, inputs, kernel):
        """See Keras."""
        (stride, other), (height, width) = self.strides, _halves(inputs.shape, self.strides)
        plain = (
            self.padding != "same" or self.data_format != "channels_last" or self.groups > 1 or set(self.dilation_rate) != {1}
        )
        if plain or stride != other or not _better_by_products(inputs, kernel, stride, height * width):
            return super().convolution_op(inputs, kernel)

        @tf.custom_gradient
        def convolve(x, k):
            def grad(dy):
                return tf.nn.conv2d_transpose(dy, k, tf.shape(x), stride, "SAME"), filter_gradient(x, dy, k.shape[0], stride)

            return tf.nn.conv2d(x, k, stride, "SAME"), grad

        return convolve(inputs, tf.convert_to_tensor(kernel))


@keras.saving.register_keras_serializable("gan_zoo")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Keras' transposed convolution, with the filter gradient of :class:`Conv2D`."""

    def call(self, inputs):
        """See Keras."""
        (stride, other), (_, height, width, _) = self.strides, inputs.shape
        plain = self.padding != "same" or self.data_format != "channels_last" or self.output_padding is not None
        if plain or set(self.dilation_rate) != {1} or stride != other:
            return super().call(inputs)
        kernel = tf.convert_to_tensor(self.kernel)
        if not _better_by_products(inputs, kernel, stride, height * width):
            return super().call(inputs)

        @tf.custom_gradient
        def convolve(x, k):
            def grad(dy):
                return tf.nn.conv2d(dy, k, stride, "SAME"), filter_gradient(dy, x, k.shape[0], stride)

            size = tf.stack([tf.shape(x)[0], stride * height, stride * width, k.shape[2]])
            return tf.nn.conv2d_transpose(x, k, size, stride, "SAME"), grad

        y = convolve(inputs, kernel)
        return self.activation(y + self.bias if self.use_bias else y)


def _halves(shape, strides) -> tuple[int, int]:
    return -(-shape[1] // strides[0]), -(-shape[2] // strides[1])


def _better_by_products(x, kernel, stride: int, places: int) -> bool:
    """Whether :func:`filter_gradient` is the faster one, as measured for kernels of 3 to 5, 64 to 1024 channels."""
    size, channels = kernel.shape[0], min(kernel.shape[2:])
    if x.dtype != "bfloat16" or channels < 64 or kernel.shape[1] != size or tf.config.list_physical_devices("GPU"):
        return False
    return places <= 16 or (places <= 64 and (size % stride == 0 or channels >= 256))


def filter_gradient(large, small, size: int, stride: int):
    """The gradient of a convolution (padding ``same``) with respect to its kernel, as matrix products.

    The large map is cut into ``stride`` x ``stride`` blocks, whose pixels become channels; then a kernel of ``size`` is one of
    ``size / stride``, and the gradient at each of its places is one product of a shifted map with the small one.

    Args:
        large: What the kernel reads, [B, H, W, C].
        small: The gradient of what it gives, [B, H / stride, W / stride, D], rounded up.
        size: Side of the kernel.
        stride: Of the convolution.

    Returns:
        [size, size, C, D], of the arguments' type.
    """
    (height, width), (channels, depth) = small.shape[1:3], (large.shape[-1], small.shape[-1])
    taps = -(-size // stride)
    margins = []
    for given, places in ((large.shape[1], height), (large.shape[2], width)):
        before = max((places - 1) * stride + size - given, 0) // 2
        margins.append((before, (places + taps - 1) * stride - given - before))
    blocks = tf.pad(large, [(0, 0), *margins, (0, 0)])
    if stride > 1:
        blocks = tf.nn.space_to_depth(blocks, stride)
    slopes = tf.reshape(small, [-1, depth])
    products = [
        tf.matmul(
            tf.reshape(blocks[:, i : i + height, j : j + width], [-1, stride * stride * channels]), slopes, transpose_a=True
        )
        for i in range(taps)
        for j in range(taps)
    ]
    kernel = tf.reshape(tf.stack(products), [taps, taps, stride, stride, channels, depth])
    kernel = tf.reshape(tf.transpose(kernel, [0, 2, 1, 3, 4, 5]), [taps * stride, taps * stride, channels, depth])
    return kernel[:size, :size]
