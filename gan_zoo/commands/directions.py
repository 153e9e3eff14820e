"""Show what changes along the main directions of a generator: ``gan_zoo directions runs/NAME``.

    gan_zoo directions runs/mine --n=8 --span=2
    gan_zoo directions runs/mine --seed=5 --out=sheet.png

A sheet: each row is one direction of the noise, or of the styles of a style-based generator; its
middle image is the first sample of --seed. The directions are found from the first weights of the
generator, without labels (SeFa, Shen & Zhou 2021). What each one means, pose or color, is for you
to see.
"""

from __future__ import annotations

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import checkpoint_of, define_checkpoint_flags, define_sheet_flags
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write
from gan_zoo.runs.run import Run


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer("n", 6, "directions, a row for each", 1, flag_values=values)
    flags.DEFINE_integer("steps", 7, "images in a row", 2, flag_values=values)
    flags.DEFINE_float(
        "span", 3, "how far to go on both sides, in standard deviations", flag_values=values
    )
    flags.DEFINE_integer("seed", 1, "of the sample that changes", 0, flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "a .png that does not exist yet; by default directions.png in the run's folder",
        flag_values=values,
    )
    define_sheet_flags(values, 1024)
    define_checkpoint_flags(values)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    if not 0 < values.span <= 100:  # also not a number
        raise UserError(f"--span={values.span} is not possible; give a number such as 3.")
    step, best, ema = checkpoint_of(values)
    _ = Run(folder).config  # refuses a folder without a run before TensorFlow is loaded
    out = file_to_write(values.out, ".png")
    cli.load_tensorflow(values.verbose)
    from gan_zoo.media.directions import directions_of_run

    found = directions_of_run(
        folder,
        out,
        number=values.n,
        steps=values.steps,
        span=values.span,
        seed=values.seed,
        size=values.size,
        label=values.label,
        step=step,
        best=best,
        ema=ema,
    )
    shares = ", ".join(f"{100 * share:.1f} %" for share in found.shares)
    print(
        f"{found.path}: {len(found.shares)} directions of {found.space}, {folder} at step"
        f" {found.step}; their shares of the first weights: {shares}"
    )
