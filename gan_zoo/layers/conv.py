"""Keras' convolutions, made faster on a CPU."""

from __future__ import annotations

import keras
import tensorflow as tf

from gan_zoo.layers.bias import add_bias


@keras.saving.register_keras_serializable("gan_zoo")
class Conv2D(keras.layers.Conv2D):
    """Keras' convolution, faster on a CPU for small maps in bfloat16 and for groups.

    In bfloat16, TensorFlow's filter gradient of a small map is the slowest operation of a DCGAN's
    step: it reaches down to a fifth of the machine's speed (measured on an EPYC with AVX512-BF16);
    here it is computed by matrix products, and so are the convolution and its transpose where the
    kernel is large beside the maps. The choice depends on shapes and type alone.

    Without a GPU, grouped convolutions are one convolution a group, since TensorFlow's own takes 20
    to 300 times as long as these, and longer than a convolution without groups (measured with
    groups of 16, for 128 and 256 channels).
    """

    def call(self, inputs):
        """Convolve, see ``keras.layers.Conv2D``."""
        if not self.use_bias or self.data_format != "channels_last":
            return super().call(inputs)
        y = self.convolution_op(inputs, self.kernel)
        return self.activation(add_bias(y, tf.convert_to_tensor(self.bias)))

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
        if _plain(self, kernel) and _faster_by_products(inputs, kernel, stride, positions):
            y = convolve_transpose(inputs, kernel, stride)
            return self.activation(y + self.bias if self.use_bias else y)
        if not self.use_bias or self.data_format != "channels_last":
            return super().call(inputs)
        names = ("strides", "padding", "output_padding", "data_format", "dilation_rate")
        settings = {name: getattr(self, name) for name in names}
        y = keras.ops.conv_transpose(inputs, self.kernel, **settings)
        return self.activation(add_bias(y, tf.convert_to_tensor(self.bias)))


def convolve(inputs, kernel, stride: int):
    """Return a convolution with padding ``same``.

    [B, H, W, C] and a kernel [size, size, C, D] -> [B, H / stride, W / stride, D], rounded up. It
    and its gradients are computed in the faster way, see :class:`Conv2D`.
    """
    positions = -(-inputs.shape[1] // stride) * -(-inputs.shape[2] // stride)
    if not _faster_by_products(inputs, kernel, stride, positions):
        return tf.nn.conv2d(inputs, kernel, stride, "SAME")

    @tf.custom_gradient
    def op(x, k):
        def grad(dy):
            return (
                _backward(dy, k, list(x.shape[1:]), stride),
                filter_gradient(x, dy, k.shape[0], stride),
            )

        return _forward(x, k, stride, positions), grad

    return op(inputs, tf.convert_to_tensor(kernel))


def convolve_transpose(inputs, kernel, stride: int):
    """Return the transpose of :func:`convolve`.

    [B, H, W, D] and a kernel [size, size, C, D] -> [B, stride H, stride W, C].
    """
    height, width = inputs.shape[1:3]
    large = [stride * height, stride * width, kernel.shape[2]]
    if not _faster_by_products(inputs, kernel, stride, height * width):
        size = tf.stack([tf.shape(inputs)[0], *large])
        return tf.nn.conv2d_transpose(inputs, kernel, size, stride, "SAME")

    @tf.custom_gradient
    def op(x, k):
        def grad(dy):
            y = _forward(dy, k, stride, height * width)
            return y, filter_gradient(dy, x, k.shape[0], stride)

        return _backward(x, k, large, stride), grad

    return op(inputs, tf.convert_to_tensor(kernel))


def _forward(x, kernel, stride: int, positions: int):
    """Return the convolution of [B, H, W, C], without a gradient of its own."""
    if _faster_by_one_product(x.shape[0], kernel, stride, positions):
        return product_convolution(x, kernel, stride)
    return tf.nn.conv2d(x, kernel, stride, "SAME")


def _backward(x, kernel, large: list[int], stride: int):
    """Return the transposed convolution of [B, H, W, D] to maps ``large`` = [H, W, C]."""
    if _faster_by_one_product(x.shape[0], kernel, stride, x.shape[1] * x.shape[2]):
        return product_transposed(x, kernel, large[:2], stride)
    size = tf.stack([tf.shape(x)[0], *large])
    return tf.nn.conv2d_transpose(x, kernel, size, stride, "SAME")


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


def _faster_by_one_product(batch: int | None, kernel, stride: int, positions: int) -> bool:
    """Return whether the forms below are faster than TensorFlow's own.

    TensorFlow reorders the kernel at each call, which for 2 million weights takes longer than the
    arithmetic of 64 maps of 8x8 (measured with AMX: 10.2 ms for 6.1, transposed 11.8 for 8.2).
    With 128 channels, or larger maps, these forms are slower.
    """
    return (
        batch is not None
        and batch * positions <= 1024
        and positions <= 16
        and min(kernel.shape[2:]) >= 256
        and stride > 1
        and kernel.shape[0] % stride == 0
    )


def product_convolution(x, kernel, stride: int):
    """Return a convolution with padding ``same`` computed by one matrix product.

    [B, H, W, C] and a kernel [size, size, C, D], whose size is a multiple of the stride ->
    [B, H / stride, W / stride, D], rounded up.
    """
    height, width = (-(-side // stride) for side in x.shape[1:3])
    patches = tf.concat(_views(x, (height, width), kernel.shape[0], stride), -1)
    weights = tf.reshape(_by_blocks(kernel, stride), [-1, kernel.shape[3]])
    return tf.reshape(tf.matmul(patches, weights), [-1, height, width, kernel.shape[3]])


def product_transposed(x, kernel, sides: list[int], stride: int):
    """Return the transpose of :func:`product_convolution`: [B, h, w, D] -> [B, *sides, C]."""
    _, height, width, depth = x.shape
    size, channels = kernel.shape[0], kernel.shape[2]
    taps = size // stride
    weights = tf.reshape(_by_blocks(kernel, stride), [-1, depth])
    y = tf.matmul(tf.reshape(x, [-1, depth]), weights, transpose_b=True)
    y = tf.reshape(y, [-1, height, width, taps, taps, stride * stride * channels])
    shifted = [
        tf.pad(y[:, :, :, i, j], [[0, 0], [i, taps - 1 - i], [j, taps - 1 - j], [0, 0]])
        for i in range(taps)
        for j in range(taps)
    ]
    y = tf.nn.depth_to_space(tf.add_n(shifted), stride)
    (top, _), (left, _) = _margins(sides, (height, width), size, stride)
    return y[:, top : top + sides[0], left : left + sides[1]]


def _by_blocks(kernel, stride: int):
    """Return a kernel as [size / stride, size / stride, stride, stride, C, D]."""
    size, _, channels, depth = kernel.shape
    taps = size // stride
    kernel = tf.reshape(kernel, [taps, stride, taps, stride, channels, depth])
    return tf.transpose(kernel, [0, 2, 1, 3, 4, 5])


def _margins(sides, positions, size: int, stride: int) -> list[tuple[int, int]]:
    """Return how much to pad each side of a map before and after to cut it into whole blocks."""
    taps, margins = -(-size // stride), []
    for side, count in zip(sides, positions, strict=True):
        before = max((count - 1) * stride + size - side, 0) // 2
        margins.append((before, (count + taps - 1) * stride - side - before))
    return margins


def _views(large, positions: tuple[int, int], size: int, stride: int) -> list:
    """Return the blocks of a map that each tap of a kernel meets: [B * h * w, stride^2 C] each."""
    (height, width), taps = positions, -(-size // stride)
    margins = _margins(large.shape[1:3], positions, size, stride)
    blocks = tf.pad(large, [(0, 0), *margins, (0, 0)])
    if stride > 1:
        blocks = tf.nn.space_to_depth(blocks, stride)
    return [
        tf.reshape(
            blocks[:, i : i + height, j : j + width], [-1, stride * stride * large.shape[-1]]
        )
        for i in range(taps)
        for j in range(taps)
    ]


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
    views = _views(large, (height, width), size, stride)
    gradients = tf.reshape(small, [-1, depth])
    products = [tf.matmul(view, gradients, transpose_a=True) for view in views]
    kernel = tf.reshape(tf.stack(products), [taps, taps, stride, stride, channels, depth])
    kernel = tf.reshape(
        tf.transpose(kernel, [0, 2, 1, 3, 4, 5]), [taps * stride, taps * stride, channels, depth]
    )
    return kernel[:size, :size]
