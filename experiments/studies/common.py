"""The settings that the studies of the recipes for 15 minutes share."""

import dataclasses
from typing import Any

from gan_zoo.config import Config, load_preset

METHOD = (
    "gen",
    "disc",
    "loss",
    "tricks",
    "update",
    "noise",
    "gen_opt",
    "disc_opt",
    "ema",
    "batch",
    "precision",
)
PLAIN_DCGAN = Config(
    gen="dcgan", disc="dcgan", data="anime_faces", image_size="64", batch=64, log_every=25
)


def method_of(preset: str) -> dict[str, Any]:
    """Return the nets and the training of a preset; data and budget are those of the study."""
    settings = dataclasses.asdict(load_preset(preset))
    return {name: settings[name] for name in METHOD}


def recipe_of(size: int) -> dict[str, Any]:
    """Return the recipe for 15 minutes, which may end before its time.

    It trains in bfloat16 also on machines where that is slower.
    """
    preset = f"quick{size}"
    return method_of(preset) | {"precision": "bfloat16", "steps": load_preset(preset).steps}


def training_of(size: int) -> dict[str, Any]:
    """Return the loss, the tricks and the rates of that recipe, to try them at another size."""
    recipe = recipe_of(size)
    return {name: recipe[name] for name in ("loss", "tricks", "gen_opt", "disc_opt")}


def question_at(size: int) -> str:
    """Return the question of the studies of recipes."""
    return f"At {size} pixels, in equal time: how much better than a plain DCGAN is the recipe?"
