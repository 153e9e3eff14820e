"""Nets with the weights of the papers' authors."""

import json
from pathlib import Path

import numpy as np

from gan_zoo.layers import layers_in_order


def weights_and_outputs(name):
    """Weights by their names in the authors' code, and all that tests/fixtures/NAME.npz holds."""
    found = np.load(Path(__file__).parent / "fixtures" / f"{name}.npz")
    weights, at = {}, 0
    for weight, shape in json.loads(str(found["names"])):
        size = int(np.prod(shape))
        weights[weight] = found["weights"][at : at + size].reshape(shape)
        at += size
    return weights, found


def of_class(net, kind):
    return [layer for layer in layers_in_order(net) if type(layer) is kind]
