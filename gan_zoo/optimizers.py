"""The optimizers that ``--gen_opt`` and ``--disc_opt`` take: Keras', with learning rate schedules.

The usual ones have names here; ``keras('Name', ...)`` gives any other.
"""

from __future__ import annotations

import math
from typing import Any

import keras as _keras
import tensorflow as tf

from gan_zoo import randomness
from gan_zoo.errors import check_decay, check_positive, check_rates
from gan_zoo.registry import optimizers


@_keras.saving.register_keras_serializable("gan_zoo")
class FusedAdam(_keras.optimizers.Adam):
    """Keras' Adam with TensorFlow's one-pass kernel for the update; the formula is the same.

    In Keras the update is a dozen operations, each of which reads and writes all weights. For nets
    with many weights and little arithmetic, such as dense ones, that is most of a step.

    Beyond Keras' it has a beta_2 that moves with the updates, and the epsilon of the paper's
    algorithm 1.
    """

    def __init__(self, *args, beta_2_schedule=None, epsilon_hat=True, **kwargs):
        """Take Keras' arguments, a :class:`Schedule` of beta_2, and whether epsilon is "hat"."""
        super().__init__(*args, **kwargs)
        self.beta_2_schedule, self.epsilon_hat = beta_2_schedule, epsilon_hat

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable: float32 by the kernel, other types as Keras does."""
        if variable.dtype != "float32" or not isinstance(gradient, tf.Tensor):
            if self.beta_2_schedule or not self.epsilon_hat:
                raise ValueError("final_beta_2 and epsilon_hat=False need dense float32 gradients")
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
        if self.beta_2_schedule:
            beta_2 = self.beta_2_schedule(self.iterations)
        epsilon = self.epsilon
        if not self.epsilon_hat:  # the kernel adds it to a root that is not corrected for its start
            epsilon *= tf.sqrt(1.0 - beta_2**t)
        tf.raw_ops.ResourceApplyAdam(
            var=var, m=m, v=v, beta1_power=beta_1**t, beta2_power=beta_2**t,
            lr=tf.cast(learning_rate, tf.float32), beta1=beta_1, beta2=beta_2,
            epsilon=epsilon, grad=gradient,
        )  # fmt: skip
        return None

    def get_config(self):
        """Return the arguments of the constructor."""
        more = {"beta_2_schedule": self.beta_2_schedule, "epsilon_hat": self.epsilon_hat}
        return {**super().get_config(), **more}


@_keras.saving.register_keras_serializable("gan_zoo")
class RMSpropOutside(_keras.optimizers.RMSprop):
    """Keras' RMSprop with epsilon added to the root, as PyTorch has it; in Keras it is inside."""

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable."""
        velocity = self._velocities[self._get_variable_index(variable)]
        rate, gradient = (tf.cast(x, variable.dtype) for x in (learning_rate, gradient))
        square = self.rho * velocity + (1 - self.rho) * tf.square(gradient)
        self.assign(velocity, square)
        self.assign_sub(variable, rate * gradient / (tf.sqrt(square) + self.epsilon))


class Schedule(_keras.optimizers.schedules.LearningRateSchedule):
    """A value, such as the learning rate, that depends only on the number of updates of its net.

    So a resumed run continues exactly.
    """

    def __init__(self, rate: float, shape: str, until: int, warmup: int, final: float = 0.0):
        """Go from ``rate`` to ``final`` at update ``until``, and rise linearly from 0 at first.

        The rise takes ``warmup`` updates. With the shape ``constant`` the value stays.
        """
        self.rate, self.shape, self.until, self.warmup = rate, shape, until, warmup
        self.final = final

    def __call__(self, step):
        """Return the value at update ``step``, counted from 0."""
        t = tf.cast(step, tf.float32)
        progress = tf.minimum(t / self.until, 1.0) if self.until else 0.0
        cosine = self.shape == "cosine"
        factor = 0.5 + 0.5 * tf.cos(math.pi * progress) if cosine else 1.0 - progress
        rise = tf.minimum((t + 1.0) / self.warmup, 1.0) if self.warmup else 1.0
        return (self.final + tf.constant(self.rate - self.final, tf.float32) * factor) * rise

    def get_config(self):
        """Return the arguments of the constructor."""
        names = ("rate", "shape", "until", "warmup", "final")
        return {name: getattr(self, name) for name in names}


def _scheduled(
    learning_rate: float, schedule: str, until: int, warmup: int, updates: int, final: float = 0.0
) -> float | Schedule:
    """Return the learning rate as Keras takes it; ``until=0`` is the end of the ``updates``.

    The arguments have passed :func:`~gan_zoo.errors.check_rates`.
    """
    until, warmup = int(until), int(warmup)  # 1e4 is a whole number, too
    if schedule == "constant" and not warmup:
        return float(learning_rate)
    until = until or (updates if schedule != "constant" else 0)
    if schedule != "constant" and not until:
        raise ValueError(
            f"schedule='{schedule}' needs until=, since the number of updates is not known here."
        )
    return Schedule(float(learning_rate), schedule, until, warmup, float(final))


@optimizers.register
def adam(
    learning_rate: float = 2e-4,
    beta_1: float = 0.5,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    schedule: str = "constant",
    until: int = 0,
    warmup: int = 0,
    final_rate: float = 0.0,
    final_beta_2: float | None = None,
    epsilon_hat: bool = True,
    *,
    updates: int = 0,
):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980), with DCGAN's learning rate and beta_1 as defaults.

    Args:
        learning_rate: The learning rate; under a schedule its maximum.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment, see ``epsilon_hat``.
        schedule: ``constant``, or falling: ``linear``, or ``cosine`` (half a wave).
        until: Updates of the net after which the rate falls no more; by default those of the whole
            run. A run that is resumed with more ``--steps`` continues with the rates of the longer
            run.
        warmup: Updates over which the rate first rises, linearly.
        final_rate: The learning rate at ``until``.
        final_beta_2: beta_2 at ``until``, which moves from ``beta_2`` by the same schedule; None
            leaves it. R3GAN goes from 0.9 to 0.99 (Huang et al. 2024, arXiv:2501.05441, appendix).
        epsilon_hat: Whether epsilon is added before the moments are corrected for their start at 0,
            the "epsilon hat" at the end of the paper's section 2, as in TensorFlow, Keras, Chainer
            and Torch 7 (DCGAN, WGAN-GP, SNGAN, SAGAN); False adds it after, as the paper's
            algorithm 1 and PyTorch do (StyleGAN2-ADA, R3GAN). The first updates of weights with
            gradients near epsilon differ: at 1e-6 they are 0.76 of the rate, and 0.99 with False.
        updates: Updates of the net in the whole run: ``--steps``, for D times K under
            ``--update='alternating(K)'``.
    """
    check_rates(learning_rate, schedule, until, warmup, final_rate)
    check_positive(epsilon=epsilon)
    check_decay(beta_1=beta_1, beta_2=beta_2)
    rate = _scheduled(learning_rate, schedule, until, warmup, updates, final_rate)
    moving = None
    if final_beta_2 is not None:
        check_decay(final_beta_2=final_beta_2)
        if not isinstance(rate, Schedule) or schedule == "constant":
            raise ValueError(
                f"final_beta_2={final_beta_2} needs schedule='linear' or 'cosine'; give one."
            )
        moving = Schedule(float(beta_2), schedule, rate.until, 0, float(final_beta_2))
    return FusedAdam(
        rate, float(beta_1), float(beta_2), float(epsilon),
        beta_2_schedule=moving, epsilon_hat=bool(epsilon_hat),
    )  # fmt: skip


@optimizers.register
def rmsprop(
    learning_rate: float = 5e-5,
    rho: float | None = None,
    schedule: str = "constant",
    until: int = 0,
    warmup: int = 0,
    final_rate: float = 0.0,
    epsilon: float = 1e-8,
    *,
    updates: int = 0,
    random_version: int = randomness.NEWEST,
):
    """RMSprop (Tieleman & Hinton 2012), the optimizer of WGAN (Arjovsky et al. 2017).

    arXiv:1701.07875. Its constants are those of the authors' code, which are PyTorch's. Gradients
    of a clipped critic are small, around 1e-5, so that the place of epsilon matters: Keras has 1e-7
    inside the root, which is as if no root were below 3e-4. For that one give
    ``keras('RMSprop', learning_rate=5e-5)``.

    Args:
        learning_rate: The learning rate, see ``adam`` for its schedules.
        rho: Decay of the mean of squares, PyTorch's alpha; 0.99 unless given.
        schedule: See ``adam``.
        until: See ``adam``.
        warmup: See ``adam``.
        final_rate: See ``adam``.
        epsilon: Added to the root of the mean of squares.
        updates: See ``adam``.
        random_version: That of the run, from the framework. Runs of version 1 or 2 keep Keras'
            form, with a rho of 0.9 unless given.
    """
    check_rates(learning_rate, schedule, until, warmup, final_rate)
    check_positive(epsilon=epsilon)
    rate = _scheduled(learning_rate, schedule, until, warmup, updates, final_rate)
    if rho is not None:
        check_decay(rho=rho)
    if random_version < 3:
        return _keras.optimizers.RMSprop(rate, 0.9 if rho is None else float(rho))
    return RMSpropOutside(rate, 0.99 if rho is None else float(rho), epsilon=float(epsilon))


@optimizers.register
def sgd(
    learning_rate: float = 0.01,
    momentum: float = 0.0,
    schedule: str = "constant",
    until: int = 0,
    warmup: int = 0,
    final_rate: float = 0.0,
    *,
    updates: int = 0,
):
    """Gradient descent with momentum; see ``adam`` for the schedules."""
    check_rates(learning_rate, schedule, until, warmup, final_rate)
    rate = _scheduled(learning_rate, schedule, until, warmup, updates, final_rate)
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
