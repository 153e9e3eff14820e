"""Does the recipe for 15 minutes at 64 pixels beat a plain DCGAN, and an old project's (S4)? Equal time on 2 cores.

gan_zoo compare --study=experiments/studies/recipe64.py --data_dir=anime-faces.zip --minutes=15
--workdir=runs/recipe64
"""

import dataclasses

from gan_zoo.config import Config, load_preset

OF_NETS = (
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


def of(preset: str) -> dict:
    """What a preset says of nets and training; data and budget are those of the study."""
    return {name: value for name, value in vars(load_preset(preset)).items() if name in OF_NETS}


def recipe_of(size: int) -> dict:
    """The recipe for 15 minutes, which may end before its time, in bfloat16 also where that is slower."""
    preset = f"quick{size}"
    return of(preset) | {"precision": "bfloat16", "steps": load_preset(preset).steps}


def learning_of(size: int) -> dict:
    """Loss, tricks and rates of that recipe alone, to try them at another size."""
    return {
        name: value
        for name, value in recipe_of(size).items()
        if name in ("loss", "tricks", "gen_opt", "disc_opt")
    }


def against_plain(
    size: int, data: str, others: dict[str, dict]
) -> tuple[str, Config, dict[str, dict]]:
    """Question, base and variants for the recipe of another size; ``others`` differ from it as they say."""
    recipe = recipe_of(size)
    return (
        f"At {size} pixels, in equal time: how much better than a plain DCGAN is the recipe?",
        dataclasses.replace(base, data=data, image_size=str(size)),
        {"plain DCGAN": {}, "recipe": recipe}
        | {name: recipe | changes for name, changes in others.items()},
    )


question = "At 64 pixels, in equal time: how much better than a plain DCGAN is the recipe?"
base = Config(
    gen="dcgan", disc="dcgan", data="anime_faces", image_size="64", batch=64, log_every=25
)
variants = {
    "plain DCGAN": {},
    "anime64 (S4)": of("anime64"),
    "recipe": recipe_of(64),
}
