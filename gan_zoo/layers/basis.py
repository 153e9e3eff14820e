"""Learned maps at the start of a generator."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("gan_zoo")
class Basis(keras.layers.Layer):
    """One learned map a channel, scaled by the input (Huang et al. 2024, arXiv:2501.05441).

    [B, C] -> [B, H, W, C].
    """

    def __init__(self, size: tuple[int, int], **kwargs):
        """Learn maps of ``size`` (H, W), from N(0, 1)."""
        super().__init__(**kwargs)
        self.size = tuple(size)

    def build(self, input_shape):
        """Create the maps [H, W, C]."""
        self.maps = self.add_weight(
            name="maps",
            shape=(*self.size, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )

    def call(self, x):
        """Return the maps scaled by x [B, C]."""
        return x[:, None, None, :] * self.maps

    def compute_output_shape(self, input_shape):
        """Return [B, H, W, C]."""
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), "size": self.size}
