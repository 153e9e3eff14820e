"""The Keras layers and shapes that several families share."""

from gan_zoo.layers.conv import Conv2D, Conv2DTranspose, filter_gradient
from gan_zoo.layers.dropout import Dropout
from gan_zoo.layers.norm import BatchNorm, batch_norm_across_replicas
from gan_zoo.layers.precision import full_precision, layers_of
from gan_zoo.layers.shapes import crop_to, dcgan_init, ladder
from gan_zoo.layers.spectral import normalise
from gan_zoo.layers.spread import MinibatchStd

__all__ = [
    "BatchNorm",
    "Conv2D",
    "Conv2DTranspose",
    "Dropout",
    "MinibatchStd",
    "batch_norm_across_replicas",
    "crop_to",
    "dcgan_init",
    "filter_gradient",
    "full_precision",
    "ladder",
    "layers_of",
    "normalise",
]
