"""What tricks do to images and to targets, and whether augmentations show in a run's samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gan_zoo import images, registry
from gan_zoo.analysis.leaks import Leak, find_leak
from gan_zoo.config import Config, flag_of, load_plugins
from gan_zoo.contracts import Batch, Dataset, FeatureExtractor, Trick
from gan_zoo.errors import UserError
from gan_zoo.phases import phase
from gan_zoo.runs.run import Run

if TYPE_CHECKING:
    from gan_zoo.game.step import Game

# By hook: the tag that its draws have in a run, and the target it starts from.
_TARGETS = {
    "real_targets": ("real", 1.0),
    "fake_targets": ("fake", 0.0),
    "gen_targets": ("of G", 1.0),
}
_CELL = 64  # smallest side of an image in the picture
_COUNT = 4000  # targets from which the table is computed
_BATCH = 100
MINIMUM = 64  # images that each third of the test for leaks needs
_WITH_RUN = ("tricks", "data_dir", "plugins", "extractor")  # settings that may change a run's


class TargetRow(NamedTuple):
    """What a trick, or all together, makes of one kind of targets.

    Attributes:
        trick: Its spec, or ``all together``.
        kind: ``real``, ``fake`` or ``of G``.
        target: The target without tricks.
        mean: Of the targets with the trick.
        least: The smallest of them.
        most: The largest of them.
        flipped: Share on the other side of 0.5.
    """

    trick: str
    kind: str
    target: float
    mean: float
    least: float
    most: float
    flipped: float


class Strip(NamedTuple):
    """Images before and after a trick.

    Attributes:
        title: The trick, and which images it changes.
        columns: Pairs of a head and uint8 ``[N, H, W, C]``; the first column has the originals.
    """

    title: str
    columns: list[tuple[str, np.ndarray]]


class Preview(NamedTuple):
    """What tricks do.

    Attributes:
        config: The settings, of the run if there is one.
        specs: Of the tricks.
        game: With the tricks; a run's own nets if it was trained with these tricks.
        data: Images of the data set, in random order.
        trained: The run's nets; None without a run.
        done: The run's step, or 0.
        steps: Where the tricks are shown.
        targets: One row for each trick and kind of target that it changes.
        strips: One for each trick that changes images, and one for all together.
        notes: Sentences for the user.
    """

    config: Config
    specs: list[registry.Spec]
    game: Game
    data: Dataset
    trained: Game | None
    done: int
    steps: list[int]
    targets: list[TargetRow]
    strips: list[Strip]
    notes: list[str]


def run_settings(folder: Path, given: dict[str, Any]) -> Config:
    """Return the settings of a run with those in ``given`` changed.

    Raises:
        UserError: There is no run, or ``given`` has settings that cannot be changed for it.
    """
    settings = Run(folder).config
    if other := [name for name in given if name not in _WITH_RUN]:
        raise UserError(
            f"--{flag_of(other[0])} cannot go with --run, whose settings are known; leave it out."
        )
    load_plugins(given.get("plugins", ""))
    plugins = ",".join(filter(None, (settings.plugins, given.get("plugins", ""))))
    return dataclasses.replace(settings, **{**given, "plugins": plugins})


def preview_tricks(
    config: Config,
    run: Path | None = None,
    *,
    rows: int = 6,
    draws: int = 4,
    step: int | None = None,
    n: int = 2000,
) -> Preview:
    """Apply the tricks of the settings to targets and to images of the data.

    Args:
        config: The settings; for a run those of :func:`run_settings`.
        run: The folder of a run.
        rows: How many images to show.
        draws: How often to draw each trick for an image, at consecutive steps.
        step: Show tricks at this step, besides 0; a run's own by default.
        n: For a run, how many images of the data to load for :func:`find_leaks`.

    Raises:
        UserError: There are no tricks, or data or run cannot be loaded.
    """
    from gan_zoo.game import build

    specs = check_tricks(config)
    with phase("read images"):
        data = load_images(config, max(rows, n if run else 0))
    # Tricks are built as in a run; the nets are small, as they are not used.
    small = dataclasses.replace(
        config,
        gen="dense((8,), 8)",
        disc="dense((8,))",
        ema=0.0,
        update="alternating",
        condition="",
    )
    game, trained, done = build.build_game(small, data.image_shape), None, 0
    if run:
        trained, done = Run(run).restore()
        if config.tricks == Run(run).config.tricks:
            game = trained  # with the state that its tricks have reached
    steps = sorted({0, done if step is None else step})
    notes = [
        f"{spec}: {reason}"
        for spec, trick in zip(specs, game.tricks, strict=True)
        if (reason := _not_shown(trick))
    ]
    strips = _strips(game, specs, data.images[:rows], steps, draws)
    targets = [*_target_rows(game, specs), *_all_target_rows(game)]
    return Preview(
        config, specs, game, data, trained, done, steps, targets, strips, [*data.notes, *notes]
    )


def check_tricks(config: Config) -> list[registry.Spec]:
    """Return the specs of the tricks in the settings.

    Raises:
        UserError: There are none.
    """
    if specs := config.specs("tricks"):
        return specs
    raise UserError(
        "there are no tricks to show; give some, such as"
        " --tricks='instance_noise(0.2),flip_images'."
    )


def load_images(config: Config, count: int) -> Dataset:
    """Return at most ``count`` training images of the data set, in random order, without labels."""
    from gan_zoo.game import build

    data = build.data_split(build.load_data(config), config, "train")
    rows = np.random.default_rng(config.seed).permutation(len(data.images))[:count]
    return data._replace(images=data.images[rows], labels={}, label_values={})


def augmented(
    game: Game, real: np.ndarray, step: int, only: int | None = None, draw: int = 0
) -> np.ndarray:
    """Return real images as D sees them at a step, with the draws of a run of these settings.

    Args:
        game: With the tricks.
        real: uint8 ``[N, H, W, C]``.
        step: The step of the tricks; the game's own step does not change.
        only: The place of the one trick to apply; all by default.
        draw: Another number gives other draws at the same step.

    Returns:
        uint8 ``[N, H, W, C]``.
    """
    before, made = int(game.step.numpy()), []
    game.step.assign(step)
    for first in range(0, len(real), _BATCH):
        x = images.to_float(real[first : first + _BATCH])
        batch = Batch(x, disc_step=first + 1_000_000 * draw)  # other draws for each batch
        if only is None:
            x = game.augment_real(batch, "disc")
        else:
            for hook, tag in (("real_images", ()), ("images", ("disc", "real"))):
                if (f := getattr(game.tricks[only], hook)) is not None:
                    x = f(x, game.seed_at(batch.disc_step, hook, only, *tag))
        made.append(images.to_uint8(x))
    game.step.assign(before)
    return np.concatenate(made)


def _changes_images(trick: Trick) -> bool:
    return bool(trick.images or trick.real_images)


def _strips(
    game: Game, specs: list[registry.Spec], real: np.ndarray, steps: list[int], draws: int
) -> list[Strip]:
    changing = [i for i, trick in enumerate(game.tricks) if _changes_images(trick)]
    wanted: list[tuple[str, int | None]] = [
        (f"{specs[i]}: {_which_images(game.tricks[i])}", i) for i in changing
    ]
    if len(changing) > 1:
        wanted.append(("all together, as D sees real images", None))
    at = [step + k for step in steps for k in range(draws)]

    def column(step: int, only: int | None) -> tuple[str, np.ndarray]:
        return f"step {step}", augmented(game, real, step, only)

    return [
        Strip(title, [("original", real), *(column(step, only) for step in at)])
        for title, only in wanted
    ]


def _which_images(trick: Trick) -> str:
    if trick.images and trick.real_images:
        return "real images, and then all images that D sees"
    return "all images that D sees" if trick.images else "real images only"


def _not_shown(trick: Trick) -> str:
    """Return why a trick shows in no picture and no table, or ""."""
    if trick.fake_images:
        return (
            "changes the fakes that D learns from, and none of the images and targets shown here."
        )
    rest = (trick.penalty, trick.gen_penalty, trick.gen_weights, trick.gradients, trick.after_disc)
    return "changes losses, gradients or weights, which cannot be shown." if any(rest) else ""


def _target_rows(game: Game, specs: list[registry.Spec]) -> Iterator[TargetRow]:
    import tensorflow as tf

    for i, (spec, trick) in enumerate(zip(specs, game.tricks, strict=True)):
        for hook, (kind, target) in _TARGETS.items():
            if (f := getattr(trick, hook)) is not None:
                value = f(tf.fill([_COUNT, 1], target), game.seed_at(0, hook, i, kind))
                yield _target_row(str(spec), kind, target, value)


def _all_target_rows(game: Game) -> Iterator[TargetRow]:
    import tensorflow as tf

    if sum(any(getattr(trick, hook) for hook in _TARGETS) for trick in game.tricks) < 2:
        return
    for hook, (kind, target) in _TARGETS.items():
        if any(getattr(trick, hook) for trick in game.tricks):
            value = game.apply_hook(Batch(None), hook, tf.fill([_COUNT, 1], target), kind)
            yield _target_row("all together", kind, target, value)


def _target_row(trick: str, kind: str, target: float, value: Any) -> TargetRow:
    x = np.asarray(value, np.float64)
    flipped = float(np.mean((x > 0.5) != (target > 0.5)))
    return TargetRow(trick, kind, target, float(x.mean()), float(x.min()), float(x.max()), flipped)


def target_lines(rows: list[TargetRow]) -> Iterator[str]:
    """Yield the table of targets, a line for each row."""
    if not rows:
        return
    width = max(len("targets"), *(len(row.trick) for row in rows))
    yield f"{'targets':{width}}  {'':10} {'mean':>7} {'min':>7} {'max':>7}   flipped"
    for row in rows:
        figures = f"{row.mean:7.3f} {row.least:7.3f} {row.most:7.3f} {100 * row.flipped:7.1f} %"
        yield f"{row.trick:{width}}  {row.kind:4}  {row.target:.0f} -> {figures}"


def unchanged_lines(preview: Preview) -> Iterator[str]:
    """Yield a sentence for each strip in which no image has changed."""
    steps = " or ".join(map(str, preview.steps))
    for strip in preview.strips:
        if all((column == strip.columns[0][1]).all() for _, column in strip.columns):
            yield (
                f"{strip.title}: changes none of these images at step {steps}; a trick that grows"
                " in training shows with --run, --step, or another start, such as ada(start=0.5)."
            )


def preview_picture(strips: list[Strip]) -> np.ndarray:
    """Draw all strips below each other: uint8 ``[H, W, 3]``."""
    drawn = []
    for strip in strips:
        rows = zip(*(column for _, column in strip.columns), strict=True)
        cells = np.stack([images.enlarge(cell, _CELL) for row in rows for cell in row])
        block = images.grid(cells, len(strip.columns))
        heads = [head for head, _ in strip.columns]
        drawn.append(images.captioned(block, strip.title, heads))
    return images.stack(drawn, axis=0)


class TrickLeak(NamedTuple):
    """How much of a trick shows in samples.

    Attributes:
        spec: Of the trick.
        trick: The trick.
        step: At which it was applied to real images; None if it changes none at any step tried.
        leak: Of the samples.
        planted: As a scale, the same for real images of which a known share was augmented.
    """

    spec: registry.Spec
    trick: Trick
    step: int | None
    leak: Leak | None
    planted: dict[float, Leak]


class Leaks(NamedTuple):
    """How much of each trick that changes images shows in a run's samples.

    Attributes:
        n: Number of samples.
        step: Of the run.
        steps: Where the tricks were tried.
        extractor: Name of the feature network.
        tricks: One for each trick that changes images.
    """

    n: int
    step: int
    steps: list[int]
    extractor: str
    tricks: list[TrickLeak]


def find_leaks(preview: Preview, n: int = 2000) -> Leaks | None:
    """Test whether tricks show in samples of the run; None without a run or tricks to test.

    Args:
        preview: From :func:`preview_tricks`.
        n: Number of samples.

    Raises:
        UserError: There are too few images.
    """
    if preview.trained is None or not preview.strips:
        return None
    real = preview.data.images
    if len(real) < 3 * MINIMUM:
        raise UserError(
            f"{len(real)} images are too few to look for tricks in samples; at least"
            f" {3 * MINIMUM} are needed."
        )
    from gan_zoo.game import build, sampling

    with phase("draw samples"):
        samples = sampling.sample(preview.trained, n, preview.config.seed, tag="preview")
    steps = preview.steps[::-1]
    with phase("look for tricks in samples"):
        extractor = build.build_extractor(preview.config, real.shape[3])
        found = list(trick_leaks(preview.game, preview.specs, real, samples, extractor, steps))
    return Leaks(len(samples), preview.done, steps, extractor.name, found)


def trick_leaks(
    game: Game,
    specs: list[registry.Spec],
    real: np.ndarray,
    samples: np.ndarray,
    extractor: FeatureExtractor,
    steps: list[int],
) -> Iterator[TrickLeak]:
    """Yield how much of each trick that changes images shows in samples.

    Args:
        game: With the tricks.
        specs: Of the tricks.
        real: uint8 ``[N, H, W, C]``, in random order.
        samples: uint8 ``[M, H, W, C]``.
        extractor: Of features.
        steps: Where each trick is tried, in turn, until it changes an image.
    """
    # The planted images must not be those on which the score is fitted.
    cut = 2 * (len(real) // 3)
    base, control = real[:cut], real[cut:]
    features = extractor.features
    base_features, sample_features, control_features = map(features, (base, samples, control))
    for i, (spec, trick) in enumerate(zip(specs, game.tricks, strict=True)):
        if not _changes_images(trick):
            continue
        few = real[:MINIMUM]
        step = next((s for s in steps if (augmented(game, few, s, i) != few).any()), None)
        if step is None:
            yield TrickLeak(spec, trick, None, None, {})
            continue
        changed = features(augmented(game, base, step, i))
        leak = find_leak(base_features, changed, sample_features)
        planted = {}
        all_changed = features(augmented(game, control, step, i, draw=1))
        for share in (0.0, 0.3, 1.0):
            some = np.arange(len(control)) < round(share * len(control))
            mixed = np.where(some[:, None], all_changed, control_features)
            planted[share] = find_leak(base_features, changed, mixed)
        yield TrickLeak(spec, trick, step, leak, planted)


def leak_lines(leaks: Leaks) -> Iterator[str]:
    """Yield a line for each trick, with one of planted shares as a scale."""
    yield (f"tricks in {leaks.n} samples of step {leaks.step}, by features of {leaks.extractor}:")
    steps = " or ".join(map(str, leaks.steps))
    for found in leaks.tricks:
        if found.leak is None:
            yield f"  {found.spec}: changes no image at step {steps}; try another --step."
            continue
        scale = "; ".join(
            f"{100 * share:.0f} % planted -> {leak}" for share, leak in found.planted.items()
        )
        yield f"  {found.spec}, as at step {found.step}: {_leak_sentence(found.leak, found.trick)}"
        yield f"      as a scale, in real images: {scale}"


def _leak_sentence(leak: Leak, trick: Trick) -> str:
    found = (
        f"{leak} of the samples look augmented (100 %: as many as of the images that D sees); their"
        f" other differences from the data are {leak.other_difference:.1f} times the size of this"
        " change"
    )
    if trick.real_images and not trick.images:
        return f"{found}; it is part of the data that G learns, so it should be 100 %."
    advice = {
        "leaks": "it leaks into the samples; make it weaker or rarer, or let it decay.",
        "none seen": "it does not show.",
        "unknown": "the features do not show it clearly enough; look at the samples.",
        "doubtful": (
            "such samples show little about it; compare with a run without the trick"
            " (--run=OTHER --tricks=...)."
        ),
    }[leak.verdict]
    return f"{found}: {advice}"
