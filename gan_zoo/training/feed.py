"""The stream of real images, a pure function of (seed, step): its state is one integer."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf


class EpochShuffle:
    """Every image once an epoch, each epoch in another order, without a break between epochs."""

    def __init__(self, count: int, seed: int):
        """Order ``count`` images."""
        self.count = count
        self._epoch = functools.lru_cache(maxsize=2)(
            lambda epoch: np.random.default_rng([seed, epoch]).permutation(count)
        )

    def __call__(self, first: int, number: int) -> np.ndarray:
        """The indices int64 [number] at positions ``first`` and on."""
        epochs, places = np.divmod(np.arange(first, first + number), self.count)
        return np.concatenate([self._epoch(int(e))[places[epochs == e]] for e in np.unique(epochs)])


def batch_rows(
    order: EpochShuffle, step: int, steps: int, per_step: int, rows: np.ndarray | None = None
) -> np.ndarray:
    """Return the rows int32 ``[steps, per_step]`` of the images that some steps use.

    They are those of :func:`train_iterator` on one device.

    Args:
        order: The order of the images.
        step: The first step.
        steps: How many.
        per_step: Images that a step uses.
        rows: The places of the images to use; all by default.
    """
    places = order(step * per_step, steps * per_step)
    places = places if rows is None else rows[places]
    return places.astype(np.int32).reshape(steps, per_step)


def train_iterator(
    images: np.ndarray,
    batch: int,
    seed: int,
    step: int,
    strategy: tf.distribute.Strategy,
    rows: np.ndarray | None = None,
    batches: int = 1,
    labels: np.ndarray | None = None,
):
    """An endless iterator over batches of real images from ``step`` on.

    Args:
        images: uint8 ``[N, H, W, C]``, in memory or memory-mapped.
        batch: Global batch; each replica gets its even share.
        seed: Of the order.
        step: The first batch is the one that this step uses.
        strategy: Whose replicas are fed.
        rows: The places of the images to use; all by default.
        batches: How many a step uses. Each is shared out over the replicas, so that the k-th update
            of D within a step sees the same images on any number of them.
        labels: int32 ``[N]``, of the images, or None.

    Returns:
        An iterator of uint8 ``[batches * batch / replicas, H, W, C]`` a replica; with labels, of
        pairs of these and of int32 ``[batches * batch / replicas]``.
    """
    order = EpochShuffle(len(images) if rows is None else len(rows), seed)
    replicas = strategy.num_replicas_in_sync
    share = batch // replicas
    sources = [images] if labels is None else [images, np.asarray(labels, np.int32)]

    def pipeline(context: tf.distribute.InputContext) -> tf.data.Dataset:
        # The pipeline of one host feeds its replicas in turn: element k is replica k % mine of step
        # k // mine.
        mine = replicas // context.num_input_pipelines
        first_replica = context.input_pipeline_id * mine

        def gather(k: np.ndarray) -> list[np.ndarray]:
            at, replica = divmod(int(k), mine)
            firsts = [
                (at * batches + k) * batch + (first_replica + replica) * share
                for k in range(batches)
            ]
            places = np.concatenate([order(first, share) for first in firsts])
            places = places if rows is None else rows[places]
            return [np.asarray(source[places]) for source in sources]

        def load(k: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, ...]:
            loaded = tf.numpy_function(
                gather, [k], [tf.as_dtype(source.dtype) for source in sources], stateful=False
            )
            shaped = [
                tf.ensure_shape(x, [batches * share, *source.shape[1:]])
                for x, source in zip(loaded, sources, strict=True)
            ]
            return tuple(shaped) if len(shaped) > 1 else shaped[0]

        # Nothing is left to tune here, and the tuner's thread can miss that a run ends: it held the
        # end back for up to 60 s.
        options = tf.data.Options()
        options.autotune.enabled = False
        return (
            tf.data.Dataset.counter(start=step * mine).map(load).prefetch(4).with_options(options)
        )

    return iter(strategy.distribute_datasets_from_function(pipeline))
