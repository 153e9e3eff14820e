"""Score a run, or pictures of any program: ``python tools/evaluate.py RUN|FOLDER|ZIP|NPZ``.

    python tools/evaluate.py runs/mine --n=5000                            its newest checkpoint, by its training images
    python tools/evaluate.py runs/mine --step=2000 --against=held-out      an older one, by what --holdout kept out
    python tools/evaluate.py their_pictures/ --data_dir=my_pictures.zip    pictures of another program

Frechet and kernel distance, classifier score and sliced Wasserstein distance are TF-GAN's. Beside a number stands what real
images score against other real images, where that is known. Pictures of another size are brought to that of the data by
Pillow, as the data are, and it is said. The results of a run are also appended to the evaluations.jsonl in its folder
(--norecord: not). With --n as the run's --eval_samples, its last step gives the numbers of its own final evaluation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags
from PIL import Image, ImageOps
from tqdm import tqdm

from gan_zoo import cli, registry, rundir
from gan_zoo.atomic import write_json
from gan_zoo.config import Config, from_json, load_plugins
from gan_zoo.contracts import Dataset, FeatureExtractor, UserError, user_path
from gan_zoo.datasets import cache_dir
from gan_zoo.datasets.arrays import npz
from gan_zoo.datasets.load import load
from gan_zoo.datasets.pixels import Treatment, treat
from gan_zoo.datasets.sources import Source, pictures

N = 10_000
_SETTINGS = ("data", "data_dir", "image_size", "channels", "holdout", "extractor", "plugins")


def define(values: flags.FlagValues) -> None:
    """The flags that say what is judged and by which data; ``nearest.py`` has them too."""
    flags.DEFINE_string("data", "", "the real images, as for gan_zoo.run; a run's own by default", flag_values=values)
    flags.DEFINE_string("data_dir", "", "where they lie: a folder, a zip or an npz", flag_values=values)
    flags.DEFINE_string(
        "image_size",
        "",
        "of the data: one side or HEIGHTxWIDTH; by default the run's, or that of the pictures",
        flag_values=values,
    )
    flags.DEFINE_integer("channels", 0, "1 for grey, 3 for colour, 0 for what the data has", flag_values=values)
    flags.DEFINE_float(
        "holdout", 0.0, "the share of the data that gan_zoo.run kept from training; a run's own by default", flag_values=values
    )
    flags.DEFINE_string("extractor", "", "the feature network; a run's own by default", flag_values=values)
    flags.DEFINE_string("plugins", "", "Python files with parts of your own, with commas", flag_values=values)
    flags.DEFINE_integer(
        "seed", None, "of the choice of images and of noise; 0 by default, as in training", 0, flag_values=values
    )
    flags.DEFINE_integer("step", None, "of a run: the checkpoint of this step; the newest by default", flag_values=values)
    flags.DEFINE_bool("best", False, "of a run: the best checkpoint by its own evaluations", flag_values=values)
    flags.DEFINE_bool("ema", True, "of a run: draw from the moving average, if it has one", flag_values=values)


def _define(values: flags.FlagValues) -> None:
    define(values)
    flags.DEFINE_integer("n", N, "how many fake images, where there are so many", 12, flag_values=values)
    flags.DEFINE_integer("n_real", N, "how many real ones at most", 12, flag_values=values)
    flags.DEFINE_enum("against", "train", ["train", "held-out", "all"], "which part of the data", flag_values=values)
    flags.DEFINE_string("out", "", "a .json for the results with all that belongs to them", flag_values=values)
    flags.DEFINE_bool("record", True, "append the results of a run to its evaluations.jsonl", flag_values=values)


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
        raise UserError(f"one run or one folder, zip or npz of pictures is wanted, but {len(rest)} were given.")
    path = user_path(rest[0])
    if not path.exists():
        raise UserError(
            f"there is no {path}; give the folder of a run, such as runs/NAME, or a folder, zip or npz of pictures."
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
    own = (config.data, config.size, config.channels) == (trained.data, trained.size, trained.channels)
    if not own and "holdout" not in given:
        config = dataclasses.replace(config, holdout=0.0)
    if own and config.holdout != trained.holdout:
        raise UserError(
            f"the run {path} was trained with --holdout={trained.holdout}, which cannot be changed now; leave it out."
        )
    return Subject(path, run, config, own, values["seed"].value or 0)


def _pictures_subject(path: Path, given: dict[str, Any], values: flags.FlagValues) -> Subject:
    for name in ("step", "best", "ema"):
        if values[name].present:
            raise UserError(f"--{name} is for a run, but {path} holds no run (no config.json); leave it out.")
    if not given.get("data") and not given.get("data_dir"):
        raise UserError(
            f"the real images to set {path} against are wanted (it is no run: no config.json); give --data_dir=FOLDER, zip or "
            "npz, or --data=NAME."
        )
    given["data"] = given.get("data") or "files"
    notes: tuple[str, ...] = ()
    if not given.get("image_size"):
        height, width = _own_size(path)
        given["image_size"] = f"{height}x{width}"
        notes = (f"all is compared at {height}x{width}, the size of the first of the pictures (--image_size chooses another).",)
    return Subject(path, None, Config(**given), False, values["seed"].value or 0, notes)


def _name(spec: str) -> str:
    return registry.parse_spec(spec).name


def _takes_dir(spec: str) -> bool:
    signature = registry.datasets.entry(_name(spec)).signature
    return signature is None or "data_dir" in signature.parameters


def open_pictures(path: Path, most: int | None = None, seed: int = 0) -> Source:
    """The pictures in a folder, zip or npz; of files, ``most`` at random.

    Raises:
        UserError: There are none, or the archive cannot be read.
    """

    def some(names: Sequence[str]) -> Sequence[str]:
        rows = np.random.default_rng(seed).permutation(len(names))[:most]
        return [names[i] for i in np.sort(rows)]

    try:
        return npz(path) if path.suffix.lower() == ".npz" and path.is_file() else pictures(path, some)
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
    raise UserError(f"none of the {len(contents.names):,} pictures in {path} can be read; check the path.")


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
            found = load("pictures", open_pictures(path, most, seed), how._replace(channels=1), False, cache_dir())
    except UserError as e:
        raise _of_path(e) from None
    done = [] if found.resize == "none" else [found.resize]
    notes = list(found.notes)
    height, width, channels = data.image_shape
    if done:
        notes.append(f"pictures in {path} have another size than the data and are brought to {height}x{width}: {found.resize}.")
    if depth != channels:
        done.append("made grey" if channels == 1 else "grey")
        notes.append(
            f"the pictures in {path} have colours and the data have none: they are made grey."
            if channels == 1
            else f"the pictures in {path} are grey and the data have colours: they are compared as they are."
        )
    images = np.broadcast_to(found.images, (*found.images.shape[:3], channels))
    order = np.random.default_rng(seed).permutation(len(images))[:most]
    return Pictures(images[order], ", ".join(done), tuple(notes))


def data_arguments(config: Config) -> dict[str, Any]:
    """What the settings give their data set, by the names of its arguments; nothing where these cannot be read."""
    spec = config.specs("data")[0]
    signature = registry.datasets.entry(spec.name).signature
    return signature.bind_partial(*spec.args, **spec.kwargs).arguments if signature else {}


def _treatment(data: Dataset, config: Config) -> Treatment:
    """How the data are brought to size, as far as it suits other pictures: without the crop of a known set."""
    asked = data_arguments(config)
    return Treatment(data.image_shape[:2], None, asked.get("fit", "crop"), asked.get("resample", "lanczos"))


def load_real(subject: Subject) -> tuple[Dataset, list[str]]:
    """The whole data set, and sentences to tell about it.

    Raises:
        UserError: It cannot be had.
    """
    from gan_zoo import build

    data = build.load_data(dataclasses.replace(subject.config, batch=2))
    notes = [*subject.notes, *data.notes]
    if subject.run and subject.own and data.hash != subject.run["data"]["hash"]:
        notes.append(changed(subject, data))
    return data, notes


def changed(subject: Subject, data: Dataset) -> str:
    """The sentence to say where the data are not those that the run was trained on."""
    assert subject.run is not None
    return (
        f"the data are not those that {subject.path} was trained on ({subject.run['data']['count']:,} images then, "
        f"{len(data.images):,} now, other pixels); --data_dir says where the old ones lie."
    )


def part_of(data: Dataset, subject: Subject, part: str) -> Dataset:
    """The part ``train``, ``held-out`` or ``all`` of the data, with a hash of its own.

    Raises:
        UserError: Nothing was held out.
    """
    from gan_zoo import build

    _, kept = build.split(subject.config, len(data.images))
    if part == "held-out" and not len(kept):
        raise UserError(
            "there are no held-out images, since --holdout is 0; train with --holdout=0.1, say, or compare --against=train."
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
    from gan_zoo import build

    game, step = build.restore(subject.path, values.step, best=values.best)
    averaged = game.ema is not None and values.ema
    title = f"{n:,} samples of {subject.path}, step {step}{' (EMA)' if averaged else ''}"
    with tqdm(bar_format="{desc} [{elapsed}]", desc=f"drawing {title}", leave=False, disable=None):
        # The place is that of the run's own evaluations, so that the same numbers come out.
        drawn = build.sample(game, n, subject.seed, from_ema=values.ema, place="evaluation")
    how, notes = "", list[str]()
    if drawn.shape[1:] != data.image_shape:
        treatment = _treatment(data, subject.config)._replace(channels=data.image_shape[2])
        was, now = ("x".join(map(str, shape)) for shape in (drawn.shape[1:], data.image_shape))
        resized = drawn.shape[1:3] != data.image_shape[:2]
        how = ", ".join([treatment.describe(True)] * resized + ["other channels"] * (drawn.shape[3] != data.image_shape[2]))
        drawn = np.stack([treat(image, treatment).pixels for image in drawn])
        notes = [f"the run makes images of {was} and the data are {now}: its samples are brought to that ({how})."]
    return Fakes(drawn, step, averaged, how, tuple(notes), title, game)


def extractor_of(config: Config) -> FeatureExtractor:
    """The extractor that the settings name, with a progress bar."""
    from gan_zoo import build

    extractor = build.build_extractor(config)
    last: list[Any] = [None, None]

    def features(images: np.ndarray) -> np.ndarray:
        rows, logits = [], []
        starts = range(0, len(images), 1024)
        for i in tqdm(starts, desc=f"features of {len(images):,} images", unit=" x 1024", leave=False, disable=None, delay=1):
            rows.append(extractor.features(images[i : i + 1024]))
            if extractor.logits is not None:  # the extractor has them ready now, and only now
                logits.append(extractor.logits(images[i : i + 1024]))
        last[:] = images, np.concatenate(logits) if logits else None
        return np.concatenate(rows)

    def logits(images: np.ndarray) -> np.ndarray:
        if last[0] is not images:
            features(images)
        return last[1]

    return extractor._replace(features=features, logits=logits if extractor.logits is not None else None)


def file_to_write(text: str, *endings: str, again: bool = False) -> Path | None:
    """The path of a flag, which can be written to as soon as there is something to write; None if it was not given.

    Nothing is made here, so that a mistake told later leaves nothing behind: ``whole_file`` makes the folder.

    Args:
        text: What the user gave.
        endings: Those allowed, with their dots.
        again: A file may be there; the caller looks whether it is its own, and may be written anew.

    Raises:
        UserError: It has another ending, is a folder, lies where nothing can be written, or exists.
    """
    if not text:
        return None
    path = user_path(text)
    if path.suffix.lower() not in endings:
        raise UserError(f"{text} must end in {' or '.join(endings)}, with a name before it; name it so.")
    _writable(path, text)
    if path.is_dir():
        raise UserError(f"{text} is a folder, and a file is to be written; give a name that is free.")
    if not again and os.path.lexists(path):
        raise UserError(f"{text} exists already and is left as it is; remove it, or give another name.")
    return path


def _writable(path: Path, text: str) -> None:
    """Raise ``UserError`` if nothing can be made at a path that a user wrote as ``text``."""
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(path)  # else of a link to itself
        real = Path(os.path.realpath(path))
        nearest = next((folder for folder in (real, *real.parents) if folder.is_dir()), real)
        for part in real.relative_to(nearest).parts:
            with contextlib.suppress(FileNotFoundError):
                os.stat(nearest / part)  # else of a name that is too long, below a folder that is yet to be made
        with tempfile.TemporaryFile(dir=nearest):  # what os.access says is not to be relied on, in /proc, say
            pass
    except OSError as e:
        raise UserError(f"{text} cannot be written ({e.strerror}); give another place or name.") from None


def new_folder(text: str) -> Path | None:
    """The path of a flag that names a folder yet to be made, or an empty one; None if it was not given.

    Raises:
        UserError: There is something, or nothing can be written there.
    """
    if not text:
        return None
    path = user_path(text)
    _writable(path, text)
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise UserError(f"--out={text} exists already and is left as it is; give a new folder.")
    return path


def free_path(path: Path) -> Path:
    """The path, or where there is a file, the same with -2, -3 ... in its name."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _main(values: flags.FlagValues, rest: list[str]) -> None:
    what = subject(values, rest)
    out = file_to_write(values.out, ".json")
    if values.against == "held-out" and not what.config.holdout:
        raise UserError(
            "--against=held-out needs images that were kept from training, but --holdout is 0; train a run with --holdout=0.1, "
            "say, or compare --against=train."
        )
    cli.load_tensorflow(values.verbose)
    from gan_zoo.evaluation.evaluate import evaluate, left_out
    from gan_zoo.evaluation.snapshot import real_floor

    whole, notes = load_real(what)
    if values.against == "held-out" and what.run and what.own and whole.hash != what.run["data"]["hash"]:
        raise UserError(changed(what, whole))
    data = part_of(whole, what, values.against)
    extractor = extractor_of(what.config)
    fake = fakes(what, values, data)
    if len(fake.images) < values.n and values["n"].present:
        notes.append(f"there are {len(fake.images):,} pictures, fewer than --n={values.n}.")
    notes += fake.notes
    how: dict[str, Any] = {"split": values.against, "seed": what.seed, "cache_dir": cache_dir()}
    with tqdm(bar_format="{desc} [{elapsed}]", leave=False, disable=None) as bar:
        results = evaluate(
            data, fake.images, extractor, n_real=values.n_real, ema=fake.ema, progress=bar.set_description, **how
        )
        bar.set_description("real against real")
        floor = real_floor(data, extractor, len(fake.images), **how)
    if fake.how:  # what was done to the fake images alone is a part of the protocol, too
        results = [r._replace(stamp=r.stamp._replace(resize=f"{r.stamp.resize}; fake: {fake.how}")) for r in results]
    sentences = left_out(data, extractor)

    height, width, channels = data.image_shape
    for note in notes:
        print(note)
    print(f"{fake.title}, against {len(data.images):,} images {height}x{width}x{channels} of {data.name} ({values.against}):")
    beside = {result.stamp.metric: result.value for result in floor}
    for result in results:
        real = f"  [real against real: {beside[result.stamp.metric]:.4g}]" if result.stamp.metric in beside else ""
        print(f"  {result.short()}{real}")
        if result.warning:
            print(f"    {result.warning}")
    for sentence in sentences:
        print(f"  {sentence}")
    n, scored = floor[0].stamp.n_fake, results[0].stamp
    what_differs = ""
    if n < scored.n_fake:
        what_differs = "; these are fewer than were scored, which raises a distance"
    elif n < scored.n_real:
        what_differs = f"; the score was taken against {scored.n_real:,}, and against fewer a distance is higher"
    print(f"  real against real: {n:,} images against {n:,} others of the same data{what_differs}.")

    if out:
        record = {
            "subject": {"path": str(what.path.resolve()), "run": what.run is not None, "step": fake.step, "title": fake.title},
            "data": {"name": data.name, "hash": data.hash, "count": len(data.images), "shape": data.image_shape},
            "results": [r.as_dict() for r in results],
            "floor": [r.as_dict() for r in floor],
            "left_out": sentences,
            "notes": notes,
            "command": sys.argv,
            "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        write_json(out, record)
        print(f"{out}: the whole of it")
    if what.run and values.record:
        lines = [json.dumps({"step": fake.step, "final": True, "by": "tools/evaluate.py", **r.as_dict()}) for r in results]
        with (what.path / "evaluations.jsonl").open("ab") as file:
            file.write(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    sys.exit(cli.call(_main, _define, __doc__))
