"""Find what a generator can make of pictures: ``gan_zoo project PICTURE... --run=RUN``.

    gan_zoo project me.png you.jpg --run=runs/mine      a sheet: picture, projection, difference
    gan_zoo project pictures.zip --run=runs/mine --n=12 --space=z
    gan_zoo project --run=runs/mine                      training pictures against held-out ones

Of each picture, the latent is sought whose image is nearest to it, in pixels and in features, by
gradient descent from several samples (after Karras et al. 2019, appendix D). A style-based
generator is searched in its styles (w), any other one in its noise (z).

Without pictures, training pictures of the run and as many held-out ones are projected. If the
training ones come back better, the generator has memorized them (Webster et al. 2019). Held-out
pictures are those that --holdout kept from training, or --held_out and --held_out_dir name them, as
for gan_zoo memorization.

The sheet and a record with all distances and latents (.json) are written to the run's folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import (
    checkpoint_of,
    data_flags_given,
    define_checkpoint_flags,
    define_data_flags,
    define_held_out_flags,
)
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path, user_path, write_json
from gan_zoo.images import LEAST

_SETTINGS = ("space", "starts", "steps", "label")
_OF_HELD_OUT = ("data", "data_dir", "image_size", "channels", "holdout", "held_out", "held_out_dir")


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("run", "", "the run whose generator it is", flag_values=values)
    flags.DEFINE_enum(
        "space",
        "auto",
        ["auto", "w", "z"],
        "where it is sought: styles (w), noise (z), or w where there are styles",
        flag_values=values,
    )
    flags.DEFINE_integer("starts", 3, "from how many samples", 1, 64, flag_values=values)
    flags.DEFINE_integer("steps", 300, "of the descent", 1, flag_values=values)
    flags.DEFINE_integer(
        "n", 32, "pictures of a folder or archive, of training or held out, at most", 2,
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "label",
        "",
        "the class of all images, its name or number; by default those of the samples",
        flag_values=values,
    )
    flags.DEFINE_integer("seed", 0, "of the samples, and of all choices", 0, flag_values=values)
    define_data_flags(values)
    define_held_out_flags(values)
    flags.DEFINE_string(
        "out",
        "",
        "the .png to write, with a .json of that name; by default projection.png in the run's"
        " folder",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "size",
        LEAST,
        "pixels of the longer side at least, by repeating pixels",
        LEAST,
        flag_values=values,
    )
    define_checkpoint_flags(values)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = _run_folder(values, rest)
    checkpoint_of(values)  # refuses two checkpoints
    out = file_to_write(values.out, ".png")
    record = file_to_write(str(out.with_suffix(".json")), ".json") if out else None
    given = data_flags_given(values)
    from gan_zoo.analysis.held_out import check_held_out
    from gan_zoo.analysis.memorization import check_training_data
    from gan_zoo.analysis.subject import find_subject

    subject = find_subject(folder, given, values.seed)
    if not rest:
        check_training_data(subject)
        check_held_out(subject, values.held_out, values.held_out_dir)
    cli.load_tensorflow(values.verbose)
    from gan_zoo import images
    from gan_zoo.analysis.projection_report import projection_sheet

    parts, found = _project_pictures(subject, values, rest) if rest else _recover(subject, values)
    out = out or free_path(folder / "projection.png")
    record = record or free_path(out.with_suffix(".json"))
    images.save_png(out, projection_sheet(parts, size=values.size))
    write_json(record, {"run": str(folder), **found, "command": sys.argv})
    print(f"{out} and {record.name}: {sum(len(part.distance) for _, part in parts):,} pictures")


def _run_folder(values: flags.FlagValues, rest: list[str]) -> Path:
    from gan_zoo.runs.run import Run

    if not values.run:
        raise UserError("--run=RUN is needed: the folder of the run whose generator it is.")
    folder = user_path(values.run)
    if not Run(folder).exists:
        raise UserError(f"--run={values.run} holds no run (no config.json); give its folder.")
    if given := [name for name in _OF_HELD_OUT if rest and values[name].present]:
        raise UserError(
            f"--{given[0]} is for training pictures against held-out ones, and pictures are given;"
            " leave out one of the two."
        )
    return folder


def _settings(values: flags.FlagValues) -> dict[str, Any]:
    return {name: values[name].value for name in (*_SETTINGS, "ema")}


def _project_pictures(subject, values: flags.FlagValues, rest: list[str]):
    """Return the parts of the sheet and the record of the pictures on the command line."""
    from gan_zoo.analysis.pictures import read_pictures
    from gan_zoo.analysis.projection import project
    from gan_zoo.analysis.projection_report import picture_records, projection_line
    from gan_zoo.game import build

    run, paths = subject.run, [user_path(word) for word in rest]
    read = read_pictures(paths, run.image_shape, subject.config, values.n, values.seed)
    game, at = run.restore(values.step, best=values.best)
    extractor = build.build_extractor(subject.config, run.image_shape[2])
    found = project(game, read.images, extractor, seed=values.seed, **_settings(values))
    print(*read.notes, sep="\n", end="\n" if read.notes else "")
    print(f"{len(read.names):,} pictures, {run.folder} at step {at}, in {found.space}:")
    print(projection_line(found))
    record = {"step": at, **_about(found, extractor.name, values), "notes": read.notes}
    return [("", found)], {**record, "pictures": picture_records(found, read.names)}


def _recover(subject, values: flags.FlagValues):
    """Return the parts of the sheet and the record of training pictures and held-out ones."""
    from gan_zoo.analysis.projection_report import picture_records
    from gan_zoo.analysis.recovery import find_recovery, recovery_json, recovery_lines

    found = find_recovery(
        subject,
        n=values.n,
        held_out=values.held_out,
        held_out_dir=values.held_out_dir,
        step=values.step,
        best=values.best,
        **_settings(values),
    )
    print(*found.notes, *recovery_lines(found), sep="\n")
    about = _about(found.train, subject.config.spec("extractor").name, values)
    record = {
        "step": found.step,
        **about,
        "notes": found.notes,
        **recovery_json(found),
        "training": picture_records(found.train),
        "held_out_pictures": picture_records(found.held_out),
    }
    return [("training pictures", found.train), ("held-out pictures", found.held_out)], record


def _about(found, extractor: str, values: flags.FlagValues) -> dict[str, Any]:
    settings = {name: values[name].value for name in ("starts", "steps", "seed", "ema")}
    return {"space": found.space, "extractor": extractor, **settings}
