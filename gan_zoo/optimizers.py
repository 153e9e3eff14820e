"""What ``--gen_opt`` and ``--disc_opt`` take: Keras optimizers, the usual ones by name and any by ``keras('Name', ...)``."""

from __future__ import annotations

import keras as _keras

from gan_zoo.registry import optimizers


@optimizers.register
def adam(learning_rate: float = 2e-4, beta_1: float = 0.5, beta_2: float = 0.999, epsilon: float = 1e-8):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980), with DCGAN's learning rate and beta_1 as defaults."""
    return _keras.optimizers.Adam(learning_rate, beta_1, beta_2, epsilon)


@optimizers.register
def rmsprop(learning_rate: float = 5e-5, rho: float = 0.9):
    """RMSprop, as Arjovsky et al. 2017 (arXiv:1701.07875) train critics with."""
    return _keras.optimizers.RMSprop(learning_rate, rho)


@optimizers.register
def sgd(learning_rate: float = 0.01, momentum: float = 0.0):
    """Gradient descent with momentum."""
    return _keras.optimizers.SGD(learning_rate, momentum)


@optimizers.register
def keras(name: str, **arguments):
    """Any optimizer of keras.optimizers by its class's name: ``keras('Lion', learning_rate=1e-4)``."""
    kind = getattr(_keras.optimizers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, _keras.optimizers.Optimizer)):
        raise ValueError(f"keras.optimizers has no '{name}'; write the class's name, such as 'Adam' or 'Lion'.")
    return kind(**arguments)
