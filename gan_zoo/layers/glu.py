"""Gated linear units."""

from __future__ import annotations

import keras


def glu(x):
    """Return half of the channels, gated by the other half: [..., 2 C] -> [..., C].

    Dauphin et al. 2017, arXiv:1612.08083.
    """
    values, gates = keras.ops.split(x, 2, -1)
    return values * keras.ops.sigmoid(gates)
