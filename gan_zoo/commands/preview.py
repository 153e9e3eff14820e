"""What do tricks do to my images? ``gan_zoo preview --tricks=instance_noise --data_dir=my.zip``.

    gan_zoo preview --config=quick64 --data_dir=my.zip         tricks of a preset, on my images
    gan_zoo preview --tricks='instance_noise(0.3,decay_steps=1000)' --data_dir=my.zip --step=800
    gan_zoo preview --tricks='diff_augment,ada(start=0.8)' --data_dir=my.zip
    gan_zoo preview --config=demo --tricks='flip_images,label_smooth(0.7,1.2)'
    gan_zoo preview --run=runs/mine                        its tricks; do they show in its samples?
    gan_zoo preview --run=runs/plain --tricks=flip_images  the same for other tricks

The picture has a strip for each trick that changes images, and one for all together: in each row an
image as it is, and as D sees it at some steps. A table shows what tricks do to targets. A
trick that changes in training shows at --step, too, or with another start, as ada here.

With --run, samples of its newest checkpoint are taken for a mixture of real images and augmented
ones; the share of the latter is printed with its 95 % interval and, as a scale, the same for real
images of which 0, 30 and 100 % were augmented.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from gan_zoo import cli, config
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path, user_path


def define_flags(values: flags.FlagValues) -> None:
    config.define_flags(values)
    flags.DEFINE_string(
        "run",
        "",
        "a run's folder: its settings and data, and a test of its samples",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "step",
        None,
        "show tricks at this step, too; a run's own by default",
        0,
        2**32 - 1,
        flag_values=values,
    )
    flags.DEFINE_integer("rows", 6, "images in the picture", 1, 100, flag_values=values)
    flags.DEFINE_integer(
        "draws", 4, "of each image, at consecutive steps", 1, 100, flag_values=values
    )
    flags.DEFINE_integer(
        "n",
        2000,
        "samples, and as many real images, to look for tricks in samples",
        192,  # 3 * analysis.preview.MINIMUM
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "",
        "the .png to write; by default preview.png in the run's folder or the current one",
        flag_values=values,
    )


def _settings(values: flags.FlagValues) -> config.Config:
    """Return the settings of the run, if there is one, or else of the flags."""
    if not values.run:  # and no nets: the tricks of a pair's preset are not meant
        return config.from_settings(config.given_settings(values), values.config or config.Config())
    from gan_zoo.analysis.preview import run_settings

    given = config.given_settings(values)
    if values["config"].present:
        given["config"] = values.config
    return run_settings(user_path(values.run), given)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if rest:
        raise UserError(f"'{rest[0]}' is not a flag; write --name=value.")
    settings = _settings(values)
    from gan_zoo import images
    from gan_zoo.analysis import preview

    preview.check_tricks(settings)
    run = user_path(values.run) if values.run else None
    out = file_to_write(values.out, ".png") or free_path((run or Path()) / "preview.png")
    cli.load_tensorflow(values.verbose)
    found = preview.preview_tricks(
        settings, run, rows=values.rows, draws=values.draws, step=values.step, n=values.n
    )
    for line in (*found.notes, *preview.target_lines(found.targets)):
        print(line)
    if found.strips:
        images.save_png(out, preview.preview_picture(found.strips))
        print(
            f"{out}: {len(found.strips)} strip{'s' * (len(found.strips) > 1)} of"
            f" {min(values.rows, len(found.data.images))} images of {found.data.name}"
        )
    for line in preview.unchanged_lines(found):
        print(line)
    if leaks := preview.find_leaks(found, values.n):
        for line in preview.leak_lines(leaks):
            print(line)
