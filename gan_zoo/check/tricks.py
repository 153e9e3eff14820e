"""Checks of tricks, hook by hook of the contract's record."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gan_zoo.check.contract import Part, Skipped, builds, require
from gan_zoo.contracts import Trick

N = 16
TARGETS = ("real_targets", "fake_targets", "gen_targets")
IMAGES = ("real_images", "images")
KNOWN = (*TARGETS, *IMAGES, "penalty", "after_disc", "metrics", "variables")


def trick_of(part: Part) -> Any:
    """The trick as the framework builds it, a :class:`gan_zoo.contracts.Trick`."""
    return part.game.tricks[0]


def _hooks(part: Part, names: tuple[str, ...]) -> list[str]:
    found = [name for name in names if getattr(trick_of(part), name, None) is not None]
    if not found:
        raise Skipped(f"it has no {' or '.join(names)}")
    return found


def _given(part: Part, hook: str) -> tf.Tensor:
    if hook in IMAGES:
        return tf.random.stateless_uniform((N, *part.shape), [0, 1], -1, 1)
    return tf.zeros([N, 1]) if hook == "fake_targets" else tf.ones([N, 1])


def _call(part: Part, hook: str, step: int = 0) -> tf.Tensor:
    """What a hook makes of its argument with the seed of a step."""
    seed = part.game.seed_at("check", hook) + tf.constant([0, step], tf.int64)
    return getattr(trick_of(part), hook)(_given(part, hook), seed)


def does_something(part: Part) -> None:
    """It has a hook, and only hooks that are known."""
    given = {name for name in Trick._fields if getattr(trick_of(part), name)}
    require(
        set(given) - {"metrics", "variables"}, "it has no hook and so changes nothing; give it one of those in contracts.py."
    )
    unknown = sorted(given - set(KNOWN))
    if unknown:
        raise Skipped(f"{', '.join(unknown)} is not checked one by one, only in training")


def keeps_shape(part: Part) -> None:
    """Targets and images keep their shape and type."""
    for hook in _hooks(part, TARGETS + IMAGES):
        given, made = _given(part, hook), tf.convert_to_tensor(_call(part, hook))
        require(made.shape == given.shape, f"{hook} makes {list(made.shape)} of {list(given.shape)}; keep the shape.")
        require(made.dtype == given.dtype, f"{hook} makes {made.dtype.name} of {given.dtype.name}; keep the type.")
        require(np.isfinite(made).all(), f"{hook} gives NaN or infinite values.")


def obeys_the_seed(part: Part) -> None:
    """What it draws is a function of the seed alone."""
    for hook in _hooks(part, TARGETS + IMAGES):
        one, two = _call(part, hook), _call(part, hook)
        compiled = tf.function(lambda hook=hook: _call(part, hook))
        alike = np.array_equal(one, two) and all(np.allclose(one, compiled(), atol=1e-5) for _ in range(2))
        require(alike, f"{hook} gives other values for the same seed; draw with gan_zoo.randomness and the seed given.")


def passes_the_gradient(part: Part) -> None:
    """`images` lets the gradient pass."""
    _hooks(part, ("images",))
    given = _given(part, "images")
    way = tf.random.stateless_normal(given.shape, [0, 2])
    some = 0.0
    for step in range(4):  # in one of them everything may be cut out
        with tf.GradientTape() as tape:
            tape.watch(given)
            seed = part.game.seed_at("check") + tf.constant([0, step], tf.int64)
            value = tf.reduce_sum(way * trick_of(part).images(given, seed))
        g = tape.gradient(value, given)
        require(g is not None, "no gradient passes `images`, so G would learn nothing; use differentiable operations alone.")
        require(np.isfinite(g).all(), "the gradient through `images` is NaN or infinite.")
        some = max(some, float(np.abs(g).max()))
    require(some > 0, "the gradient through `images` is 0, so G would learn nothing; leave out rounding and comparisons.")


def penalty_is_a_number(part: Part) -> None:
    """Its penalty is one finite number, with a gradient for D."""
    _hooks(part, ("penalty",))
    disc, real = part.game.disc, _given(part, "images")
    seed = part.game.seed_at("check")
    with tf.GradientTape() as tape:
        value = trick_of(part).penalty(disc, real, 0.5 * real[::-1], seed)
    require(value.shape == (), f"its penalty is of shape {list(value.shape)}; take the mean over the batch.")
    require(np.isfinite(value), f"its penalty is {float(value)}; look for a root or a division at 0.")
    gradients = [g for g in tape.gradient(value, [v.value for v in disc.trainable_variables]) if g is not None]
    require(gradients, "its penalty does not depend on D's weights; compute it from what `disc` says of the images.")
    require(all(np.isfinite(g).all() for g in gradients), "the gradient of its penalty is NaN or infinite; add a small number.")


def leaves_disc_sound(part: Part) -> None:
    """`after_disc` leaves D's weights finite."""
    game = part.fresh()
    if game.tricks[0].after_disc is None:
        raise Skipped("it has no after_disc")
    game.tricks[0].after_disc(game.disc)
    bad = [v.path for v in game.disc.trainable_variables if not np.isfinite(v.numpy()).all()]
    require(not bad, f"after it, {', '.join(bad)} is NaN or infinite.")


def metrics_are_numbers(part: Part) -> None:
    """Its metrics are named finite numbers."""
    _hooks(part, ("metrics",))
    for name, value in trick_of(part).metrics().items():
        require(isinstance(name, str), f"the name {name!r} of a metric is no text.")
        value = np.asarray(value)
        require(value.shape == () and np.isfinite(value), f"the metric {name} is no finite number ({value.shape}).")


def state_is_known(part: Part) -> None:
    """All variables that it makes are in `variables`, and so in checkpoints."""
    made, plain = _variables_made(part), _variables_made(part, tricks="")
    extra = len(made) - len(plain) - len(trick_of(part).variables)
    require(
        extra <= 0,
        f"it makes {extra} variables that are not in its `variables`, and that a resumed run would lose; list them there.",
    )
    if not trick_of(part).variables:
        raise Skipped("it keeps no state")
    kinds = [type(v).__name__ for v in trick_of(part).variables if not hasattr(v, "assign")]
    require(not kinds, f"`variables` holds {', '.join(kinds)}; give tf.Variable.")


def _variables_made(part: Part, **more: str) -> list[str]:
    names = []

    def note(create, **kwargs):
        variable = create(**kwargs)
        names.append(variable.name)
        return variable

    with tf.variable_creator_scope(note):
        part.fresh(**more)
    return names


TRICKS = [
    builds,
    does_something,
    keeps_shape,
    obeys_the_seed,
    passes_the_gradient,
    penalty_is_a_number,
    leaves_disc_sound,
    metrics_are_numbers,
    state_is_known,
]
