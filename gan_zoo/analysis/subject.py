"""What is judged, and by which data: a run or pictures of any program, and the real images beside them."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags
from PIL import Image, ImageOps
from tqdm import tqdm

from gan_zoo import registry
from gan_zoo.config import Config, from_json, load_plugins
from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.datasets import cache_dir
from gan_zoo.datasets.arrays import npz
from gan_zoo.datasets.load import load
from gan_zoo.datasets.pixels import Preprocessing, preprocess
from gan_zoo.datasets.sources import Source, pictures
from gan_zoo.errors import UserError
from gan_zoo.files import user_path
from gan_zoo.runs import rundir

_SETTINGS = ("data", "data_dir", "image_size", "channels", "holdout", "extractor", "plugins")


class Subject(NamedTuple):
    """What is judged, and by which data.

    Attributes:
        path: Of the run or of the pictures.
        run: The run's ``config.json``; None for pictures.
        config: The settings that name the data and the extractor.
        own: Whether the data are meant to be those that the run was trained on.
        seed: Of all choices.
        notes: Sentences to tell.
    """

    path: Path
    run: dict[str, Any] | None
    config: Config
    own: bool
    seed: int
    notes: tuple[str, ...] = ()


def subject(values: flags.FlagValues, rest: list[str]) -> Subject:
    """Make out what is judged, from the command line alone: nothing is loaded.

    Raises:
        UserError: It is not there, or flags are missing or contradict each other.
    """
    if len(rest) != 1:
        raise UserError(
            f"one run or one folder, zip or npz of pictures is wanted, but {len(rest)} were given."
        )
    path = user_path(rest[0])
    if not path.exists():
        raise UserError(
            f"there is no {path}; give the folder of a run, such as runs/NAME, or a folder, zip or"
            " npz of pictures."
        )
    load_plugins(values.plugins)
    given: dict[str, Any] = {name: values[name].value for name in _SETTINGS if values[name].present}
    if not (path / "config.json").is_file():
        return _pictures_subject(path, given, values)
    if values.best and values.step is not None:
        raise UserError("--best and --step name two checkpoints; give one of them.")
    run = rundir.read(path)
    old = run["config"]
    if "data" in given and _name(given["data"]) != _name(old["data"]):
        given.setdefault("data_dir", "")
    elif "data_dir" in given and "data" not in given and not _takes_dir(old["data"]):
        given["data"] = "files"
    config = from_json({**old, **given, "workdir": str(path)})
    trained = from_json({**old, "extractor": config.extractor})
    own = (config.data, config.size, config.channels) == (
        trained.data,
        trained.size,
        trained.channels,
    )
    if not own and "holdout" not in given:
        config = dataclasses.replace(config, holdout=0.0)
    if own and config.holdout != trained.holdout:
        raise UserError(
            f"the run {path} was trained with --holdout={trained.holdout}, which cannot be changed"
            " now; leave it out."
        )
    return Subject(path, run, config, own, values["seed"].value or 0)


def _pictures_subject(path: Path, given: dict[str, Any], values: flags.FlagValues) -> Subject:
    for name in ("step", "best", "ema"):
        if values[name].present:
            raise UserError(
                f"--{name} is for a run, but {path} holds no run (no config.json); leave it out."
            )
    if not given.get("data") and not given.get("data_dir"):
        raise UserError(
            f"the real images to set {path} against are wanted (it is no run: no config.json); give"
            " --data_dir=FOLDER, zip or npz, or --data=NAME."
        )
    given["data"] = given.get("data") or "files"
    notes: tuple[str, ...] = ()
    if not given.get("image_size"):
        height, width = _own_size(path)
        given["image_size"] = f"{height}x{width}"
        notes = (
            (
                f"all is compared at {height}x{width}, the size of the first of the pictures"
                " (--image_size chooses another)."
            ),
        )
    return Subject(path, None, Config(**given), False, values["seed"].value or 0, notes)


def _name(spec: str) -> str:
    return registry.parse_spec(spec).name


def _takes_dir(spec: str) -> bool:
    signature = registry.datasets.entry(_name(spec)).signature
    return signature is None or not {"data_dir", "images"}.isdisjoint(signature.parameters)


def open_pictures(path: Path, most: int | None = None, seed: int = 0) -> Source:
    """The pictures in a folder, zip or npz; of files, ``most`` at random.

    Raises:
        UserError: There are none, or the archive cannot be read.
    """

    def some(names: Sequence[str]) -> Sequence[str]:
        rows = np.random.default_rng(seed).permutation(len(names))[:most]
        return [names[i] for i in np.sort(rows)]

    try:
        return (
            npz(path) if path.suffix.lower() == ".npz" and path.is_file() else pictures(path, some)
        )
    except UserError as e:
        raise _of_path(e) from None


def _own_size(path: Path) -> tuple[int, int]:
    """(H, W) of the first picture that can be read."""
    contents = open_pictures(path).open()
    for i in range(len(contents.names)):
        try:
            picture = contents.read(i)
            if isinstance(picture, np.ndarray):
                return int(picture.shape[0]), int(picture.shape[1])
            with Image.open(io.BytesIO(picture)) as image:
                width, height = ImageOps.exif_transpose(image).size
                return height, width
        except Exception:  # whatever a decoder raises on a file; loading names it
            continue
    raise UserError(
        f"none of the {len(contents.names):,} pictures in {path} can be read; check the path."
    )


def _of_path(e: UserError) -> UserError:
    # The readers speak of --data_dir, which here is the path on the command line.
    return UserError(str(e).replace("--data_dir", "the path"))


class Pictures(NamedTuple):
    """Pictures at the size of the data.

    Attributes:
        images: uint8 ``[N, H, W, C]``, in random order.
        how: What was done to bring them to size and channels, in a few words; "" for nothing.
        notes: Sentences to tell.
    """

    images: np.ndarray
    how: str
    notes: tuple[str, ...]


def load_pictures(path: Path, data: Dataset, config: Config, most: int, seed: int) -> Pictures:
    """Pictures from a folder, zip or npz, brought to size and channels of the data by the resizer of the data.

    Args:
        path: Where they are.
        data: The real images.
        config: Whose ``data`` says how images are fitted.
        most: How many at most, chosen at random.
        seed: Of that choice and of the order.

    Raises:
        UserError: There are none, or they cannot be read.
    """
    how = _treatment(data, config)
    try:
        found = load("pictures", open_pictures(path, most, seed), how, False, cache_dir())
        depth = found.image_shape[2]
        if depth > data.image_shape[2]:
            found = load(
                "pictures",
                open_pictures(path, most, seed),
                how._replace(channels=1),
                False,
                cache_dir(),
            )
    except UserError as e:
        raise _of_path(e) from None
    done = [] if found.resize == "none" else [found.resize]
    notes = list(found.notes)
    height, width, channels = data.image_shape
    if done:
        notes.append(
            f"pictures in {path} have another size than the data and are brought to"
            f" {height}x{width}: {found.resize}."
        )
    if depth != channels:
        done.append("made gray" if channels == 1 else "gray")
        notes.append(
            f"the pictures in {path} have colors and the data have none: they are made gray."
            if channels == 1
            else (
                f"the pictures in {path} are gray and the data have colors: they are compared as"
                " they are."
            )
        )
    images = np.broadcast_to(found.images, (*found.images.shape[:3], channels))
    order = np.random.default_rng(seed).permutation(len(images))[:most]
    return Pictures(images[order], ", ".join(done), tuple(notes))


def data_arguments(config: Config) -> dict[str, Any]:
    """What the settings give their data set, by the names of its arguments; nothing where these cannot be read."""
    spec = config.spec("data")
    signature = registry.datasets.entry(spec.name).signature
    return signature.bind_partial(*spec.args, **spec.kwargs).arguments if signature else {}


def _treatment(data: Dataset, config: Config) -> Preprocessing:
    """How the data are brought to size, as far as it suits other pictures: without the crop of a known set."""
    asked = data_arguments(config)
    return Preprocessing(
        data.image_shape[:2], None, asked.get("fit", "crop"), asked.get("resample", "lanczos")
    )


def load_real(subject: Subject) -> tuple[Dataset, list[str]]:
    """The whole data set, and sentences to tell about it.

    Raises:
        UserError: It cannot be had.
    """
    from gan_zoo.game import build

    data = build.load_data(dataclasses.replace(subject.config, batch=2))
    notes = [*subject.notes, *data.notes]
    if subject.run and subject.own and data.hash != subject.run["data"]["hash"]:
        notes.append(changed(subject, data))
    return data, notes


def changed(subject: Subject, data: Dataset) -> str:
    """The sentence to say where the data are not those that the run was trained on."""
    assert subject.run is not None
    return (
        f"the data are not those that {subject.path} was trained on"
        f" ({subject.run['data']['count']:,} images then, {len(data.images):,} now, other pixels);"
        " --data_dir says where the old ones lie."
    )


def part_of(data: Dataset, subject: Subject, part: str) -> Dataset:
    """The part ``train``, ``held-out`` or ``all`` of the data, with a hash of its own.

    Raises:
        UserError: Nothing was held out.
    """
    from gan_zoo.game import build

    _, kept = build.split(subject.config, len(data.images))
    if part == "held-out" and not len(kept):
        raise UserError(
            "there are no held-out images, since --holdout is 0; train with --holdout=0.1, say, or"
            " compare --against=train."
        )
    return data if part == "all" else build.part_of(data, subject.config, part)


class Fakes(NamedTuple):
    """The images that are judged.

    Attributes:
        images: uint8 ``[N, H, W, C]``, of the shape of the data, in random order.
        step: Of the checkpoint; None for pictures.
        ema: Whether averaged weights drew them; None for pictures.
        how: See :class:`Pictures`.
        notes: Sentences to tell.
        title: What they are, in a few words.
        game: Of a run: its nets as of that checkpoint.
    """

    images: np.ndarray
    step: int | None
    ema: bool | None
    how: str
    notes: tuple[str, ...]
    title: str
    game: Any = None


def fakes(subject: Subject, values: flags.FlagValues, data: Dataset) -> Fakes:
    """Draw from the run, or read the pictures.

    Raises:
        UserError: There is no such checkpoint, or there are no such pictures.
    """
    n = values.n
    if subject.run is None:
        found = load_pictures(subject.path, data, subject.config, n, subject.seed)
        title = f"{len(found.images):,} pictures of {subject.path}"
        return Fakes(found.images, None, None, found.how, found.notes, title)
    from gan_zoo.game import sampling
    from gan_zoo.runs import restore

    game, step = restore.restore(subject.path, values.step, best=values.best)
    averaged = game.ema is not None and values.ema
    title = f"{n:,} samples of {subject.path}, step {step}{' (EMA)' if averaged else ''}"
    with tqdm(bar_format="{desc} [{elapsed}]", desc=f"drawing {title}", leave=False, disable=None):
        # The place is that of the run's own evaluations, so that the same numbers come out.
        drawn = sampling.sample(game, n, subject.seed, from_ema=values.ema, place="evaluation")
    how, notes = "", list[str]()
    if drawn.shape[1:] != data.image_shape:
        treatment = _treatment(data, subject.config)._replace(channels=data.image_shape[2])
        was, now = ("x".join(map(str, shape)) for shape in (drawn.shape[1:], data.image_shape))
        resized = drawn.shape[1:3] != data.image_shape[:2]
        how = ", ".join(
            [treatment.describe(True)] * resized
            + ["other channels"] * (drawn.shape[3] != data.image_shape[2])
        )
        drawn = np.stack([preprocess(image, treatment).pixels for image in drawn])
        notes = [
            f"the run makes images of {was} and the data are {now}: its samples are brought to that"
            f" ({how})."
        ]
    return Fakes(drawn, step, averaged, how, tuple(notes), title, game)


def extractor_of(config: Config) -> FeatureExtractor:
    """The extractor that the settings name, with a progress bar."""
    from gan_zoo.game import build

    extractor = build.build_extractor(config)
    last: list[Any] = [None, None]

    def features(images: np.ndarray) -> np.ndarray:
        rows, logits = [], []
        starts = range(0, len(images), 1024)
        for i in tqdm(
            starts,
            desc=f"features of {len(images):,} images",
            unit=" x 1024",
            leave=False,
            disable=None,
            delay=1,
        ):
            rows.append(extractor.features(images[i : i + 1024]))
            if extractor.logits is not None:  # the extractor has them ready now, and only now
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
