"""Images from a game's generator, and its discriminator's logits, outside training."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import images, randomness
from gan_zoo.game import step
from gan_zoo.layers import capture_batch_statistics, has_batch_norm, truncated


class _Compiled:
    """The compiled functions of one generator. It holds the net weakly, see ``_compiled``."""

    def __init__(self, net: keras.Model):
        self.net = weakref.ref(net)
        self.statistics: list[keras.Variable] = []  # the moving ones, in the order of the calls
        self.images = tf.function(self._images)
        self.batch_statistics = tf.function(self._batch_statistics)

    def _call(self, inputs: tuple[tf.Tensor, ...], training: bool) -> tf.Tensor:
        net = self.net()
        assert net is not None  # its caller holds it
        return net(list(inputs) if len(inputs) > 1 else inputs[0], training=training)

    def _images(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the images of noise, or of noise and labels, in inference mode."""
        return self._call(inputs, training=False)

    def _batch_statistics(self, *inputs: tf.Tensor) -> list[tf.Tensor]:
        """Return the batch statistics of one batch of inputs, in the order of ``statistics``."""
        # The scope discards all other updates of training, such as in Keras' batch norm.
        with capture_batch_statistics(self.net()) as captured, keras.StatelessScope():
            self._call(inputs, training=True)
        self.statistics = [variable for variable, _ in captured]
        return [value for _, value in captured]


# A run samples from G and from its average many times, and compiles each once. An entry is deleted
# when its net is deleted.
_compiled: weakref.WeakKeyDictionary[keras.Model, _Compiled] = weakref.WeakKeyDictionary()


def _functions_of(net: keras.Model) -> _Compiled:
    if net not in _compiled:
        _compiled[net] = _Compiled(net)
    return _compiled[net]


def sample_noise(
    game: step.Game,
    number: int,
    seed: int,
    *,
    tag: str = "sample",
    first: int = 0,
    batch: int = 64,
) -> np.ndarray:
    """Return the noise float32 ``[number, ...]`` of the samples from number ``first`` on.

    It is the noise of :func:`sample`. ``first`` is a multiple of ``batch``. Row i depends on
    ``seed``, ``tag``, ``batch`` and ``first + i`` alone.
    """
    shape, source = (batch, *game.noise_shape), randomness.derive_seed(seed, tag)
    blocks = range(first, first + number, batch)
    with randomness.version(game.random_version):
        drawn = [game.noise(shape, randomness.fold_in(source, tf.constant(at))) for at in blocks]
    return np.concatenate(drawn)[:number]


def sample_labels(
    game: step.Game,
    number: int,
    seed: int,
    *,
    tag: str = "sample",
    first: int = 0,
    batch: int = 64,
) -> np.ndarray | None:
    """Return labels int32 ``[number]`` for the noise of :func:`sample_noise`.

    Classes are as frequent as in the training data. Label i depends on ``seed``, ``tag``,
    ``batch`` and ``first + i`` alone.

    Returns:
        The labels; None without a condition.
    """
    if game.classes is None:
        return None
    shares = np.asarray(game.classes.counts) / sum(game.classes.counts)
    source = randomness.derive_seed(seed, tag, "labels")
    blocks = [np.random.default_rng([source, at]) for at in range(first, first + number, batch)]
    return np.concatenate([rng.choice(len(shares), batch, p=shares) for rng in blocks])[
        :number
    ].astype(np.int32)


def generate(
    game: step.Game,
    z: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    ema: bool = True,
    batch: int = 64,
    truncation: float = 1.0,
) -> np.ndarray:
    """Return the images uint8 ``[N, H, W, C]`` of noise ``[N, ...]``, in inference mode.

    They come from the EMA generator if there is one and ``ema`` is true, else from G. With a
    condition, ``labels`` int32 ``[N]`` are their classes. With a ``truncation`` below 1, images
    are less varied and more typical: a style-based G brings its styles nearer to their average by
    that factor (Karras et al. 2018, arXiv:1812.04948, appendix B), and the noise of any other G is
    multiplied by it.
    """
    if (labels is None) != (game.classes is None):
        raise ValueError("labels must be given for a G with a condition, and for no other")
    net = game.ema if game.ema is not None and ema else game.gen
    with truncated(net, truncation) as has_styles:
        z = z if has_styles or truncation == 1 else (z * truncation).astype(z.dtype)
        return _generate(net, z, labels, batch)


def _generate(net: keras.Model, z: np.ndarray, labels: np.ndarray | None, batch: int) -> np.ndarray:
    blocks = []
    for first in range(0, len(z), batch):
        inputs = [rows[first : first + batch] for rows in ((z,) if labels is None else (z, labels))]
        count = len(inputs[0])
        # Filled up to one shape, so that the function is compiled once.
        full = [
            np.concatenate([rows, np.zeros((batch - count, *rows.shape[1:]), rows.dtype)])
            for rows in inputs
        ]
        blocks.append(images.to_uint8(_functions_of(net).images(*full))[:count])
    return np.concatenate(blocks)


def compute_standing_statistics(game: step.Game, batches: int = 16, batch: int = 64) -> None:
    """Set the batch norm statistics of the EMA generator computed with its own weights.

    They are means over batches of fixed noise. The EMA's weights are behind G's, so under G's
    moving statistics it makes worse images than it can: pale ones on anime faces of 64 pixels, with
    an FD-embedded of 27 in place of 16 (2,475 steps at 3e-4, ``ema=0.999``). These are the
    "standing statistics" of BigGAN (Brock et al. 2018, arXiv:1809.11096), which takes 100 batches.
    Keras' batch norm layers keep G's statistics. Without an EMA nothing is done.
    """
    if game.ema is None or not has_batch_norm(game.ema):
        return
    per_batch: list[list[tf.Tensor]] = []
    functions = _functions_of(game.ema)
    for first in range(0, batches * batch, batch):
        z = sample_noise(game, batch, game.seed, tag="statistics", first=first, batch=batch)
        labels = sample_labels(game, batch, game.seed, tag="statistics", first=first, batch=batch)
        per_batch.append(functions.batch_statistics(*([z] if labels is None else [z, labels])))
    for variable, *values in zip(functions.statistics, *per_batch, strict=True):
        variable.assign(tf.reduce_mean(tf.stack(values), 0))


def sample(game: step.Game, number: int, seed: int, **settings: Any) -> np.ndarray:
    """Return samples uint8 ``[number, H, W, C]``.

    Args:
        game: The game whose G it is.
        number: The number of images.
        seed: The seed of noise and labels.
        **settings: Arguments of :func:`sample_blocks`.
    """
    blocks = sample_blocks(game, number, seed, **settings)
    return np.concatenate([samples for samples, _ in blocks])


def sample_blocks(
    game: step.Game,
    number: int,
    seed: int,
    *,
    labels: np.ndarray | None = None,
    ema: bool = True,
    tag: str = "sample",
    batch: int = 64,
    truncation: float = 1.0,
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Draw samples in blocks, in inference mode, so that all images need not be in memory at once.

    Image i depends on ``seed`` and ``tag`` alone, not on ``number``; with a condition, also on
    label i.

    Args:
        game: The game whose G it is.
        number: The number of images.
        seed: The seed of noise and labels.
        labels: int32 ``[number]``; by default, with a condition, as frequent as in the training
            data.
        ema: Whether to sample from the EMA generator, if there is one.
        tag: The name of the random stream; each tag has its own noise.
        batch: Images of a block.
        truncation: See :func:`generate`.

    Yields:
        Images uint8 ``[B, H, W, C]``, and their labels int32 ``[B]``, None without a condition.
    """
    for first in range(0, number, batch):
        z = sample_noise(game, batch, seed, tag=tag, first=first, batch=batch)
        block_labels = sample_labels(game, batch, seed, tag=tag, first=first, batch=batch)
        if labels is not None:
            block_labels = np.resize(labels[first : first + batch], batch)
        count = min(batch, number - first)
        samples = generate(game, z, block_labels, ema=ema, batch=batch, truncation=truncation)
        yield samples[:count], None if block_labels is None else block_labels[:count]


def disc_logits(
    game: step.Game, shown: np.ndarray, labels: np.ndarray | None = None, *, batch: int = 64
) -> np.ndarray:
    """Return D's logits float32 ``[N]`` of images ``shown``, uint8 ``[N, H, W, C]``.

    In inference mode, without the tricks. With a condition, ``labels`` int32 ``[N]`` are the
    classes of the images. ``batch`` is a multiple of 4.
    """
    logits = []
    # A multiple of 4, the size of minibatch_std's groups: in smaller groups the standard deviation
    # is smaller.
    order = np.resize(np.arange(len(shown)), math.ceil(len(shown) / 4) * 4)
    for first in range(0, len(order), batch):
        rows = order[first : first + batch]
        classes = None if labels is None else tf.constant(labels[rows])
        disc = step.LabelBoundDisc(game.disc, classes)
        logits.append(disc(tf.constant(images.to_float(shown[rows]))))
    return np.concatenate(logits).astype(np.float32)[: len(shown), 0]
