"""What ``--gen_opt`` and ``--disc_opt`` take: Keras optimizers, the usual ones by name and any by ``keras('Name', ...)``."""

from __future__ import annotations

import math
from typing import Any

import keras as _keras
import tensorflow as tf

from gan_zoo.registry import optimizers


@_keras.saving.register_keras_serializable("gan_zoo")
class FusedAdam(_keras.optimizers.Adam):
    """Keras' Adam with TensorFlow's one-pass kernel for the update, of the same formula.

    Keras writes the update as a dozen operations, each of which reads and writes all weights. For
    nets of many weights and little arithmetic, such as dense ones, that is most of a step.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable, float32 ones by the kernel and others as Keras does."""
        if variable.dtype != "float32" or not isinstance(gradient, tf.Tensor):
            return super().update_step(gradient, variable, learning_rate)
        i = self._get_variable_index(variable)
        # Under a strategy the variable comes as TensorFlow's own, this replica's part of it.
        ours = (
            x.value if isinstance(x, _keras.Variable) else x
            for x in (variable, self._momentums[i], self._velocities[i])
        )
        var, m, v = (x.handle for x in ours)
        t = tf.cast(self.iterations + 1, tf.float32)
        beta_1, beta_2 = tf.constant(float(self.beta_1)), tf.constant(float(self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=var, m=m, v=v, beta1_power=beta_1**t, beta2_power=beta_2**t, lr=tf.cast(learning_rate, tf.float32),
            beta1=beta_1, beta2=beta_2, epsilon=self.epsilon, grad=gradient,
        )  # fmt: skip
        return None


class Schedule(_keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that depends on the number of updates of its net alone, and so goes on exactly in a resumed run."""

    def __init__(self, rate: float, shape: str, until: int, warmup: int):
        """From ``rate`` down to 0 at update ``until`` (unless constant), after a linear rise over ``warmup`` updates."""
        self.rate, self.shape, self.until, self.warmup = rate, shape, until, warmup

    def __call__(self, step):
        """The rate of update ``step``, counted from 0."""
        t = tf.cast(step, tf.float32)
        gone = tf.minimum(t / self.until, 1.0) if self.until else 0.0
        factor = 0.5 + 0.5 * tf.cos(math.pi * gone) if self.shape == "cosine" else 1.0 - gone
        rise = tf.minimum((t + 1.0) / self.warmup, 1.0) if self.warmup else 1.0
        return tf.constant(self.rate, tf.float32) * factor * rise

    def get_config(self):
        """For saving."""
        return {"rate": self.rate, "shape": self.shape, "until": self.until, "warmup": self.warmup}


def _rate(
    learning_rate: float, schedule: str, until: int, warmup: int, updates: int
) -> float | Schedule:
    """What Keras takes for a learning rate; ``until=0`` is the end of a run of so many ``updates``."""
    _check(learning_rate=learning_rate)
    if schedule not in ("constant", "linear", "cosine"):
        raise ValueError(f"schedule='{schedule}' is unknown; give constant, linear or cosine.")
    if schedule == "constant" and until:
        raise ValueError(
            f"until={until} does not go with schedule='constant', which does not end; leave one"
            " out."
        )
    for name, value in (("until", until), ("warmup", warmup)):
        if value < 0 or value != int(value):
            raise ValueError(f"{name}={value} must be a whole number, 0 or more.")
    if schedule == "constant" and not warmup:
        return float(learning_rate)
    until = until or (updates if schedule != "constant" else 0)
    if schedule != "constant" and not until:
        raise ValueError(
            f"schedule='{schedule}' needs until=, since nothing here says how many updates there"
            " will be."
        )
    return Schedule(float(learning_rate), schedule, int(until), int(warmup))


@optimizers.register
def adam(
    learning_rate: float = 2e-4,
    beta_1: float = 0.5,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    schedule: str = "constant",
    until: int = 0,
    warmup: int = 0,
    *,
    updates: int = 0,
):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980), with DCGAN's learning rate and beta_1 as defaults.

    Args:
        learning_rate: Of a step; under a schedule its highest.
        beta_1: Decay of the first moment.
        beta_2: Of the second.
        epsilon: Added to the root of the second moment.
        schedule: ``constant``, or falling to 0: ``linear`` or ``cosine``, half a wave of it.
        until: Updates of the net after which it is 0; by default those of the whole run, so that it
            falls as fast as ``--steps`` is long. A run that goes on with more ``--steps`` goes on
            with the rates of the longer one.
        warmup: Updates over which it first rises, linearly.
        updates: Of the net in the whole run: ``--steps``, for D times K under
            ``--update='alternating(K)'``.
    """
    rate = _rate(learning_rate, schedule, until, warmup, updates)
    _check(epsilon=epsilon)
    for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
        if not 0 <= beta < 1:
            raise ValueError(f"{name}={beta} is no decay; give a value from 0 to below 1.")
    return FusedAdam(rate, float(beta_1), float(beta_2), float(epsilon))


@optimizers.register
def rmsprop(
    learning_rate: float = 5e-5,
    rho: float = 0.9,
    schedule: str = "constant",
    until: int = 0,
    warmup: int = 0,
    *,
    updates: int = 0,
):
    """RMSprop, as Arjovsky et al. 2017 (arXiv:1701.07875) train critics with; schedules as those of ``adam``."""
    return _keras.optimizers.RMSprop(
        _rate(learning_rate, schedule, until, warmup, updates), float(rho)
    )


@optimizers.register
def sgd(
    learning_rate: float = 0.01,
    momentum: float = 0.0,
    schedule: str = "constant",
    until: int = 0,
    warmup: int = 0,
    *,
    updates: int = 0,
):
    """Gradient descent with momentum; schedules as those of ``adam``."""
    return _keras.optimizers.SGD(
        _rate(learning_rate, schedule, until, warmup, updates), float(momentum)
    )


def _check(**positive: float) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise ValueError(f"{name}={value} must be above 0.")


@optimizers.register
def keras(name: str, **arguments):
    """Any optimizer of keras.optimizers by its class's name: ``keras('Lion', learning_rate=1e-4)``."""
    kind: Any = getattr(_keras.optimizers, name, None)
    base = _keras.optimizers.Optimizer
    known = isinstance(kind, type) and issubclass(kind, base)
    # A class without an update of its own is the base, or wraps optimizers that no spec can give
    # it.
    if not known or kind.update_step is base.update_step:
        raise ValueError(
            f"keras.optimizers has no optimizer '{name}'; write a class's name, such as 'Adam' or"
            " 'Lion'."
        )
    return kind(**arguments)
