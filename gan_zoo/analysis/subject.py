"""The images to judge, of a run or of any program, and the real images to judge them by."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from gan_zoo.analysis.pictures import data_preprocessing, first_size, load_pictures
from gan_zoo.analysis.progress import stages
from gan_zoo.config import Config, from_json, load_plugins
from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.datasets.pixels import preprocess
from gan_zoo.datasets.reading import takes_data_dir
from gan_zoo.errors import UserError
from gan_zoo.files import near_or, user_path
from gan_zoo.phases import phase
from gan_zoo.pulse import make_bar
from gan_zoo.runs.resume import edited_plugins
from gan_zoo.runs.run import Run, open_run
from gan_zoo.spec import parse_spec

if TYPE_CHECKING:
    from gan_zoo.game.step import Game


class Subject(NamedTuple):
    """What is judged, and by which data.

    Attributes:
        path: Of the run or of the pictures.
        run: The run; None for pictures.
        config: The settings that name the data and the extractor.
        training_data: Whether these settings name the data that the run was trained on.
        seed: Of all choices.
        notes: Sentences for the user.
    """

    path: Path
    run: Run | None
    config: Config
    training_data: bool
    seed: int
    notes: tuple[str, ...] = ()


def find_subject(
    path: str | Path,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    *,
    needs_data: bool = True,
) -> Subject:
    """Return what is judged, from its path and from settings alone: no images are loaded.

    Args:
        path: The folder of a run, or a folder, zip or npz of pictures.
        settings: Fields of :class:`~gan_zoo.config.Config` that name the data and the extractor
            (``data``, ``data_dir``, ``image_size``, ``channels``, ``holdout``, ``extractor``,
            ``plugins``); a run's own are used where they are missing. Pictures need ``data`` or
            ``data_dir``.
        seed: Of all choices.
        needs_data: Whether pictures need real images beside them.

    Raises:
        UserError: It does not exist, or settings are missing or contradict each other.
    """
    path, given = user_path(path), dict(settings or {})
    if not path.exists():
        remedy = near_or(
            path,
            "give the folder of a run, such as runs/NAME, or a folder, zip or npz of pictures.",
        )
        raise UserError(f"there is no {path}; {remedy}")
    load_plugins(given.get("plugins", ""))
    if not Run(path).exists:
        return _pictures_subject(path, given, seed, needs_data)
    run = open_run(path)
    old = run.record["config"]
    if "data" in given and _name(given["data"]) != _name(old["data"]):
        given.setdefault("data_dir", "")
    elif (
        "data_dir" in given and "data" not in given and not takes_data_dir(parse_spec(old["data"]))
    ):
        given["data"] = "files"
    config = from_json({**old, **given, "workdir": str(path)})
    trained = from_json({**old, "extractor": config.extractor})
    same = (config.data, config.size, config.channels) == (
        trained.data,
        trained.size,
        trained.channels,
    )
    if not same and "holdout" not in given:
        config = dataclasses.replace(config, holdout=0.0)
    if same and config.holdout != trained.holdout:
        raise UserError(
            f"the run {path} was trained with --holdout={trained.holdout}, which cannot be changed"
            " now; leave it out."
        )
    return Subject(path, run, config, same, seed)


def _pictures_subject(path: Path, given: dict[str, Any], seed: int, needs_data: bool) -> Subject:
    if needs_data and not given.get("data") and not given.get("data_dir"):
        raise UserError(
            f"{path} holds pictures and no run (no config.json), so the real images to compare"
            " them with are needed; give --data_dir=FOLDER, zip or npz, or --data=NAME."
        )
    given["data"] = given.get("data") or "files"
    notes: tuple[str, ...] = ()
    if not given.get("image_size"):
        height, width = first_size(path)
        given["image_size"] = f"{height}x{width}"
        notes = (
            (
                f"all images are compared at {height}x{width}, the size of the first picture"
                " (--image_size sets another)."
            ),
        )
    return Subject(path, None, Config(**given), False, seed, notes)


def _name(spec: str) -> str:
    return parse_spec(spec).name


def load_real(subject: Subject) -> tuple[Dataset, list[str]]:
    """Return the whole data set, and sentences about it for the user.

    Raises:
        UserError: It cannot be loaded.
    """
    from gan_zoo.game import build

    with phase("read images"):
        data = build.load_data(subject.config)
    notes = [*subject.notes, *data.notes]
    if subject.training_data and data_changed(subject, data):
        notes.append(data_changed_message(subject, data))
    return data, notes


def data_changed(subject: Subject, data: Dataset) -> bool:
    """Return whether the data differ from those that the run was trained on; False without run."""
    return subject.run is not None and data.hash != subject.run.record["data"]["hash"]


def data_changed_message(subject: Subject, data: Dataset) -> str:
    """Return the sentence for data that are not those that the run was trained on."""
    assert subject.run is not None
    return (
        f"the data are not those that {subject.path} was trained on"
        f" ({subject.run.record['data']['count']:,} images then, {len(data.images):,} now, other"
        " pixels); give the folder of the old ones with --data_dir."
    )


def split_of(data: Dataset, subject: Subject, split: str) -> Dataset:
    """Return the split ``train``, ``held-out`` or ``all`` of the data, with a hash of its own.

    Raises:
        UserError: There are no held-out images.
    """
    from gan_zoo.game import build

    _, held_out = build.split_rows(subject.config, len(data.images))
    if split == "held-out" and not len(held_out):
        raise UserError(
            "there are no held-out images, since --holdout is 0; train with --holdout=0.1, say, or"
            " use --split=train."
        )
    return data if split == "all" else build.data_split(data, subject.config, split)


class Fakes(NamedTuple):
    """The images that are judged.

    Attributes:
        images: uint8 ``[N, H, W, C]``, of the shape of the data, in random order.
        step: Of the checkpoint; None for pictures.
        ema: Whether averaged weights drew them; None for pictures.
        preprocessing: See :class:`~gan_zoo.analysis.pictures.Pictures`.
        notes: Sentences for the user.
        title: A name of a few words.
        game: Of a run: its nets as of that checkpoint.
    """

    images: np.ndarray
    step: int | None
    ema: bool | None
    preprocessing: str
    notes: tuple[str, ...]
    title: str
    game: Game | None = None


def load_fakes(
    subject: Subject,
    data: Dataset,
    n: int,
    *,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
) -> Fakes:
    """Draw ``n`` samples from the run, or load up to ``n`` of the pictures.

    Args:
        subject: The run or the pictures.
        data: The real images, whose shape the result has.
        n: How many images.
        step: Of a run: the step of the checkpoint; None for the newest one.
        best: Of a run: the best checkpoint instead.
        ema: Of a run: whether to draw from the moving average, if it has one.

    Raises:
        UserError: There is no such checkpoint, or there are no such pictures.
    """
    if subject.run is None:
        found = load_pictures(subject.path, data, subject.config, n, subject.seed)
        title = f"{len(found.images):,} pictures of {subject.path}"
        return Fakes(found.images, None, None, found.preprocessing, found.notes, title)
    from gan_zoo.game import sampling

    game, at = subject.run.restore(step, best=best)
    averaged = game.ema is not None and ema
    title = f"{n:,} samples of {subject.path}, step {at}{' (EMA)' if averaged else ''}"
    with stages(f"drawing {title}"):
        # The tag is that of the run's own evaluations, so that the same numbers come out.
        drawn = sampling.sample(game, n, subject.seed, ema=ema, tag="evaluation")
    images, preprocessing, notes = _resized(drawn, data, subject.config)
    notes = (*edited_plugins(subject.run, subject.run.config), *notes)
    return Fakes(images, at, averaged, preprocessing, notes, title, game)


def _resized(
    drawn: np.ndarray, data: Dataset, config: Config
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Return samples in the shape of the data, how that was done, and sentences about it."""
    if drawn.shape[1:] == data.image_shape:
        return drawn, "", ()
    shape = data.image_shape
    preprocessing = data_preprocessing(shape, config)._replace(channels=shape[2])
    old, new = ("x".join(map(str, shape)) for shape in (drawn.shape[1:], data.image_shape))
    resized = drawn.shape[1:3] != data.image_shape[:2]
    steps = ", ".join(
        [preprocessing.describe(True)] * resized
        + ["other channels"] * (drawn.shape[3] != data.image_shape[2])
    )
    note = (
        f"the run makes images of {old} and the data are {new}; its samples were resized ({steps})."
    )
    return np.stack([preprocess(image, preprocessing).pixels for image in drawn]), steps, (note,)


_FEW = 16  # images by which the time of all is estimated
_LONG = 20.0  # seconds that need no word


def _tell_time(extractor: FeatureExtractor, images: np.ndarray) -> None:
    """Print how long the features of many images will take, if it is long."""
    if len(images) < 4 * _FEW:
        return
    extractor.features(images[:1])  # the first call compiles
    start = time.perf_counter()
    extractor.features(images[-_FEW:])
    seconds = (time.perf_counter() - start) / _FEW * len(images)
    if seconds > _LONG:
        words = f"{seconds:.0f} s" if seconds < 180 else f"{seconds / 60:.0f} minutes"
        tqdm.write(
            f"features of {len(images):,} images by {extractor.name} take about {words} here.",
            file=sys.stderr,
        )


def build_extractor(config: Config, channels: int) -> FeatureExtractor:
    """Return the extractor that the settings name, with a progress bar.

    Args:
        config: The settings.
        channels: Of the images.
    """
    from gan_zoo.game import build

    with phase("build the extractor"):
        extractor = build.build_extractor(config, channels)
    last: list[Any] = [None, None]  # the images of the last call and their logits

    def features(images: np.ndarray) -> np.ndarray:
        rows, logits = [], []
        _tell_time(extractor, images)
        starts = range(0, len(images), 1024)
        for i in make_bar(
            starts,
            desc=f"features of {len(images):,} images",
            unit=" x 1024",
            leave=False,
            disable=None,
            delay=1,
        ):
            rows.append(extractor.features(images[i : i + 1024]))
            if extractor.logits is not None:  # the extractor keeps only the last batch
                logits.append(extractor.logits(images[i : i + 1024]))
        last[:] = images, np.concatenate(logits) if logits else None
        return np.concatenate(rows)

    def logits(images: np.ndarray) -> np.ndarray:
        if last[0] is not images:
            features(images)
        return last[1]

    return extractor._replace(
        features=features, logits=logits if extractor.logits is not None else None
    )
