"""Images from a game's generator, and its discriminator's logits, outside training."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import images, randomness
from gan_zoo.game import step
from gan_zoo.layers import capture_batch_statistics, has_batch_norm


@functools.lru_cache(
    maxsize=2
)  # G and its average: a run draws from them again and again, and compiles each once
def _inference(net: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(lambda *inputs: _made(net, inputs, training=False))


def _made(net: keras.Model, inputs: tuple[tf.Tensor, ...], training: bool) -> tf.Tensor:
    """What a net makes of noise, or of noise and labels."""
    return net(list(inputs) if len(inputs) > 1 else inputs[0], training=training)


def sample_noise(
    game: step.Game,
    number: int,
    seed: int,
    *,
    place: str = "sample",
    first: int = 0,
    batch: int = 64,
) -> np.ndarray:
    """The noise float32 ``[number, ...]`` from which :func:`sample` draws images ``first`` and on.

    ``first`` is a multiple of ``batch``. Row i depends on ``seed``, ``place``, ``batch`` and
    ``first + i`` alone.
    """
    shape, source = (batch, *game.noise_shape), randomness.derive_seed(seed, place)
    blocks = range(first, first + number, batch)
    return np.concatenate(
        [game.noise(shape, randomness.fold_in(source, tf.constant(at))) for at in blocks]
    )[:number]


def sample_labels(
    game: step.Game,
    number: int,
    seed: int,
    *,
    place: str = "sample",
    first: int = 0,
    batch: int = 64,
) -> np.ndarray | None:
    """Labels int32 ``[number]`` as frequent as in the training data, for the noise of :func:`sample_noise`; None without a condition.

    Label i depends on ``seed``, ``place``, ``batch`` and ``first + i`` alone.
    """
    if game.classes is None:
        return None
    shares = np.asarray(game.classes.counts) / sum(game.classes.counts)
    source = randomness.derive_seed(seed, place, "labels")
    blocks = [np.random.default_rng([source, at]) for at in range(first, first + number, batch)]
    return np.concatenate([rng.choice(len(shares), batch, p=shares) for rng in blocks])[
        :number
    ].astype(np.int32)


def generate(
    game: step.Game,
    z: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    from_ema: bool = True,
    batch: int = 64,
) -> np.ndarray:
    """The images uint8 ``[N, H, W, C]`` of noise ``[N, ...]``: of the average if there is one and it is wanted, or of G.

    With a condition, each is of the class that ``labels`` int32 ``[N]`` has for it.
    """
    if (labels is None) != (game.classes is None):
        raise ValueError("a G with a condition wants labels, and one without wants none")
    net = game.ema if game.ema is not None and from_ema else game.gen
    drawn = []
    for first in range(0, len(z), batch):
        parts = [
            inputs[first : first + batch] for inputs in ((z,) if labels is None else (z, labels))
        ]
        count = len(parts[0])  # one shape to compile
        full = [
            np.concatenate([part, np.zeros((batch - count, *part.shape[1:]), part.dtype)])
            for part in parts
        ]
        drawn.append(images.to_uint8(_inference(net)(*full))[:count])
    return np.concatenate(drawn)


def compute_standing_statistics(game: step.Game, batches: int = 16, batch: int = 64) -> None:
    """Give the average, if there is one, the statistics of batch norm that its own weights make, on fixed noise.

    Its weights are behind G's, and under G's moving statistics it makes other images than it can:
    on anime faces of 64 pixels pale ones, with an FD-embedded of 27 in place of 16 (2,475 steps at
    3e-4, ``ema=0.999``). Its own are the "standing statistics" of BigGAN (Brock et al. 2018,
    arXiv:1809.11096), there of 100 batches. Batch norms other than ours keep G's.
    """
    if game.ema is None or not has_batch_norm(game.ema):
        return
    measured: list[list[tf.Tensor]] = []
    variables, measure = _statistics(game.ema)
    for first in range(0, batches * batch, batch):
        z = sample_noise(game, batch, game.seed, place="statistics", first=first, batch=batch)
        labels = sample_labels(game, batch, game.seed, place="statistics", first=first, batch=batch)
        measured.append(measure(*([z] if labels is None else [z, labels])))
    for variable, *values in zip(variables, *measured, strict=True):
        variable.assign(tf.reduce_mean(tf.stack(values), 0))


@functools.lru_cache(maxsize=2)
def _statistics(net: keras.Model) -> tuple[list[keras.Variable], Callable[..., list[tf.Tensor]]]:
    """The moving statistics of a net, and what gives those of one batch of its inputs, in the same order."""
    variables: list[keras.Variable] = []

    @tf.function
    def measure(*inputs: tf.Tensor) -> list[tf.Tensor]:
        # The scope keeps what else training would move, such as the statistics of Keras' own batch
        # norm.
        with capture_batch_statistics() as taken, keras.StatelessScope():
            _made(net, inputs, training=True)
        variables[:] = [variable for variable, _ in taken]
        return [value for _, value in taken]

    return variables, measure


def sample(game: step.Game, number: int, seed: int, **how: Any) -> np.ndarray:
    """The images of :func:`sample_blocks`, which says what ``how`` may hold, as one array uint8 ``[number, H, W, C]``."""
    return np.concatenate([drawn for drawn, _ in sample_blocks(game, number, seed, **how)])


def sample_blocks(
    game: step.Game,
    number: int,
    seed: int,
    *,
    labels: np.ndarray | None = None,
    from_ema: bool = True,
    place: str = "sample",
    batch: int = 64,
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Draw images from the average if there is one and it is wanted, else from G, in inference mode.

    Image i depends on ``seed`` and ``place`` alone, not on ``number``; with a condition, also on
    label i.

    Args:
        game: Whose G it is.
        number: Of images.
        seed: Of noise and labels.
        labels: int32 ``[number]``; by default, with a condition, as frequent as in the training
            data.
        from_ema: Whether the average is wanted.
        place: What they are drawn for; other places have other noise.
        batch: Images made at a time.

    Yields:
        uint8 ``[B, H, W, C]`` and, with a condition, their labels int32 ``[B]``, else None: block
        by block, since images may be many and noise may be large.
    """
    for first in range(0, number, batch):
        z = sample_noise(game, batch, seed, place=place, first=first, batch=batch)
        own = sample_labels(game, batch, seed, place=place, first=first, batch=batch)
        own = own if labels is None else np.resize(labels[first : first + batch], batch)
        count = min(batch, number - first)
        drawn = generate(game, z, own, from_ema=from_ema, batch=batch)
        yield drawn[:count], None if own is None else own[:count]


def disc_logits(
    game: step.Game, shown: np.ndarray, labels: np.ndarray | None = None, *, batch: int = 64
) -> np.ndarray:
    """D's logits float32 ``[N]`` of images ``shown``, uint8 ``[N, H, W, C]``, in inference mode.

    What tricks do to images is left out. With a condition, ``labels`` int32 ``[N]`` are the classes
    of the images. ``batch`` is a multiple of 4.
    """
    said = []
    # A multiple of 4, the size of minibatch_std's groups: in smaller ones images are more like each
    # other.
    order = np.resize(np.arange(len(shown)), math.ceil(len(shown) / 4) * 4)
    for at in range(0, len(order), batch):
        rows = order[at : at + batch]
        own = None if labels is None else tf.constant(labels[rows])
        said.append(step.LabelBoundDisc(game.disc, own)(tf.constant(images.to_float(shown[rows]))))
    return np.concatenate(said).astype(np.float32)[: len(shown), 0]
