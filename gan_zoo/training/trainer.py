"""Chunks of training steps: how they are compiled, and how they get their images."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import cache_dir
from gan_zoo.distributed import machine, strategy
from gan_zoo.game import chunk, copies, xla
from gan_zoo.game.build import split_rows
from gan_zoo.game.step import Game
from gan_zoo.phases import phase
from gan_zoo.training import feed

BLOCK_STEPS = 128  # steps of one XLA program, at most
BLOCK_BYTES = 2**28  # images that are sent ahead at once, at most
RESIDENT_SHARE = 0.25  # of the device's memory may hold all images

Trainer = Callable[[int], tf.Tensor]


class Source(NamedTuple):
    """The images of training and their order.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        labels: int32 ``[N]``, or None.
        rows: The places of the images to use; None for all.
        seed: Of the order.
        batch: Images of one update, over all replicas.
        batches: Updates of D in a step.
        start: The step of the first batch.
    """

    images: np.ndarray
    labels: np.ndarray | None
    rows: np.ndarray | None
    seed: int
    batch: int
    batches: int
    start: int


def chunk_trainer(
    config: Config,
    game: Game,
    distribution: tf.distribute.Strategy,
    data: Dataset,
    start: int,
    tell: Callable[[str], None],
) -> Callable[[int], dict[str, float]]:
    """Return ``train_chunk(n)``, which trains n steps and returns the means of their scalars.

    Args:
        config: The settings.
        game: The nets and their step.
        distribution: The strategy of TensorFlow.
        data: The data set.
        start: The steps done before.
        tell: Prints a line.
    """
    rows, held_out = split_rows(config, len(data.images))
    labels = np.asarray(data.labels[game.classes.column], np.int32) if game.classes else None
    source = Source(
        data.images, labels, rows if len(held_out) else None, config.seed, config.batch,
        game.update.batches, start,
    )  # fmt: skip
    train: Trainer
    if config.jit == "on" or (config.jit == "auto" and machine.one_gpu(distribution)):
        train = _Program(config, game, source, distribution, tell)
    else:
        train = _function(game, source, distribution)

    name, told = "compile the first steps", ""
    disagreement = copies.compile_comparison(game, distribution)

    def train_chunk(n: int) -> dict[str, float]:
        nonlocal name, told
        began = time.perf_counter()
        with phase(name), strategy.exchanges(distribution):
            scalars = chunk.means(train(n), n)
            found = disagreement()
        name = "steps"
        scalars["speed/images_per_second"] = n * config.batch / (time.perf_counter() - began)
        if found and not told:
            tell(told := found)
        return scalars

    return train_chunk


def _function(game: Game, source: Source, distribution: tf.distribute.Strategy) -> Trainer:
    """Return a trainer that runs TensorFlow's operations one by one, on any number of devices."""
    run = chunk.compile_chunk(game, distribution)
    iterator = feed.train_iterator(
        source.images, source.batch, source.seed, source.start, distribution, source.rows,
        source.batches, source.labels,
    )  # fmt: skip
    return lambda n: run(iterator, tf.constant(n, tf.int64))


class _Program:
    """Trains by one XLA program on one device, and by operations where XLA cannot compile it.

    The images stay on the device if they fit. If not, the next images are sent while it trains.
    """

    def __init__(
        self,
        config: Config,
        game: Game,
        source: Source,
        distribution: tf.distribute.Strategy,
        tell: Callable[[str], None],
    ):
        self._config, self._game, self._source = config, game, source
        self._distribution, self._tell, self._at = distribution, tell, source.start
        self._run = chunk.compile_program(game)
        self._kept = machine.keep_programs(cache_dir())
        self._fallback: Trainer | None = None
        self._per_step = source.batch * source.batches
        count = len(source.images) if source.rows is None else len(source.rows)
        self._order = feed.EpochShuffle(count, source.seed)
        self._resident: tuple | None = None
        self._ahead: tuple[int, Future] | None = None
        if source.images.nbytes <= RESIDENT_SHARE * machine.device_memory():
            self._steps = BLOCK_STEPS
            self._resident = (tf.constant(source.images), _on_device(source.labels))
        else:
            a_step = self._per_step * source.images[0].nbytes
            self._steps = max(1, min(BLOCK_STEPS, config.log_every, BLOCK_BYTES // a_step))
            self._thread = ThreadPoolExecutor(1)

    def __call__(self, n: int) -> tf.Tensor:
        """Train n steps; return the sums of their scalars."""
        if self._fallback:
            return self._fallback(n)
        sums, end = [], self._at + n
        while self._at < end:
            steps = min(self._steps, end - self._at)
            try:
                sums.append(self._run(*self._block(steps), tf.constant(steps, tf.int32)))
            except tf.errors.OpError as e:
                if self._at > self._source.start:
                    raise
                if not xla.missing_operation(e) and self._forget_kept():
                    continue
                if not isinstance(
                    e, (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)
                ):
                    raise
                return self._fall_back(n, e)
            self._at += steps
        return tf.add_n(sums)

    def _forget_kept(self) -> bool:
        """Remove the programs that XLA kept, of which one may be damaged; whether there were any.

        A kill can leave half of a file, and XLA then stops where it should compile anew.
        """
        kept, self._kept = self._kept, None
        if kept is None or not kept.is_dir():
            return False
        shutil.rmtree(kept, ignore_errors=True)
        self._run = chunk.compile_program(self._game)
        return True

    def _fall_back(self, n: int, error: Exception) -> tf.Tensor:
        what = xla.obstacle(error, self._config, self._game)
        self._tell(f"XLA cannot compile {what}; the run trains without it, as with --jit=off.")
        self._resident = None
        self._fallback = _function(self._game, self._source, self._distribution)
        return self._fallback(n)

    def _block(self, steps: int) -> tuple:
        """Return images, labels and rows of the next ``steps`` steps, or of more."""
        if self._resident:
            rows = self._rows(self._at, steps)
            # Of one shape, so that it is one program.
            rows = np.pad(rows, [(0, self._steps - steps), (0, 0)])
            return *self._resident, tf.constant(rows)
        sent, ahead = self._ahead or (None, None)
        block = ahead.result() if ahead and sent == self._at else self._load(self._at)
        following = self._at + self._steps
        self._ahead = following, self._thread.submit(self._load, following)
        return block

    def _rows(self, at: int, steps: int) -> np.ndarray:
        return feed.batch_rows(self._order, at, steps, self._per_step, self._source.rows)

    def _load(self, at: int) -> tuple:
        """Send the images and labels of the steps from ``at`` on to the device."""
        rows = self._rows(at, self._steps)
        labels = self._source.labels
        images = tf.constant(self._source.images[rows.ravel()])
        ordered = np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
        return (
            images,
            _on_device(None if labels is None else labels[rows.ravel()]),
            tf.constant(ordered),
        )


def _on_device(labels: np.ndarray | None) -> tf.Tensor | None:
    return None if labels is None else tf.constant(labels)
