"""Measure convolutions as TensorFlow computes them and as matrix products, in bfloat16.

``python tools/convolution_times.py``, on an idle machine. Which of the two the layers take is
decided in ``gan_zoo/layers/conv.py``; the rules there are read from such a table.
"""

from __future__ import annotations

import timeit

from gan_zoo import cli, huge_pages

BATCH = 64


def forms(side: int, channels: int) -> dict[str, tuple]:
    """Return pairs of functions, TensorFlow's and ours, of a 4x4 convolution of stride 2."""
    import tensorflow as tf

    from gan_zoo.layers import conv

    def draw(*shape: int) -> tf.Tensor:
        return tf.cast(tf.random.stateless_normal(shape, [0, 0]), tf.bfloat16)

    x = draw(BATCH, side, side, channels)
    y = draw(BATCH, side // 2, side // 2, 2 * channels)
    k = draw(4, 4, channels, 2 * channels)
    return {
        "forward": (
            lambda: tf.nn.conv2d(x, k, 2, "SAME"),
            lambda: conv.product_convolution(x, k, 2),
        ),
        "transposed": (
            lambda: tf.nn.conv2d_transpose(y, k, x.shape, 2, "SAME"),
            lambda: conv.product_transposed(y, k, [side, side], 2),
        ),
        "filter gradient": (
            lambda: tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=k.shape, out_backprop=y, strides=[1, 2, 2, 1], padding="SAME"
            ),
            lambda: conv.filter_gradient(x, y, 4, 2),
        ),
    }


def main() -> None:
    """Print a table of milliseconds, the best of 10."""
    cli.load_tensorflow(False)
    import tensorflow as tf

    print(f"batch {BATCH}, ms                              TensorFlow  products")
    for side, channels in ((32, 32), (32, 64), (16, 64), (16, 128), (8, 128), (8, 256)):
        for form, pair in forms(side, channels).items():
            best = (1000 * min(timeit.repeat(tf.function(f), number=1, repeat=11)) for f in pair)
            name = f"{side}x{side}, {channels} to {2 * channels}, {form}"
            print(f"{name:40s}", *(f"{ms:10.1f}" for ms in best), flush=True)


if __name__ == "__main__":
    huge_pages.restart()
    main()
