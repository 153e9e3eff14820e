"""Images of a style-based generator from its styles, outside training."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from gan_zoo import images
from gan_zoo.conditions import add_class_vector
from gan_zoo.errors import UserError
from gan_zoo.game.step import Game
from gan_zoo.layers import networks_of_styles
from gan_zoo.layers.style import for_each_layer, styles_of


class StyleBased(NamedTuple):
    """A style-based G in two parts, in inference mode.

    Attributes:
        layers: How many styles an image has.
        map: Noise ``[B, ...]`` and labels int32 ``[B]`` or None -> styles ``[B, D]``.
        draw: One style for each layer, ``[B, layers, D]`` -> float images ``[B, H, W, C]``.
        mean: The average style ``[D]``.
    """

    layers: int
    map: Callable[[np.ndarray, np.ndarray | None], tf.Tensor]
    draw: Callable[[tf.Tensor], tf.Tensor]
    mean: np.ndarray

    def styles(
        self, z: np.ndarray, labels: np.ndarray | None, truncation: float = 1.0
    ) -> np.ndarray:
        """Return the styles float32 ``[N, D]`` of noise; see ``sampling.generate``."""
        w = np.asarray(self.map(z, labels), np.float32)
        return self.mean + np.float32(truncation) * (w - self.mean)

    def repeat(self, w: tf.Tensor) -> tf.Tensor:
        """Return the same style for each layer: ``[B, D]`` -> ``[B, layers, D]``."""
        return for_each_layer(w, self.layers)

    def generate(self, styles: np.ndarray, batch: int = 64) -> np.ndarray:
        """Return the images uint8 ``[N, H, W, C]`` of styles ``[N, layers, D]``."""
        blocks = range(0, len(styles), batch)
        return np.concatenate(
            [images.to_uint8(self.draw(tf.constant(styles[i : i + batch])).numpy()) for i in blocks]
        )


def style_based(game: Game, *, ema: bool = True) -> StyleBased | None:
    """Return the parts of the EMA generator, or of G without one; None if it has no styles."""
    net = game.ema if game.ema is not None and ema else game.gen
    networks = networks_of_styles(net)
    if networks is None:
        return None
    mapping, synthesis = networks
    (layer,) = styles_of(net)

    def to_styles(z: np.ndarray, labels: np.ndarray | None) -> tf.Tensor:
        return mapping(add_class_vector(net, z, labels), training=False)

    def draw(styles: tf.Tensor) -> tf.Tensor:
        return tf.cast(synthesis(styles, training=False), tf.float32)

    return StyleBased(layer.layers, to_styles, draw, np.asarray(layer.mean, np.float32))


def require_styles(game: Game, asked: str, *, ema: bool = True) -> StyleBased:
    """Return :func:`style_based` of a game.

    Args:
        game: The game.
        asked: What asks for styles, for the message: a command or a flag.
        ema: Whether to take the moving average of G, if there is one.

    Raises:
        UserError: The generator has no styles.
    """
    found = style_based(game, ema=ema)
    if found is None:
        raise UserError(
            f"{asked} is for a style-based generator, such as --gen=stylegan2, and this run has"
            " another one; train one, or leave it out."
        )
    return found
