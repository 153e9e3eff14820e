"""Maps that a generator starts from."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("gan_zoo")
class Basis(keras.layers.Layer):
    """One learned map a channel, scaled by the input: [B, C] -> [B, H, W, C] (Huang et al. 2024, arXiv:2501.05441)."""

    def __init__(self, size: tuple[int, int], **kwargs):
        """Learn maps of ``size`` (H, W), from N(0, 1)."""
        super().__init__(**kwargs)
        self.size = tuple(size)

    def build(self, input_shape):
        """Make the maps [H, W, C]."""
        self.maps = self.add_weight(
            name="maps",
            shape=(*self.size, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )

    def call(self, x):
        """Scale the maps by x [B, C]."""
        return x[:, None, None, :] * self.maps

    def compute_output_shape(self, input_shape):
        """[B, H, W, C]."""
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self):
        """For saving."""
        return {**super().get_config(), "size": self.size}
