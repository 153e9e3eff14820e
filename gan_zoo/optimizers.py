"""What ``--gen_opt`` and ``--disc_opt`` take: Keras optimizers, the usual ones by name and any by ``keras('Name', ...)``."""

from __future__ import annotations

import keras as _keras
import tensorflow as tf

from gan_zoo.registry import optimizers


@_keras.saving.register_keras_serializable("gan_zoo")
class FusedAdam(_keras.optimizers.Adam):
    """Keras' Adam with TensorFlow's one-pass kernel for the update, of the same formula.

    Keras writes the update as a dozen operations, each of which reads and writes all weights. For nets of many weights and
    little arithmetic, such as dense ones, that is most of a step.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable, float32 ones by the kernel and others as Keras does."""
        if variable.dtype != "float32" or not isinstance(gradient, tf.Tensor):
            return super().update_step(gradient, variable, learning_rate)
        i = self._get_variable_index(variable)
        # Under a strategy the variable comes as TensorFlow's own, this replica's part of it.
        ours = (x.value if isinstance(x, _keras.Variable) else x for x in (variable, self._momentums[i], self._velocities[i]))
        var, m, v = (x.handle for x in ours)
        t = tf.cast(self.iterations + 1, tf.float32)
        beta_1, beta_2 = tf.constant(float(self.beta_1)), tf.constant(float(self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=var, m=m, v=v, beta1_power=beta_1**t, beta2_power=beta_2**t, lr=tf.cast(learning_rate, tf.float32),
            beta1=beta_1, beta2=beta_2, epsilon=self.epsilon, grad=gradient,
        )  # fmt: skip
        return None


@optimizers.register
def adam(learning_rate: float = 2e-4, beta_1: float = 0.5, beta_2: float = 0.999, epsilon: float = 1e-8):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980), with DCGAN's learning rate and beta_1 as defaults."""
    _check(learning_rate=learning_rate, epsilon=epsilon)
    for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
        if not 0 <= beta < 1:
            raise ValueError(f"{name}={beta} is no decay; give a value from 0 to below 1.")
    return FusedAdam(float(learning_rate), float(beta_1), float(beta_2), float(epsilon))


@optimizers.register
def rmsprop(learning_rate: float = 5e-5, rho: float = 0.9):
    """RMSprop, as Arjovsky et al. 2017 (arXiv:1701.07875) train critics with."""
    _check(learning_rate=learning_rate)
    return _keras.optimizers.RMSprop(float(learning_rate), float(rho))


@optimizers.register
def sgd(learning_rate: float = 0.01, momentum: float = 0.0):
    """Gradient descent with momentum."""
    _check(learning_rate=learning_rate)
    return _keras.optimizers.SGD(float(learning_rate), float(momentum))


def _check(**positive: float) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise ValueError(f"{name}={value} must be above 0.")


@optimizers.register
def keras(name: str, **arguments):
    """Any optimizer of keras.optimizers by its class's name: ``keras('Lion', learning_rate=1e-4)``."""
    kind = getattr(_keras.optimizers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, _keras.optimizers.Optimizer)):
        raise ValueError(f"keras.optimizers has no '{name}'; write the class's name, such as 'Adam' or 'Lion'.")
    return kind(**arguments)
