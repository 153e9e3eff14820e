"""Checks of tricks, hook by hook of the contract's record."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from gan_zoo.check.contract import Part, Skipped, checks, require
from gan_zoo.check.training import BATCH
from gan_zoo.contracts import Batch, DiscOutputs, Trick
from gan_zoo.layers import frozen_weights

TARGETS = ("real_targets", "fake_targets", "gen_targets")
IMAGES = ("real_images", "fake_images", "images")
OTHERS = (
    "observe",
    "penalty",
    "gen_penalty",
    "gen_weights",
    "gradients",
    "after_disc",
    "swaps_targets",
    "metrics",
    "variables",
)
PENALTIES = ("penalty", "gen_penalty")
# Of a long run. What happens in every k-th step happens in each of these, for most k.
STEPS = tuple(100_800 * k for k in range(4))
# What must be so at one of these: a part may not have begun at the first, or be over at the last.
EARLY_AND_LATE = STEPS[:2]
KNOWN = (*TARGETS, *IMAGES, *OTHERS)


def trick_of(part: Part) -> Any:
    """Return the trick, a :class:`gan_zoo.contracts.Trick`, as the framework builds it."""
    return part.game.tricks[0]


def _hooks(part: Part, names: tuple[str, ...]) -> list[str]:
    found = [name for name in names if getattr(trick_of(part), name, None) is not None]
    if not found:
        raise Skipped(f"it has no {' or '.join(names)}")
    return found


def _argument(part: Part, hook: str) -> tf.Tensor:
    if hook in IMAGES:
        return tf.random.stateless_uniform((BATCH, *part.shape), [0, 1], -1, 1)
    return tf.zeros([BATCH, 1]) if hook == "fake_targets" else tf.ones([BATCH, 1])


def _call(part: Part, hook: str, step: int = 0) -> tf.Tensor:
    """Return the result of a hook for its argument and the seed of a step."""
    seed = part.game.seed_at(0, "check", hook) + tf.constant([0, step], tf.int64)
    return getattr(trick_of(part), hook)(_argument(part, hook), seed)


@contextlib.contextmanager
def _restoring_state(part: Part) -> Iterator[None]:
    """Undo in the end what the trick does to its state in the body."""
    before = [(v, v.numpy()) for v in trick_of(part).variables if hasattr(v, "assign")]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


@checks("tricks")
def has_a_hook(part: Part) -> None:
    """It has a hook, and only known ones."""
    given = {name for name in Trick._fields if getattr(trick_of(part), name)}
    require(
        set(given) - {"swaps_targets", "metrics", "variables"} or frozen_weights(part.game.disc),
        "it has no hook and so changes nothing; set a field of gan_zoo.contracts.Trick.",
    )
    unknown = sorted(given - set(KNOWN))
    if unknown:
        raise Skipped(f"{', '.join(unknown)} is checked only in training")


@checks("tricks")
def keeps_shape(part: Part) -> None:
    """Targets and images keep their shape and type."""
    for hook in _hooks(part, TARGETS + IMAGES):
        with _restoring_state(part):
            given, made = _argument(part, hook), tf.convert_to_tensor(_call(part, hook))
        require(
            made.shape == given.shape,
            f"{hook} returns {list(made.shape)} for {list(given.shape)}; keep the shape.",
        )
        require(
            made.dtype == given.dtype,
            f"{hook} returns {made.dtype.name} for {given.dtype.name}; keep the type.",
        )
        require(np.isfinite(made).all(), f"{hook} returns NaN or infinite values.")


@checks("tricks")
def depends_on_seed(part: Part) -> None:
    """Its random draws depend on the seed and on its state alone."""
    for hook in _hooks(part, TARGETS + IMAGES):
        calls = [functools.partial(_call, part, hook)] * 2
        calls += [tf.function(calls[0])] * 2
        with _restoring_state(part):
            # A pool of images fills before it is drawn from.
            for _ in range(3 if trick_of(part).variables else 1):
                made = []
                for call in calls:
                    with _restoring_state(part):
                        made.append(call())
                require(
                    all(np.allclose(made[0], other, atol=1e-5) for other in made),
                    f"{hook} returns other values for the same seed; draw with gan_zoo.randomness"
                    " and the seed given, and keep all state in `variables`.",
                )
                _call(part, hook)


@checks("tricks")
def draws_anew(part: Part) -> None:
    """What it draws for each image is new in each step."""
    for hook in _hooks(part, TARGETS + IMAGES + PENALTIES):
        values, places = zip(*(_value_and_place(part, hook, step) for step in STEPS), strict=True)
        new = any(not np.allclose(values[0], value, 1e-5, 0) for value in values)
        require(
            new or max(places) < 1e-4,
            f"{hook} treats images by their places in the batch, in the same way in each step, as"
            " with numbers that are drawn once; draw with gan_zoo.randomness and the seed given.",
        )


def _value_and_place(part: Part, hook: str, step: int) -> tuple[np.ndarray, float]:
    """Return the result of a hook at a step, and how much an image's place in the batch matters."""
    with _at_step(part, step):
        if hook in PENALTIES:
            real = _argument(part, "images")
            value, other = (_penalty(part, hook, x) for x in (real, tf.roll(real, BATCH // 2, 0)))
            return np.asarray(value), abs(value - other) / max(abs(value), 1e-12)
        alike = tf.repeat(_argument(part, hook)[:1], BATCH, 0)
        with _restoring_state(part):
            made = np.asarray(getattr(trick_of(part), hook)(alike, part.game.seed_at(0, hook)))
    return made, float(np.abs(made - made[:1]).max())


@contextlib.contextmanager
def _at_step(part: Part, step: int) -> Iterator[None]:
    """Let the game be at a step in the body."""
    before = part.game.step.numpy()
    part.game.step.assign(step)
    try:
        yield
    finally:
        part.game.step.assign(before)


@checks("tricks")
def declares_swapped_targets(part: Part) -> None:
    """`swaps_targets` is right."""
    declared = trick_of(part).swaps_targets
    if not declared:
        _hooks(part, TARGETS)
    with _restoring_state(part):
        real, fake, gen = (
            np.array([_mean_target(part, hook, step) for step in range(8)]) for hook in TARGETS
        )
    swapped = bool(np.all(real < fake))  # in each of 8 batches, so that a random flip is no swap
    require(
        declared or not swapped,
        f"its target of real images, {real.mean():.2g}, is below that of fake ones,"
        f" {fake.mean():.2g}; set swaps_targets=True.",
    )
    require(
        swapped or not declared,
        f"its target of real images, {real.mean():.2g}, is not below that of fake ones,"
        f" {fake.mean():.2g}; remove swaps_targets=True.",
    )
    require(
        not swapped or abs(gen - real).mean() < abs(gen - fake).mean(),
        f"it swaps the targets of D, but trains G to the target {gen.mean():.2g}, that of fake"
        " images; set gen_targets, too.",
    )


def _mean_target(part: Part, hook: str, step: int) -> float:
    """Return the mean of a target over a batch, after the hook if there is one."""
    has_hook = getattr(trick_of(part), hook) is not None
    return float(np.mean(_call(part, hook, step) if has_hook else _argument(part, hook)))


@checks("tricks")
def images_pass_the_gradient(part: Part) -> None:
    """`images` passes the gradient on."""
    _hooks(part, ("images",))
    given = _argument(part, "images")
    way = tf.random.stateless_normal(given.shape, [0, 2])
    some = 0.0
    # With one of the seeds everything may be cut out.
    for step, number in itertools.product(EARLY_AND_LATE, range(3)):
        with _at_step(part, step), _restoring_state(part), tf.GradientTape() as tape:
            tape.watch(given)
            seed = part.game.seed_at(0, "check") + tf.constant([0, number], tf.int64)
            value = tf.reduce_sum(way * trick_of(part).images(given, seed))
        g = tape.gradient(value, given)
        require(
            g is not None,
            "no gradient passes `images`, so G would learn nothing; use only differentiable"
            " operations.",
        )
        require(np.isfinite(g).all(), "the gradient through `images` is NaN or infinite.")
        some = max(some, float(np.abs(g).max()))
    require(
        some > 0,
        "the gradient through `images` is 0, so G would learn nothing; avoid rounding and"
        " comparisons.",
    )


def _outputs(part: Part, **more: tf.Tensor | None) -> DiscOutputs:
    """Return D's outputs for random images, or for those given."""
    real = _argument(part, "images")
    images = {"real": real, "fake": 0.5 * real[::-1]} | more
    return DiscOutputs(
        **{f"{who}_logits": part.game.disc_outputs(Batch(x), x)[0] for who, x in images.items()}
        | images
    )


@checks("tricks")
def observe_keeps_state_finite(part: Part) -> None:
    """`observe` leaves its state finite."""
    _hooks(part, ("observe",))
    with _restoring_state(part):
        for _ in range(4):
            trick_of(part).observe(_outputs(part))
            for k, variable in enumerate(trick_of(part).variables):
                finite = np.isfinite(variable.numpy()).all()
                require(
                    finite,
                    f"after it, variables[{k}] is NaN or infinite; look for a division by 0.",
                )


@checks("tricks")
def penalty_is_a_number(part: Part) -> None:
    """Its penalty is one finite number, with a gradient for D."""
    _hooks(part, ("penalty",))
    disc, found = part.game.disc, []
    for step in EARLY_AND_LATE:
        with _at_step(part, step), _restoring_state(part), tf.GradientTape() as tape:
            seen = _outputs(part)
            if trick_of(part).observe is not None:
                trick_of(part).observe(seen)
            given = trick_of(part).penalty(disc, seen, part.game.seed_at(0, "check"))
            value = tf.convert_to_tensor(given)
        _require_number("penalty", value)
        gradients = tape.gradient(value, [v.value for v in disc.trainable_variables])
        found += [gradient for gradient in gradients if gradient is not None]
    require(
        found,
        "its penalty does not depend on D's weights; compute it from the outputs of `disc`.",
    )
    require(
        all(np.isfinite(gradient).all() for gradient in found),
        "the gradient of its penalty is NaN or infinite; add a small number.",
    )


@checks("tricks")
def gen_penalty_is_a_number(part: Part) -> None:
    """Its gen_penalty is one finite number, with a gradient for G's images or weights."""
    _hooks(part, ("gen_penalty",))
    fake, found = 0.5 * _argument(part, "images")[::-1], []
    weights = [v.value for v in part.game.gen.trainable_variables]
    for step in EARLY_AND_LATE:
        with _at_step(part, step), _restoring_state(part), tf.GradientTape() as tape:
            tape.watch(fake)
            # As in an update of G alone.
            seen = _outputs(part, fake=fake)._replace(real_logits=None)
            seed = part.game.seed_at(0, "check")
            value = tf.convert_to_tensor(trick_of(part).gen_penalty(part.game.disc, seen, seed))
        _require_number("gen_penalty", value)
        found += [g for g in tape.gradient(value, [fake, *weights]) if g is not None]
    require(
        found,
        "its gen_penalty does not depend on G's images; compute it from `seen.fake` or its logits.",
    )
    require(
        all(np.isfinite(gradient).all() for gradient in found),
        "the gradient of its gen_penalty is NaN or infinite; add a small number.",
    )


@checks("tricks")
def penalties_are_means(part: Part) -> None:
    """Its penalties are means over the batch: twice the same images have the same penalty."""
    for hook in _hooks(part, PENALTIES):
        real = _argument(part, "images")
        once, twice = (_penalty(part, hook, tf.concat([real] * times, 0)) for times in (1, 2))
        # New draws for the second half change a mean a little, and double no mean.
        require(
            once == 0 or abs(twice / once - 2) > 0.01,
            f"its {hook} is {once:.4g}, and {twice:.4g} for a batch with the same images twice;"
            " take the mean over the batch, not the sum.",
        )


def _penalty(part: Part, hook: str, real: tf.Tensor) -> float:
    """Return the value of a penalty hook for these images, and for fake ones made of them."""
    seen = _outputs(part, real=real, fake=0.5 * real)
    if hook == "gen_penalty":
        seen = seen._replace(real_logits=None)
    with _restoring_state(part):
        if hook == "penalty" and trick_of(part).observe is not None:
            trick_of(part).observe(seen)
        value = getattr(trick_of(part), hook)(part.game.disc, seen, part.game.seed_at(0, "check"))
    return float(value)


def _require_number(name: str, value: tf.Tensor) -> None:
    require(
        value.shape == (),
        f"its {name} is of shape {list(value.shape)}; take the mean over the batch.",
    )
    require(
        np.isfinite(value), f"its {name} is {float(value)}; look for a root or a division at 0."
    )


@checks("tricks")
def gen_weights_are_valid(part: Part) -> None:
    """`gen_weights` returns a finite factor of 0 or more for each image."""
    _hooks(part, ("gen_weights",))
    logits = tf.linspace(-3.0, 3.0, BATCH)[:, None]
    learns = trick_of(part).gen_penalty is not None
    for step in EARLY_AND_LATE:
        with _at_step(part, step), _restoring_state(part):
            weights = tf.convert_to_tensor(trick_of(part).gen_weights(logits))
        require(
            weights.shape == logits.shape,
            f"gen_weights returns {list(weights.shape)} for {list(logits.shape)}; keep the shape.",
        )
        require(np.isfinite(weights).all(), "gen_weights returns NaN or infinite values.")
        require(
            np.all(weights >= 0),
            f"a factor is {np.min(weights):.3g}; below 0, G would learn to make worse images.",
        )
        learns |= bool(np.any(weights > 0))
    require(learns, "all factors are 0 and there is no gen_penalty, so G would learn nothing.")


@checks("tricks")
def gradients_are_valid(part: Part) -> None:
    """`gradients` returns as many finite tensors of the same shapes."""
    _hooks(part, ("gradients",))
    for net, model in (("gen", part.game.gen), ("disc", part.game.disc)):
        shapes = [v.shape for v in model.trainable_variables]
        for size in (0.0, 1.0, 1e3):
            given = [
                size * tf.random.stateless_normal(shape, [0, k]) for k, shape in enumerate(shapes)
            ]
            with _restoring_state(part):
                made = list(trick_of(part).gradients(given, net))
            whose = f"the gradient of {net}"
            require(
                len(made) == len(given),
                f"for {whose}, {len(given)} tensors, it returns {len(made)}; return one for each.",
            )
            odd = [
                (list(x.shape), list(y.shape))
                for x, y in zip(given, made, strict=True)
                if x.shape != y.shape
            ]
            require(
                not odd,
                f"for {whose}, it returns {odd[0][1] if odd else ''} for"
                f" {odd[0][0] if odd else ''}; keep the shapes.",
            )
            require(
                all(np.isfinite(x).all() for x in made),
                f"for {whose} with elements of about {size:g}, it returns NaN or infinity; look for"
                " a division by its norm.",
            )


@checks("tricks")
def after_disc_keeps_weights_finite(part: Part) -> None:
    """`after_disc` leaves D's weights finite."""
    _hooks(part, ("after_disc",))
    game: Any = part.fresh()
    game.tricks[0].after_disc(game.disc)
    bad = [v.path for v in game.disc.trainable_variables if not np.isfinite(v.numpy()).all()]
    require(not bad, f"after it, {', '.join(bad)} is NaN or infinite.")


@checks("tricks")
def metrics_are_numbers(part: Part) -> None:
    """Its metrics are named finite numbers."""
    _hooks(part, ("metrics",))
    for name, value in trick_of(part).metrics().items():
        require(isinstance(name, str), f"the name {name!r} of a metric is not a string.")
        value = np.asarray(value)
        require(
            value.shape == () and np.isfinite(value),
            f"the metric {name} is not a finite number ({value.shape}).",
        )


@checks("tricks")
def state_is_listed(part: Part) -> None:
    """All variables that it creates are in `variables`, and so in checkpoints."""
    plain = _variables_without_tricks(part.shape, part.config().gen)
    extra = part.variables_created - plain - len(trick_of(part).variables)
    require(
        extra <= 0,
        f"it creates {extra} variables that are not in its `variables`; a resumed run would lose"
        " them, so list them there.",
    )
    if not trick_of(part).variables:
        raise Skipped("it keeps no state")
    kinds = [type(v).__name__ for v in trick_of(part).variables if not hasattr(v, "assign")]
    require(not kinds, f"`variables` holds {', '.join(kinds)}; use tf.Variable.")


@functools.lru_cache(maxsize=4)
def _variables_without_tricks(shape: tuple[int, int, int], gen: str) -> int:
    # This trick creates none.
    return Part("tricks", "swap_labels", shape).counting_variables(gen=gen)[1]
