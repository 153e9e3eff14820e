"""Checks of any part in training: two steps, bfloat16, exact resume, two replicas."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import cli, registry
from gan_zoo.check import draws
from gan_zoo.check.contract import (
    CLASSES,
    TRAINING,
    Failed,
    Part,
    Skipped,
    checks,
    describe,
    require,
)
from gan_zoo.game import chunk, step
from gan_zoo.runs import checkpoints
from gan_zoo.training import feed

BATCH = 8
REPLICA_STEPS = 20  # on two devices, so that what happens every 16th step happens there
# A late step, divisible by 2 to 10 and by 16, 64, 100 and 1,000: what happens in every k-th step
# happens there.
LATE = 1_008_000
# Scalars that are means over the batch; the others depend on how it is divided.
MEANS = ("loss/disc", "loss/gen", "logits/real", "logits/fake")


def images_for(part: Part) -> np.ndarray:
    """Return smooth images uint8 [64, H, W, C] of random colors, all different."""
    height, width, channels = part.shape
    y, x = np.mgrid[:height, :width] / max(height, width)
    a, b, c = np.random.default_rng(0).uniform(-1, 1, (3, 64, 1, 1, channels))
    return np.clip(
        127.5 * (1 + a * y[None, ..., None] + b * x[None, ..., None] + c), 0, 255
    ).astype(np.uint8)


def train(
    part: Part,
    game: step.Game,
    chunks: tuple[int, ...],
    distribution: tf.distribute.Strategy | None = None,
    first: int = 0,
    between: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Train a game in chunks of so many steps, from step ``first``; return the last scalars.

    ``between`` is called between two chunks.
    """
    distribution = distribution or tf.distribute.get_strategy()
    run, iterator = _compiled(part, game, distribution, first)
    sums = run(iterator, tf.constant(chunks[0], tf.int64))
    for n in chunks[1:]:
        between()
        sums = run(iterator, tf.constant(n, tf.int64))
    return chunk.means(sums, chunks[-1])


def _compiled(
    part: Part, game: step.Game, distribution: tf.distribute.Strategy, first: int = 0
) -> tuple[Any, Any]:
    """Return the function of a chunk of steps, and the iterator that it takes."""
    labels = np.arange(64, dtype=np.int32) % len(CLASSES.names) if game.classes else None
    iterator = feed.train_iterator(
        images_for(part), BATCH, 0, first, distribution, None, game.update.batches, labels
    )
    return chunk.compile_chunk(game, distribution), iterator


def state(game: step.Game) -> dict[str, np.ndarray]:
    """Return all floating-point variables of both nets and of tricks, by name."""
    variables = {
        f"{which} {k} ({v.name})": v
        for which in ("gen", "disc")
        for k, v in enumerate(getattr(game, which).variables)
    }
    for i, trick in enumerate(game.tricks):
        variables |= {f"trick {i}, variable {k}": v for k, v in enumerate(trick.variables)}
    return {name: v.numpy() for name, v in variables.items() if tf.as_dtype(v.dtype).is_floating}


def largest_difference(one: dict, two: dict, start: dict) -> tuple[float, str]:
    """Return the largest difference of two states, relative to the change by training.

    Args:
        one: A state after training.
        two: Another one.
        start: The state before training.

    Returns:
        The largest difference, divided by the largest change of any variable; and the name of the
        variable in which it is.
    """
    change = max(float(np.abs(one[k] - start[k]).max(initial=0)) for k in one)
    apart = {k: float(np.abs(one[k] - two[k]).max(initial=0)) for k in one}
    worst = max(apart, key=lambda k: apart[k] if np.isfinite(apart[k]) else np.inf)
    return apart[worst] / max(change, 1e-12), worst


def places_to_try(part: Part) -> list[int]:
    """Return steps at which a part may do something else: a late one, and those it names.

    Those are the whole numbers of its spec that are beyond the first steps, such as ``every``,
    ``until`` and ``warmup``, eight at most, and the end of the run.
    """
    given = registry.tables[part.table].bound(part.spec).arguments.values()
    numbers = {n for n in given if type(n) is int and n > REPLICA_STEPS}
    return [*sorted(numbers)[:8], part.config().steps, LATE]


def go_to(game: step.Game, place: int) -> None:
    """Let a game believe that so many steps are done; its weights stay as they are."""
    game.step.assign(place)
    game.gen_opt.iterations.assign(place)
    game.disc_opt.iterations.assign(place * game.update.batches)


@checks(TRAINING)
def trains(part: Part) -> None:
    """It trains two steps, and some later in a run."""
    game = part.fresh()
    start = state(game)
    run, iterator = _compiled(part, game, tf.distribute.get_strategy())
    _require_finite(chunk.means(run(iterator, tf.constant(2, tf.int64)), 2), "within two steps")
    _require_finite(_metrics(game), "after two steps")
    for place in places_to_try(part):
        go_to(game, place - 1)
        scalars = chunk.means(run(iterator, tf.constant(3, tf.int64)), 3)
        when = f"in the steps {place - 1} to {place + 1}"
        _require_finite(scalars | _metrics(game), when)
        bad = [name for name, value in state(game).items() if not np.isfinite(value).all()]
        require(not bad, f"{', '.join(bad[:3])} become NaN or infinite {when}.")
    _require_moved(game, start)


def _require_finite(values: dict[str, float], when: str) -> None:
    for name, value in values.items():
        require(
            np.isfinite(value),
            f"{name} is {value} {when}; look for a division, a logarithm or a root at 0.",
        )


def _require_moved(game: step.Game, start: dict[str, np.ndarray]) -> None:
    """Check that the weights of both nets are not as at the start; statistics always move."""
    end = state(game)
    for which, net in (("gen", "the generator"), ("disc", "the discriminator")):
        variables = enumerate(getattr(game, which).variables)
        weights = [f"{which} {k} ({v.name})" for k, v in variables if v.trainable]
        moved = any((end[name] != start[name]).any() for name in weights)
        require(moved, f"{net} did not change, early or late in a run; no gradient reaches it.")


def _metrics(game: step.Game) -> dict[str, float]:
    """Return the metrics of the tricks, as a run reads them between two chunks of steps."""
    try:
        return {k: v for found in step.trick_metrics(game) for k, v in found.items()}
    except Exception as e:
        raise Failed(
            f"its metrics cannot be read after training ({cli.in_a_line(e)}); keep what they tell"
            " in a tf.Variable that is listed in `variables`."
        ) from e


# TensorFlow's operations that draw from a generator of their own, which no checkpoint has.
_UNSEEDED = frozenset(
    {
        "Multinomial", "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoisson",
        "RandomPoissonV2", "RandomShuffle", "RandomStandardNormal", "RandomUniform",
        "RandomUniformInt", "TruncatedNormal",
    }
)  # fmt: skip


@checks(TRAINING)
def draws_by_the_seed(part: Part) -> None:
    """All that it draws in a step, it draws by the seed given."""
    run, iterator = _compiled(part, part.game, tf.distribute.get_strategy())
    step_function = run.get_concrete_function(iterator, tf.constant(1, tf.int64))
    graph = step_function.graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    found = sorted({node.op for node in nodes} & _UNSEEDED)
    require(
        not found,
        f"a step has {', '.join(found)}, as tf.random and keras.random draw without a seed, so that"
        " no run can be repeated or resumed exactly; draw by gan_zoo.randomness with the seed"
        " given, and take dropout from gan_zoo.layers.",
    )
    same = draws.constant_draws(step_function)
    require(
        not same,
        f"a step draws the same numbers each time ({', '.join(same)} with a constant seed); draw by"
        " gan_zoo.randomness with the seed given, and what is to stay the same for the whole run"
        " once, where the part is built.",
    )


@checks(TRAINING)
def trains_in_bfloat16(part: Part) -> None:
    """It trains two steps in bfloat16, weights in float32."""
    game = part.fresh(precision="bfloat16")
    for net in (game.gen, game.disc):
        kinds = {str(v.dtype) for v in net.trainable_variables}
        require(
            kinds <= {"float32"},
            f"weights of {net.name} are {kinds} under --precision=bfloat16; make them float32.",
        )
    for name, value in train(part, game, (2,)).items():
        require(
            np.isfinite(value),
            f"{name} is {value} in bfloat16; cast to float32 where small or large numbers matter.",
        )


@checks(TRAINING)
def resumes(part: Part) -> None:
    """Stopped and resumed, it gets the same weights as a run that was not stopped."""
    with tempfile.TemporaryDirectory() as folder:
        whole, again = part.fresh(), part.fresh()
        start = state(whole)
        saver = checkpoints.Checkpoints(whole, Path(folder), 1)
        train(part, whole, (2, 2), between=lambda: saver.save(2))
        checkpoints.Checkpoints(again, Path(folder), 1).restore()
        train(part, again, (2,), first=2)
    _require_resumed_equal(whole, again, start)


def _variables(game: step.Game) -> dict[int, tf.Variable]:
    """Return the variables of both nets and of tricks, by identity."""
    found = [*game.gen.variables, *game.disc.variables]
    found += [v for trick in game.tricks for v in trick.variables]
    return {id(v): v for v in found}


def _require_resumed_equal(whole: step.Game, again: step.Game, start: dict) -> None:
    shared = _variables(whole).keys() & _variables(again).keys()
    require(
        not shared,
        f"built twice, it has {len(shared)} variables in common; make new ones in each call of the"
        " function.",
    )
    share, where = largest_difference(state(whole), state(again), start)
    require(
        share < 1e-4,
        f"after a stop and two more steps, {where} differs by {share:.2g} of its change in"
        " training; draw only through gan_zoo.randomness with the seed given, and keep all state in"
        " variables that are saved, a trick's in its `variables`.",
    )


@checks(TRAINING)
def two_replicas(part: Part) -> None:
    """On two devices, it gets the same weights as on one."""
    if len(tf.config.list_logical_devices("CPU")) < 2:
        raise Skipped("this process has one device; gan_zoo check uses two.")
    errors = []
    for floatx, most, steps in (("float64", 1e-6, REPLICA_STEPS), ("float32", 5e-3, 3)):
        try:
            with _floatx(floatx):
                one, two = _on_devices(part, 1, steps), _on_devices(part, 2, steps)
                start = state(part.fresh())
        except Failed:
            raise
        except Exception as e:  # a part may be written for float32 alone
            errors.append(e)
            continue
        share, where = largest_difference(one.state, two.state, start)
        require(
            share < most,
            f"after {steps} steps and some later in a run, {where} on two devices differs by"
            f" {share:.2g} of its change in training from its value on one; take statistics and"
            " draw over the whole batch, by gan_zoo.layers.BatchNorm and Dropout, gan_zoo.replicas,"
            " and gan_zoo.randomness with the seed given.",
        )
        _require_equal_logs(one.logs, two.logs, most, steps)
        return
    raise Failed(describe(errors[-1]))


class _Trained(NamedTuple):
    """What training left: the state, and what a run would log."""

    state: dict[str, np.ndarray]
    logs: dict[str, float]


def _require_equal_logs(one: dict, two: dict, most: float, steps: int) -> None:
    for name, value in one.items():
        require(
            abs(value - two[name]) <= most * max(1.0, abs(value)),
            f"after {steps} steps and some later in a run, {name} is {two[name]:.6g} on two devices"
            f" and {value:.6g} on one; take means over all devices by gan_zoo.replicas.mean, in"
            " each step.",
        )


def _on_devices(part: Part, number: int, steps: int) -> _Trained:
    distribution = tf.distribute.get_strategy()
    if number > 1:
        devices = [device.name for device in tf.config.list_logical_devices("CPU")[:number]]
        distribution = tf.distribute.MirroredStrategy(devices, tf.distribute.ReductionToOneDevice())
    with distribution.scope():
        game = part.fresh()
    places = places_to_try(part)
    ahead = iter(places)
    scalars = train(
        part, game, (steps, *(3 for _ in places)), distribution,
        between=lambda: go_to(game, next(ahead) - 1),
    )  # fmt: skip
    _require_equal_copies(game)
    return _Trained(state(game), {k: scalars[k] for k in MEANS} | _metrics(game))


def _require_equal_copies(game: step.Game) -> None:
    """Check that each device has the same value of each trick's variables."""
    for i, trick in enumerate(game.tricks):
        for k, variable in enumerate(trick.variables):
            first, *others = (v.numpy() for v in getattr(variable, "values", [variable]))
            same = all(np.allclose(first, x, 1e-6, 1e-9, equal_nan=True) for x in others)
            require(
                same,
                f"variables[{k}] of trick {i} has another value on each of two devices; assign"
                " only what all of them know, such as gan_zoo.replicas.mean of it.",
            )


@contextlib.contextmanager
def _floatx(name: str) -> Iterator[None]:
    """Compute in this precision in the body, weights and losses included."""
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(name)
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)
