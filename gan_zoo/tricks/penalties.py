"""Tricks that add to D's loss, or to G's.

Those on D's gradient compute D in full precision under any ``--precision``, and without dropout: it
is the slope of the net itself that they bound. ``every=k`` makes them lazy (Karras et al. 2019,
StyleGAN2, arXiv:1912.04958, section 3.1): k times the penalty in every k-th step, which is the same
on average and costs a k-th. StyleGAN2's code makes an update of its own of it, with Adam's
constants changed to suit; here it is part of the loss in that step.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness, replicas
from gan_zoo.contracts import Trick
from gan_zoo.errors import check_at_least
from gan_zoo.layers import features_of, full_precision, has_batch_norm
from gan_zoo.registry import tricks
from gan_zoo.tricks import transforms


@tricks.register
def gradient_penalty(weight: float = 10.0, every: int = 1, *, step, disc=None) -> Trick:
    """WGAN-GP: weight * (|D'(x)| - 1)^2 between real and fake images (Gulrajani et al. 2017, arXiv:1704.00028, equation 3).

    Each x lies on the line from a real image to a fake one, at a place drawn for each pair.

    Args:
        weight: The paper's lambda.
        every: Steps from one penalty to the next; see above.
        step: The step variable, from the framework.
        disc: D, from the framework; one with batch norm is refused, as in the paper.
    """
    _not_negative(weight=weight)

    def between(seen, seed):
        place = randomness.uniform([seen.real.shape[0], 1, 1, 1], seed)
        return seen.fake + place * (seen.real - seen.fake)

    return _on_slope(
        between, lambda slope: weight * tf.square(_norm(slope) - 1.0), every, step, disc
    )


@tricks.register
def dragan(weight: float = 10.0, stddev: float = 0.25, every: int = 1, *, step, disc=None) -> Trick:
    """DRAGAN: weight * (|D'(x)| - 1)^2 around real images (Kodali et al. 2017, arXiv:1705.07215).

    Each x is a real image plus N(0, stddev^2), the paper's perturbation. Its authors' code adds
    uniform noise from 0 to half the standard deviation of the batch instead, times a share from
    U(0, 1) for each image. A D with batch norm is refused.

    Args:
        weight: The paper's lambda.
        stddev: Of the perturbation, in units of the range [-1, 1] of images.
        every: Steps from one penalty to the next.
        step: The step variable, from the framework.
        disc: D, from the framework.
    """
    _not_negative(weight=weight, stddev=stddev)

    def around(seen, seed):
        return seen.real + stddev * randomness.normal(seen.real.shape, seed)

    return _on_slope(
        around, lambda slope: weight * tf.square(_norm(slope) - 1.0), every, step, disc
    )


@tricks.register
def r1(gamma: float = 10.0, every: int = 1, *, step, disc=None) -> Trick:
    """Add gamma / 2 * |D'(x)|^2 at real images (Mescheder et al. 2018, arXiv:1801.04406, equation 9).

    Args:
        gamma: Larger for larger images: StyleGAN2 takes 10 at 1024 pixels, and the code of its
            successor ADA proposes 0.0002 * side^2 / batch, 0.013 at 64 pixels and 64 images;
            R3GAN's code lowers that of ``r1`` and ``r2`` from 2 to 0.2 there.
        every: Steps from one penalty to the next; StyleGAN2 takes 16.
        step: The step variable, from the framework.
        disc: D, from the framework; one with batch norm is refused.
    """
    _not_negative(gamma=gamma)
    return _on_slope(
        lambda seen, _: seen.real, lambda slope: gamma / 2 * _square(slope), every, step, disc
    )


@tricks.register
def r2(gamma: float = 10.0, every: int = 1, *, step, disc=None) -> Trick:
    """Add gamma / 2 * |D'(x)|^2 at fake images (Mescheder et al. 2018, arXiv:1801.04406, equation 10); see ``r1``."""
    _not_negative(gamma=gamma)
    return _on_slope(
        lambda seen, _: seen.fake, lambda slope: gamma / 2 * _square(slope), every, step, disc
    )


@tricks.register
def lecam(weight: float = 0.3, decay: float = 0.99, start: int = 0, *, step) -> Trick:
    """Keep logits close to the running mean of the other kind (Tseng et al. 2021, arXiv:2104.03310, equation 4).

    weight * mean((real logit - m_fake)^2 + (fake logit - m_real)^2), where m_real and m_fake are
    moving averages of the logits of all replicas; they begin at the first batch's means.

    Differs from the authors' code, which squares relu(real logit - m_fake) and relu(m_real - fake
    logit), against instability early on: there, a logit on the wrong side of the other kind's mean
    costs nothing.

    Args:
        weight: The paper's lambda.
        decay: Share of the averages that a step keeps; 0.99 is of their StyleGAN2, 0.9 of their
            BigGAN, which starts at 1000.
        start: The step at which the penalty begins; the averages are kept from step 0.
        step: The step variable, from the framework.
    """
    _not_negative(weight=weight)
    check_at_least(0, start=start)
    if not 0 <= decay < 1:
        raise ValueError(f"decay={decay} is no decay; give a value from 0 to below 1.")
    real_mean, fake_mean = transforms.state(0.0), transforms.state(0.0)

    def observe(seen):
        for mean, logits in ((real_mean, seen.real_logits), (fake_mean, seen.fake_logits)):
            new = replicas.mean(tf.reduce_mean(tf.stop_gradient(logits)))
            mean.assign(tf.where(step == 0, new, decay * mean + (1.0 - decay) * new))

    def penalty(disc, seen, seed):
        far = tf.square(seen.real_logits - fake_mean) + tf.square(seen.fake_logits - real_mean)
        return tf.where(step >= start, weight * tf.reduce_mean(far), 0.0)

    return Trick(
        observe=observe,
        penalty=penalty,
        metrics=lambda: {"real_mean": tf.identity(real_mean), "fake_mean": tf.identity(fake_mean)},
        variables=(real_mean, fake_mean),
    )


@tricks.register
def consistency(
    real: float = 10.0, fake: float = 10.0, shift: float = 0.125, flip: bool = True
) -> Trick:
    """D is to say the same of an image and of its augmented self: bCR (Zhao et al. 2020, arXiv:2002.04724).

    real * mean((D(x) - D(T(x)))^2) over real images x, and the same over fake ones; G's loss is as
    it was. With ``fake=0`` it is CR (Zhang et al. 2019, arXiv:1910.12027). T is drawn for each
    image.

    Args:
        real: The paper's lambda_real.
        fake: Its lambda_fake.
        shift: T moves an image by up to this share of its sides; what comes in is its mirror image.
        flip: Whether T mirrors half of the images. Turn it off where left and right mean something.
    """
    _not_negative(real=real, fake=fake)
    transforms.check_share(shift=shift)

    def change(images, seed):
        images = transforms.translate(images, randomness.split(seed, 1), shift, "reflect")
        if flip:
            images = transforms.mirror(images, randomness.split(seed, 2))
        return images

    def penalty(disc, seen, seed):
        total = tf.zeros([], floatx())
        for k, weight, images, logits in (
            (0, real, seen.real, seen.real_logits),
            (1, fake, seen.fake, seen.fake_logits),
        ):
            if weight:
                other = tf.cast(
                    disc(change(images, randomness.split(seed, 3 * k)), training=True), floatx()
                )
                total += weight * tf.reduce_mean(tf.square(logits - other))
        return total

    return Trick(penalty=penalty)


@tricks.register
def feature_matching(weight: float = 1.0, alone: bool = True) -> Trick:
    """G matches the mean of D's last features on real images (Salimans et al. 2016, arXiv:1606.03498, section 3.1).

    weight * |mean f(x) - mean f(G(z))|^2, f being what enters D's last layer; the means are over
    the whole batch, of all replicas. D sees real images in G's update, too. Features are summed, as
    in the paper; the authors' code takes their mean, and for color images that of absolute
    differences.

    Args:
        weight: Of the distance.
        alone: Whether G has no other loss, as in the paper, or this one beside it. With a
            condition, features know nothing of the class: under ``projection`` take False, or
            nothing tells G what to do with it; the loss of ``auxiliary`` stays.
    """
    _not_negative(weight=weight)

    def gen_penalty(disc, seen, seed):
        features = keras.Model(disc.inputs[0], features_of(disc))

        def mean(images):
            return replicas.mean(
                tf.reduce_mean(tf.cast(features(images, training=True), floatx()), 0)
            )

        return weight * tf.reduce_sum(tf.square(mean(seen.real) - mean(seen.fake)))

    return Trick(gen_penalty=gen_penalty, gen_weights=tf.zeros_like if alone else None)


def _on_slope(
    places: Callable, cost: Callable, every: int, step: tf.Variable, disc: keras.Model | None
) -> Trick:
    """A penalty of ``cost(D's gradient)`` at ``places(seen, seed)``, in every ``every``-th step ``every`` times."""
    check_at_least(1, every=every)
    if disc and has_batch_norm(disc):
        raise ValueError(
            "it needs the gradient of each image alone, and D's batch norm mixes them; take a D"
            " without, such as --disc='dcgan(norm=\"none\")'."
        )

    def penalty(disc, seen, seed):
        at = tf.stop_gradient(places(seen, seed))
        with full_precision(disc), tf.GradientTape() as tape:
            tape.watch(at)
            logits = disc(at, training=False)
        return every * tf.reduce_mean(
            cost(tape.gradient(logits, at))
        )  # of the sum of logits: one gradient an image

    def lazy(disc, seen, seed):
        return tf.cond(
            step % every == 0, lambda: penalty(disc, seen, seed), lambda: tf.zeros([], floatx())
        )

    return Trick(penalty=lazy if every > 1 else penalty)


def _square(slope: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(slope), [1, 2, 3])


def _norm(slope: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.maximum(_square(slope), 1e-12))  # the root has no slope at 0


def _not_negative(**values: float) -> None:
    for name, value in values.items():
        if value < 0:
            raise ValueError(f"{name}={value} must not be negative.")
