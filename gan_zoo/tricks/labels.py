"""Tricks that change the targets of a loss that has targets."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gan_zoo import randomness
from gan_zoo.contracts import Trick
from gan_zoo.registry import tricks


@tricks.register
def label_smooth(
    low: float = 0.9,
    high: float | None = None,
    fake_low: float = 0.0,
    fake_high: float | None = None,
) -> Trick:
    """D's target 1 becomes a draw from U(low, high), and 0 one from U(fake_low, fake_high), anew for each sample.

    One-sided with 0.9 by default (Salimans et al. 2016, arXiv:1606.03498, section 3.4); ranges as
    in the list of GAN hacks by Chintala et al. 2016, number 6, which has 0.7 to 1.2 and 0 to 0.3.
    After ``flip_labels``, a flipped target is smoothed as what it was flipped to.

    Args:
        low: Least target in place of 1.
        high: Greatest; the same as ``low`` if None.
        fake_low: Least target in place of 0.
        fake_high: Greatest; the same as ``fake_low`` if None.
    """
    high = low if high is None else high
    fake_high = fake_low if fake_high is None else fake_high
    if low > high or fake_low > fake_high:
        raise ValueError(f"ranges must rise: real {low}..{high}, fake {fake_low}..{fake_high}.")

    def smooth(targets, seed):
        ones = randomness.uniform(targets.shape, seed, low, high)
        zeros = randomness.uniform(targets.shape, seed, fake_low, fake_high)
        return targets * ones + (1.0 - targets) * zeros

    return Trick(real_targets=smooth, fake_targets=smooth)


@tricks.register
def flip_labels(rate: float = 0.05) -> Trick:
    """Each of D's targets t becomes 1 - t with probability ``rate`` (GAN hacks by Chintala et al. 2016, number 6)."""
    if not 0 <= rate <= 1:
        raise ValueError(f"rate={rate} is no probability; give a value from 0 to 1.")

    def flip(targets, seed):
        return tf.where(randomness.uniform(targets.shape, seed) < rate, 1.0 - targets, targets)

    return Trick(real_targets=flip, fake_targets=flip)


@tricks.register
def swap_labels() -> Trick:
    """Real is 0 and fake 1, for D and for G alike (after the list of GAN hacks by Chintala et al. 2016, number 2).

    Give it before other label tricks: then 1, whatever it now means, is smoothed as 1.
    """

    def swap(targets, seed):
        return 1.0 - targets

    return Trick(real_targets=swap, fake_targets=swap, gen_targets=swap, swaps_targets=True)


@tricks.register
def constant_label(low: float = 0.9, high: float = 1.0, gen: bool = True, *, seed: int) -> Trick:
    """The target 1 becomes one draw from U(low, high) for the whole run, as an old Simpsons DCGAN has it.

    Give it after ``swap_labels`` and ``flip_labels``: then it is what they make 1 that becomes the
    draw.

    Args:
        low: Least.
        high: Greatest.
        gen: Whether G is trained to that label too, or to 1.
        seed: The run's, from the framework; the draw depends on it alone.
    """
    if not low <= high:
        raise ValueError(f"low={low} must not be above high={high}.")
    label = float(np.random.default_rng([seed, 1]).uniform(low, high))

    def one(targets, seed):
        return targets * label

    return Trick(
        real_targets=one,
        fake_targets=one,
        gen_targets=one if gen else None,
        metrics=lambda: {"label": label},
    )
