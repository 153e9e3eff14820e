"""Draw samples from a run: ``gan_zoo sample runs/NAME --n=64 --seed=1``.

gan_zoo sample runs/NAME --best                         a grid in the run's folder
gan_zoo sample runs/NAME --n=5000 --out=samples.npz     one array, uint8 [N, H, W, C]
gan_zoo sample runs/NAME --n=5000 --out=folder          single files
"""

from __future__ import annotations

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import (
    checkpoint_of,
    define_checkpoint_flags,
    define_truncation,
    truncation_of,
)
from gan_zoo.datasets.picture_formats import EXTENSIONS
from gan_zoo.files import file_to_write, new_folder, user_path
from gan_zoo.images import LEAST
from gan_zoo.runs.run import Run

_ENDINGS = (".png", ".npz")


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer("n", 64, "how many images", 1, flag_values=values)
    flags.DEFINE_integer(
        "seed", 1, "of the noise; the same seed gives the same images", 0, flag_values=values
    )
    flags.DEFINE_string(
        "out",
        "",
        "a .png for one grid, a .npz for an array, or a folder for single files; by default a grid"
        " in the run's folder",
        flag_values=values,
    )
    flags.DEFINE_string(
        "label",
        "",
        "the class of all images, its name or number; by default a grid shows all classes, and"
        " files have them as often as the data",
        flag_values=values,
    )
    flags.DEFINE_integer("columns", None, "images in a row of the grid", 1, flag_values=values)
    flags.DEFINE_integer(
        "size",
        LEAST,
        "pixels of the longer side of the grid at least, by repeating pixels; 0 keeps the size",
        0,
        flag_values=values,
    )
    define_truncation(values)
    define_checkpoint_flags(values)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    step, best, ema = checkpoint_of(values)
    is_file = user_path(values.out).suffix.lower() in (*_ENDINGS, *EXTENSIONS)
    out = file_to_write(values.out, *_ENDINGS) if is_file else new_folder(values.out)
    _ = Run(folder).config  # refuses a folder without a run before TensorFlow is loaded
    cli.load_tensorflow(values.verbose)
    from gan_zoo.media.samples import sample_run

    found = sample_run(
        folder,
        out,
        n=values.n if values["n"].present else None,
        seed=values.seed,
        label=values.label,
        columns=values.columns,
        size=values.size,
        step=step,
        best=best,
        ema=ema,
        truncation=truncation_of(values),
    )
    order = f"; {found.order}" if found.order else ""
    print(f"{found.path}: {found.images} images of step {found.step}{order}{found.transparency}")
