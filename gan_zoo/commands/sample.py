"""Draw samples from a run: ``gan_zoo sample runs/NAME --n=64 --seed=1``."""

import numpy as np
from absl import flags

from gan_zoo import cli, images
from gan_zoo.datasets.sources import EXTENSIONS
from gan_zoo.datasets.store import available_memory
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, new_folder, user_path
from gan_zoo.runs import rundir

_FILES = (".png", ".npz")


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
    flags.DEFINE_bool(
        "ema", True, "from the moving average, if the run has one", flag_values=values
    )
    flags.DEFINE_integer(
        "step", None, "from the checkpoint of this step; the newest by default", flag_values=values
    )
    flags.DEFINE_bool(
        "best", False, "from the best checkpoint by the run's evaluations", flag_values=values
    )
    flags.DEFINE_string(
        "label",
        "",
        "images of this class alone, its name or number; by default a grid of all, or files as"
        " frequent as in the data",
        flag_values=values,
    )
    flags.DEFINE_integer("columns", None, "images in a row of the grid", 1, flag_values=values)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    as_file = user_path(values.out).suffix.lower() in (*_FILES, *EXTENSIONS)
    out = file_to_write(values.out, *_FILES) if as_file else new_folder(values.out)
    out = out or folder / f"samples-seed{values['seed'].value}.png"
    rundir.read(folder)
    cli.load_tensorflow(values.verbose)
    from gan_zoo.game import labels as game_labels
    from gan_zoo.game import sampling
    from gan_zoo.runs import restore

    game, step = restore.restore(folder, values.step, best=values.best)
    number, labels, columns, order = values.n, None, values.columns, ""
    # The drawn ones, one array of them, the sheet, and what writes it.
    if (
        out.suffix.lower() in _FILES
        and 4 * number * np.prod(game.disc.input_shape[1:], dtype=float) > available_memory()
    ):
        raise UserError(
            f"--n={number} images in one file need more memory than there is; give --out=FOLDER for"
            " single files."
        )
    if values.label:
        labels = np.broadcast_to(np.int32(game_labels.parse_label(game, values.label)), number)
        order = f"all of class {game.classes.names[labels[0]]}"
        if not values.out:
            out = out.with_stem(f"{out.stem}-class{labels[0]}")
    elif out.suffix.lower() == ".png" and columns is None:
        labels, columns, order = game_labels.grid_layout(game, number)
        if columns and not values["n"].present:
            number -= number % columns  # whole rows, so that all classes have as many
            labels = labels[:number]
    blocks = sampling.sample_blocks(
        game, number, values["seed"].value, labels=labels, from_ema=values.ema
    )
    if out.suffix.lower() in _FILES:
        drawn, own = zip(*blocks, strict=True)
        if out.suffix.lower() == ".png":
            images.save_png(out, images.grid(np.concatenate(drawn), columns))
        else:
            images.save_npz(
                out, np.concatenate(drawn), None if game.classes is None else np.concatenate(own)
            )
    else:
        out.mkdir(parents=True, exist_ok=True)
        singles = (
            (image, "" if own is None else f"-class{own[k]}")
            for drawn, own in blocks
            for k, image in enumerate(drawn)
        )
        for i, (image, of_class) in enumerate(singles):
            images.save_png(out / f"{i:06d}{of_class}.png", image)
    print(f"{out}: {number} images of step {step}" + (f"; {order}" if order else ""))
