"""Tricks that change the images D sees."""

from __future__ import annotations

import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness
from gan_zoo.contracts import Trick
from gan_zoo.registry import tricks


@tricks.register
def instance_noise(stddev: float = 0.1, decay_steps: int = 0, *, step) -> Trick:
    """Add N(0, stddev^2) to all that D sees (Soenderby et al. 2016, arXiv:1610.04490; Arjovsky & Bottou 2017, 1701.04862).

    Args:
        stddev: In units of the range [-1, 1] of images, at step 0.
        decay_steps: It falls linearly to 0 at this step; 0 keeps it.
        step: The step variable, from the framework.
    """
    if stddev < 0 or decay_steps < 0:
        raise ValueError(f"stddev={stddev} and decay_steps={decay_steps} must not be negative.")

    def now():
        gone = tf.cast(step, floatx()) / decay_steps if decay_steps else tf.zeros([], floatx())
        return stddev * tf.maximum(1.0 - gone, 0.0)

    return Trick(
        images=lambda images, seed: images + now() * randomness.normal(images.shape, seed),
        metrics=lambda: {"stddev": now()},
    )


@tricks.register
def flip_images(rate: float = 0.5) -> Trick:
    """Mirror each real image left to right with probability ``rate``: more data for G to learn, mirrored ones included."""
    if not 0 <= rate <= 1:
        raise ValueError(f"rate={rate} is no probability; give a value from 0 to 1.")

    def flip(images, seed):
        mirrored = randomness.uniform([images.shape[0], 1, 1, 1], seed) < rate
        return tf.where(mirrored, images[:, :, ::-1], images)

    return Trick(real_images=flip)
