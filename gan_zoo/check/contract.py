"""A part, its checks by table, and what a check may say: nothing, :class:`Failed` or :class:`Skipped`."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import tensorflow as tf

from gan_zoo import cli, registry
from gan_zoo.config import Config
from gan_zoo.contracts import Classes
from gan_zoo.errors import UserError
from gan_zoo.game import build, step

CLASSES = Classes(
    "class", ("one", "two", "three"), (22, 21, 21), "made up"
)  # of the images, where there is a condition


class Failed(Exception):  # noqa: N818 -- a finding
    """What is wrong with the part, and what to do, in one sentence."""


class Skipped(Exception):  # noqa: N818 -- a finding
    """Why a check says nothing of this part."""


def require(right: object, otherwise: str) -> None:
    """Fail with a sentence unless something holds."""
    if not right:
        raise Failed(otherwise)


class Part:
    """The part that is checked, and what it is checked with."""

    def __init__(
        self, table: str, spec: registry.Spec | str, shape: tuple[int, int, int], data_dir: str = ""
    ):
        """The part of a spec in a table, at images (H, W, C)."""
        self.table = table
        self.spec = registry.parse_spec(spec) if isinstance(spec, str) else spec
        self.shape = shape
        self.data_dir = data_dir

    @property
    def fields(self) -> list[str]:
        """The settings that take parts of this table."""
        return [f.name for f in dataclasses.fields(Config) if f.metadata["registry"] == self.table]

    def config(self, **more: object) -> Config:
        """The settings of a small run that uses the part; optimizers that do not blow up the rounding of tiny gradients."""
        settings: dict = {
            "gen": "dcgan(width=8)",
            # Tricks that follow the gradient of single images refuse a D with batch norm.
            "disc": "dcgan(width=8, norm='none')" if self.table == "tricks" else "dcgan(width=8)",
            "gen_opt": "adam(1e-3, epsilon=1e-2)",
            "disc_opt": "sgd(0.05)",
            "image_size": f"{self.shape[0]}x{self.shape[1]}",
            "batch": 8,
        }
        return Config(**(settings | dict.fromkeys(self.fields, str(self.spec)) | more))

    def fresh(self, **more: object) -> step.Game:
        """A new game with the part in it, always of the same first weights."""
        return build.build_game(self.config(**more), self.shape, CLASSES)

    @functools.cached_property
    def game(self) -> step.Game:
        """One game for all checks that change nothing in it."""
        return self.fresh()


class Line(NamedTuple):
    """What one check found: ``ok``, ``FAILED`` or ``skipped``, with the check's name and why."""

    state: str
    title: str
    why: str = ""

    def __str__(self) -> str:
        """As the program prints it."""
        return f"{self.state + (':' if self.why else ''):8} {self.title}" + (
            f": {self.why}" if self.why else ""
        )


Check = Callable[[Part], None]


def check(
    part: Part, tests: Sequence[Check] | None = None, verbose: bool = False
) -> Iterator[Line]:
    """Run checks of a part; after one that the others build on has failed, the others are skipped.

    Args:
        part: What is checked.
        tests: The checks; all of its table by default.
        verbose: Print tracebacks.

    Yields:
        One line a check, as soon as it is known.
    """
    broken = ""
    for test in checks_of(part.table) if tests is None else tests:
        title = (test.__doc__ or "").split("\n")[0].rstrip(".")
        if broken:
            yield Line("skipped", title, f"since '{broken}' failed")
            continue
        line = Line("ok", title)
        try:
            test(part)
        except Skipped as e:
            line = Line("skipped", title, str(e))
        except Failed as e:
            line = Line("FAILED", title, str(e))
        except UserError as e:
            line = Line("FAILED", title, str(e))
        except Exception as e:  # whatever a part raises
            if verbose:
                traceback.print_exc()
            line = Line("FAILED", title, describe(e))
        if line.state == "FAILED" and getattr(test, "first", False):
            broken = title
        yield line


def checks_of(table: str) -> list[Check]:
    """The checks of the parts of a table, in order."""
    from gan_zoo.check import nets, others, training, tricks

    own: dict[str, Sequence[Check]] = {
        "generators": nets.GENERATORS,
        "discriminators": nets.DISCRIMINATORS,
        "losses": others.LOSSES,
        "tricks": tricks.TRICKS,
        "conditions": others.CONDITIONS,
        "updates": others.UPDATES,
        "noises": others.NOISES,
        "optimizers": others.OPTIMIZERS,
        "datasets": others.DATASETS,
        "extractors": others.EXTRACTORS,
    }
    in_training = [
        f.metadata["registry"]
        for f in dataclasses.fields(Config)
        if f.name not in ("data", "extractor")
    ]
    return [*own.get(table, []), *(training.TRAINING if table in in_training else [])]


def describe(error: Exception) -> str:
    """What a part raises, as a finding."""
    return f"it raises {cli.in_a_line(error)}; mend that."


def two_devices() -> None:
    """Let this process compute on two logical CPU devices and on no GPU; without effect once TensorFlow has started."""
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )


def builds(part: Part) -> None:
    """It is built, with a small partner."""
    _ = part.game


builds.first = True  # type: ignore[attr-defined]
