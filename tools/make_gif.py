"""Make a GIF of a run's samples: ``python tools/make_gif.py runs/NAME --fps=12 --size=512``."""

import sys
from pathlib import Path

from absl import flags

from gan_zoo import cli, images, rundir
from gan_zoo.contracts import UserError


def _define(values: flags.FlagValues) -> None:
    flags.DEFINE_string("out", "", "the file to write; samples.gif in the run's folder by default", flag_values=values)
    flags.DEFINE_float("fps", 10, "frames a second", 0.1, 50, flag_values=values)
    flags.DEFINE_integer("every", 1, "take every n-th grid of samples, and the last", 1, flag_values=values)
    flags.DEFINE_integer(
        "size", 0, "pixels of the longer side at least, by repeating pixels; 0 keeps the size", 0, flag_values=values
    )
    flags.DEFINE_bool("loop", True, "start again after the last frame", flag_values=values)


def _main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    frames = rundir.frames(folder)
    if not frames:
        raise UserError(f"there are no samples in {folder / 'samples'}; train the run first, or check the folder.")
    out = Path(values.out or folder / "samples.gif")
    if out.suffix.lower() != ".gif":
        raise UserError(f"--out={out} must end in .gif.")
    if not 0.1 <= values.fps <= 50:  # absl lets nan pass its bounds
        raise UserError(f"--fps={values.fps} is no rate; give frames a second, from 0.1 to 50.")
    options = {name: values[name].value for name in ("fps", "every", "size", "loop")}
    try:
        count = images.gif_of(frames, out, most=len(frames), **options)
    except ValueError as e:
        raise UserError(f"{e} in {folder / 'samples'}; train the run further.") from None
    print(f"{out}: {count} frames, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(cli.call(_main, _define, __doc__))
