"""The pair of R3GAN: equal to the authors' code."""

import keras
import numpy as np
import pytest

from gan_zoo import registry
from gan_zoo.layers import Basis, Conv2D
from tests.authors import of_class, weights_and_outputs

SIZES = "width=4, max_width=8, blocks=1, group=4, smooth=True"


@pytest.fixture(scope="module")
def theirs():
    """Weights and outputs of brownvc/R3GAN (19a7ddf) at 16 pixels: widths 8, 8 and 4, a block each.

    All weights are random, those too that begin at 0.
    """
    return weights_and_outputs("r3gan_pytorch")


def set_convolutions(net, weights, half):
    """Set the convolutions of a net, in their order, to those of the authors' half, ``G`` or ``D``."""
    names = [name for name in weights if name.startswith(half) and name.endswith("Layer.weight")]
    names = [name for name in names if weights[name].ndim == 4]
    convolutions = of_class(net, Conv2D)
    for name, layer in zip(names, convolutions, strict=True):
        layer.kernel.assign(np.transpose(weights[name], (2, 3, 1, 0)))
        if layer.use_bias:
            bias = name.replace("LinearLayer", "NonLinearity").replace("Layer.weight", "Bias")
            layer.bias.assign(weights[bias])


def test_generator_is_that_of_the_authors(theirs):
    weights, found = theirs
    net = registry.generators.build(f"r3gan({SIZES}, latent=5)", image_shape=(16, 16, 3))
    first = "G.MainLayers.0.Layers.0."
    (basis,), (dense,) = of_class(net, Basis), of_class(net, keras.layers.Dense)
    basis.maps.assign(np.transpose(weights[f"{first}Basis"], (1, 2, 0)))
    dense.kernel.assign(weights[f"{first}LinearLayer.weight"].T)
    set_convolutions(net, weights, "G")
    assert net.count_params() == sum(w.size for name, w in weights.items() if name[0] == "G")
    images = np.tanh(np.transpose(found["img"], (0, 2, 3, 1)))
    np.testing.assert_allclose(net(found["z"]), images, atol=1e-5)


def test_discriminator_is_that_of_the_authors(theirs):
    weights, found = theirs
    net = registry.discriminators.build(f"r3gan({SIZES})", image_shape=(16, 16, 3))
    last = "D.MainLayers.2.Layers.1."
    (basis,), (dense,) = (
        of_class(net, keras.layers.DepthwiseConv2D),
        of_class(net, keras.layers.Dense),
    )
    basis.kernel.assign(np.transpose(weights[f"{last}Basis.weight"], (2, 3, 0, 1)))
    dense.kernel.assign(weights[f"{last}LinearLayer.weight"].T)
    set_convolutions(net, weights, "D")
    theirs_count = sum(w.size for name, w in weights.items() if name[0] == "D")
    assert net.count_params() == theirs_count + 1  # the bias of the last layer
    images = np.transpose(found["img"], (0, 2, 3, 1))
    np.testing.assert_allclose(net(images)[:, 0], found["logits"], atol=1e-5)
