"""The distributions of z that ``--noise`` takes; its shape is the generator's ``input_shape``."""

from __future__ import annotations

from collections.abc import Callable

from gan_zoo import randomness
from gan_zoo.errors import check_positive
from gan_zoo.registry import noises


@noises.register
def normal(stddev: float = 1.0) -> Callable:
    """Independent values from N(0, stddev^2)."""
    check_positive(stddev=stddev)
    return lambda shape, seed: randomness.normal(shape, seed, stddev)


@noises.register
def uniform(low: float = -1.0, high: float = 1.0) -> Callable:
    """Independent values from U[low, high), as in Radford et al. 2015 (arXiv:1511.06434)."""
    if not low < high:
        raise ValueError(f"low={low} must be below high={high}.")
    return lambda shape, seed: randomness.uniform(shape, seed, low, high)
