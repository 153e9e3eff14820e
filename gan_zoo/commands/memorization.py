"""Does it give back its training images? ``gan_zoo memorization RUN|FOLDER|ZIP|NPZ``.

    gan_zoo memorization runs/mine                                           trained with --holdout=0.1, say
    gan_zoo memorization runs/mine --held_out_dir=more_pictures.zip          real ones that it has not seen
    gan_zoo memorization runs/digits --held_out="mnist(split='test')"
    gan_zoo memorization their_pictures/ --data_dir=what_it_was_trained_on/ --held_out_dir=more_pictures/

An honest generator's samples lie as often nearer to held-out real images as to as many training
images. Told are the share of those that lie nearer to training images, the share of near-copies,
both with 99 % intervals, in pixels and in features, and a verdict. As there may be far fewer
held-out images, near-copies are also sought among all training images, of samples and for
comparison of held-out images. Of a run with --holdout, D is asked, too: it knows its training
images by heart if it gives them higher logits than those kept out. A picture shows the samples that
look most like copies, each beside its nearest training image, and for scale the same of held-out
images. It lies in the run's folder, of other pictures in the current one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import flags
from PIL import Image, ImageDraw
from tqdm import tqdm

from gan_zoo import cli, images, registry
from gan_zoo.analysis.copies import Copies, find_copies, wilson
from gan_zoo.analysis.memorization import DiscMemorization, judge
from gan_zoo.analysis.subject import (
    Fakes,
    Subject,
    changed,
    data_arguments,
    extractor_of,
    fakes,
    load_pictures,
    load_real,
    subject,
)
from gan_zoo.commands.evaluate import define_subject_flags
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import build_dataset
from gan_zoo.errors import UserError
from gan_zoo.evaluation.neighbors import nearest
from gan_zoo.evaluation.pixels import resized
from gan_zoo.files import file_to_write, free_path, user_path, write_json

_MAXIMUM = 4000  # held-out images, and as many training images: more of them tell little more and cost memory
_SCALE = 1000  # of the held-out images, looked up among all training images for scale
_BLOCK = 2000

_ADVICE = {
    "copies": (
        "it gives back training images; look at the picture, and train on more data, or less long."
    ),
    "leans": (
        "no copies were found, but its samples are nearer to the training images than to others of"
        " their kind: it has begun to learn them by heart."
    ),
    "no evidence": (
        "nothing here says that it knows its training images better than others of their kind."
    ),
}


def define_flags(values: flags.FlagValues) -> None:
    define_subject_flags(values)
    flags.DEFINE_integer(
        "n", 2000, "how many samples, where there are so many", 12, flag_values=values
    )
    flags.DEFINE_string(
        "held_out",
        "",
        "held-out images as for --data: mnist(split='test'), say; by default --holdout's",
        flag_values=values,
    )
    flags.DEFINE_string(
        "held_out_dir",
        "",
        "where held-out images lie: a folder, a zip or an npz",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "pairs", 8, "rows of the picture, in each space", 1, 100, flag_values=values
    )
    flags.DEFINE_string(
        "out", "", "the .png to write; else nearest-*.png in the run's folder", flag_values=values
    )
    flags.DEFINE_string("json", "", "a .json for the findings", flag_values=values)


def _check_held_out(what: Subject, values: flags.FlagValues) -> None:
    """Complain before anything is loaded."""
    if values.held_out:
        try:
            registry.datasets.check(registry.parse_spec(values.held_out))
        except UserError as e:
            raise UserError(f"--held_out: {e}") from None
    elif values.held_out_dir:
        if not user_path(values.held_out_dir).exists():
            raise UserError(f"there is no {values.held_out_dir}; check --held_out_dir.")
    elif not what.config.holdout:
        kept = (
            f"{what.path} was trained on all of its images"
            if what.run
            else "no images are known to be kept from training"
        )
        raise UserError(
            f"{kept}, and without real images that it has not seen copies cannot be told; give some"
            f" with --held_out_dir=FOLDER (or zip, or npz){_more_of(what.config)}, or train with"
            " --holdout=0.1."
        )


def _more_of(config: Config) -> str:
    """How the data set itself gives other images than those that the settings name, in words; "" where it cannot."""
    data = config.spec("data")
    entry = registry.datasets.entry(data.name)
    if entry.signature is None or not entry.module.startswith(
        "gan_zoo."
    ):  # what its arguments mean is not known
        return ""
    given = data_arguments(config)
    for argument, other in (("split", "test"), ("seed", 1)):
        if argument in entry.signature.parameters and argument not in given:
            return f' or --held_out="{data._replace(kwargs={**data.kwargs, argument: other})}"'
    return ""


def _held_out(
    what: Subject, values: flags.FlagValues, data: Dataset, kept: np.ndarray
) -> tuple[np.ndarray, str, list[str]]:
    """Held-out images ``[M, H, W, C]``, in words whence they come, and sentences to tell."""
    folder = user_path(values.held_out_dir) if values.held_out_dir else None
    notes: list[str] = []
    if values.held_out:
        if (
            folder is None
            and what.config.data_dir
            and registry.parse_spec(values.held_out).name == what.config.spec("data").name
        ):
            folder = user_path(what.config.data_dir)
        found = build_dataset(values.held_out, data.image_shape[:2], data.image_shape[2], folder)
        rows = np.random.default_rng(what.seed).permutation(len(found.images))[:_MAXIMUM]
        chosen, whence, notes = found.images[np.sort(rows)], values.held_out, list(found.notes)
    elif folder:
        read = load_pictures(folder, data, what.config, _MAXIMUM, what.seed)
        chosen, whence, notes = read.images, str(folder), list(read.notes)
    else:
        chosen, whence = (
            data.images[_some(kept, _MAXIMUM, what.seed)],
            f"--holdout={what.config.holdout:g}",
        )
    if len(chosen) < 2:
        raise UserError(
            f"there are {len(chosen)} held-out images ({whence}), too few to tell anything; give"
            " some hundred."
        )
    return chosen, whence, notes


def _some(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of some rows, sorted."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def _heart(
    what: Subject, fake: Fakes, data: Dataset, train: np.ndarray, held_out: np.ndarray
) -> DiscMemorization | None:
    """What D of a run says of training and of held-out images, both rows of the data, and of samples; None of a broken D."""
    from gan_zoo.game import sampling

    labels = (
        np.asarray(data.labels[fake.game.classes.column], np.int32) if fake.game.classes else None
    )

    def of(rows: np.ndarray) -> np.ndarray:
        return sampling.disc_logits(
            fake.game, data.images[rows], None if labels is None else labels[rows]
        )

    drawn = sampling.sample_labels(fake.game, len(fake.images), what.seed, place="evaluation")
    logits = of(train), of(held_out), sampling.disc_logits(fake.game, fake.images, drawn)
    return judge(*logits) if all(np.isfinite(some).all() for some in logits) else None


def _shared(held_out: np.ndarray, data: Dataset, train: np.ndarray) -> int:
    """How many held-out images are among the training images, pixel for pixel."""
    wanted = {image.tobytes() for image in held_out}
    known = {pixels for row in train if (pixels := data.images[row].tobytes()) in wanted}
    return sum(image.tobytes() in known for image in held_out)


class _Space(NamedTuple):
    """Where distances are taken: its name, and the function from images to ``[N, D]``."""

    name: str
    function: Callable[[np.ndarray], np.ndarray]


class _Nearest(NamedTuple):
    """For each of some images: the distance to the nearest training image, that image's row, and how suspect the pair is.

    ``ratio`` is the distance over that to the nearest held-out image: well below 1 is suspect.
    """

    distance: np.ndarray
    row: np.ndarray
    ratio: np.ndarray


def _nearest(
    space: _Space,
    samples: np.ndarray,
    held_out: np.ndarray,
    scale: np.ndarray,
    data: Dataset,
    train: np.ndarray,
) -> tuple[_Nearest, _Nearest]:
    """The nearest of all training images, for samples and for the held-out images of the rows ``scale``; block by block."""
    kept = space.function(held_out)
    points = [space.function(samples), kept[scale]]
    best = [(np.full(len(p), np.inf), np.zeros(len(p), np.int64)) for p in points]
    starts = range(0, len(train), _BLOCK)
    for start in tqdm(
        starts, desc=f"nearest training images, {space.name}", leave=False, disable=None, delay=1
    ):
        rows = train[start : start + _BLOCK]
        block = space.function(data.images[rows])
        for p, (distance, row) in zip(points, best, strict=True):
            d, at = (x[:, 0] for x in nearest(p, block))
            closer = d < distance
            distance[closer], row[closer] = d[closer], rows[at[closer]]
    others = (
        nearest(points[0], kept)[0][:, 0],
        nearest(points[1], kept, k=2)[0][:, 1],
    )  # the first is the image itself
    found = []
    for (distance, row), other in zip(best, others, strict=True):
        ratio = np.divide(distance, other, out=np.where(distance > 0, np.inf, 1.0), where=other > 0)
        found.append(_Nearest(distance, row, ratio))
    return found[0], found[1]


class _Among(NamedTuple):
    """Shares of near-copies among all training images: less than half as far from one of them as from any held-out image.

    Attributes:
        samples: Of the samples, and its 99 % interval.
        held_out: The same of held-out images, which must not look like copies by more than chance
            and natural repeats.
        copies: Whether samples are more often so than held-out images, beyond both intervals and by
            1 % of them at least.
    """

    samples: tuple[float, float, float]
    held_out: tuple[float, float, float]
    copies: bool


def _among(of: tuple[_Nearest, _Nearest]) -> _Among:
    shares = []
    for found in of:
        share = float((found.ratio < 0.5).mean())
        together = np.unique(found.row, return_counts=True)[
            1
        ]  # images of one training image stand or fall together
        shares.append((share, *wilson(share, len(found.row) ** 2 / float((together**2).sum()))))
    samples, held_out = shares
    return _Among(samples, held_out, samples[1] > held_out[2] and samples[0] > held_out[0] + 0.01)


def _block(
    samples: np.ndarray,
    held_out: np.ndarray,
    data: Dataset,
    of: tuple[_Nearest, _Nearest],
    count: int,
) -> np.ndarray:
    """Rows of sample, nearest training image, held-out image, nearest training image: the most suspect first."""
    orders = [np.argsort(found.ratio, kind="stable")[:count] for found in of]
    cells = []
    for i in range(min(map(len, orders))):
        a, b = orders[0][i], orders[1][i]
        cells += [samples[a], data.images[of[0].row[a]], held_out[b], data.images[of[1].row[b]]]
    factor = max(1, 96 // max(data.image_shape[:2]))
    return images.grid(
        np.stack(cells).repeat(factor, axis=1).repeat(factor, axis=2), columns=4, gap=4
    )


def _sheet(blocks: dict[str, np.ndarray]) -> np.ndarray:
    """The blocks beside each other, each with its title and the titles of its columns: uint8 ``[H, W, 3]``."""
    top, width, height = 34, *next(iter(blocks.values())).shape[1::-1]
    step = max(width, 400) + 12
    sheet = Image.new("RGB", (step * len(blocks), top + height), "white")
    draw = ImageDraw.Draw(sheet)
    for x, (name, block) in zip(range(0, step * len(blocks), step), blocks.items(), strict=True):
        draw.text((x + 4, 4), f"in {name}, most like copies first", "black")
        for i, column in enumerate(("sample", "training", "held-out", "training")):
            draw.text((x + 4 + i * width // 4, 20), column, "black")
        sheet.paste(images.as_pil(block).convert("RGB"), (x, top))
    return np.asarray(sheet)


def _lines(finding: Copies, among: _Among, medians: dict[str, float], train: int) -> Iterator[str]:
    """What was found in one space, for people."""

    def percent(share: float, low: float, high: float) -> str:
        return f"{100 * share + 0.0:.1f} % ({100 * low + 0.0:.1f} to {100 * high:.1f})"

    yield f"  {finding}"
    yield (
        f"    near-copies of these: {percent(finding.copied, *finding.copied_interval)} of samples,"
        " beyond what chance gives"
    )
    both = f"{percent(*among.samples)} of samples, {percent(*among.held_out)} of held-out images"
    yield f"    near-copies of all {train:,} training images: {both}"
    gray = " (gray levels, root mean square)" if finding.space == "pixels" else ""
    yield (
        f"    the nearest of all training images lies at {medians['of_samples']:.3g} in the median,"
        f" from held-out images at {medians['of_held_out']:.3g}{gray}"
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    what = subject(values, rest)
    out, record = file_to_write(values.out, ".png"), file_to_write(values.json, ".json")
    if what.run and not what.own:
        raise UserError(
            f"copies are looked for among the images that {what.path} was trained on, but the flags"
            " name others; leave out --data, --image_size and --channels."
        )
    _check_held_out(what, values)
    cli.load_tensorflow(values.verbose)
    from gan_zoo.game import build

    data, notes = load_real(what)
    if what.run and data.hash != what.run["data"]["hash"]:
        raise UserError(changed(what, data))
    train, kept = build.split(what.config, len(data.images))
    held_out, whence, more = _held_out(what, values, data, kept)
    extractor = extractor_of(what.config)
    fake = fakes(what, values, data)
    notes += [*more, *fake.notes]
    shared = _shared(held_out, data, train)
    if shared == len(held_out):
        raise UserError(
            f"all {shared:,} held-out images ({whence}) are among the training images, pixel for"
            " pixel, so that no copy can be told; give others."
        )
    if shared:
        notes.append(
            f"{shared:,} of {len(held_out):,} held-out images were trained on, too; copies of these"
            " cannot be told."
        )
    if len(held_out) < 100:
        notes.append(
            f"there are only {len(held_out)} held-out images: only many copies would be seen."
        )
    for note in notes:
        print(note)

    m = min(len(train), len(held_out))
    some = _some(train, m, what.seed)
    findings = find_copies(
        fake.images, data.images[some], held_out, extractor=extractor, seed=what.seed
    )
    height, width, channels = data.image_shape
    spaces = [
        _Space(
            "pixels",
            lambda x: resized(x, 32)[..., :channels].reshape(len(x), -1).astype(np.float32),
        )
    ]
    spaces.append(_Space(f"features of {extractor.name}", extractor.features))
    scale = np.random.default_rng(what.seed).permutation(len(held_out))[:_SCALE]
    print(
        f"{fake.title}, against {m:,} of {len(train):,} training images {height}x{width}x{channels}"
        f" of {data.name}"
    )
    print(f"  and {m:,} held-out ones ({whence}):")
    blocks, rows = {}, []
    for space, finding in zip(spaces, findings, strict=True):
        found = _nearest(space, fake.images, held_out, scale, data, train)
        blocks[space.name] = _block(fake.images, held_out[scale], data, found, values.pairs)
        among = _among(found)
        # The root mean square in gray levels is easier to read than the length of the difference of
        # two images.
        unit = np.sqrt(32 * 32 * channels) if space.name == "pixels" else 1.0
        medians = {"of_samples": float(np.median(found[0].distance) / unit)}
        medians["of_held_out"] = float(np.median(found[1].distance) / unit)
        for line in _lines(finding, among, medians, len(train)):
            print(line)
        rows.append({**finding._asdict(), "among_all": among._asdict(), "median_distance": medians})
    verdicts = {row["verdict"] for row in rows} | {
        "copies" for row in rows if row["among_all"]["copies"]
    }
    verdict = next(v for v in ("copies", "leans", "no evidence") if v in verdicts)
    heart = None
    if fake.game is not None and not (
        values.held_out or values.held_out_dir
    ):  # from elsewhere they may differ as such
        heart = _heart(what, fake, data, some, _some(kept, _MAXIMUM, what.seed))
        print(
            f"  {heart or 'D gives logits that are infinite or NaN, and cannot be asked whether it knows its images by heart.'}"
        )
    if any(row["closer_interval"][1] < 0.5 for row in rows):
        print(
            "  samples are nearer to held-out images than to training images; make sure that the"
            " two were not exchanged."
        )
    print(f"verdict: {verdict}: {_ADVICE[verdict]}")
    if out is None:
        name = (
            f"nearest-step{fake.step}.png"
            if what.run
            else f"nearest-{what.path.resolve().stem}.png"
        )
        out = what.path / name if what.run else free_path(Path(name))
    images.save_png(out, _sheet(blocks))
    print(f"{out}: the {values.pairs} samples most like copies, in pixels and in features")
    if record:
        about = {
            "subject": fake.title,
            "held_out": whence,
            "train": len(train),
            "data_hash": data.hash,
            "seed": what.seed,
        }
        about |= {"verdict": verdict, "findings": rows, "disc": heart and heart._asdict()}
        write_json(record, {**about, "notes": notes, "command": sys.argv})
