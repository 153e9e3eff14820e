"""Batch normalization, fused on one device and exact over several."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from gan_zoo.layers.classes import ClassAffine


@keras.saving.register_keras_serializable("gan_zoo")
class BatchNorm(keras.layers.Layer):
    """Batch normalization (Ioffe & Szegedy 2015, arXiv:1502.03167) on TensorFlow's fused kernel.

    Differs from ``keras.layers.BatchNormalization`` in three ways: it is one kernel forward and one
    backward, which saves a good part of a DCGAN's step on a CPU; its momentum is 0.9, since with
    0.99 the samples of a short run are bad in inference mode; and its moving variance is the
    unbiased one, as in the fused kernel.

    Over several replicas, a synchronized layer uses the statistics of the global batch, by two
    reductions a call in place of the fused kernel. Without synchronization each replica uses its
    own, and the moving statistics are averaged after each chunk of steps.
    """

    # A function that takes [(moving statistic, its value in this batch), ...] in place of the
    # update of the moving averages; set by gan_zoo.layers.capture_batch_statistics.
    receive_statistics: Callable[[list], None] | None = None

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        affine: bool = True,
        synchronized: bool = True,
        **kwargs,
    ):
        """Normalize over all axes but the last.

        Args:
            momentum: The share of the moving statistics that an update keeps.
            epsilon: Added to the variance.
            affine: Whether a learned gain and shift of each channel follow.
            synchronized: Whether the statistics are of all replicas together.
            **kwargs: Arguments of ``keras.layers.Layer``.
        """
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.affine = affine
        self.synchronized = synchronized

    def build(self, input_shape):
        """Create the moving statistics and, if affine, gamma and beta: each [C].

        They are in full precision under any policy.
        """
        size = {"shape": (input_shape[-1],), "dtype": self.variable_dtype, "autocast": False}
        if self.affine:
            self.gamma = self.add_weight(name="gamma", initializer="ones", **size)
            self.beta = self.add_weight(name="beta", initializer="zeros", **size)
        self.moving_mean = self.add_weight(
            name="moving_mean", initializer="zeros", trainable=False, **size
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", initializer="ones", trainable=False, **size
        )

    def call(self, x, training=False):
        """Normalize [B, C] or [B, H, W, C].

        In training by the statistics of the batch, else by the moving ones.
        """
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        if x.dtype == tf.float64 or (training and replicas > 1 and self.synchronized):
            return self._by_formula(x, training, context, replicas)
        flat = len(x.shape) == 2
        if flat:
            x = x[:, None, None, :]
        gamma, beta = self._gain_and_shift()
        if training:
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=gamma,
                offset=beta,
                mean=[],
                variance=[],
                epsilon=self.epsilon,
                is_training=True,
            )
            self._move(mean, variance)
        else:
            y, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=gamma,
                offset=beta,
                mean=self.moving_mean.value,
                variance=self.moving_variance.value,
                epsilon=self.epsilon,
                is_training=False,
            )
        return y[:, 0, 0, :] if flat else y

    def _by_formula(self, x, training, context, replicas):
        """Normalize by statistics over all replicas, in the precision of the weights."""
        wide, axes = tf.cast(x, self.moving_mean.dtype), list(range(len(x.shape) - 1))
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training:
            mean = context.all_reduce("MEAN", tf.reduce_mean(wide, axes))
            variance = context.all_reduce("MEAN", tf.reduce_mean(tf.square(wide - mean), axes))
            count = replicas * math.prod(x.shape[:-1])
            self._move(mean, variance * (count / (count - 1)))
        gamma, beta = self._gain_and_shift()
        y = tf.nn.batch_normalization(wide, mean, variance, beta, gamma, self.epsilon)
        return tf.cast(y, x.dtype)

    def _gain_and_shift(self):
        if self.affine:
            return self.gamma.value, self.beta.value
        return tf.ones_like(self.moving_mean.value), tf.zeros_like(self.moving_mean.value)

    def _move(self, mean, variance):
        statistics = [(self.moving_mean, mean), (self.moving_variance, variance)]
        if self.receive_statistics is not None:
            self.receive_statistics(statistics)
            return
        for moving, new in statistics:
            moving.assign(moving * self.momentum + new * (1 - self.momentum))

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "affine": self.affine,
            "synchronized": self.synchronized,
        }


NORMS = ("batch", "layer", "instance", "none")


def norm_kind(norm: str | bool) -> str:
    """Return the kind of normalization of an option: one of NORMS.

    True is ``batch`` and False is ``none``.

    Raises:
        ValueError: There is no such kind.
    """
    kind = {True: "batch", False: "none"}.get(norm, norm) if isinstance(norm, bool) else norm
    if kind not in NORMS:
        raise ValueError(f"norm={norm!r} must be one of {', '.join(NORMS)}.")
    return str(kind)


def normalize(x, kind: str, label=None, classes: int = 0):
    """Return a map [B, H, W, C] normalized, then scaled and shifted by channel; the same shape.

    With a label, gain and shift are those of its class (:class:`gan_zoo.layers.ClassAffine`), also
    where ``kind`` is ``none``; ``instance`` then is conditional instance normalization (Dumoulin et
    al. 2017, arXiv:1610.07629, section 2.2), and ``batch`` conditional batch normalization (de
    Vries et al. 2017, arXiv:1707.00683), whose statistics are of all classes together.

    Args:
        x: The map.
        kind: The values that share a mean and a variance: a channel over the batch (``batch``,
            :class:`BatchNorm`), a sample (``layer``, Ba et al. 2016, arXiv:1607.06450, which
            leaves samples independent, as penalties on the gradient of single samples need:
            Gulrajani et al. 2017, arXiv:1704.00028, section 4), a channel of a sample
            (``instance``, Ulyanov et al. 2016, arXiv:1607.08022), or ``none``, which does not
            normalize.
        label: int32 [B], or None.
        classes: The number of classes, if there is a label.
    """
    plain = {} if label is None else {"scale": False, "center": False}
    if kind == "batch":
        x = BatchNorm(affine=label is None)(x)
    elif kind != "none":
        x = keras.layers.GroupNormalization(1 if kind == "layer" else -1, epsilon=1e-5, **plain)(x)
    return x if label is None else ClassAffine(classes)(x, label)
