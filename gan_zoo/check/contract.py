"""The part that is checked, the table of checks, and what a check may raise."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from gan_zoo import cli, registry
from gan_zoo.config import Config
from gan_zoo.contracts import Classes
from gan_zoo.errors import UserError
from gan_zoo.game import build, step
from gan_zoo.spec import Spec, parse_spec

# G of the games; a trick may need the second one's networks of styles.
PLAIN, STYLED = "dcgan(width=8)", "stylegan2(width=8, max_width=16, latent=16)"
# Of the images, where there is a condition.
CLASSES = Classes("class", ("one", "two", "three"), (22, 21, 21), "made up")


class Failed(Exception):  # noqa: N818 -- an outcome, not an error
    """The part breaks its contract; one sentence: what is wrong, and what to do."""


class Skipped(Exception):  # noqa: N818 -- an outcome, not an error
    """The check does not apply to this part; the text says why."""


class Noted(Exception):  # noqa: N818 -- an outcome, not an error
    """The part may be as it should or not; one sentence: what to look at."""


def require(condition: object, message: str) -> None:
    """Raise :class:`Failed` with the message unless the condition holds."""
    if not condition:
        raise Failed(message)


class Part:
    """The part that is checked, and small games to check it in."""

    def __init__(
        self, table: str, spec: Spec | str, shape: tuple[int, int, int], data_dir: str = ""
    ):
        """Take a spec, its table, the shape (H, W, C) of images, and the place of a data set."""
        self.table = table
        self.spec = parse_spec(spec) if isinstance(spec, str) else spec
        self.shape = shape
        self.data_dir = data_dir

    @property
    def fields(self) -> list[str]:
        """The settings that take parts of this table."""
        return [f.name for f in dataclasses.fields(Config) if f.metadata["registry"] == self.table]

    def config(self, **more: object) -> Config:
        """Return the settings of a small run that uses the part.

        Their optimizers do not magnify the rounding errors of tiny gradients, as Adam does.
        """
        settings: dict = {
            "gen": more.get("gen") or self._gen,
            # Penalties on the gradient of single images and one-stage updates refuse batch norm.
            "disc": "dcgan(width=8, norm='none')"
            if self.table in ("tricks", "updates")
            else "dcgan(width=8)",
            "gen_opt": "adam(1e-3, epsilon=1e-2)",
            "disc_opt": "sgd(0.05)",
            "image_size": f"{self.shape[0]}x{self.shape[1]}",
            "batch": 8,
        }
        return Config(**(settings | dict.fromkeys(self.fields, str(self.spec)) | more))

    def fresh(self, **more: object) -> step.Game:
        """Return a new game with the part in it; its first weights are always the same."""
        return build.build_game(self.config(**more), self.shape, CLASSES)

    def fresh_net(self, **more: object) -> keras.Model:
        """Return the net that is checked, alone, with the weights that it has in a fresh game."""
        config = self.config(**more)
        if self.table == "generators":
            return build.initial_generator(config, self.shape, CLASSES)
        condition = (
            registry.conditions.build(config.spec("condition")) if config.condition else None
        )
        return build.initial_discriminator(config, self.shape, condition, CLASSES)

    @functools.cached_property
    def _gen(self) -> str:
        """The G of the game: a style-based one for a trick that refuses another."""
        if self.table != "tricks" or not self._asks_for("gens"):
            return PLAIN
        try:
            self.fresh(gen=PLAIN)
        except UserError:
            return STYLED
        return PLAIN

    def _asks_for(self, name: str) -> bool:
        """Return whether the part's builder takes ``name`` from the framework."""
        table = registry.tables[self.table]
        signature = table.entry(self.spec.name).signature if self.spec.name in table else None
        parameter = signature.parameters.get(name) if signature else None
        return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY

    @functools.cached_property
    def net(self) -> keras.Model:
        """One net for all checks that leave it as it was; it is built faster than a game."""
        return self.fresh_net()

    @functools.cached_property
    def _counted(self) -> tuple[step.Game, int]:
        return self.counting_variables()

    @property
    def game(self) -> step.Game:
        """One game for all checks that change nothing in it."""
        return self._counted[0]

    @property
    def variables_created(self) -> int:
        """How many variables were created when :attr:`game` was built."""
        return self._counted[1]

    def counting_variables(self, **more: object) -> tuple[step.Game, int]:
        """Return :meth:`fresh`'s game, and how many variables were created with it."""
        created = 0

        def creator(create: Callable[..., tf.Variable], **kwargs: Any) -> tf.Variable:
            nonlocal created
            created += 1
            return create(**kwargs)

        config = self.config(**more)  # which may build a game to find its G
        with tf.variable_creator_scope(creator):
            game = build.build_game(config, self.shape, CLASSES)
        return game, created


Check = Callable[[Part], None]
CHECKS: dict[str, list[Check]] = {}  # by table, and under TRAINING and XLA
TRAINING = "training"  # the key of the checks of all parts that take part in a step
XLA = "xla"  # the key of those of the same parts that compile by XLA, which takes seconds
REQUIRED: set[Check] = set()


def checks(*tables: str, required: bool = False) -> Callable[[Check], Check]:
    """Register a function as a check of all parts of some tables, in the order of definition.

    Its docstring is its title and says what is true of a correct part. It raises :class:`Failed` or
    :class:`Skipped` or :class:`Noted`, or returns.

    Args:
        tables: Names of tables, such as ``generators``, or :data:`TRAINING`.
        required: Whether the checks after it make no sense once it has failed.
    """

    def register(test: Check) -> Check:
        for table in tables:
            CHECKS.setdefault(table, []).append(test)
        if required:
            REQUIRED.add(test)
        return test

    return register


def tables_in_training() -> Iterable[str]:
    """Return the tables whose parts take part in a step of training."""
    fields = [f for f in dataclasses.fields(Config) if f.name not in ("data", "extractor")]
    return sorted({table for f in fields if (table := f.metadata["registry"])})


def describe(error: Exception) -> str:
    """Return the message of a check in which a part raised an error."""
    return f"it raises {cli.in_a_line(error)}; fix that."


def two_devices() -> None:
    """Let this process compute on two logical CPU devices and on no GPU.

    Without effect once TensorFlow has started.
    """
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )


@checks(*tables_in_training(), required=True)
def builds(part: Part) -> None:
    """It is built, with a small partner."""
    _ = part.game
