"""What a run will take: time, memory and disk, told before it trains."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.distributed import machine
from gan_zoo.game.build import split_rows
from gan_zoo.game.flops import count_flops
from gan_zoo.game.step import Game
from gan_zoo.images import enlarge, grid
from gan_zoo.phases import phase
from gan_zoo.training.trainer import chunk_trainer

_MEASURED_SECONDS = 2.0  # of steps, beside the first, which compiles
_START = 8.0  # seconds until the first step, with its compilation
_FINAL = 8.0  # seconds of the full protocol at the end
_END = 3.0  # seconds of the export
_EVALUATION = 2.0  # seconds of an evaluation beside drawing its samples
_EVALUATION_MEMORY = 5e8  # bytes, of 10,000 real and 2,000 fake images by the default extractor
_LONG_STEP = 10.0  # seconds, from which on a step is not tried but counted
_SHARE = 0.35  # of the speed of a large matrix product is that of steps
_SIDE = 1024  # of that product
SHORT = 20  # seconds that need no word
_PNG = 0.6  # of the bytes of a grid, for one as noisy as the first


class Estimate(NamedTuple):
    """What a run takes.

    Attributes:
        passes: How often it sees each picture.
        pictures: How many there are to train on; 0 where that is not known.
        disk: Bytes of its folder at its end.
        seconds: From its start to its end, or None where that was not measured.
        memory: Bytes at its peak, or None.
    """

    passes: float
    pictures: int
    disk: float
    seconds: float | None = None
    memory: float | None = None

    def __str__(self) -> str:
        """Return one sentence without its full stop."""
        parts = []
        if self.seconds is not None:
            parts.append(f"about {duration(self.seconds)} on this machine")
        if self.memory is not None:
            parts.append(f"{size(self.memory)} of memory")
        parts.append(f"{size(self.disk)} on the disk")
        sentence = ", ".join(parts)
        if self.pictures:
            passes = f"{self.passes:,.0f}" if self.passes >= 10 else f"{self.passes:.2g}"
            word = "pass" if passes == "1" else "passes"
            sentence += f", for {passes} {word} over {self.pictures:,} pictures"
        return sentence


def duration(seconds: float) -> str:
    """Return a time in words, to two digits: ``40 seconds``, ``12 minutes``, ``2.5 hours``."""
    for unit, length in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 1.5 * length:
            count = seconds / length
            return f"{count:.0f} {unit}s" if count >= 10 else f"{count:.1f} {unit}s"
    return f"{max(seconds, 1.0):.0f} seconds"


def size(count: float) -> str:
    """Return a number of bytes, to two digits: ``600 MB``, ``1.2 GB``."""
    megabytes = count / 1e6
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    step = 10 if megabytes >= 100 else 1
    return f"{max(1, round(megabytes / step) * step)} MB"


def count_estimate(config: Config, game: Game, data: Dataset | None) -> Estimate:
    """Return what can be counted: passes over the data, and the disk."""
    pictures = len(split_rows(config, len(data.images))[0]) if data else 0
    seen = config.steps * config.batch * game.update.batches
    return Estimate(seen / max(pictures, 1), pictures, _disk(config, game))


def _disk(config: Config, game: Game) -> float:
    """Return the bytes of checkpoints, of the exported generator and of grids, at the end."""
    nets = [net for net in (game.gen, game.disc, game.ema) if net is not None]
    tricks = [v for trick in game.tricks for v in trick.variables]
    state = [v for net in nets for v in net.weights] + tricks
    state += [*game.gen_opt.variables, *game.disc_opt.variables]
    kept = min(config.keep, math.ceil(config.steps / config.save_every))
    kept += bool(config.eval_every)  # the best one
    sheet = grid(np.zeros((config.samples, *game.gen.output_shape[1:]), np.uint8))
    grids = 1 + math.ceil(config.steps / config.sample_every)
    picture = _PNG * sheet.nbytes * (2 if enlarge(sheet).nbytes > sheet.nbytes else 1.7)
    return kept * _bytes(state) + 2 * _bytes(game.gen.weights) + grids * picture


def _bytes(variables: Sequence[Any]) -> int:
    """Return the bytes of variables of TensorFlow and of Keras."""
    return sum(
        tf.TensorShape(v.shape).num_elements() * tf.as_dtype(v.dtype).size for v in variables
    )


def chunk_end(config: Config, step: int) -> int:
    """Return the step at which the chunk that begins at ``step`` ends."""
    return min(step + config.log_every - step % config.log_every, config.steps)


def timed_step(config: Config, start: int) -> int:
    """Return the step at which a run that begins at ``start`` tells its time; 0 for never.

    That is the end of its second chunk, as the first one compiles, unless it is the run's end.
    """
    step = chunk_end(config, chunk_end(config, start))
    return step if step < config.steps else 0


def beginning(config: Config, game: Game, data: Dataset, start: int) -> str:
    """Return a sentence on what a run takes that goes on from ``start``, and when it tells more."""
    step = timed_step(config, start)
    later = f"; its time is told after step {step:,}, if that is more than {SHORT} seconds"
    return f"the run takes {count_estimate(config, game, data)}{later if step else ''}."


def measure(config: Config, game: Game, data: Dataset | None) -> Estimate:
    """Return the estimate with time and memory, from some steps of this very game.

    The game is trained by them. Without data, it sees noise. Steps that would take long are not
    tried: their time comes from their arithmetic and the speed of this machine, and the memory is
    not told.

    Args:
        config: The settings, with a definite precision.
        game: The game of the run.
        data: The data of the run, where they were read.
    """
    counted, shape = count_estimate(config, game, data), game.gen.output_shape[1:]
    with phase("count the arithmetic of a step"):
        expected = count_flops(game, config.batch, shape) / (_SHARE * _flops_per_second())
    if expected > _LONG_STEP:
        return counted._replace(seconds=_START + with_speed(config, expected))
    shown = data
    if shown is None:
        noise = np.random.default_rng(0).integers(0, 256, (4 * config.batch, *shape), np.uint8)
        shown = Dataset("noise", noise, {}, {}, "", "none")
    train = chunk_trainer(config, game, tf.distribute.get_strategy(), shown, 0, lambda _: None)
    with phase("measure some steps"):
        train(1)
        step = _timed(train, 1)
        if step < _MEASURED_SECONDS:
            chunk = min(50, math.ceil(_MEASURED_SECONDS / step))
            step = _timed(train, chunk) / chunk
    memory = peak_memory() + (_EVALUATION_MEMORY if config.eval_every else 0)
    return counted._replace(seconds=_START + with_speed(config, step), memory=memory)


def _flops_per_second() -> float:
    """Return the speed of a large matrix product on this machine, the best of three."""
    square = tf.ones([_SIDE, _SIDE])

    def product(_: int) -> np.ndarray:
        return tf.linalg.matmul(square, square).numpy()

    product(1)  # the first call is slower
    return 2.0 * _SIDE**3 / min(_timed(product, 1) for _ in range(3))


def _timed(train: Callable[[int], Any], steps: int) -> float:
    began = time.perf_counter()
    train(steps)
    return time.perf_counter() - began


def with_speed(config: Config, step: float) -> float:
    """Return the seconds that all steps take at so many seconds a step, with scores and export."""
    training = config.steps * step
    evaluations = 0.0
    if config.eval_every:
        # A pass of G alone takes a sixth of a step or so.
        one = _EVALUATION + config.eval_samples / config.batch * step / 6
        during = one * (config.steps // config.eval_every)
        evaluations = _FINAL + one + min(during, config.eval_budget * training + one)
    return training + evaluations + _END


def peak_memory() -> float:
    """Return the most bytes that this process has had: of the graphics card, if it has one."""
    if machine.gpus() and tf.config.list_logical_devices("GPU"):
        return float(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
