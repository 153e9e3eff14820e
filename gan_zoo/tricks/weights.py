"""Tricks on weights and their gradients, and on which images count."""

from __future__ import annotations

import keras
import tensorflow as tf

from gan_zoo import replicas
from gan_zoo.contracts import Trick
from gan_zoo.errors import check_at_least
from gan_zoo.layers import apply_spectral_norm
from gan_zoo.registry import tricks


@tricks.register
def spectral_norm(*, disc: keras.Model) -> Trick:
    """D uses each kernel divided by its largest singular value (Miyato et al. 2018, arXiv:1802.05957, algorithm 1).

    One power iteration after each update of D, where the paper has one before each and its authors'
    code one at each call in training: so real and fake images, penalties and G all meet the same
    weights, and evaluations change nothing. It begins with
    20. Gradients pass through the singular value, as in the paper; biases and the factors of norms
      are left alone. The singular value is that of the kernel as a matrix [height * width * inputs,
      outputs], the inputs being those of one group.

    Args:
        disc: D, from the framework, whose layers are changed.
    """
    normed = apply_spectral_norm(disc)
    if not normed:
        raise ValueError("D has no layer with a kernel, so that there is nothing to normalize.")
    if not all(float(kernel.sigma()) for kernel in normed):
        raise ValueError(
            "a kernel of D begins at 0, as those of r3gan do, and cannot be divided by that; take"
            " another D."
        )

    def iterate(disc):
        for kernel in normed:
            kernel.iterate()

    def largest():
        return tf.reduce_max([kernel.sigma() for kernel in normed])

    state = tuple(variable for kernel in normed for variable in (kernel.u, kernel.v))
    return Trick(after_disc=iterate, metrics=lambda: {"largest_sigma": largest()}, variables=state)


@tricks.register
def clip_weights(limit: float = 0.01) -> Trick:
    """Clip all of D's weights to [-limit, limit] after each update (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1)."""
    if not limit > 0:
        raise ValueError(f"limit={limit} must be above 0.")

    def clip(disc):
        for variable in disc.trainable_variables:
            variable.assign(tf.clip_by_value(variable.value, -limit, limit))

    return Trick(after_disc=clip)


@tricks.register
def clip_gradients(norm: float = 1.0, gen: bool = True, disc: bool = True) -> Trick:
    """Scale a net's gradient down to a global norm where it exceeds it (Pascanu et al. 2012, arXiv:1211.5063, algorithm 1).

    It is the gradient of the whole batch, of all replicas, that is clipped.

    Args:
        norm: The greatest norm.
        gen: Whether G's is clipped.
        disc: Whether D's is clipped.
    """
    if not norm > 0:
        raise ValueError(f"norm={norm} must be above 0.")
    if not (gen or disc):
        raise ValueError(
            "with gen=False and disc=False it clips nothing; leave out one of them, or the trick."
        )
    wanted = {"gen": gen, "disc": disc}

    def clip(gradients, net):
        if not wanted[net]:
            return gradients
        clipped, _ = tf.clip_by_global_norm(replicas.total(gradients), norm)
        return [
            gradient / replicas.count() for gradient in clipped
        ]  # the optimizer sums them over replicas again

    return Trick(gradients=clip)


@tricks.register
def top_k(least: float = 0.5, decay: float = 0.99, every: int = 1000, *, step) -> Trick:
    """G learns only from those of its images that D finds most real (Sinha et al. 2020, arXiv:2002.06224).

    Of B images of the whole batch, of all replicas, it is the best k = B * max(least, decay^n)
    (rounded), where n grows by 1 every ``every`` steps; in the paper, every epoch. Its loss is the
    mean over these; what D says of classes under the condition ``auxiliary`` counts for all.

    Args:
        least: The paper's nu, the share at which k stays.
        decay: The paper's gamma.
        every: Steps after which k is lowered.
        step: The step variable, from the framework.
    """
    if not (0 < least <= 1 and 0 < decay <= 1):
        raise ValueError(f"least={least} and decay={decay} must lie above 0 and at most at 1.")
    check_at_least(1, every=every)

    def share(dtype):
        return tf.maximum(
            tf.cast(least, dtype), tf.cast(decay, dtype) ** tf.cast(step // every, dtype)
        )

    def weigh(logits):
        whole = replicas.gather(logits)[:, 0]
        kept = tf.maximum(tf.round(share(logits.dtype) * whole.shape[0]), 1.0)
        rank = tf.argsort(tf.argsort(whole, direction="DESCENDING", stable=True))
        weights = tf.where(tf.cast(rank, logits.dtype) < kept, whole.shape[0] / kept, 0.0)
        return replicas.mine(weights[:, None])

    return Trick(gen_weights=weigh, metrics=lambda: {"share": share(tf.float32)})
