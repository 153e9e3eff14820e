"""Score a run, or pictures of any program: ``gan_zoo evaluate RUN|FOLDER|ZIP|NPZ``.

    gan_zoo evaluate runs/mine --n=5000                            its newest checkpoint, by its training images
    gan_zoo evaluate runs/mine --step=2000 --against=held-out      an older one, by what --holdout kept out
    gan_zoo evaluate their_pictures/ --data_dir=my_pictures.zip    pictures of another program

Frechet and kernel distance, classifier score and sliced Wasserstein distance are TF-GAN's. Beside a
number stands what real images score against other real images, where that is known. Pictures of
another size are brought to that of the data by Pillow, as the data are, and it is said. The results
of a run are also appended to the evaluations.jsonl in its folder (--norecord: not). With --n as the
run's --eval_samples, its last step gives the numbers of its own final evaluation.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from absl import flags
from tqdm import tqdm

from gan_zoo import cli
from gan_zoo.analysis.subject import changed, extractor_of, fakes, load_real, part_of, subject
from gan_zoo.datasets import cache_dir
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, write_json

N = 10_000


def define_subject_flags(values: flags.FlagValues) -> None:
    """The flags that say what is judged and by which data; ``gan_zoo memorization`` has them too."""
    flags.DEFINE_string(
        "data",
        "",
        "the real images, as for gan_zoo.run; a run's own by default",
        flag_values=values,
    )
    flags.DEFINE_string(
        "data_dir", "", "where they lie: a folder, a zip or an npz", flag_values=values
    )
    flags.DEFINE_string(
        "image_size",
        "",
        "of the data: one side or HEIGHTxWIDTH; by default the run's, or that of the pictures",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "channels", 0, "1 for gray, 3 for color, 0 for what the data has", flag_values=values
    )
    flags.DEFINE_float(
        "holdout",
        0.0,
        "the share of the data that gan_zoo.run kept from training; a run's own by default",
        flag_values=values,
    )
    flags.DEFINE_string(
        "extractor", "", "the feature network; a run's own by default", flag_values=values
    )
    flags.DEFINE_string(
        "plugins", "", "Python files with parts of your own, with commas", flag_values=values
    )
    flags.DEFINE_integer(
        "seed",
        None,
        "of the choice of images and of noise; 0 by default, as in training",
        0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "step",
        None,
        "of a run: the checkpoint of this step; the newest by default",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "best", False, "of a run: the best checkpoint by its own evaluations", flag_values=values
    )
    flags.DEFINE_bool(
        "ema", True, "of a run: draw from the moving average, if it has one", flag_values=values
    )


def define_flags(values: flags.FlagValues) -> None:
    define_subject_flags(values)
    flags.DEFINE_integer(
        "n", N, "how many fake images, where there are so many", 12, flag_values=values
    )
    flags.DEFINE_integer("n_real", N, "how many real ones at most", 12, flag_values=values)
    flags.DEFINE_enum(
        "against",
        "train",
        ["train", "held-out", "all"],
        "which part of the data",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out", "", "a .json for the results with all that belongs to them", flag_values=values
    )
    flags.DEFINE_bool(
        "record", True, "append the results of a run to its evaluations.jsonl", flag_values=values
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    what = subject(values, rest)
    out = file_to_write(values.out, ".json")
    if values.against == "held-out" and not what.config.holdout:
        raise UserError(
            "--against=held-out needs images that were kept from training, but --holdout is 0;"
            " train a run with --holdout=0.1, say, or compare --against=train."
        )
    cli.load_tensorflow(values.verbose)
    from gan_zoo.evaluation.evaluate import evaluate, left_out
    from gan_zoo.evaluation.snapshot import real_floor

    whole, notes = load_real(what)
    if (
        values.against == "held-out"
        and what.run
        and what.own
        and whole.hash != what.run["data"]["hash"]
    ):
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
            data,
            fake.images,
            extractor,
            n_real=values.n_real,
            ema=fake.ema,
            progress=bar.set_description,
            **how,
        )
        bar.set_description("real against real")
        floor = real_floor(data, extractor, len(fake.images), **how)
    if fake.how:  # what was done to the fake images alone is a part of the protocol, too
        results = [
            r._replace(stamp=r.stamp._replace(resize=f"{r.stamp.resize}; fake: {fake.how}"))
            for r in results
        ]
    sentences = left_out(data, extractor)

    height, width, channels = data.image_shape
    for note in notes:
        print(note)
    print(
        f"{fake.title}, against {len(data.images):,} images {height}x{width}x{channels} of"
        f" {data.name} ({values.against}):"
    )
    beside = {result.stamp.metric: result.value for result in floor}
    for result in results:
        real = (
            f"  [real against real: {beside[result.stamp.metric]:.4g}]"
            if result.stamp.metric in beside
            else ""
        )
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
        what_differs = (
            f"; the score was taken against {scored.n_real:,}, and against fewer a distance is"
            " higher"
        )
    print(f"  real against real: {n:,} images against {n:,} others of the same data{what_differs}.")

    if out:
        record = {
            "subject": {
                "path": str(what.path.resolve()),
                "run": what.run is not None,
                "step": fake.step,
                "title": fake.title,
            },
            "data": {
                "name": data.name,
                "hash": data.hash,
                "count": len(data.images),
                "shape": data.image_shape,
            },
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
        lines = [
            json.dumps({"step": fake.step, "final": True, "by": "gan_zoo evaluate", **r.as_dict()})
            for r in results
        ]
        with (what.path / "evaluations.jsonl").open("ab") as file:
            file.write(("\n".join(lines) + "\n").encode())
