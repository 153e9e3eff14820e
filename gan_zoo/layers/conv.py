"""Keras' convolutions, made faster on a CPU."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("gan_zoo")
class Conv2D(keras.layers.Conv2D):
    """Keras' convolution, faster on a CPU for small maps in bfloat16 and for groups.

    In bfloat16, TensorFlow's filter gradient of a small map is the slowest operation of a DCGAN's
    step: it reaches down to a fifth of the machine's speed (measured on an EPYC with AVX512-BF16);
    here it is computed by matrix products. Without a GPU, grouped convolutions are one convolution
    a group, since TensorFlow's own takes 20 to 300 times as long as these, and longer than a
    convolution without groups (measured with groups of 16, for 128 and 256 channels).
    """

    def convolution_op(self, inputs, kernel):
        """Convolve, see ``keras.layers.Conv2D``."""
        if self.groups > 1 and not tf.config.list_physical_devices("GPU"):
            pairs = zip(
                tf.split(inputs, self.groups, -1), tf.split(kernel, self.groups, -1), strict=True
            )
            return tf.concat([super(Conv2D, self).convolution_op(x, k) for x, k in pairs], -1)
        stride = self.strides[0]
        positions = -(-inputs.shape[1] // stride) * -(-inputs.shape[2] // stride)
        if not (_plain(self, kernel) and _faster_by_products(inputs, kernel, stride, positions)):
            return super().convolution_op(inputs, kernel)
        return convolve(inputs, kernel, stride)


@keras.saving.register_keras_serializable("gan_zoo")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Keras' transposed convolution, with the filter gradient of :class:`Conv2D`."""

    def call(self, inputs):
        """Convolve, see ``keras.layers.Conv2DTranspose``."""
        stride, kernel = self.strides[0], tf.convert_to_tensor(self.kernel)
        _, height, width, _ = inputs.shape
        positions = height * width
        if not (_plain(self, kernel) and _faster_by_products(inputs, kernel, stride, positions)):
            return super().call(inputs)
        y = convolve_transpose(inputs, kernel, stride)
        return self.activation(y + self.bias if self.use_bias else y)


def convolve(inputs, kernel, stride: int):
    """Return a convolution with padding ``same``.

    [B, H, W, C] and a kernel [size, size, C, D] -> [B, H / stride, W / stride, D], rounded up. Its
    filter gradient is computed in the faster way, see :class:`Conv2D`.
    """
    positions = -(-inputs.shape[1] // stride) * -(-inputs.shape[2] // stride)
    if not _faster_by_products(inputs, kernel, stride, positions):
        return tf.nn.conv2d(inputs, kernel, stride, "SAME")

    @tf.custom_gradient
    def op(x, k):
        def grad(dy):
            return tf.nn.conv2d_transpose(dy, k, tf.shape(x), stride, "SAME"), filter_gradient(
                x, dy, k.shape[0], stride
            )

        return tf.nn.conv2d(x, k, stride, "SAME"), grad

    return op(inputs, tf.convert_to_tensor(kernel))


def convolve_transpose(inputs, kernel, stride: int):
    """Return the transpose of :func:`convolve`.

    [B, H, W, D] and a kernel [size, size, C, D] -> [B, stride H, stride W, C].
    """
    height, width = inputs.shape[1:3]

    def forward(x, k):
        size = tf.stack([tf.shape(x)[0], stride * height, stride * width, k.shape[2]])
        return tf.nn.conv2d_transpose(x, k, size, stride, "SAME")

    if not _faster_by_products(inputs, kernel, stride, height * width):
        return forward(inputs, kernel)

    @tf.custom_gradient
    def op(x, k):
        def grad(dy):
            return tf.nn.conv2d(dy, k, stride, "SAME"), filter_gradient(dy, x, k.shape[0], stride)

        return forward(x, k), grad

    return op(inputs, tf.convert_to_tensor(kernel))


def _plain(layer, kernel) -> bool:
    """Return whether a layer is a plain convolution, its kernel square and its padding ``same``."""
    return (
        layer.padding == "same"
        and layer.data_format == "channels_last"
        and set(layer.dilation_rate) == {1}
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "output_padding", None) is None
        and set(layer.strides) == {layer.strides[0]}
        and kernel.shape[0] == kernel.shape[1]
    )


def _faster_by_products(x, kernel, stride: int, positions: int) -> bool:
    """Return whether :func:`filter_gradient` is faster than TensorFlow's.

    As measured for kernels of 3 to 5 and 64 to 1024 channels.
    """
    size, channels = kernel.shape[0], min(kernel.shape[2:])
    if x.dtype != "bfloat16" or channels < 64 or tf.config.list_physical_devices("GPU"):
        return False
    return positions <= 16 or (positions <= 64 and (size % stride == 0 or channels >= 256))


def filter_gradient(large, small, size: int, stride: int):
    """Return the gradient of a convolution w.r.t. its kernel, computed by matrix products.

    The padding is ``same``. The large map is cut into ``stride`` x ``stride`` blocks, whose pixels
    become channels; then a kernel of ``size`` is one of ``size / stride``, and the gradient at each
    of its positions is one product of a shifted map with the small one.

    Args:
        large: The input of the convolution, [B, H, W, C].
        small: The gradient w.r.t. its output, [B, H / stride, W / stride, D], rounded up.
        size: Side of the kernel.
        stride: The stride of the convolution.

    Returns:
        [size, size, C, D], of the arguments' type.
    """
    (height, width), (channels, depth) = small.shape[1:3], (large.shape[-1], small.shape[-1])
    taps = -(-size // stride)
    margins = []
    for side, positions in ((large.shape[1], height), (large.shape[2], width)):
        before = max((positions - 1) * stride + size - side, 0) // 2
        margins.append((before, (positions + taps - 1) * stride - side - before))
    blocks = tf.pad(large, [(0, 0), *margins, (0, 0)])
    if stride > 1:
        blocks = tf.nn.space_to_depth(blocks, stride)
    gradients = tf.reshape(small, [-1, depth])
    products = [
        tf.matmul(
            tf.reshape(blocks[:, i : i + height, j : j + width], [-1, stride * stride * channels]),
            gradients,
            transpose_a=True,
        )
        for i in range(taps)
        for j in range(taps)
    ]
    kernel = tf.reshape(tf.stack(products), [taps, taps, stride, stride, channels, depth])
    kernel = tf.reshape(
        tf.transpose(kernel, [0, 2, 1, 3, 4, 5]), [taps * stride, taps * stride, channels, depth]
    )
    return kernel[:size, :size]
