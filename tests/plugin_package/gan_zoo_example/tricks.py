"""A trick."""

from gan_zoo import randomness
from gan_zoo.contracts import Trick
from gan_zoo.registry import tricks


@tricks.register
def fade(least: float = 0.5) -> Trick:
    """Multiply each image that D sees, real or fake, by a draw from U(least, 1): towards 0, which is mid-gray."""
    if not 0 < least <= 1:
        raise ValueError(f"least={least} must be above 0 and at most 1.")

    def images(x, seed):
        return x * randomness.uniform([x.shape[0], 1, 1, 1], seed, least, 1.0)

    return Trick(images=images)
