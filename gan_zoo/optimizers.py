"""The optimizers that ``--gen_opt`` and ``--disc_opt`` take: Keras', with learning rate schedules.

The usual ones have names here; ``keras('Name', ...)`` gives any other.
"""

from __future__ import annotations

import math
from typing import Any

import keras as _keras
import tensorflow as tf

from gan_zoo.errors import check_at_least, check_decay, check_positive
from gan_zoo.registry import optimizers


@_keras.saving.register_keras_serializable("gan_zoo")
class FusedAdam(_keras.optimizers.Adam):
    """Keras' Adam with TensorFlow's one-pass kernel for the update; the formula is the same.

    In Keras the update is a dozen operations, each of which reads and writes all weights. For nets
    with many weights and little arithmetic, such as dense ones, that is most of a step.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable: float32 by the kernel, other types as Keras does."""
        if variable.dtype != "float32" or not isinstance(gradient, tf.Tensor):
            return super().update_step(gradient, variable, learning_rate)
        i = self._get_variable_index(variable)
        # Under a strategy the variable is TensorFlow's, of this replica.
        variables = (
            x.value if isinstance(x, _keras.Variable) else x
            for x in (variable, self._momentums[i], self._velocities[i])
        )
        var, m, v = (x.handle for x in variables)
        t = tf.cast(self.iterations + 1, tf.float32)
        beta_1, beta_2 = tf.constant(float(self.beta_1)), tf.constant(float(self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=var, m=m, v=v, beta1_power=beta_1**t, beta2_power=beta_2**t,
            lr=tf.cast(learning_rate, tf.float32), beta1=beta_1, beta2=beta_2,
            epsilon=self.epsilon, grad=gradient,
        )  # fmt: skip
        return None


class Schedule(_keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that depends only on the number of updates of its net.

    So a resumed run continues exactly.
    """

    def __init__(self, rate: float, shape: str, until: int, warmup: int):
        """Fall from ``rate`` to 0 at update ``until``, after a linear rise over ``warmup`` updates.

        With the shape ``constant`` it does not fall.
        """
        self.rate, self.shape, self.until, self.warmup = rate, shape, until, warmup

    def __call__(self, step):
        """Return the learning rate of update ``step``, counted from 0."""
        t = tf.cast(step, tf.float32)
        progress = tf.minimum(t / self.until, 1.0) if self.until else 0.0
        cosine = self.shape == "cosine"
        factor = 0.5 + 0.5 * tf.cos(math.pi * progress) if cosine else 1.0 - progress
        rise = tf.minimum((t + 1.0) / self.warmup, 1.0) if self.warmup else 1.0
        return tf.constant(self.rate, tf.float32) * factor * rise

    def get_config(self):
        """Return the arguments of the constructor."""
        return {"rate": self.rate, "shape": self.shape, "until": self.until, "warmup": self.warmup}


def _scheduled(
    learning_rate: float, schedule: str, until: int, warmup: int, updates: int
) -> float | Schedule:
    """Return the learning rate as Keras takes it; ``until=0`` is the end of the ``updates``."""
    check_positive(learning_rate=learning_rate)
    if schedule not in ("constant", "linear", "cosine"):
        raise ValueError(f"schedule='{schedule}' is unknown; give constant, linear or cosine.")
    if schedule == "constant" and until:
        raise ValueError(
            f"until={until} cannot go with schedule='constant', which does not end; leave one out."
        )
    # 1e4 is a whole number, too.
    until, warmup = (int(n) if n % 1 == 0 else n for n in (until, warmup))
    check_at_least(0, until=until, warmup=warmup)
    if schedule == "constant" and not warmup:
        return float(learning_rate)
    until = until or (updates if schedule != "constant" else 0)
    if schedule != "constant" and not until:
        raise ValueError(
            f"schedule='{schedule}' needs until=, since the number of updates is not known here."
        )
    return Schedule(float(learning_rate), schedule, until, warmup)


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
        learning_rate: The learning rate; under a schedule its maximum.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment.
        schedule: ``constant``, or falling to 0: ``linear``, or ``cosine`` (half a wave).
        until: Updates of the net after which the rate is 0; by default those of the whole run. A
            run that is resumed with more ``--steps`` continues with the rates of the longer run.
        warmup: Updates over which the rate first rises, linearly.
        updates: Updates of the net in the whole run: ``--steps``, for D times K under
            ``--update='alternating(K)'``.
    """
    rate = _scheduled(learning_rate, schedule, until, warmup, updates)
    check_positive(epsilon=epsilon)
    check_decay(beta_1=beta_1, beta_2=beta_2)
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
    """RMSprop, the optimizer of critics in Arjovsky et al. 2017 (arXiv:1701.07875).

    See ``adam`` for the schedules.
    """
    rate = _scheduled(learning_rate, schedule, until, warmup, updates)
    return _keras.optimizers.RMSprop(rate, float(rho))


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
    """Gradient descent with momentum; see ``adam`` for the schedules."""
    rate = _scheduled(learning_rate, schedule, until, warmup, updates)
    return _keras.optimizers.SGD(rate, float(momentum))


@optimizers.register
def keras(name: str, **arguments):
    """Any optimizer of keras.optimizers by its class: ``keras('Lion', learning_rate=1e-4)``."""
    optimizer: Any = getattr(_keras.optimizers, name, None)
    base = _keras.optimizers.Optimizer
    known = isinstance(optimizer, type) and issubclass(optimizer, base)
    # A class without its own update_step is the base class, or wraps another optimizer, which a
    # spec cannot give.
    if not known or optimizer.update_step is base.update_step:
        raise ValueError(
            f"keras.optimizers has no optimizer '{name}'; write a class's name, such as 'Adam' or"
            " 'Lion'."
        )
    return optimizer(**arguments)
