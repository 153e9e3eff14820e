"""Checks of tricks, hook by hook of the contract's record."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from gan_zoo.check.contract import Part, Skipped, builds, require
from gan_zoo.check.training import BATCH
from gan_zoo.contracts import Batch, DiscOutputs, Trick

TARGETS = ("real_targets", "fake_targets", "gen_targets")
IMAGES = ("real_images", "fake_images", "images")
OTHERS = (
    "observe",
    "penalty",
    "gen_penalty",
    "gen_weights",
    "gradients",
    "after_disc",
    "metrics",
    "variables",
)
KNOWN = (*TARGETS, *IMAGES, *OTHERS)


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
        return tf.random.stateless_uniform((BATCH, *part.shape), [0, 1], -1, 1)
    return tf.zeros([BATCH, 1]) if hook == "fake_targets" else tf.ones([BATCH, 1])


def _call(part: Part, hook: str, step: int = 0) -> tf.Tensor:
    """What a hook makes of its argument with the seed of a step."""
    seed = part.game.seed_at(0, "check", hook) + tf.constant([0, step], tf.int64)
    return getattr(trick_of(part), hook)(_given(part, hook), seed)


@contextlib.contextmanager
def _state_kept(part: Part) -> Iterator[None]:
    """What the trick does to its state in here is undone."""
    before = [(v, v.numpy()) for v in trick_of(part).variables if hasattr(v, "assign")]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


def does_something(part: Part) -> None:
    """It has a hook, and only hooks that are known."""
    given = {name for name in Trick._fields if getattr(trick_of(part), name)}
    require(
        set(given) - {"metrics", "variables"},
        "it has no hook and so changes nothing; give it one of those in contracts.py.",
    )
    unknown = sorted(given - set(KNOWN))
    if unknown:
        raise Skipped(f"{', '.join(unknown)} is not checked one by one, only in training")


def keeps_shape(part: Part) -> None:
    """Targets and images keep their shape and type."""
    for hook in _hooks(part, TARGETS + IMAGES):
        with _state_kept(part):
            given, made = _given(part, hook), tf.convert_to_tensor(_call(part, hook))
        require(
            made.shape == given.shape,
            f"{hook} makes {list(made.shape)} of {list(given.shape)}; keep the shape.",
        )
        require(
            made.dtype == given.dtype,
            f"{hook} makes {made.dtype.name} of {given.dtype.name}; keep the type.",
        )
        require(np.isfinite(made).all(), f"{hook} gives NaN or infinite values.")


def obeys_the_seed(part: Part) -> None:
    """What it draws is a function of the seed and of its state alone."""
    for hook in _hooks(part, TARGETS + IMAGES):
        calls = [functools.partial(_call, part, hook)] * 2
        calls += [tf.function(calls[0])] * 2
        with _state_kept(part):
            for _ in range(
                3 if trick_of(part).variables else 1
            ):  # a pool fills before it is drawn from
                made = []
                for call in calls:
                    with _state_kept(part):
                        made.append(call())
                require(
                    all(np.allclose(made[0], other, atol=1e-5) for other in made),
                    f"{hook} gives other values for the same seed; draw with gan_zoo.randomness and"
                    " the seed given, and keep all state in `variables`.",
                )
                _call(part, hook)


def passes_the_gradient(part: Part) -> None:
    """`images` lets the gradient pass."""
    _hooks(part, ("images",))
    given = _given(part, "images")
    way = tf.random.stateless_normal(given.shape, [0, 2])
    some = 0.0
    for step in range(4):  # in one of them everything may be cut out
        with _state_kept(part), tf.GradientTape() as tape:
            tape.watch(given)
            seed = part.game.seed_at(0, "check") + tf.constant([0, step], tf.int64)
            value = tf.reduce_sum(way * trick_of(part).images(given, seed))
        g = tape.gradient(value, given)
        require(
            g is not None,
            "no gradient passes `images`, so G would learn nothing; use differentiable operations"
            " alone.",
        )
        require(np.isfinite(g).all(), "the gradient through `images` is NaN or infinite.")
        some = max(some, float(np.abs(g).max()))
    require(
        some > 0,
        "the gradient through `images` is 0, so G would learn nothing; leave out rounding and"
        " comparisons.",
    )


def _seen(part: Part, **more: tf.Tensor | None) -> DiscOutputs:
    """What D says of made-up images, or of those given."""
    real = _given(part, "images")
    images = {"real": real, "fake": 0.5 * real[::-1]} | more
    return DiscOutputs(
        **{f"{who}_logits": part.game.disc_outputs(Batch(x), x)[0] for who, x in images.items()}
        | images
    )


def keeps_sound_records(part: Part) -> None:
    """`observe` leaves its state finite."""
    _hooks(part, ("observe",))
    with _state_kept(part):
        for _ in range(4):
            trick_of(part).observe(_seen(part))
            for k, variable in enumerate(trick_of(part).variables):
                sound = np.isfinite(variable.numpy()).all()
                require(
                    sound, f"after it, variables[{k}] is NaN or infinite; look for a division by 0."
                )


def penalty_is_a_number(part: Part) -> None:
    """Its penalty is one finite number, with a gradient for D."""
    _hooks(part, ("penalty",))
    disc = part.game.disc
    with _state_kept(part), tf.GradientTape() as tape:
        seen = _seen(part)
        if trick_of(part).observe is not None:
            trick_of(part).observe(seen)
        value = trick_of(part).penalty(disc, seen, part.game.seed_at(0, "check"))
    _require_number("penalty", value)
    gradients = [
        g
        for g in tape.gradient(value, [v.value for v in disc.trainable_variables])
        if g is not None
    ]
    require(
        gradients,
        "its penalty does not depend on D's weights; compute it from what `disc` says of the"
        " images.",
    )
    require(
        all(np.isfinite(g).all() for g in gradients),
        "the gradient of its penalty is NaN or infinite; add a small number.",
    )


def gen_penalty_is_a_number(part: Part) -> None:
    """Its gen_penalty is one finite number, with a gradient for G's images."""
    _hooks(part, ("gen_penalty",))
    fake = 0.5 * _given(part, "images")[::-1]
    with _state_kept(part), tf.GradientTape() as tape:
        tape.watch(fake)
        seen = _seen(part, fake=fake)._replace(real_logits=None)  # as in an update of G alone
        value = trick_of(part).gen_penalty(part.game.disc, seen, part.game.seed_at(0, "check"))
    _require_number("gen_penalty", value)
    gradient = tape.gradient(value, fake)
    require(
        gradient is not None,
        "its gen_penalty does not depend on G's images; compute it from `seen.fake` or its logits.",
    )
    require(
        np.isfinite(gradient).all(),
        "the gradient of its gen_penalty is NaN or infinite; add a small number.",
    )


def _require_number(name: str, value: tf.Tensor) -> None:
    require(
        value.shape == (),
        f"its {name} is of shape {list(value.shape)}; take the mean over the batch.",
    )
    require(
        np.isfinite(value), f"its {name} is {float(value)}; look for a root or a division at 0."
    )


def weighs_images(part: Part) -> None:
    """`gen_weights` gives each image a finite factor, 0 or more."""
    _hooks(part, ("gen_weights",))
    logits = tf.linspace(-3.0, 3.0, BATCH)[:, None]
    with _state_kept(part):
        weights = tf.convert_to_tensor(trick_of(part).gen_weights(logits))
    require(
        weights.shape == logits.shape,
        f"gen_weights makes {list(weights.shape)} of {list(logits.shape)}; keep the shape.",
    )
    require(np.isfinite(weights).all(), "gen_weights gives NaN or infinite values.")
    require(
        np.all(weights >= 0),
        f"a factor is {np.min(weights):.3g}; one below 0 would teach G to be found out.",
    )
    learns = np.any(weights > 0) or trick_of(part).gen_penalty is not None
    require(learns, "all factors are 0 and there is no gen_penalty, so that G would learn nothing.")


def keeps_gradients_sound(part: Part) -> None:
    """`gradients` gives as many finite tensors of the same shapes."""
    _hooks(part, ("gradients",))
    for net, model in (("gen", part.game.gen), ("disc", part.game.disc)):
        shapes = [v.shape for v in model.trainable_variables]
        for size in (0.0, 1.0, 1e3):
            given = [
                size * tf.random.stateless_normal(shape, [0, k]) for k, shape in enumerate(shapes)
            ]
            with _state_kept(part):
                made = list(trick_of(part).gradients(given, net))
            whose = f"of the gradient of {net}"
            require(
                len(made) == len(given),
                f"{whose}, {len(given)} tensors, it makes {len(made)}; return one for each.",
            )
            odd = [
                (list(x.shape), list(y.shape))
                for x, y in zip(given, made, strict=True)
                if x.shape != y.shape
            ]
            require(
                not odd,
                f"{whose}, it makes {odd[0][1] if odd else ''} of {odd[0][0] if odd else ''}; keep"
                " the shapes.",
            )
            sound = all(np.isfinite(x).all() for x in made)
            require(
                sound,
                f"{whose}, it makes NaN or infinity where it is {size:g} in size; look for a"
                " division by its norm.",
            )


def leaves_disc_sound(part: Part) -> None:
    """`after_disc` leaves D's weights finite."""
    _hooks(part, ("after_disc",))
    game: Any = part.fresh()
    game.tricks[0].after_disc(game.disc)
    bad = [v.path for v in game.disc.trainable_variables if not np.isfinite(v.numpy()).all()]
    require(not bad, f"after it, {', '.join(bad)} is NaN or infinite.")


def metrics_are_numbers(part: Part) -> None:
    """Its metrics are named finite numbers."""
    _hooks(part, ("metrics",))
    for name, value in trick_of(part).metrics().items():
        require(isinstance(name, str), f"the name {name!r} of a metric is no text.")
        value = np.asarray(value)
        require(
            value.shape == () and np.isfinite(value),
            f"the metric {name} is no finite number ({value.shape}).",
        )


def state_is_known(part: Part) -> None:
    """All variables that it makes are in `variables`, and so in checkpoints."""
    made, plain = _variables_made(part), _variables_made(part, tricks="")
    extra = len(made) - len(plain) - len(trick_of(part).variables)
    require(
        extra <= 0,
        f"it makes {extra} variables that are not in its `variables`, and that a resumed run would"
        " lose; list them there.",
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
    keeps_sound_records,
    penalty_is_a_number,
    gen_penalty_is_a_number,
    weighs_images,
    keeps_gradients_sound,
    leaves_disc_sound,
    metrics_are_numbers,
    state_is_known,
]
