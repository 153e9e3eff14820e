"""The losses that ``--loss`` takes: over logits, one value a sample.

``bce(x, t)`` below is the binary cross-entropy of the probability sigmoid(x) against the target t,
computed from the logit x so that it is exact where the probability rounds to 0 or 1.
"""

from __future__ import annotations

import tensorflow as tf

from gan_zoo import replicas
from gan_zoo.contracts import Loss
from gan_zoo.errors import check_positive
from gan_zoo.registry import losses


def _bce(logits, targets):
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)


def _bce_disc(real, fake, real_targets, fake_targets):
    return _bce(real, real_targets) + _bce(fake, fake_targets)


@losses.register
def non_saturating(disc_weight: float = 1.0) -> Loss:
    """D: cross-entropy; G maximizes log D(G(z)) (Goodfellow et al. 2014, arXiv:1406.2661).

    End of section 3. With plain targets it is also named the logistic loss: softplus(-real) +
    softplus(fake) for D, softplus(-fake) for G.

    Args:
        disc_weight: The weight of D's loss, the sum over real and fake; 0.5 makes it their mean.
    """
    check_positive(disc_weight=disc_weight)
    return Loss(disc=lambda *arguments: disc_weight * _bce_disc(*arguments), gen=_bce)


@losses.register
def minimax() -> Loss:
    """D: cross-entropy; G minimizes log(1 - D(G(z))) (Goodfellow et al. 2014, arXiv:1406.2661).

    Equation 1. G's gradient vanishes where D is sure; use it for comparisons.
    """
    return Loss(disc=_bce_disc, gen=lambda fake, targets: -_bce(fake, 1.0 - targets))


@losses.register
def least_squares() -> Loss:
    """Half the squared distance of a logit to its target (Mao et al. 2017, arXiv:1611.04076).

    Equation 9.
    """
    return Loss(
        disc=lambda real, fake, real_targets, fake_targets: (
            0.5 * tf.square(real - real_targets) + 0.5 * tf.square(fake - fake_targets)
        ),
        gen=lambda fake, targets: 0.5 * tf.square(fake - targets),
    )


@losses.register
def wasserstein() -> Loss:
    """The critic's difference (Arjovsky et al. 2017, arXiv:1701.07875, equation 2).

    It needs a bound on D's gradient: add a trick, ``gradient_penalty`` or ``clip_weights``. The
    paper clips, with the optimizer ``rmsprop`` for both nets and 5 updates of D a step
    (``--update='alternating(5)'``; its code makes 100 in the first 25 steps and in each 500th).
    """
    return Loss(
        disc=lambda real, fake, *_: fake - real, gen=lambda fake, _: -fake, uses_targets=False
    )


@losses.register
def hinge() -> Loss:
    """D: relu(1 - real) + relu(1 + fake); G: -fake (Lim & Ye 2017, arXiv:1705.02894).

    Miyato et al. 2018 (arXiv:1802.05957), equations 16 and 17.
    """
    return Loss(
        disc=lambda real, fake, *_: tf.nn.relu(1.0 - real) + tf.nn.relu(1.0 + fake),
        gen=lambda fake, _: -fake,
        uses_targets=False,
        has_zero_gradient=True,
    )


@losses.register
def relativistic_average() -> Loss:
    """Logits relative to the mean of the others: RaSGAN (Jolicoeur-Martineau 2018).

    arXiv:1807.00734. The sum of the cross-entropies of real - mean(fake) and of fake - mean(real),
    where the author's code takes half of it; for G with the targets exchanged. The means are over
    the global batch. Real and fake logits may drift together: only their difference counts.
    """

    def relative(logits, others):
        return logits - replicas.mean(tf.reduce_mean(others))

    return Loss(
        disc=lambda real, fake, real_targets, fake_targets: _bce_disc(
            relative(real, fake), relative(fake, real), real_targets, fake_targets
        ),
        gen=lambda fake, targets, real: _bce_disc(
            relative(fake, real), relative(real, fake), targets, 1.0 - targets
        ),
        needs_real_logits=True,
    )


@losses.register
def relativistic_pairing() -> Loss:
    """Logits of pairs of one real and one fake image: RpGAN, the loss of R3GAN.

    D: softplus(fake - real); G: softplus(real - fake), as in the authors' code (Huang et al. 2024,
    arXiv:2501.05441, section 2.2; Jolicoeur-Martineau 2018, arXiv:1807.00734). R3GAN adds the
    tricks ``r1`` and ``r2``, without which it may not converge. Only the difference of real and
    fake logits counts.
    """
    return Loss(
        disc=lambda real, fake, *_: tf.nn.softplus(fake - real),
        gen=lambda fake, _, real: tf.nn.softplus(real - fake),
        uses_targets=False,
        needs_real_logits=True,
    )
