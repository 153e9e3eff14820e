"""Does a run copy its training images? ``gan_zoo memorization RUN|FOLDER|ZIP|NPZ``.

    gan_zoo memorization runs/mine                               trained with --holdout=0.1, say
    gan_zoo memorization runs/mine --held_out_dir=others.zip     real images not trained on
    gan_zoo memorization runs/digits --held_out="mnist(split='test')"
    gan_zoo memorization their_pictures/ --data_dir=train.zip --held_out_dir=others.zip

Samples of a generator without copies are as often nearer to held-out real images as to as many
training images. The command prints the share of samples that are nearer to training images and the
share of near-copies, both with 99 % intervals, in pixels and in features, and a verdict: copies,
suspicious or no evidence. As there may be few held-out images, near-copies are also sought among
all training images, of samples and, as a scale, of held-out images. Of a run with --holdout, D is
tested, too: it has memorized its training images if it gives them higher logits than held-out ones.

A picture shows the samples most similar to a training image, each beside that image, and the same
of held-out images. It is written to the run's folder, or for pictures to the current one.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import (
    checkpoint_of,
    define_held_out_flags,
    define_subject_flags,
    subject_of,
)
from gan_zoo.files import file_to_write, free_path, replacing, write_json


def define_flags(values: flags.FlagValues) -> None:
    define_subject_flags(values)
    flags.DEFINE_integer(
        "n", 2000, "how many samples; pictures may be fewer", 12, flag_values=values
    )
    define_held_out_flags(values)
    flags.DEFINE_integer(
        "pairs", 8, "rows of the picture, for each space", 1, 100, flag_values=values
    )
    flags.DEFINE_string(
        "out",
        "",
        "the .png to write; by default nearest-*.png in the run's folder",
        flag_values=values,
    )
    flags.DEFINE_string("json", "", "a .json file for the results", flag_values=values)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    subject = subject_of(values, rest)
    step, best, ema = checkpoint_of(values)
    out, record = file_to_write(values.out, ".png"), file_to_write(values.json, ".json")
    from gan_zoo import images
    from gan_zoo.analysis import memorization
    from gan_zoo.analysis.held_out import check_held_out
    from gan_zoo.runs.places import require_data, require_extractor

    require_data(subject.config)
    require_extractor(subject.config)
    memorization.check_training_data(subject)
    check_held_out(subject, values.held_out, values.held_out_dir)
    cli.load_tensorflow(values.verbose)
    found = memorization.find_memorization(
        subject,
        n=values.n,
        held_out=values.held_out,
        held_out_dir=values.held_out_dir,
        step=step,
        best=best,
        ema=ema,
    )
    for line in memorization.memorization_lines(found):
        print(line)
    if out is None and subject.run:
        out = subject.path / f"nearest-step{found.fakes.step}.png"
    out = out or free_path(Path(f"nearest-{subject.path.resolve().stem}.png"))
    again = replacing(out)  # the report shows the one of this name
    images.save_png(out, memorization.memorization_picture(found, values.pairs))
    print(f"{out}: the {values.pairs} most similar samples, in pixels and in features{again}")
    if record:
        write_json(record, memorization.memorization_json(found))
