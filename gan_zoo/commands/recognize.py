"""Are the samples of a run with classes of the class asked for? ``gan_zoo recognize runs/NAME``.

    gan_zoo recognize runs/digits                              10,000 samples, newest checkpoint
    gan_zoo recognize runs/digits --best --samples=2000        best checkpoint by its evaluations
    gan_zoo recognize runs/digits --data_dir=moved/mnist.npz   where its training data are now

A classifier is trained on the data of the run, apart from the run, in about a minute for small
images, and kept in the cache. It classifies the same number of samples of each class. The share of
samples classified as the class asked for is GAN-test of Shmelkov et al. 2018 (arXiv:1807.09499) and
the discriminability of Odena et al. 2017 (arXiv:1610.09585). Beside it stands the accuracy of the
classifier on real images it has not seen: those of the data set's own test split if it has one,
otherwise a fifth of each class. The results are written to recognition.json, and a picture with the
errors framed to recognition.png.

A high share does not mean that samples are diverse (see recall and coverage of gan_zoo evaluate),
new (gan_zoo memorization) or beautiful: one plain image for each class is classified best. The
interval is over the choice of samples, not over trainings.
"""

from __future__ import annotations

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import checkpoint_of, define_checkpoint_flags
from gan_zoo.files import file_to_write, free_path, replacing, user_path, write_json


def define_flags(values: flags.FlagValues) -> None:
    define_checkpoint_flags(values)
    flags.DEFINE_integer(
        "samples", 10_000, "how many, the same number for each class", 1, flag_values=values
    )
    flags.DEFINE_string(
        "data_dir",
        "",
        "where the run's data are now: a folder, an archive or an array",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seed",
        0,
        "of noise, of the classifier and of its test images",
        0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "columns", 12, "images of each class in the picture", 1, 100, flag_values=values
    )
    flags.DEFINE_string(
        "out",
        "",
        "the .json to write, with the picture beside it; by default recognition.json in the run's"
        " folder",
        flag_values=values,
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    step, best, ema = checkpoint_of(values)
    if values.data_dir:
        from gan_zoo.datasets.sources import require_path

        require_path(user_path(values.data_dir))
    out = file_to_write(values.out, ".json") or folder / "recognition.json"
    from gan_zoo import images
    from gan_zoo.analysis import class_accuracy
    from gan_zoo.runs.run import open_run

    class_accuracy.recorded_classes(open_run(folder))
    cli.load_tensorflow(values.verbose)
    found = class_accuracy.measure_class_accuracy(
        folder,
        samples=values.samples,
        data_dir=values.data_dir,
        seed=values.seed,
        step=step,
        best=best,
        ema=ema,
    )
    for line in class_accuracy.class_accuracy_lines(found):
        print(line)
    picture = free_path(out.with_suffix(".png")) if values.out else out.with_suffix(".png")
    sheet = class_accuracy.class_accuracy_picture(
        found.drawn.images, found.asked, found.predicted, found.samples.classes, values.columns
    )
    again = replacing(out)  # the report shows the one of this name
    images.save_png(picture, sheet)
    write_json(out, class_accuracy.class_accuracy_json(found))
    print(f"{out}: the results; {picture}: a row for each class, errors framed{again}")
