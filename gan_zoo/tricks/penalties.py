"""Tricks that add a penalty to the loss of D or of G.

Gradient penalties compute D in full precision under any ``--precision``, and in inference mode,
without dropout. With ``every=k`` they are lazy (Karras et al. 2019, StyleGAN2, arXiv:1912.04958,
section 3.1): k times the penalty in every k-th step, which is the same on average and costs 1 / k.
StyleGAN2's code has a separate update for it, with changed constants of Adam; here it is part of
the loss in that step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness, replicas
from gan_zoo.contracts import Trick
from gan_zoo.errors import check_at_least, check_decay, check_non_negative, check_share
from gan_zoo.layers import features_of, full_precision, has_batch_norm, networks_of_styles
from gan_zoo.layers.style import for_each_layer
from gan_zoo.registry import tricks
from gan_zoo.tricks import transforms


@tricks.register
def gradient_penalty(weight: float = 10.0, every: int = 1, *, step, disc=None) -> Trick:
    """WGAN-GP: weight * (|D'(x)| - 1)^2 between real and fake images (Gulrajani et al. 2017).

    arXiv:1704.00028, equation 3. Each x is a random point on the line between a real image and a
    fake one. The paper's loss, optimizers and 5 updates of D a step are those of the preset
    ``wgan_gp64``.

    Args:
        weight: The paper's lambda.
        every: Steps from one penalty to the next.
        step: The step variable, from the framework.
        disc: D, from the framework; one with batch norm is refused, as in the paper.
    """
    check_non_negative(weight=weight)

    def between(outputs, seed):
        share = randomness.uniform([outputs.real.shape[0], 1, 1, 1], seed)
        return outputs.fake + share * (outputs.real - outputs.fake)

    def cost(gradient):
        return weight * tf.square(_norm(gradient) - 1.0)

    return _gradient_penalty(between, cost, every, step, disc)


@tricks.register
def dragan(weight: float = 10.0, stddev: float = 0.25, every: int = 1, *, step, disc=None) -> Trick:
    """DRAGAN: weight * (|D'(x)| - 1)^2 around real images (Kodali et al. 2017, arXiv:1705.07215).

    Each x is a real image plus N(0, stddev^2), the paper's perturbation. Its authors' code adds
    uniform noise from 0 to half the standard deviation of the batch instead, times a factor from
    U(0, 1) for each image. A D with batch norm is refused.

    Args:
        weight: The paper's lambda.
        stddev: Standard deviation of the perturbation, in units of the range [-1, 1] of images.
        every: Steps from one penalty to the next.
        step: The step variable, from the framework.
        disc: D, from the framework.
    """
    check_non_negative(weight=weight, stddev=stddev)

    def around(outputs, seed):
        return outputs.real + stddev * randomness.normal(outputs.real.shape, seed)

    def cost(gradient):
        return weight * tf.square(_norm(gradient) - 1.0)

    return _gradient_penalty(around, cost, every, step, disc)


@tricks.register
def r1(
    gamma: float = 10.0,
    every: int = 1,
    final_gamma: float | None = None,
    until: int = 0,
    through: bool = False,
    *,
    step,
    disc=None,
) -> Trick:
    """Add gamma / 2 * |D'(x)|^2 at real images (Mescheder et al. 2018, arXiv:1801.04406).

    Equation 9. The images are as D sees them, see ``through``.

    Args:
        gamma: The weight, larger for larger images: StyleGAN2 takes 10 at 1024 pixels, and the code
            of its successor ADA proposes 0.0002 * side^2 / batch, 0.013 at 64 pixels and 64 images;
            R3GAN's code lowers it from 0.05 to 0.005 on CIFAR-10, from 2 to 0.2 at 64 pixels and
            from 150 to 15 at 256, for ``r1`` and ``r2``.
        every: Steps from one penalty to the next; StyleGAN2 takes 16.
        final_gamma: The weight at step ``until``, to which it goes by half a wave of a cosine, as
            in R3GAN's code; None leaves it.
        until: The step from which the weight stays; needed with ``final_gamma``.
        through: Whether the gradient is by the image before its augmentation (``ada``,
            ``diff_augment``), through it, as in StyleGAN2-ADA and R3GAN; without, it is by the
            augmented image, as in DiffAugment's code for CIFAR and FFHQ. With it the mean penalty
            is 0.7 (``translation,cutout``) to 1.3 times (``color``, ``ada``) as large.
        step: The step variable, from the framework.
        disc: D, from the framework; one with batch norm is refused.
    """
    weight = _moving_weight(gamma, final_gamma, until, step)
    return _centered_at_zero("real", weight, through, every, step, disc)


@tricks.register
def r2(
    gamma: float = 10.0,
    every: int = 1,
    final_gamma: float | None = None,
    until: int = 0,
    through: bool = False,
    *,
    step,
    disc=None,
) -> Trick:
    """Add gamma / 2 * |D'(x)|^2 at fake images (Mescheder et al. 2018, arXiv:1801.04406).

    Equation 10; see ``r1`` for the arguments.
    """
    weight = _moving_weight(gamma, final_gamma, until, step)
    return _centered_at_zero("fake", weight, through, every, step, disc)


def _centered_at_zero(
    kind: str, weight: Callable, through: bool, every: int, step: tf.Variable, disc: Any
) -> Trick:
    """Return the penalty of R1, whose ``kind`` of images is ``real``, or R2, ``fake``.

    ``weight()`` is gamma at the current step. The gradient goes ``through`` the augmentation or is
    by the augmented images.
    """

    def points(outputs, seed):
        return getattr(outputs, f"plain_{kind}" if through else kind)

    def augment(outputs, images):
        return outputs.augment(images, kind) if through else images

    def cost(gradient):
        return weight() / 2 * _square(gradient)

    return _gradient_penalty(points, cost, every, step, disc, augment)


def _moving_weight(
    gamma: float, final: float | None, until: int, step: tf.Variable
) -> Callable[[], float | tf.Tensor]:
    """Return ``() -> weight`` at the current step, a number where it does not move."""
    check_non_negative(gamma=gamma)
    if final is None:
        if until:
            raise ValueError(f"until={until} does nothing without final_gamma; give both or none.")
        return lambda: gamma
    check_non_negative(final_gamma=final)
    check_at_least(1, until=until)

    def current():
        progress = tf.minimum(tf.cast(step, floatx()) / until, 1.0)
        return final + (gamma - final) * (0.5 + 0.5 * tf.cos(math.pi * progress))

    return current


@tricks.register
def lecam(weight: float = 0.3, decay: float = 0.99, start: int = 0, *, step) -> Trick:
    """Keep logits near the running mean of the other kind: LeCam (Tseng et al. 2021).

    arXiv:2104.03310, equation 4. weight * mean((real logit - m_fake)^2 + (fake logit - m_real)^2),
    where m_real and m_fake are moving averages of the logits of all replicas; they begin at the
    first batch's means.

    Differs from the authors' code, which squares relu(real logit - m_fake) and relu(m_real - fake
    logit), against instability early on: there, a logit on the wrong side of the other mean is not
    penalized.

    Args:
        weight: The paper's lambda. 0.3 is that of their BigGAN on CIFAR, under ``hinge``; their
            StyleGAN2, under ``non_saturating``, has 1e-6 on CIFAR and 3e-7 on FFHQ.
        decay: Share of the averages that a step keeps: 0.99 in their StyleGAN2, 0.9 in their
            BigGAN, which starts at 1000.
        start: The step at which the penalty begins; the averages are kept from step 0.
        step: The step variable, from the framework.
    """
    check_non_negative(weight=weight)
    check_at_least(0, start=start)
    check_decay(decay=decay)
    real_mean, fake_mean = transforms.state(0.0), transforms.state(0.0)

    def observe(outputs):
        for mean, logits in ((real_mean, outputs.real_logits), (fake_mean, outputs.fake_logits)):
            new = replicas.mean(tf.reduce_mean(tf.stop_gradient(logits)))
            mean.assign(tf.where(step == 0, new, decay * mean + (1.0 - decay) * new))

    def penalty(disc, outputs, seed):
        real, fake = outputs.real_logits, outputs.fake_logits
        far = tf.square(real - fake_mean) + tf.square(fake - real_mean)
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
    """Penalize differences of D's logits under augmentation: bCR (Zhao et al. 2020).

    arXiv:2002.04724. real * mean((D(x) - D(T(x)))^2) over real images x, and the same over fake
    ones; G's loss does not change. With ``fake=0`` it is CR (Zhang et al. 2019, arXiv:1910.12027).
    T is drawn for each image.

    Args:
        real: The paper's lambda_real.
        fake: The paper's lambda_fake.
        shift: T moves an image by up to this share of its sides, with reflection at the edges.
        flip: Whether T mirrors half of the images. Turn it off where left and right differ in
            meaning, as in writing.
    """
    check_non_negative(real=real, fake=fake)
    check_share(shift=shift)

    def change(images, seed):
        images = transforms.translate(images, randomness.split(seed, 1), shift, "reflect")
        if flip:
            images = transforms.mirror(images, randomness.split(seed, 2))
        return images

    def penalty(disc, outputs, seed):
        total = tf.zeros([], floatx())
        for k, weight, images, logits in (
            (0, real, outputs.real, outputs.real_logits),
            (1, fake, outputs.fake, outputs.fake_logits),
        ):
            if weight:
                changed = change(images, randomness.split(seed, 3 * k))
                changed_logits = tf.cast(disc(changed, training=True), floatx())
                total += weight * tf.reduce_mean(tf.square(logits - changed_logits))
        return total

    return Trick(penalty=penalty)


@tricks.register
def feature_matching(weight: float = 1.0, alone: bool = True) -> Trick:
    """G matches the mean of D's features on real images (Salimans et al. 2016).

    arXiv:1606.03498, section 3.1. weight * |mean f(x) - mean f(G(z))|^2, where f(x) is the input of
    D's last layer; the means are over the global batch. D also sees real images in G's update.
    Squares are summed over features, as in the paper; the authors' code takes their mean, and for
    color images the mean of absolute differences.

    Args:
        weight: The weight of the distance.
        alone: Whether this is G's only loss, as in the paper. Features do not depend on the class,
            so that under ``--condition=projection`` G would not learn to use it: take False there.
            The class loss of ``auxiliary`` stays in any case.
    """
    check_non_negative(weight=weight)

    def gen_penalty(disc, outputs, seed):
        features = keras.Model(disc.inputs[0], features_of(disc))

        def mean(images):
            values = tf.cast(features(images, training=True), floatx())
            return replicas.mean(tf.reduce_mean(values, 0))

        return weight * tf.reduce_sum(tf.square(mean(outputs.real) - mean(outputs.fake)))

    return Trick(gen_penalty=gen_penalty, gen_weights=tf.zeros_like if alone else None)


@tricks.register
def path_length(
    weight: float = 2.0, decay: float = 0.99, every: int = 4, *, step, gens=()
) -> Trick:
    """A step in style space changes the image by as much everywhere (Karras et al. 2019).

    StyleGAN2, arXiv:1912.04958, section 3.2, equation 4. weight * mean((|J^T y| - a)^2) over half
    as many new noises as the batch has images: J is the derivative of G's image by the style w, y
    is normal noise divided by the square root of the number of pixels, and a is the moving average
    of |J^T y|. The square of |J^T y| is a mean over the layers' styles, as in the authors' code.
    The noises are normal, and with a condition they have no class.

    Args:
        weight: The paper's gamma_pl.
        decay: The share of the average that an update keeps.
        every: Steps from one penalty to the next, which counts ``every`` times.
        step: The step variable, from the framework.
        gens: G and its moving average, from the framework; a G without a mapping network is
            refused.
    """
    check_non_negative(weight=weight)
    check_decay(decay=decay)
    check_at_least(1, every=every)
    networks = networks_of_styles(gens[0]) if gens else None
    if gens and networks is None:
        raise ValueError(
            "it needs a style-based G, with a mapping and a synthesis network; take one, such as"
            " --gen=stylegan2."
        )
    average = transforms.state(0.0)

    def penalty(seed, count):
        assert networks is not None  # there is a G in every game
        mapping, synthesis = networks
        z = randomness.normal([count, *mapping.inputs[0].shape[1:]], randomness.split(seed, 1))
        with full_precision(gens[0]), tf.GradientTape() as tape:
            w = for_each_layer(mapping(z, training=True), synthesis.inputs[0].shape[1])
            tape.watch(w)
            images = synthesis(w, training=True)
            y = randomness.normal(images.shape, randomness.split(seed, 2))
            product = tf.reduce_sum(images * y) / math.prod(images.shape[1:3]) ** 0.5
        squares = tf.reduce_sum(tf.square(tape.gradient(product, w)), 2)
        lengths = tf.sqrt(tf.maximum(tf.reduce_mean(squares, 1), 1e-12))
        new = replicas.mean(tf.reduce_mean(tf.stop_gradient(lengths)))
        average.assign(average * decay + new * (1.0 - decay))
        return every * weight * tf.reduce_mean(tf.square(lengths - average))

    def gen_penalty(disc, outputs, seed):
        count = max(1, outputs.fake.shape[0] // 2)
        if every == 1:
            return penalty(seed, count)
        return tf.cond(
            step % every == 0, lambda: penalty(seed, count), lambda: tf.zeros([], floatx())
        )

    return Trick(
        gen_penalty=gen_penalty,
        metrics=lambda: {"average": tf.identity(average)},
        variables=(average,),
    )


def _gradient_penalty(
    points: Callable,
    cost: Callable,
    every: int,
    step: tf.Variable,
    disc: keras.Model | None,
    augment: Callable = lambda outputs, images: images,
) -> Trick:
    """Return the penalty ``cost(D's gradient)`` at the images ``points(outputs, seed)``.

    D sees ``augment(outputs, images)``. In every ``every``-th step it counts ``every`` times.
    """
    check_at_least(1, every=every)
    if disc and has_batch_norm(disc):
        raise ValueError(
            "it needs the gradient of each image alone, and D's batch norm mixes them; take a D"
            " without, such as --disc='dcgan(norm=\"none\")'."
        )

    def penalty(disc, outputs, seed):
        images = tf.stop_gradient(points(outputs, seed))
        with full_precision(disc), tf.GradientTape() as tape:
            tape.watch(images)
            logits = disc(augment(outputs, images), training=False)
        # The gradient of the sum of logits is one gradient for each image.
        return every * tf.reduce_mean(cost(tape.gradient(logits, images)))

    def lazy(disc, outputs, seed):
        return tf.cond(
            step % every == 0, lambda: penalty(disc, outputs, seed), lambda: tf.zeros([], floatx())
        )

    return Trick(penalty=lazy if every > 1 else penalty)


def _square(gradient: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(gradient), [1, 2, 3])


def _norm(gradient: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.maximum(_square(gradient), 1e-12))  # the root has no gradient at 0
