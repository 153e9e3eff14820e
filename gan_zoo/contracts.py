"""The records that parts are made of, and the conventions that all of them keep.

Conventions, stated once:

* Images are NHWC. Inside, they are float32 in [-1, 1]; in files, in TensorBoard and before feature
  networks, uint8.
* Discriminators return logits ``[B, 1]``, never probabilities. The real target is 1, the fake
  target is 0.
* A *step* is one update of the generator, with one or more updates of the discriminator.
* Shapes are written with B (batch), H, W, C (image), D (features), N (data set).
* The ``seed`` of a hook is an integer tensor ``[2]``, a pure function of the run's seed, of the
  hook's tag and of the step. Random hooks draw with it through :mod:`gan_zoo.randomness`; then a
  run on two replicas equals a run on one, and a resumed run equals an uninterrupted one. No hook
  may draw from ``tf.random.normal`` or another stateful function.

This module imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.errors import UserError as UserError  # plugins may take it from here

# The types of a part's functions, for a type checker; the shapes are stated at each field below.
Tensor = Any  # a tf.Tensor; this module does not import TensorFlow
Seed = Any  # an integer tensor [2]
SampleHook = Callable[[Tensor, Seed], Tensor]


class Batch(NamedTuple):
    """The real images of one update.

    Attributes:
        images: float32 ``[B, H, W, C]`` in [-1, 1].
        labels: Of the images, int32 ``[B]``, and also of G's images; None without a condition.
        disc_step: The number of the update of D within a step; each has its own random numbers.
    """

    images: Tensor
    labels: Tensor | None = None
    disc_step: int = 0


class Loss(NamedTuple):
    """The losses of both nets over logits, one value a sample; the step averages them.

    Attributes:
        disc: ``(real_logits, fake_logits, real_targets, fake_targets) -> [B, 1]``; all arguments
            float32 ``[B, 1]``.
        gen: ``(fake_logits, targets) -> [B, 1]``; ``targets`` is the target of G's images (1
            unless a trick changes it). With ``needs_real_logits``, it gets the logits of real
            images, ``[B, 1]``, as a third argument.
        uses_targets: Whether the loss depends on the targets. Label tricks are refused under a
            loss that ignores them.
        has_zero_gradient: Whether D's loss has a zero gradient for some logits, as hinge has.
        needs_real_logits: Whether G's loss compares its images with real ones, which D then sees
            in G's update, too.
    """

    disc: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    gen: Callable[..., Tensor]
    uses_targets: bool = True
    has_zero_gradient: bool = False
    needs_real_logits: bool = False


class DiscOutputs(NamedTuple):
    """D's outputs in an update, and its inputs: images after all tricks, float32 logits.

    Attributes:
        real: ``[B, H, W, C]``.
        fake: ``[B, H, W, C]``.
        real_logits: ``[B, 1]``; None in an update of G alone, unless the loss needs them.
        fake_logits: ``[B, 1]``.
        real_classes: D's second output for the real images, if a condition gives it one; else
            None.
        fake_classes: The same for the fake ones.
        plain_real: ``[B, H, W, C]``, the real images before the hooks ``images``; None in an update
            of G alone.
        plain_fake: The same for the fake ones.
        augment: ``(images [B, H, W, C], "real" or "fake") -> [B, H, W, C]``: the hooks ``images``
            with the draws of this update, differentiable; None in an update of G alone.
    """

    real: Tensor
    fake: Tensor
    real_logits: Tensor | None
    fake_logits: Tensor
    real_classes: Tensor | None = None
    fake_classes: Tensor | None = None
    plain_real: Tensor | None = None
    plain_fake: Tensor | None = None
    augment: Callable[[Tensor, str], Tensor] | None = None


PenaltyHook = Callable[[Any, DiscOutputs, Seed], Tensor]


class Trick(NamedTuple):
    """The changes of a trick to a step. Every field is optional; tricks apply in the order given.

    Attributes:
        real_targets: ``(targets [B, 1], seed) -> [B, 1]``, for D's update only.
        fake_targets: The same for the targets of fake images.
        gen_targets: ``(targets [B, 1], seed) -> [B, 1]``, for G's update.
        real_images: ``(images [B, H, W, C], seed) -> [B, H, W, C]``: real images alone, before the
            other hooks. Its changes become part of the data that G learns.
        fake_images: The same for fake images, in D's update only.
        images: ``(images [B, H, W, C], seed) -> [B, H, W, C]``: all images that D sees, real and
            fake, in both updates. It must be differentiable.
        observe: ``(outputs: DiscOutputs) -> None``, in D's update, before its penalties: for tricks
            that track logits.
        penalty: ``(disc, outputs: DiscOutputs, seed) -> scalar``, already weighted, added to D's
            loss; a mean over the batch.
        gen_penalty: ``(disc, outputs: DiscOutputs, seed) -> scalar``, the same for G's loss.
        gen_weights: ``(fake_logits [B, 1]) -> [B, 1]``: factors of each image's term of G's
            loss, without the condition's. The logits are negated where tricks swap the targets, so
            that higher means more real.
        gradients: ``(gradients, net) -> gradients``, lists, before they are applied; ``net`` is
            ``gen`` or ``disc``. They are of this replica; the optimizer applies their sum over
            replicas.
        after_disc: ``(disc) -> None``, after each update of D.
        swaps_targets: Whether real images get the target 0 and fake ones 1, for both nets.
        metrics: ``() -> {name: scalar}``, read at the end of a chunk.
        variables: State to save in checkpoints.
    """

    real_targets: SampleHook | None = None
    fake_targets: SampleHook | None = None
    gen_targets: SampleHook | None = None
    real_images: SampleHook | None = None
    fake_images: SampleHook | None = None
    images: SampleHook | None = None
    observe: Callable[[DiscOutputs], None] | None = None
    penalty: PenaltyHook | None = None
    gen_penalty: PenaltyHook | None = None
    gen_weights: Callable[[Tensor], Tensor] | None = None
    gradients: Callable[[list[Tensor], str], list[Tensor]] | None = None
    after_disc: Callable[[Any], None] | None = None
    swaps_targets: bool = False
    metrics: Callable[[], dict[str, Any]] | None = None
    variables: tuple = ()


class Condition(NamedTuple):
    """How both nets use the classes of images. Real image i and fake image i have the same label.

    Attributes:
        column: The column of :attr:`Dataset.labels` that has the class of each image.
        disc: ``(logits [B, 1], features [B, D], label int32 [B], classes) -> outputs``, symbolic
            tensors of Keras, float32 but for the label: the outputs for images of that label of a D
            whose last layer computes ``logits`` from ``features``. The first output is its logits
            [B, 1]; a second one, if any, is the input of ``loss``.
        loss: ``(second output, labels int32 [B]) -> [B]``, already weighted: added to D's loss for
            real and for fake images, and to G's loss for fake ones. None where D has one output.
    """

    column: str
    disc: Callable[[Tensor, Tensor, Tensor, int], Sequence[Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor] | None = None


class Classes(NamedTuple):
    """The classes that a run with a condition learns, from its data.

    Attributes:
        column: The column of :attr:`Dataset.labels`.
        names: The names of the classes, in the order of their numbers.
        counts: Training images of each class.
        hash: SHA-256 (hex) of all labels in the order of the images.
    """

    column: str
    names: tuple[str, ...]
    counts: tuple[int, ...]
    hash: str


class Update(NamedTuple):
    """The order in which a step updates the two nets.

    Attributes:
        run: ``(game, batch) -> {name: scalar}``, the scalars of
            :data:`gan_zoo.game.step.SCALARS`; the batch has ``batches * B`` images, and
            :func:`gan_zoo.game.step.split_batch` gives the images of each update of D.
        batches: How many batches of real images one step uses.
        single_backward: Whether G's gradient comes from D's loss. Then penalties, losses with zero
            gradients, and a D whose output for one image depends on the others are refused.
        shared_fakes: Whether D and G learn from the same fakes. Then tricks that change the fakes
            of D alone are refused.
    """

    run: Callable[[Any, Batch], dict[str, Tensor]]
    batches: int = 1
    single_backward: bool = False
    shared_fakes: bool = False


class ImageSpec(NamedTuple):
    """The images that the settings ask a data set for.

    A builder asks for the record as ``images``, or for some of its fields: ``image_size`` (the
    size), ``channels``, ``data_dir`` and ``cache_dir``.

    Attributes:
        size: (H, W) in pixels.
        channels: 1, 3, 4 for color with transparency (RGBA), or None: 1 or 3, as the data has.
        data_dir: Where the images are: a folder, a zip, an npz; None if ``--data_dir`` is empty.
        cache_dir: The folder for decoded images.
    """

    size: tuple[int, int]
    channels: int | None
    data_dir: Path | None
    cache_dir: Path


class Hasher:
    """Takes a :func:`pixel_hash` block by block."""

    def __init__(self) -> None:
        """Start without images."""
        self._digest = hashlib.sha256()
        self.shape: tuple[int, ...] = (0,)

    def add(self, block: np.ndarray) -> None:
        """Add uint8 ``[n, H, W, C]``."""
        self._digest.update(np.ascontiguousarray(block).data)
        self.shape = (self.shape[0] + len(block), *block.shape[1:])

    def hexdigest(self) -> str:
        """The hash of all that was added."""
        whole = self._digest.copy()
        whole.update(str(tuple(map(int, self.shape))).encode())
        return whole.hexdigest()


def pixel_hash(images: np.ndarray) -> str:
    """Return ``Dataset.hash`` of uint8 ``[N, H, W, C]``.

    It is the SHA-256 (hex) of the pixels, followed by the text of their shape.
    """
    hasher = Hasher()
    for start in range(0, len(images), 1024):
        hasher.add(images[start : start + 1024])
    return hasher.hexdigest()


class Dataset(NamedTuple):
    """Images in memory or memory-mapped, at the size at which they train.

    Attributes:
        name: The public name, such as ``cartoon_faces``.
        images: uint8 ``[N, H, W, C]`` with C 1, 3 or 4 (RGBA, with colors of 0 where they are fully
            transparent); an array or a read-only memory map.
        labels: Named columns of class numbers, int32 ``[N]`` each: ``{"class": ...}``, or one
            column an attribute.
        label_values: For each column, the names of its classes.
        hash: SHA-256 (hex) of the shape and the pixels: the identity of the data in checks and
            stamps.
        resize: The method of resizing to this size, in a few words: ``crop+lanczos (Pillow)``,
            ``none``, ``drawn``.
        notes: Sentences to show to the user once, such as which files were skipped.
    """

    name: str
    images: np.ndarray
    labels: Mapping[str, np.ndarray]
    label_values: Mapping[str, tuple[str, ...]]
    hash: str
    resize: str
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, images: Any, labels: Any = None) -> Dataset:
        """Return a data set of images in memory.

        Args:
            name: The public name.
            images: uint8 ``[N, H, W, C]`` or ``[N, H, W]``, of the size asked for.
            labels: The class of each image, a number or a name, ``[N]``: the column ``class``. None
                for images without classes.

        Raises:
            ValueError: They have another type or shape.
        """
        pixels = np.asarray(images)
        pixels = pixels[..., None] if pixels.ndim == 3 else pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 4:
            raise ValueError(
                f"images of type {pixels.dtype} and shape {list(pixels.shape)} are not uint8"
                " [N, H, W, C]; convert them (gan_zoo.images.to_uint8 does, from [-1, 1])."
            )
        columns, values = {}, {}
        if labels is not None:
            names, numbers = np.unique(np.asarray(labels), return_inverse=True)
            if numbers.shape != (len(pixels),):
                raise ValueError(
                    f"labels of shape {list(np.shape(labels))} do not fit {len(pixels)} images;"
                    " give one class for each image."
                )
            columns = {"class": numbers.astype(np.int32)}
            values = {"class": tuple(map(str, names))}
        return cls(name, pixels, columns, values, pixel_hash(pixels), "none")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        height, width, channels = self.images.shape[1:]
        return int(height), int(width), int(channels)


class FeatureExtractor(NamedTuple):
    """A fixed network that turns images into features, for distances between sets of images.

    Attributes:
        name: The public name, part of the name of every score computed with it.
        hash: SHA-256 (hex, may be shortened) of its weights.
        resize: The method of resizing to its input size, in a few words.
        features: uint8 ``[N, H, W, C]`` -> float ``[N, D]``; it splits N into batches itself.
        logits: uint8 ``[N, H, W, C]`` -> float ``[N, classes]``; None if it is not a classifier.
        differentiable: The features once more as TensorFlow's operations, from floats in [-1, 1],
            ``[B, H, W, C]``, so that they have a gradient; None without. TensorFlow resizes, so
            that they may differ a little.
    """

    name: str
    hash: str
    resize: str
    features: Callable[[np.ndarray], np.ndarray]
    logits: Callable[[np.ndarray], np.ndarray] | None = None
    differentiable: Callable[[Tensor], Tensor] | None = None
