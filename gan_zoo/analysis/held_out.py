"""Real images that a generator was not trained on, to compare its training images with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_zoo import registry
from gan_zoo.analysis.pictures import data_arguments, load_pictures
from gan_zoo.analysis.subject import Subject
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import build_dataset
from gan_zoo.errors import UserError
from gan_zoo.files import user_path

MAXIMUM = 4000  # more held-out images change little and need memory

_TOO_FEW, _ENOUGH = 20, 100


class HeldOut(NamedTuple):
    """Held-out images.

    Attributes:
        images: uint8 ``[M, H, W, C]``, M at least 2.
        source: Where they come from, in a few words.
        notes: Sentences for the user.
        own: Whether they are the images that ``--holdout`` kept from training.
    """

    images: np.ndarray
    source: str
    notes: tuple[str, ...]
    own: bool


def check_held_out(subject: Subject, held_out: str = "", held_out_dir: str = "") -> None:
    """Check that there can be held-out images, before anything is loaded.

    Raises:
        UserError: There are none, or what is given does not exist.
    """
    if held_out:
        try:
            registry.datasets.check(registry.parse_spec(held_out))
        except UserError as e:
            raise UserError(f"--held_out: {e}") from None
    elif held_out_dir:
        if not user_path(held_out_dir).exists():
            raise UserError(f"there is no {held_out_dir}; check --held_out_dir.")
    elif not subject.config.holdout:
        reason = (
            f"{subject.path} was trained on all of its images"
            if subject.run
            else "no images are known to be kept from training"
        )
        raise UserError(
            f"{reason}, and copies cannot be found without real images that were not trained on;"
            f" give some with --held_out_dir=FOLDER (or zip, or npz){other_images(subject.config)},"
            " or train with --holdout=0.1."
        )


def other_images(config: Config) -> str:
    """Return the flag by which the data set gives images not trained on, in words; "" if none."""
    spec = config.spec("data")
    entry = registry.datasets.entry(spec.name)
    # What the arguments of other packages' data sets mean is not known.
    if entry.signature is None or not entry.module.startswith("gan_zoo."):
        return ""
    given = data_arguments(config)
    if spec.name == "files":  # only some folders have parts, and the run's notes name these
        return ""
    for argument, other in (("split", "test"), ("seed", 1)):
        if argument in entry.signature.parameters and argument not in given:
            return f' or --held_out="{spec._replace(kwargs={**spec.kwargs, argument: other})}"'
    return ""


def load_held_out(
    subject: Subject,
    data: Dataset,
    held_out_rows: np.ndarray,
    held_out: str = "",
    held_out_dir: str = "",
) -> HeldOut:
    """Load held-out images, at most 4,000: of another data set, of a folder, or of ``--holdout``.

    Args:
        subject: What is judged.
        data: The whole data set.
        held_out_rows: The rows of it that ``--holdout`` kept from training.
        held_out: Another data set, as for ``--data``.
        held_out_dir: The folder of that data set, or of pictures.

    Raises:
        UserError: They cannot be loaded, or there are fewer than 2.
    """
    if held_out:
        found = _of_data_set(subject, data, held_out, held_out_dir)
    elif held_out_dir:
        folder = user_path(held_out_dir)
        read = load_pictures(folder, data, subject.config, MAXIMUM, subject.seed)
        found = HeldOut(read.images, str(folder), read.notes, False)
    else:
        rows = choose_rows(held_out_rows, MAXIMUM, subject.seed)
        found = HeldOut(data.images[rows], f"--holdout={subject.config.holdout:g}", (), True)
    if len(found.images) < 2:
        raise UserError(
            f"there are {len(found.images)} held-out images ({found.source}), too few for a test;"
            " give some hundred."
        )
    return found


def _of_data_set(subject: Subject, data: Dataset, spec: str, held_out_dir: str) -> HeldOut:
    config = subject.config
    same_name = registry.parse_spec(spec).name == config.spec("data").name
    folder = held_out_dir or (config.data_dir if same_name else "")
    found = build_dataset(
        spec,
        data.image_shape[:2],
        data.image_shape[2],
        user_path(folder) if folder else None,
    )
    rows = np.random.default_rng(subject.seed).permutation(len(found.images))[:MAXIMUM]
    return HeldOut(found.images[np.sort(rows)], spec, tuple(found.notes), False)


def choose_rows(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return at most ``most`` of the rows, chosen at random, sorted."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def held_out_notes(held_out: HeldOut, data: Dataset, train: np.ndarray) -> list[str]:
    """Return sentences on held-out images that are few, or that were trained on.

    Raises:
        UserError: All were trained on.
    """
    wanted = {image.tobytes() for image in held_out.images}
    known = {pixels for row in train if (pixels := data.images[row].tobytes()) in wanted}
    shared, count = sum(i.tobytes() in known for i in held_out.images), len(held_out.images)
    if shared == count:
        raise UserError(
            f"all {shared:,} held-out images ({held_out.source}) are training images, pixel for"
            " pixel, so that no copies can be found; give others."
        )
    notes = []
    if shared:
        notes.append(
            f"{shared:,} of {count:,} held-out images are training images, too; copies of these"
            " cannot be found."
        )
    if count < _TOO_FEW:
        notes.insert(
            0,
            f"{count} held-out images are too few to tell: 'no evidence' means little here; take"
            f" {_ENOUGH} or more.",
        )
    elif count < _ENOUGH:
        notes.append(f"there are only {count} held-out images: only many copies would be found.")
    return notes
