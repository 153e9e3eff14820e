"""Checks of noises, optimizers, update rules and conditions."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.check.contract import Part, checks, require
from gan_zoo.contracts import Batch
from gan_zoo.game import step


@checks("noises")
def draws(part: Part) -> None:
    """Its noise is finite float32 of the shape asked for."""
    for shape in ((64, 100), (64, 4, 4, 2)):
        z = tf.convert_to_tensor(part.game.noise(shape, tf.constant([3, 4], tf.int64)))
        require(
            z.shape == shape,
            f"its noise is of shape {list(z.shape)}, not {list(shape)}; use the shape given.",
        )
        require(z.dtype == tf.float32, f"it draws {z.dtype.name}; cast to keras.config.floatx().")
        require(np.isfinite(z).all(), "it draws NaN or infinite values.")
        require(
            np.any(z[1:] != z[:-1]),
            "images of one batch get the same noise; draw for each of them.",
        )


@checks("noises")
def draws_by_seed(part: Part) -> None:
    """Its noise depends on the seed alone, and other seeds give other noise."""
    one, two, *others = (
        part.game.noise((64, 100), tf.constant(seed, tf.int64)).numpy().ravel()
        for seed in ((3, 4), (3, 4), (3, 5), (9, 4))
    )
    require(
        (one == two).all(),
        "one seed gives two draws; draw with gan_zoo.randomness and the seed given.",
    )
    for other, which in zip(others, ("steps", "random streams"), strict=True):
        correlation = np.corrcoef(one, other)[0, 1]
        require(
            abs(correlation) < 0.1,
            f"noise of two {which} is correlated ({correlation:.2f}); use the whole seed.",
        )


@checks("optimizers")
def descends(part: Part) -> None:
    """It minimizes a parabola."""
    optimizer = registry.optimizers.build(part.spec, updates=100)
    variable = keras.Variable([3.0])
    optimizer.build([variable])
    for _ in range(10):
        optimizer.apply([2 * variable.value], [variable])
    ended = float(variable.numpy()[0])
    require(
        abs(ended) < 3.0,
        f"on x^2, ten steps from 3 end at {ended:.3g}; give a smaller learning rate or change"
        " the sign.",
    )


@checks("updates")
def returns_scalars(part: Part) -> None:
    """It returns the scalars of a step, and uses whole batches."""
    game = part.fresh()
    batches = game.update.batches
    require(
        isinstance(batches, int) and batches >= 1,
        f"batches={batches} must be a whole number of 1 or more.",
    )
    real = tf.random.stateless_uniform((8 * batches, *part.shape), [0, 1], -1, 1)
    found = game.update.run(game, Batch(real))
    odd = sorted(set(step.SCALARS) ^ set(found))
    require(
        not odd,
        "it must return exactly the scalars of gan_zoo.game.step.SCALARS; missing or unknown:"
        f" {', '.join(odd)}.",
    )
    shapes = [name for name, value in found.items() if tf.convert_to_tensor(value).shape != ()]
    require(not shapes, f"{', '.join(shapes)} must be a single number; take the mean.")


@checks("conditions")
def depends_on_class(part: Part) -> None:
    """D's logits, or its loss, depend on the class."""
    game = part.fresh()
    for v in game.disc.trainable_variables:  # gates that start at 0 are open then
        v.assign(v + 0.1)
    images = tf.random.stateless_uniform((6, *part.shape), [0, 1], -1, 1)
    outputs, losses = [], []
    for k in (0, 1):
        labels = tf.fill([6], k)
        logits, classes = game.disc_outputs(Batch(images, labels), images)
        outputs.append(logits.numpy())
        if game.condition is not None and game.condition.loss is not None:
            loss = tf.convert_to_tensor(game.condition.loss(classes, labels))
            require(
                loss.shape == (6,),
                f"its loss is {list(loss.shape)}, not [B]; give one value for each image.",
            )
            require(np.isfinite(loss).all(), "its loss is NaN or infinite.")
            losses.append(loss.numpy())
    apart = max(float(np.abs(pair[0] - pair[1]).max()) for pair in (outputs, losses) if pair)
    require(
        apart > 0,
        "neither D's logits nor its loss depend on the class; let the label into one of them.",
    )
