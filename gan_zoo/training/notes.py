"""Sentences about a run's settings, printed before it trains or when it fails."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gan_zoo import registry
from gan_zoo.config import Config, own_settings, preset_of_pair
from gan_zoo.contracts import Dataset
from gan_zoo.game.build import split_rows
from gan_zoo.game.step import Game
from gan_zoo.layers import frozen_weights as frozen_weights_of


def opening(config: Config, folder: Path, data: Dataset, step: int) -> str:
    """Return the first line of a run: what it trains, on which data, and where it is kept."""
    height, width, channels = data.image_shape
    rows, held_out = split_rows(config, len(data.images))
    start = f"going on from step {step}" if step else "training"
    condition = f"condition: {config.condition}, " if config.condition else ""
    more = f"({len(held_out):,} more held out) " if len(held_out) else ""
    resize = "not resized" if data.resize == "none" else data.resize
    own = ", ".join(f"{name}={value}" for name, value in own_settings(config).items())
    preset = f" (by the preset {preset_of_pair(config.gen, config.disc)}: {own})" if own else ""
    return (
        f"{start}: {config.gen} against {config.disc}{preset}, {config.loss}, {config.update},"
        f" noise: {config.noise}, tricks: {config.tricks or 'none'}, {condition}{config.precision};"
        f" {len(rows):,} images {more}{height}x{width}x{channels} of {data.name} ({resize});"
        f" run directory: {folder}"
    )


def few_images(given: Config, config: Config, data: Dataset) -> Iterator[str]:
    """Yield a sentence for each thing that is done otherwise since there are so few images.

    Args:
        given: The settings that were asked for.
        config: Those with which the run trains.
        data: The data set.
    """
    count = len(split_rows(config, len(data.images))[0])
    there = "there is 1 image" if count == 1 else f"there are {count:,} images"
    if config.batch < given.batch:
        yield (
            f"--batch={given.batch} is lowered to {config.batch}, since {there} to train on;"
            " learning rates are those of the larger batch, and lower ones may be better."
        )
    if config.steps < given.steps:
        yield (
            f"--steps={given.steps} is made {config.steps}, since {there} to train on and"
            f" --passes={given.passes:g}; --passes=0 trains all steps."
        )
    if config.batch > count:
        yield f"{there} to train on, so that images repeat within a batch of {config.batch}."
    if config.eval_every and count < 2:
        yield f"scores are not computed: they need 2 images or more, and {there} to train on."


def late_steps(config: Config) -> dict[str, str]:
    """Return the settings that fall between the ends of two chunks of steps, and what holds.

    That is the first steps at which they are met, such as ``30, 50, 80, ...``.
    """
    late, chunk = {}, config.log_every
    for name in ("sample_every", "save_every", "eval_every"):
        if (every := getattr(config, name)) % chunk:
            ends = (math.ceil(k * max(every, chunk) / chunk) * chunk for k in (1, 2, 3))
            late[name] = ", ".join(f"{end:,}" for end in ends) + ", ..."
    return late


def off_chunks(config: Config) -> Iterator[str]:
    """Yield a sentence if something is asked for between the ends of two chunks of steps."""
    if late := late_steps(config):
        listed = "; ".join(
            f"--{name}={getattr(config, name)} means steps {ends}" for name, ends in late.items()
        )
        yield f"{listed}: after every {config.log_every} steps (--log_every) at the soonest."


def unchecked_parts(config: Config) -> Iterator[str]:
    """Yield a sentence for each plugin file of the settings from which parts were built."""
    for file in filter(None, config.plugins.split(",")):
        built = registry.third_party.built
        names = [name for name, (_, module) in built.items() if module == file]
        if names:
            command = shlex.join(["gan_zoo", "check", *names, f"--plugins={file}"])
            yield f"parts of plugin files are not checked here; run this once: {command}"


def frozen_weights(game: Game, config: Config) -> Iterator[str]:
    """Yield a sentence if weights of D stay as they were drawn."""
    if (frozen := frozen_weights_of(game.disc)) and not config.start_from:
        yield (
            f"{len(frozen)} weights of D keep their random values to the end (--tricks="
            f"{config.tricks}); that is of use with --from=RUN, where they were trained before."
        )


def early_zero_rates(game: Game, steps: int) -> Iterator[str]:
    """Yield a sentence for each net whose learning rate is 0 before the run ends."""
    for flag, optimizer, updates in _optimizers(game):
        until = getattr(optimizer._learning_rate, "until", 0)
        if until and until < steps * updates:
            yield (
                f"--{flag}: the learning rate is 0 from step {until // updates} of {steps} on, and"
                f" it learns nothing after that; without until={until} it lasts to the end."
            )


def changed_rates(game: Game, config: Config, before: int, step: int) -> Iterator[str]:
    """Yield a sentence for each net whose learning rate changes because ``--steps`` did.

    Args:
        game: The game.
        config: The settings.
        before: What ``--steps`` was before.
        step: From which the run goes on.
    """
    for flag, optimizer, updates in _optimizers(game):
        rate, spec = optimizer._learning_rate, config.spec(flag)
        ends_with_run = getattr(rate, "until", 0) == config.steps * updates
        if before == config.steps or not ends_with_run or "until" in spec.kwargs:
            continue
        was, now = (
            float(type(rate)(**(rate.get_config() | {"until": end * updates}))(step * updates))
            for end in (before, config.steps)
        )
        yield (
            f"--{flag}: the learning rate falls to 0 at step {config.steps} now, not {before};"
            f" here, at step {step}, it goes from {was:.2g} to {now:.2g}."
        )


def _optimizers(game: Game) -> tuple[tuple[str, Any, int], ...]:
    """Return both optimizers, each with its flag and its updates in a step."""
    return ("gen_opt", game.gen_opt, 1), ("disc_opt", game.disc_opt, game.update.batches)


def divergence(scalars: dict[str, float], step: int, latest: int | None) -> str:
    """Return the sentence for a run whose scalars are not finite, or "" if they are.

    Args:
        scalars: Those of the last chunk.
        step: At its end.
        latest: The step of the last good checkpoint, or None.
    """
    bad = ", ".join(name for name, value in scalars.items() if not math.isfinite(value))
    if not bad:
        return ""
    saved = "there is no earlier checkpoint"
    if latest is not None:
        saved = f"the last good checkpoint is of step {latest}"
    return (
        f"training diverged before step {step}: {bad} became infinite or NaN; {saved}; start a new"
        " run with lower learning rates (--gen_opt, --disc_opt) or another loss."
    )
