"""Draw samples from a run: ``python tools/sample.py runs/NAME --n=64 --seed=1``."""

import sys
from pathlib import Path

import numpy as np
from absl import flags

from gan_zoo import cli, images, rundir
from gan_zoo.contracts import UserError


def _define(values: flags.FlagValues) -> None:
    flags.DEFINE_integer("n", 64, "how many images", 1, flag_values=values)
    flags.DEFINE_integer("seed", 1, "of the noise; the same seed gives the same images", 0, flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "a .png for one grid, a .npz for an array, or a folder for single files; by default a grid in the run's folder",
        flag_values=values,
    )
    flags.DEFINE_bool("ema", True, "from the moving average, if the run has one", flag_values=values)
    flags.DEFINE_integer("step", None, "from the checkpoint of this step; the newest by default", flag_values=values)
    flags.DEFINE_bool("best", False, "from the best checkpoint by the run's evaluations", flag_values=values)
    flags.DEFINE_string(
        "label",
        "",
        "images of this class alone, its name or number; by default a grid of all, or files as frequent as in the data",
        flag_values=values,
    )
    flags.DEFINE_integer("columns", None, "images in a row of the grid", 1, flag_values=values)


def _main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    out = Path(values.out or folder / f"samples-seed{values['seed'].value}.png")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"--out={out} is a folder with files in it; choose a new one.")
    rundir.read(folder)
    cli.load_tensorflow(values.verbose)
    from gan_zoo import build

    game, step = build.restore(folder, values.step, best=values.best)
    labels, columns, order = None, None, ""
    if values.label:
        labels = np.full(values.n, build.label_of(game, values.label), np.int32)
        order = f"all of class {game.classes.names[labels[0]]}"
        if not values.out:
            out = out.with_stem(f"{out.stem}-class{labels[0]}")
    elif out.suffix.lower() == ".png" and values.columns is None:
        labels, columns, order = build.grid_of(game, values.n)
    else:
        labels = build.draw_labels(game, values.n, values.seed)
    drawn = build.sample(game, values.n, values.seed, labels=labels, from_ema=values.ema)
    if out.suffix.lower() == ".png":
        out.parent.mkdir(parents=True, exist_ok=True)
        images.save_png(out, images.grid(drawn, values.columns or columns))
    elif out.suffix.lower() == ".npz":
        out.parent.mkdir(parents=True, exist_ok=True)
        images.save_npz(out, drawn, labels)
    else:
        out.mkdir(parents=True, exist_ok=True)
        for i, image in enumerate(drawn):
            images.save_png(out / (f"{i:06d}.png" if labels is None else f"{i:06d}-class{labels[i]}.png"), image)
    print(f"{out}: {len(drawn)} images of step {step}" + (f"; {order}" if order else ""))


if __name__ == "__main__":
    sys.exit(cli.call(_main, _define, __doc__))
