"""Make a film of a walk between noises: ``gan_zoo interpolate runs/NAME --n=8``.

    gan_zoo interpolate runs/mine --n=8 --walks=16 --out=walk.gif      16 walks side by side
    gan_zoo interpolate runs/mine --from_seeds=1,5,9 --out=walk.mp4    images of these seeds
    gan_zoo interpolate runs/mine --n=4 --steps=8 --out=walk.png       a row from corner to corner

The corners of a walk are noises that gan_zoo sample draws, too: with --n the first ones of --seed,
with --from_seeds the first one of each seed. The way between two corners is spherical (slerp) for
normal noise, the length of which hardly varies, and straight (linear) for any other: a straight way
does not leave the cube of uniform noise. Noise of the shape of an image counts as one long vector.
For a run with classes, all images are of one class, --label. With --space=w, of a style-based
generator, the way is straight between the styles of the same noises, where images change more
evenly.
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
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write
from gan_zoo.images import LEAST
from gan_zoo.media import interpolate
from gan_zoo.runs.run import Run


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer("n", 8, "corners of the walk", 2, flag_values=values)
    flags.DEFINE_integer("seed", 1, "of their noise, as for gan_zoo sample", 0, flag_values=values)
    flags.DEFINE_string(
        "from_seeds",
        "",
        "the seeds of the corners, separated by commas, in place of --n and --seed",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "walks", 1, "walks side by side, each with its own corners", 1, flag_values=values
    )
    flags.DEFINE_integer("steps", 16, "images from a corner to the next", 1, flag_values=values)
    flags.DEFINE_enum(
        "path",
        "auto",
        ["auto", *interpolate.METHODS],
        "the way between two corners",
        flag_values=values,
    )
    flags.DEFINE_bool("loop", True, "go back from the last corner to the first", flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "a .gif, .mp4 or .png that does not exist yet; by default walk.gif in the run's folder",
        flag_values=values,
    )
    flags.DEFINE_float("fps", 16, "frames per second of a film", 0.1, 50, flag_values=values)
    define_sheet_flags(values, LEAST)
    flags.DEFINE_enum(
        "space",
        "z",
        ["z", "w"],
        "what the way is between: noises (z), or the styles of a style-based generator (w)",
        flag_values=values,
    )
    define_truncation(values)
    define_checkpoint_flags(values)


def _seeds(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    whole = all(word.isascii() and word.isdigit() and int(word) < 2**63 for word in words)
    if not whole or len(words) < 2:
        raise UserError(
            f"--from_seeds={text} is not a list of seeds; give two or more whole numbers, separated"
            " by commas, such as 1,5,9."
        )
    return [int(word) for word in words]


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    if values.from_seeds and (values["n"].present or values["seed"].present):
        raise UserError(
            "--from_seeds sets the corners, and so do --n and --seed; leave out one of the two."
        )
    step, best, ema = checkpoint_of(values)
    if not 0.1 <= values.fps <= 50:  # absl lets nan pass its bounds
        raise UserError(f"--fps={values.fps} is not possible; give a number from 0.1 to 50.")
    seeds = _seeds(values.from_seeds) if values.from_seeds else []
    _ = Run(folder).config  # refuses a folder without a run before TensorFlow is loaded
    out = file_to_write(values.out, *interpolate.ENDINGS)
    if out:
        interpolate.require_writer(out)
    cli.load_tensorflow(values.verbose)
    names = ("n", "seed", "walks", "steps", "loop", "fps", "size", "label", "space")
    found = interpolate.interpolate_run(
        folder,
        out,
        from_seeds=seeds,
        method=values.path,
        step=step,
        best=best,
        ema=ema,
        truncation=truncation_of(values),
        **{name: getattr(values, name) for name in names},
    )
    of_class = f"class {found.class_name}, " if found.class_name else ""
    between = "styles" if found.space == "w" else f"{found.noise} noise"
    about = f"({found.method}, {between}), {of_class}{folder} at step {found.step}"
    if found.path.suffix.lower() == ".png":
        print(f"{found.path}: {found.frames} rows from corner to corner {about}")
    else:
        size = found.path.stat().st_size / 1e6
        print(
            f"{found.path}: {found.frames} frames between {found.corners} corners {about},"
            f" {size:.1f} MB"
        )
