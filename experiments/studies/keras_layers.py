"""A plugin: the DCGAN pair of gan_zoo, made of Keras' own layers, for the study ``speed``."""

from __future__ import annotations

import keras
from keras import layers

from gan_zoo.layers import crop_to, dcgan_init, resolution_schedule
from gan_zoo.registry import discriminators, generators


def _norm():
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


@generators.register
def keras_dcgan(width: int = 64, latent: int = 100, *, image_shape):
    """``dcgan`` (Radford et al. 2015, arXiv:1511.06434), made of keras.layers only."""
    sizes = resolution_schedule(*image_shape[:2])
    widths = [min(512, width * 2**i) for i in reversed(range(len(sizes) - 1))]
    z = keras.Input((latent,), name="noise")
    x = layers.Dense(
        sizes[0][0] * sizes[0][1] * widths[0], use_bias=False, kernel_initializer=dcgan_init()
    )(z)
    x = layers.LeakyReLU(0.2)(_norm()(layers.Reshape((*sizes[0], widths[0]))(x)))
    for size, filters in zip(sizes[1:-1], widths[1:], strict=True):
        x = layers.Conv2DTranspose(
            filters, 4, 2, "same", use_bias=False, kernel_initializer=dcgan_init()
        )(x)
        x = layers.LeakyReLU(0.2)(_norm()(crop_to(x, size)))
    x = crop_to(
        layers.Conv2DTranspose(image_shape[-1], 4, 2, "same", kernel_initializer=dcgan_init())(x),
        sizes[-1],
    )
    return keras.Model(
        z, layers.Activation("tanh", dtype="float32")(x), name="keras_dcgan_generator"
    )


@discriminators.register  # type: ignore[no-redef]
def keras_dcgan(width: int = 64, *, image_shape):  # noqa: F811 -- one name in two tables
    """``dcgan`` (Radford et al. 2015, arXiv:1511.06434), made of keras.layers only."""
    image = x = keras.Input(image_shape, name="image")
    for i in range(len(resolution_schedule(*image_shape[:2])) - 1):
        filters = min(512, width * 2**i)
        x = layers.Conv2D(filters, 4, 2, "same", use_bias=i == 0, kernel_initializer=dcgan_init())(
            x
        )
        x = layers.LeakyReLU(0.2)(_norm()(x) if i else x)
    logits = layers.Dense(1, kernel_initializer=dcgan_init(), dtype="float32")(layers.Flatten()(x))
    return keras.Model(image, logits, name="keras_dcgan_discriminator")
