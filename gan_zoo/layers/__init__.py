"""The Keras layers and shapes that several families share."""

from gan_zoo.layers.attention import SelfAttention, attention_at
from gan_zoo.layers.basis import Basis
from gan_zoo.layers.classes import ClassAffine, ClassEmbedding, label_input
from gan_zoo.layers.conv import Conv2D, Conv2DTranspose, filter_gradient
from gan_zoo.layers.dense import Dense
from gan_zoo.layers.dropout import Dropout
from gan_zoo.layers.glu import glu
from gan_zoo.layers.norm import BatchNorm, batch_norm_across_replicas, norm_kind, normalise, statistics_aside
from gan_zoo.layers.precision import full_precision
from gan_zoo.layers.residual import inverted_bottleneck, scaled
from gan_zoo.layers.resize import DownConv2D, UpConv2D, Upsample2D
from gan_zoo.layers.shapes import crop_to, dcgan_init, ladder
from gan_zoo.layers.spectral import normalise_spectrum
from gan_zoo.layers.spread import MinibatchStd
from gan_zoo.layers.within import features_of, has_batch_norm, layers_of, mixes_images

__all__ = [
    "Basis",
    "BatchNorm",
    "ClassAffine",
    "ClassEmbedding",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DownConv2D",
    "Dropout",
    "MinibatchStd",
    "SelfAttention",
    "UpConv2D",
    "Upsample2D",
    "attention_at",
    "batch_norm_across_replicas",
    "crop_to",
    "dcgan_init",
    "features_of",
    "filter_gradient",
    "full_precision",
    "glu",
    "has_batch_norm",
    "inverted_bottleneck",
    "label_input",
    "ladder",
    "layers_of",
    "mixes_images",
    "norm_kind",
    "normalise",
    "normalise_spectrum",
    "scaled",
    "statistics_aside",
]
