"""Mix the styles of a style-based generator's images: ``gan_zoo mix runs/NAME``.

    gan_zoo mix runs/mine --rows=3 --columns=8
    gan_zoo mix runs/mine --seed=5 --truncation=0.7 --out=sheet.png

The run needs a style-based generator, such as --gen=stylegan2. A sheet: each image is that of the
first column, with the coarse, middle or fine styles of the image above (Karras et al. 2018, figure
3). Coarse styles act in the smallest maps, on pose and shape, fine ones in the largest, on colors
and detail. Images of the first row are the first samples of --seed.
"""

from __future__ import annotations

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import (
    checkpoint_of,
    define_checkpoint_flags,
    define_sheet_flags,
    define_truncation,
    truncation_of,
)
from gan_zoo.files import file_to_write
from gan_zoo.runs.run import Run


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "rows", 2, "images that change, for coarse, middle and fine styles each", 1,
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_integer("columns", 6, "images whose styles are taken", 1, flag_values=values)
    flags.DEFINE_integer("seed", 1, "of the samples", 0, flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "a .png that does not exist yet; by default mix.png in the run's folder",
        flag_values=values,
    )
    define_sheet_flags(values, 1024)
    define_truncation(values)
    define_checkpoint_flags(values)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    step, best, ema = checkpoint_of(values)
    truncation = truncation_of(values)
    _ = Run(folder).config  # refuses a folder without a run before TensorFlow is loaded
    out = file_to_write(values.out, ".png")
    cli.load_tensorflow(values.verbose)
    from gan_zoo.media.mixing import mix_run

    names = ("rows", "columns", "seed", "size", "label")
    found = mix_run(
        folder,
        out,
        step=step,
        best=best,
        ema=ema,
        truncation=truncation,
        **{name: getattr(values, name) for name in names},
    )
    of_class = f"class {found.class_name}, " if found.class_name else ""
    print(
        f"{found.path}: {values.columns} columns, {values.rows} rows each for"
        f" {', '.join(found.bands)} styles, {of_class}{folder} at step {found.step}"
    )
