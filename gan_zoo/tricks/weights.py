"""Tricks on weights and gradients, and on the weights of images in G's loss."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from gan_zoo import replicas
from gan_zoo.contracts import Trick
from gan_zoo.errors import check_at_least, check_positive
from gan_zoo.layers import apply_spectral_norm, freeze_first_layers
from gan_zoo.registry import tricks


@tricks.register
def spectral_norm(
    both: bool = False, *, disc: keras.Model, gens: Sequence[keras.Model] = ()
) -> Trick:
    """Divide each of D's kernels by its largest singular value (Miyato et al. 2018).

    arXiv:1802.05957, algorithm 1. It begins with 20 power iterations and does one after each update
    of D, where the paper has one before each and its authors' code one at each call in training. So
    real and fake images, penalties and G all meet the same weights, and evaluations change nothing.
    Gradients pass through the singular value, as in the paper; biases and the gains of norms are
    not changed. The singular value is that of the kernel as a matrix [height * width * inputs,
    outputs], with the inputs of one group.

    Args:
        both: Whether G's kernels are divided, too, as in SAGAN (Zhang et al. 2019,
            arXiv:1805.08318, section 3). Those of its moving average are divided by their own
            largest singular values. G's, too, move after each update of D. A run that starts from
            such a G (``--from``) needs it as well.
        disc: D, from the framework, whose layers are changed.
        gens: G and its moving average, if there is one, from the framework.
    """
    nets = [("D", disc), *(("G", gen) for gen in gens if both)]
    normed = []
    for name, net in nets:
        kernels = apply_spectral_norm(net)
        if not kernels:
            raise ValueError(f"{name} has no layer with a kernel to normalize; leave it out.")
        if not all(float(kernel.sigma()) for kernel in kernels):
            raise ValueError(
                f"a kernel of {name} begins at 0, as in r3gan, and cannot be divided by that; use"
                f" another {name}."
            )
        normed += kernels

    def iterate(disc):
        for kernel in normed:
            kernel.iterate()

    def largest():
        return tf.reduce_max([kernel.sigma() for kernel in normed])

    state = tuple(variable for kernel in normed for variable in (kernel.u, kernel.v))
    return Trick(after_disc=iterate, metrics=lambda: {"largest_sigma": largest()}, variables=state)


@tricks.register
def clip_weights(limit: float = 0.01) -> Trick:
    """Clip D's weights to [-limit, limit] after each update (Arjovsky et al. 2017).

    arXiv:1701.07875, algorithm 1.
    """
    check_positive(limit=limit)

    def clip(disc):
        for variable in disc.trainable_variables:
            variable.assign(tf.clip_by_value(variable.value, -limit, limit))

    return Trick(after_disc=clip)


@tricks.register
def freeze_d(layers: int = 2, *, disc: keras.Model) -> Trick:
    """Keep the first layers of D as they are (FreezeD: Mo et al. 2020, arXiv:2002.10964).

    Section 3: for a D that was trained on other images (``--from``), whose first layers, those next
    to the image, already see what is in most images. Their kernels and biases, and the gains and
    shifts of norms among them, stay equal to the last bit; moving statistics and the vectors of
    ``spectral_norm`` still move. It saves the time of their gradients.

    Differs from the paper, which counts blocks: a block of ``resnet`` has three layers with a
    kernel, one of ``dcgan`` has one.

    Args:
        layers: How many layers with a kernel are kept, counted from the image.
        disc: D, from the framework, whose layers are changed.
    """
    check_at_least(1, layers=layers)
    freeze_first_layers(disc, layers)
    return Trick()


@tricks.register
def clip_gradients(norm: float = 1.0, gen: bool = True, disc: bool = True) -> Trick:
    """Scale a net's gradients so that their global norm is at most ``norm`` (Pascanu et al. 2012).

    arXiv:1211.5063, algorithm 1. The norm is that of the gradients of the global batch.

    Args:
        norm: The maximum norm.
        gen: Whether G's gradients are clipped.
        disc: Whether D's gradients are clipped.
    """
    check_positive(norm=norm)
    if not (gen or disc):
        raise ValueError(
            "with gen=False and disc=False it clips nothing; leave out one of them, or the trick."
        )
    clipped_nets = {"gen": gen, "disc": disc}

    def clip(gradients, net):
        if not clipped_nets[net]:
            return gradients
        clipped, _ = tf.clip_by_global_norm(replicas.total(gradients), norm)
        # The optimizer sums them over replicas again.
        return [gradient / replicas.count() for gradient in clipped]

    return Trick(gradients=clip)


@tricks.register
def top_k(least: float = 0.5, decay: float = 0.99, every: int = 1000, *, step) -> Trick:
    """Train G only on its images with the highest logits (Sinha et al. 2020, arXiv:2002.06224).

    Of the B images of the global batch, these are the best k = B * max(least, decay^n) (rounded),
    where n grows by 1 every ``every`` steps; in the paper, every epoch. G's loss is the mean over
    them; the class loss of the condition ``auxiliary`` is the mean over all images.

    Args:
        least: The paper's nu, the lower limit of the share k / B.
        decay: The paper's gamma.
        every: Steps after which k is lowered.
        step: The step variable, from the framework.
    """
    if not (0 < least <= 1 and 0 < decay <= 1):
        raise ValueError(f"least={least} and decay={decay} must be above 0 and at most 1.")
    check_at_least(1, every=every)

    def share(dtype):
        decayed = tf.cast(decay, dtype) ** tf.cast(step // every, dtype)
        return tf.maximum(tf.cast(least, dtype), decayed)

    def weigh(logits):
        whole = replicas.gather(logits)[:, 0]
        kept = tf.maximum(tf.round(share(logits.dtype) * whole.shape[0]), 1.0)
        rank = tf.argsort(tf.argsort(whole, direction="DESCENDING", stable=True))
        weights = tf.where(tf.cast(rank, logits.dtype) < kept, whole.shape[0] / kept, 0.0)
        return replicas.local_slice(weights[:, None])

    return Trick(gen_weights=weigh, metrics=lambda: {"share": share(tf.float32)})
