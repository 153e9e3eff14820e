"""Tricks that change the targets of a loss that has targets."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gan_zoo import randomness
from gan_zoo.contracts import Trick
from gan_zoo.errors import check_share
from gan_zoo.registry import tricks


@tricks.register
def label_smooth(
    low: float = 0.9,
    high: float | None = None,
    fake_low: float = 0.0,
    fake_high: float | None = None,
) -> Trick:
    """Replace D's target 1 by a draw from U(low, high), and 0 by one from U(fake_low, fake_high).

    Each sample has its own draw. The default is one-sided with 0.9 (Salimans et al. 2016,
    arXiv:1606.03498, section 3.4); the list of GAN hacks by Chintala et al. 2016, number 6, has 0.7
    to 1.2 and 0 to 0.3. After ``flip_labels``, the flipped target is smoothed.

    Args:
        low: Minimum of the target in place of 1.
        high: Its maximum; the same as ``low`` if None.
        fake_low: Minimum of the target in place of 0.
        fake_high: Its maximum; the same as ``fake_low`` if None.
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
    """Replace each of D's targets t by 1 - t with probability ``rate``.

    From the list of GAN hacks by Chintala et al. 2016, number 6.
    """
    check_share(rate=rate)

    def flip(targets, seed):
        return tf.where(randomness.uniform(targets.shape, seed) < rate, 1.0 - targets, targets)

    return Trick(real_targets=flip, fake_targets=flip)


@tricks.register
def swap_labels() -> Trick:
    """Give real images the target 0 and fake ones 1, for both nets.

    After the list of GAN hacks by Chintala et al. 2016, number 2. Give it before other label
    tricks: they then treat the target 1, which now stands for fake, as 1.
    """

    def swap(targets, seed):
        return 1.0 - targets

    return Trick(real_targets=swap, fake_targets=swap, gen_targets=swap, swaps_targets=True)


@tricks.register
def constant_label(low: float = 0.9, high: float = 1.0, gen: bool = True, *, seed: int) -> Trick:
    """Replace the target 1 by one draw from U(low, high) for the whole run.

    An old Simpsons DCGAN does this. Give it after ``swap_labels`` and ``flip_labels``: then it
    replaces the targets that these set to 1.

    Args:
        low: Minimum of the draw.
        high: Maximum of the draw.
        gen: Whether the draw is also G's target, in place of 1.
        seed: The run's seed, from the framework; the draw depends on nothing else.
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
