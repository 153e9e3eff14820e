"""The Keras layers and shapes that several families share."""

from gan_zoo.layers.attention import SelfAttention, attention_at
from gan_zoo.layers.basis import Basis
from gan_zoo.layers.bias import Dense, add_bias
from gan_zoo.layers.classes import (
    CLASS_LOGITS,
    ClassAffine,
    ClassEmbedding,
    class_axis,
    label_input,
)
from gan_zoo.layers.conv import Conv2D, Conv2DTranspose, filter_gradient
from gan_zoo.layers.dropout import Dropout
from gan_zoo.layers.glu import glu
from gan_zoo.layers.introspect import (
    batch_norms_of,
    capture_batch_statistics,
    features_of,
    freeze_first_layers,
    frozen_weights,
    has_batch_norm,
    layers_in_order,
    layers_of,
    mixes_images,
    own_weights,
)
from gan_zoo.layers.minibatch_std import MinibatchStd
from gan_zoo.layers.norm import BatchNorm, norm_kind, normalize
from gan_zoo.layers.precision import full_precision
from gan_zoo.layers.residual import inverted_bottleneck, scaled
from gan_zoo.layers.resize import DownConv2D, UpConv2D, Upsample2D
from gan_zoo.layers.shapes import crop_to, dcgan_init, resolution_schedule
from gan_zoo.layers.spectral import apply_spectral_norm, folded
from gan_zoo.layers.style import networks_of_styles, truncated

__all__ = [
    "CLASS_LOGITS",
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
    "add_bias",
    "apply_spectral_norm",
    "attention_at",
    "batch_norms_of",
    "capture_batch_statistics",
    "class_axis",
    "crop_to",
    "dcgan_init",
    "features_of",
    "filter_gradient",
    "folded",
    "freeze_first_layers",
    "frozen_weights",
    "full_precision",
    "glu",
    "has_batch_norm",
    "inverted_bottleneck",
    "label_input",
    "layers_in_order",
    "layers_of",
    "mixes_images",
    "networks_of_styles",
    "norm_kind",
    "normalize",
    "own_weights",
    "resolution_schedule",
    "scaled",
    "truncated",
]
