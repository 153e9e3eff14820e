"""What do tricks do to my images? ``gan_zoo preview --tricks=instance_noise --data_dir=my.zip --image_size=64``.

    gan_zoo preview --tricks='instance_noise(0.3,decay_steps=1000)' --data_dir=my.zip --step=800    at steps 0 and 800
    gan_zoo preview --tricks='diff_augment,ada(start=0.8)' --data_dir=my.zip     ada at the p that it may come to
    gan_zoo preview --config=demo --tricks='flip_images,label_smooth(0.7,1.2)'
    gan_zoo preview --run=runs/mine                       its tricks, on its data; and do they show in its samples?
    gan_zoo preview --run=runs/plain --tricks=flip_images    the same for tricks that it was not trained with

The picture has a strip for each trick that changes images, and one for all together: in each row an
image as it is, and as D gets to see it at some steps. What tricks do to targets is printed as a
table.

With --run, samples of its newest checkpoint are taken for a mixture of real images and treated
ones, and the share of the latter is printed with its 95 % interval, and for scale the same of real
images of which 0, 30 and 100 % were treated.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags
from PIL import Image, ImageDraw, ImageFont

from gan_zoo import cli, config, images, registry
from gan_zoo.contracts import Batch, Dataset
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path, user_path
from gan_zoo.runs import rundir

_TARGETS = {
    "real_targets": ("real", 1.0),
    "fake_targets": ("fake", 0.0),
    "gen_targets": ("of G", 1.0),
}
_CELL = 64  # pixels of an image in the picture, at least
_HEAD = 15  # pixels of a line of text
_COUNT = 4000  # targets that the table is made of
_BATCH = 100
_MINIMUM = 64  # images of which a trace can be told at all


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
        "draws", 4, "of each image, at steps that follow each other", 1, 100, flag_values=values
    )
    flags.DEFINE_integer(
        "n",
        2000,
        "samples, and as many real images, to look for traces",
        3 * _MINIMUM,
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "",
        "the .png to write; else preview.png, here or in the run's folder",
        flag_values=values,
    )


def _settings(values: flags.FlagValues) -> config.Config:
    """The settings of the run if there is one, under the flags given; else those of the flags."""
    if not values.run:
        return config.from_flags(values)
    settings = rundir.config_of(user_path(values.run))
    given = [f.name for f in dataclasses.fields(config.Config) if values[f.name].present]
    strange = [name for name in given if name not in ("tricks", "data_dir", "plugins", "extractor")]
    if values.config or strange:
        raise UserError(
            f"--{'config' if values.config else strange[0]} cannot go with --run, whose settings"
            " are known; leave it out."
        )
    config.load_plugins(values.plugins)
    plugins = ",".join(filter(None, (settings.plugins, values.plugins)))
    return dataclasses.replace(
        settings, **{name: values[name].value for name in given} | {"plugins": plugins}
    )


class Strip(NamedTuple):
    """Rows of pictures with a title: ``columns`` are their heads and uint8 ``[N, H, W, C]`` each."""

    title: str
    columns: list[tuple[str, np.ndarray]]


def seen(
    game: Any, real: np.ndarray, step: int, only: int | None = None, again: int = 0
) -> np.ndarray:
    """Real images as D gets to see them at a step, drawn as a run of these settings draws.

    Args:
        game: With the tricks.
        real: uint8 ``[N, H, W, C]``.
        step: At which tricks are; the game's own is not changed.
        only: The place of the one trick that acts; all do by default.
        again: Another number gives other draws at the same step.

    Returns:
        uint8 ``[N, H, W, C]``.
    """
    was, made = int(game.step.numpy()), []
    game.step.assign(step)
    for first in range(0, len(real), _BATCH):
        x = images.to_float(real[first : first + _BATCH])
        batch = Batch(x, disc_step=first + 1_000_000 * again)  # each batch draws for itself
        if only is None:
            x = game.augment_real(batch, "disc")
        else:
            for hook, place in (("real_images", ()), ("images", ("disc", "real"))):
                if (f := getattr(game.tricks[only], hook)) is not None:
                    x = f(x, game.seed_at(batch.disc_step, hook, only, *place))
        made.append(images.to_uint8(x))
    game.step.assign(was)
    return np.concatenate(made)


def _strips(
    game: Any, specs: list[registry.Spec], real: np.ndarray, steps: list[int], draws: int
) -> list[Strip]:
    changing = [i for i, trick in enumerate(game.tricks) if trick.images or trick.real_images]
    wanted: list[tuple[str, int | None]] = [
        (f"{specs[i]}: {_whom(game.tricks[i])}", i) for i in changing
    ]
    if len(changing) > 1:
        wanted.append(("all together, as D sees real images", None))
    at = [step + k for step in steps for k in range(draws)]
    return [
        Strip(
            title,
            [("original", real), *((f"step {step}", seen(game, real, step, only)) for step in at)],
        )
        for title, only in wanted
    ]


def _untouched(strips: list[Strip], step: str) -> list[str]:
    """A sentence on each strip in which no image has changed."""
    return [
        f"{strip.title}: changes none of these images at step {step}; what grows in training shows"
        " with --run, --step, or another start of it, such as ada(start=0.5)."
        for strip in strips
        if all((column == strip.columns[0][1]).all() for _, column in strip.columns)
    ]


def _unseen(trick: Any) -> str:
    """What a trick works on that cannot be shown."""
    if trick.fake_images:
        return (
            "changes the fakes that D learns from, and none of the images and targets shown here."
        )
    rest = (trick.penalty, trick.gen_penalty, trick.gen_weights, trick.gradients, trick.after_disc)
    return (
        "works on losses, gradients or weights, of which there is nothing to show."
        if any(rest)
        else ""
    )


def _whom(trick: Any) -> str:
    if trick.images and trick.real_images:
        return "real images, and then all that D sees"
    return "all that D sees" if trick.images else "real images alone"


def sheet(strips: list[Strip]) -> np.ndarray:
    """The picture of all strips, uint8 ``[rows, columns, 3]``."""
    height, width = images.enlarge(strips[0].columns[0][1][0], _CELL).shape[:2]
    across = max(len(strip.columns) for strip in strips)
    rows = len(strips[0].columns[0][1])
    strip_height = 2 * _HEAD + rows * (height + 2) + _HEAD // 2
    longest = max(7 * len(strip.title) for strip in strips)
    canvas = Image.new(
        "RGB", (max(across * (width + 2), longest) + 4, len(strips) * strip_height), "white"
    )
    draw, font = (
        ImageDraw.Draw(canvas),
        ImageFont.load_default(12),
    )  # Pillow's own 10 points swallow spaces
    for i, strip in enumerate(strips):
        top = i * strip_height
        draw.text((4, top + 2), strip.title, fill="black", font=font)
        for j, (head, column) in enumerate(strip.columns):
            left = 4 + j * (width + 2)
            draw.text((left, top + _HEAD + 1), head, fill="gray", font=font)
            for k, image in enumerate(column):
                canvas.paste(
                    images.as_pil(images.enlarge(image, _CELL)),
                    (left, top + 2 * _HEAD + k * (height + 2)),
                )
    return np.asarray(canvas)


def target_table(game: Any, specs: list[registry.Spec]) -> list[str]:
    """What tricks make of D's and G's targets: one line for each trick and kind of target, and for all together."""
    import tensorflow as tf

    lines = []
    names = [*map(str, specs), "all together"]
    width = max(map(len, names))
    acting = [any(getattr(trick, hook) for hook in _TARGETS) for trick in game.tricks]
    for i, name in enumerate(names):
        for hook, (whose, target) in _TARGETS.items():
            value = tf.fill([_COUNT, 1], target)
            if i == len(specs):
                if sum(acting) < 2 or not any(getattr(trick, hook) for trick in game.tricks):
                    continue
                value = game.apply_hook(Batch(None), hook, value, whose)
            elif (f := getattr(game.tricks[i], hook)) is None:
                continue
            else:
                value = f(value, game.seed_at(0, hook, i, whose))
            x = np.asarray(value, np.float64)
            flipped = np.mean((x > 0.5) != (target > 0.5))
            figures = f"{x.mean():7.3f} {x.min():7.3f} {x.max():7.3f} {100 * flipped:7.1f} %"
            lines.append(f"{name:{width}}  {whose:4}  {target:.0f} -> {figures}")
    head = f"{'targets':{width}}  {'':10} {'mean':>7} {'least':>7} {'most':>7}   flipped"
    return [head, *lines] if lines else []


def leak_lines(
    game: Any,
    specs: list[registry.Spec],
    real: np.ndarray,
    samples: np.ndarray,
    extractor: Any,
    steps: list[int],
) -> list[str]:
    """What is found of each trick's trace in the samples: a line each, and one of planted shares for scale.

    Args:
        game: With the tricks.
        specs: Theirs.
        real: uint8 ``[N, H, W, C]``, in random order.
        samples: uint8 ``[M, H, W, C]``.
        extractor: Of features.
        steps: Where the tricks are tried, in turn, until one changes anything.
    """
    from gan_zoo.analysis.leaks import find_leak

    said = []
    third = len(real) // 3
    base, control = (
        real[: 2 * third],
        real[2 * third :],
    )  # the planted ones must not be those that the score is fitted on
    base_features, sample_features = extractor.features(base), extractor.features(samples)
    for i, (spec, trick) in enumerate(zip(specs, game.tricks, strict=True)):
        if not (trick.images or trick.real_images):
            continue
        step = next(
            (s for s in steps if (seen(game, real[:_MINIMUM], s, i) != real[:_MINIMUM]).any()), None
        )
        if step is None:
            said.append(
                f"{spec}: changes no image at step {' or '.join(map(str, steps))}; another --step"
                " may tell more."
            )
            continue
        treated = extractor.features(seen(game, base, step, i))
        found = find_leak(base_features, treated, sample_features)
        planted = seen(game, control, step, i, again=1)
        plain, all_of_it = extractor.features(control), extractor.features(planted)
        scale = []
        for share in (0.0, 0.3, 1.0):
            some = np.arange(len(control)) < round(share * len(control))
            mixed = find_leak(base_features, treated, np.where(some[:, None], all_of_it, plain))
            scale.append(f"{100 * share:.0f} % planted -> {mixed}")
        said.append(f"{spec}, as at step {step}: {_told(found, trick)}")
        said.append(f"    for scale, in real images: {'; '.join(scale)}")
    return said


def _told(found: Any, trick: Any) -> str:
    trace = f"{found} of the samples look treated (100 %: as many as of what D sees)"
    other = (
        f"; otherwise they differ from the data {found.otherwise:.1f} times as much as the trick"
        " would make them"
    )
    if trick.real_images and not trick.images:
        return (
            f"{trace}{other}; it is part of the data that G learns, so that 100 % is what is"
            " wanted."
        )
    advice = {
        "leaks": "it leaks into the samples; make it weaker or rarer, or let it decay.",
        "none seen": "no trace is seen.",
        "cannot be told": "the features do not know it well enough to tell; look at the samples.",
        "doubtful": (
            "such samples tell little of it; set a run without the trick beside this one"
            " (--run=OTHER --tricks=...)."
        ),
    }[found.verdict]
    return f"{trace}{other}: {advice}"


def _load(settings: config.Config, count: int) -> Dataset:
    from gan_zoo.game import build

    data = build.part_of(build.load_data(dataclasses.replace(settings, batch=2)), settings, "train")
    rows = np.random.default_rng(settings.seed).permutation(len(data.images))[:count]
    return data._replace(images=data.images[rows])


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if rest:
        raise UserError(f"'{rest[0]}' is no flag; write --name=value.")
    settings = _settings(values)
    specs = settings.specs("tricks")
    if not specs:
        raise UserError(
            "there are no tricks to show; give some, such as"
            " --tricks='instance_noise(0.2),flip_images'."
        )
    out = file_to_write(values.out, ".png") or free_path(
        Path(values.run and user_path(values.run)) / "preview.png"
    )
    cli.load_tensorflow(values.verbose)
    from gan_zoo.game import build, sampling
    from gan_zoo.runs import restore

    data = _load(settings, max(values.rows, values.n if values.run else 0))
    for note in data.notes:
        print(note)
    # Small nets: tricks are built as in a run, and the nets are not used.
    small = dataclasses.replace(
        settings,
        gen="dense((8,), 8)",
        disc="dense((8,))",
        ema=0.0,
        update="alternating",
        condition="",
    )
    game, done = build.build_game(small, data.image_shape), 0
    trained = None
    if values.run:
        trained, done = restore.restore(user_path(values.run))
        if settings.tricks == rundir.config_of(user_path(values.run)).tricks:
            game = trained  # with the state that its tricks have come to
    steps = sorted({0, done if values.step is None else values.step})
    lines = target_table(game, specs)
    strips = _strips(game, specs, data.images[: values.rows], steps, values.draws)
    for spec, trick in zip(specs, game.tricks, strict=True):
        if unseen := _unseen(trick):
            print(f"{spec}: {unseen}")
    if lines:
        print("\n".join(lines))
    if strips:
        images.save_png(out, sheet(strips))
        print(
            f"{out}: {len(strips)} strip{'s' * (len(strips) > 1)} of"
            f" {min(values.rows, len(data.images))} images of {data.name}"
        )
        print(
            "".join(f"{line}\n" for line in _untouched(strips, " or ".join(map(str, steps)))),
            end="",
        )
    if trained is None or not strips:
        return
    if len(data.images) < 3 * _MINIMUM:
        raise UserError(
            f"{len(data.images)} images are too few to look for traces in samples; {3 * _MINIMUM}"
            " are the least."
        )
    samples = sampling.sample(trained, values.n, settings.seed, place="preview")
    extractor = build.build_extractor(settings)
    print(f"traces in {len(samples)} samples of step {done}, by features of {extractor.name}:")
    for line in leak_lines(game, specs, data.images, samples, extractor, steps[::-1]):
        print(f"  {line}")
