"""A loss."""

import tensorflow as tf

from gan_zoo.contracts import Loss
from gan_zoo.registry import losses


@losses.register
def soft_hinge(margin: float = 1.0) -> Loss:
    """The hinge loss with its corner rounded, so that D's loss has a slope everywhere."""
    return Loss(
        disc=lambda real, fake, *_: tf.nn.softplus(margin - real) + tf.nn.softplus(margin + fake),
        gen=lambda fake, _: -fake,
        uses_targets=False,
    )
