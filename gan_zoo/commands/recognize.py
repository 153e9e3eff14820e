"""Are the samples of a run with --condition what was asked for? ``gan_zoo recognize runs/NAME``.

    gan_zoo recognize runs/digits                                  10,000 samples of its newest checkpoint
    gan_zoo recognize runs/digits --best --samples=2000            of the best checkpoint by its own evaluations
    gan_zoo recognize runs/digits --data_dir=moved/mnist.npz       where the data it was trained on lie now

A classifier that has nothing to do with the run is trained on its data, a minute or some for small
images, and kept in the cache. It is asked of as many samples of each class which class they are:
GAN-test of Shmelkov et al. 2018 (arXiv:1807.09499), discriminability of Odena et al. 2017
(arXiv:1610.09585). Beside it stands what the classifier reaches on real images that it never saw:
those of the data set's own test part if it has one, else a fifth of each class. Written are
recognition.json and, a row a class with the mistakes framed, recognition.png.

A high share does not say that samples are diverse (gan_zoo evaluate: recall, coverage), new
(gan_zoo memorization) or beautiful: one plain image a class is recognized best. The interval is
over the choice of samples, not over trainings.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from absl import flags
from PIL import Image, ImageDraw
from tqdm import tqdm

from gan_zoo import cli, images, registry
from gan_zoo.config import Config, from_json
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import cache_dir
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path, user_path, write_json
from gan_zoo.runs import rundir

if TYPE_CHECKING:
    from gan_zoo.analysis.recognition import Judge, Recognized

_DATA = (
    "data",
    "data_dir",
    "image_size",
    "channels",
    "plugins",
)  # the settings of a run that name its data
_CELL = 48  # pixels of an image in the picture, at least
_FRAME = 3
_ROWS = 60  # classes in the picture, at most
_ROUGH = 0.9  # accuracy on real images below which it is said that the classifier is a rough one


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "samples", 10_000, "how many, as many of each class", 1, flag_values=values
    )
    flags.DEFINE_string(
        "data_dir",
        "",
        "where the run's data lie now: a folder, a zip or an npz",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seed",
        0,
        "of noise, of the classifier and of the images it is tested on",
        0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "step", None, "the checkpoint of this step; the newest by default", flag_values=values
    )
    flags.DEFINE_bool(
        "best", False, "the best checkpoint by the run's own evaluations", flag_values=values
    )
    flags.DEFINE_bool(
        "ema", True, "draw from the moving average, if the run has one", flag_values=values
    )
    flags.DEFINE_integer(
        "columns", 12, "images of each class in the picture", 1, 100, flag_values=values
    )
    flags.DEFINE_string(
        "out",
        "",
        "the .json to write, with the picture beside it; else recognition.json in the run's folder",
        flag_values=values,
    )


class Drawn(NamedTuple):
    """Samples with what was asked for.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        labels: The class asked for, int ``[N]``.
        step: Of the checkpoint.
        ema: Whether averaged weights drew them.
    """

    images: np.ndarray
    labels: np.ndarray
    step: int
    ema: bool


def draw(
    folder: Path,
    per_class: int,
    *,
    seed: int = 0,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
) -> Drawn:
    """Draw as many samples of each class of a run.

    Raises:
        UserError: There is no such checkpoint.
    """
    from gan_zoo.game import sampling
    from gan_zoo.runs import restore

    game, at = restore.restore(folder, step, best=best)
    labels = np.tile(np.arange(len(game.classes.names), dtype=np.int32), per_class)
    drawn = sampling.sample(
        game, len(labels), seed, from_ema=ema, place="recognition", labels=labels
    )
    return Drawn(drawn, labels, at, game.ema is not None and ema)


def classes_of(folder: Path, saved: dict[str, Any]) -> dict[str, Any]:
    """The classes of which a run was taught: their ``column``, ``names`` and the ``hash`` of all labels.

    Args:
        folder: Of the run.
        saved: Its ``config.json``.

    Raises:
        UserError: It was taught none.
    """
    if found := saved["data"].get("classes"):
        return found
    raise UserError(
        f"the run {folder} was trained without classes, so that none can be asked of it; train one"
        " with --condition=projection on data with labels."
    )


def test_part(config: Config) -> tuple[Dataset | None, list[str]]:
    """The data set's own test part if it has one that the run was not trained on, and sentences to tell."""
    from gan_zoo.game import build

    spec = config.spec("data")
    signature = registry.datasets.entry(spec.name).signature
    if (
        signature is None
        or "split" not in signature.parameters
        or signature.parameters["split"].default != "train"
    ):
        return None, []
    given = signature.bind_partial(*spec.args, **spec.kwargs).arguments
    if given.get("split", "train") != "train":
        return None, []
    test = registry.Spec(spec.name, (), {**given, "split": "test"})
    try:
        data = build.load_data(dataclasses.replace(config, data=str(test)))
    except UserError as e:
        return None, [
            f"the test part of {spec.name} cannot be had ({str(e).rstrip('.')}): a fifth of the"
            " data stands in for it."
        ]
    return data, list(data.notes)


def percent(share: float, digits: int = 1) -> str:
    """A share as ``97.3 %``; a dash where there is none."""
    return "-" if np.isnan(share) else f"{100 * share:.{digits}f} %"


def table(samples: Recognized, real: Recognized) -> Iterator[str]:
    """A line a class."""
    rows = [("class", "asked", "recognized", "real", "most often taken for")]
    for i, name in enumerate(samples.classes):
        wrong = samples.mistaken(i)
        row = (
            name,
            f"{samples.confusion[i].sum():,}",
            percent(samples.per_class[i]),
            percent(real.per_class[i]),
        )
        rows.append((*row, f"{wrong[0]} ({wrong[1]:,})" if wrong else ""))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for name, *numbers, wrong in rows:
        cells = [
            name.ljust(widths[0]),
            *(number.rjust(widths[i + 1]) for i, number in enumerate(numbers)),
            wrong,
        ]
        yield "  " + "  ".join(cells).rstrip()


def sheet(
    drawn: np.ndarray, asked: np.ndarray, taken: np.ndarray, classes: tuple[str, ...], columns: int
) -> np.ndarray:
    """The picture: the first samples of each class in a row behind its name, those taken for another class framed in red.

    Args:
        drawn: uint8 ``[N, H, W, C]``.
        asked: Class numbers ``[N]``.
        taken: The same.
        classes: Their names.
        columns: Samples in a row.

    Returns:
        uint8 ``[rows, columns, 3]`` pixels.
    """
    height, width = (side + 2 * _FRAME + 2 for side in images.enlarge(drawn[0], _CELL).shape[:2])
    names = [
        name if len(name) <= 24 else f"{name[:23]}\N{HORIZONTAL ELLIPSIS}"
        for name in classes[:_ROWS]
    ]
    left = 7 * max(map(len, names)) + 10
    canvas = Image.new("RGB", (left + columns * width, len(names) * height), "white")
    pen = ImageDraw.Draw(canvas)
    for row, name in enumerate(names):
        top = row * height
        pen.text((4, top + height // 2 - 6), name, "black")
        for i, at in enumerate(np.flatnonzero(asked == row)[:columns]):
            x = left + i * width
            if taken[at] != row:
                pen.rectangle((x, top, x + width - 3, top + height - 3), "#d62728")
            canvas.paste(
                images.as_pil(images.enlarge(drawn[at], _CELL)), (x + _FRAME, top + _FRAME)
            )
    return np.asarray(canvas)


def _share(found: Recognized) -> dict[str, Any]:
    """What a record says of one set of images."""
    return {
        "n": found.n,
        "accuracy": found.accuracy,
        "interval_95": found.interval,
        "balanced": found.balanced,
        "per_class": [None if np.isnan(share) else float(share) for share in found.per_class],
        "confusion": found.confusion.tolist(),
    }


def _data_of(folder: Path, saved: dict[str, Any], data_dir: str) -> tuple[Config, Dataset]:
    """The settings that name the data of a run, and the data.

    Raises:
        UserError: The data or their labels are not those that it was trained on.
    """
    from gan_zoo.game import build
    from gan_zoo.game import labels as game_labels

    given = {"data_dir": data_dir} if data_dir else {}
    config = from_json(
        {
            **{name: saved["config"][name] for name in _DATA if name in saved["config"]},
            **given,
            "batch": 2,
        }
    )
    data = build.load_data(config)
    if data.hash != saved["data"]["hash"]:
        raise UserError(
            f"the data are not those that {folder} was trained on ({saved['data']['count']:,}"
            f" images then, {len(data.images):,} now, other pixels); --data_dir says where the old"
            " ones lie."
        )
    taught = saved["data"]["classes"]
    column = taught["column"]
    labels = np.asarray(data.labels.get(column, ()), np.int32)
    if not len(labels):
        raise UserError(
            f"the data set {data.name} has no labels '{column}' now; --data_dir says where data"
            " with labels lie."
        )
    if game_labels.label_hash(labels) != taught["hash"] or data.label_values[column] != tuple(
        taught["names"]
    ):
        raise UserError(
            f"the labels '{column}' are not those that {folder} was trained on; restore them."
        )
    return config, data


def _judge(data: Dataset, column: str, test: Dataset | None, seed: int) -> Judge:
    from gan_zoo.analysis.recognition import judge

    with tqdm(bar_format="{desc} [{elapsed}]", leave=False, disable=None) as bar:
        return judge(
            data, column, test, seed=seed, cache_dir=cache_dir(), progress=bar.set_description
        )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    if values.best and values.step is not None:
        raise UserError("--best and --step name two checkpoints; give one of them.")
    if values.data_dir and not user_path(values.data_dir).exists():
        raise UserError(f"--data_dir={values.data_dir} does not exist; check the path.")
    saved = rundir.read(folder)
    classes = classes_of(folder, saved)
    out = file_to_write(values.out, ".json") or folder / "recognition.json"
    cli.load_tensorflow(values.verbose)
    from gan_zoo.analysis.recognition import VERSION, recognize, tally

    config, data = _data_of(folder, saved, values.data_dir)
    test, notes = test_part(config)
    expert = _judge(data, classes["column"], test, values["seed"].value)
    notes = [*data.notes, *notes, *expert.notes]

    with tqdm(
        bar_format="{desc} [{elapsed}]",
        desc=f"drawing samples of {folder}",
        leave=False,
        disable=None,
    ):
        per_class = -(-values.samples // len(classes["names"]))
        found = draw(
            folder,
            per_class,
            seed=values["seed"].value,
            step=values.step,
            best=values.best,
            ema=values.ema,
        )
    known = np.isin(found.labels, expert.numbers)
    drawn, asked = found.images[known], np.searchsorted(expert.numbers, found.labels[known])
    taken = recognize(expert.model, drawn)
    samples, real = tally(taken, asked, expert.classes), expert.real
    whose = "test images" if test is not None else "images it never saw"
    if real.balanced < _ROUGH:
        notes.append(
            f"the classifier itself is right of only {percent(real.balanced)} of real {whose}: read"
            " what it says of samples beside that."
        )

    shares = samples.confusion.sum(axis=0) / samples.n
    if len(shares) > 2 and shares.max() > 0.5:
        most = samples.classes[shares.argmax()]
        notes.append(
            f"{percent(shares.max())} of all samples are taken for '{most}', whatever was asked"
            " for: it may be where the classifier puts what looks like no class, so look at the"
            " picture."
        )

    for note in notes:
        print(note)
    print(
        f"{folder}, step {found.step}{' (EMA)' if found.ema else ''}, '{classes['column']}' of"
        f" {data.name}:"
    )
    low, high = (f"{100 * x:.1f}" for x in samples.interval)
    print(
        f"{percent(samples.accuracy)} ({low} to {high}) of {samples.n:,} samples are recognized as"
        f" the class asked for; real {whose}: {percent(real.balanced)}"
    )
    for line in table(samples, real):
        print(line)
    picture = free_path(out.with_suffix(".png")) if values.out else out.with_suffix(".png")
    images.save_png(picture, sheet(drawn, asked, taken, expert.classes, values.columns))
    record = {
        "subject": {"path": str(folder.resolve()), "step": found.step, "ema": found.ema},
        "condition": saved["config"].get("condition"),
        "column": classes["column"],
        "classes": expert.classes,
        "samples": _share(samples),
        "real": {**_share(real), "whence": f"real {whose}"},
        "data": {"name": data.name, "hash": data.hash, "count": len(data.images)},
        "classifier": {"version": VERSION, "seed": values["seed"].value},
        "notes": notes,
        "command": sys.argv,
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    write_json(out, record)
    print(f"{out}: all of it; {picture}: a row a class, mistakes framed")
