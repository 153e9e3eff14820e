r"""Is a run on 200 pictures better from a run on 12,000 others, and with D's first layers kept?

    gan_zoo train --config=quick32 --gen='dcgan(width=32)' --disc='dcgan(width=32)' \
        --data_dir=anime-faces.zip --workdir=runs/anime32
    gan_zoo compare --study=experiments/studies/few_pictures.py --data_dir=simpsons200.zip \
        --workdir=runs/few_pictures

The 200 pictures are some of those of The Simpsons. What a shorter study gave is in the lab notes.
"""

import dataclasses

from gan_zoo.config import load_preset

question = (
    "Is a run on 200 pictures better from a run on 12,000 others, and with D's first layers kept?"
)
recipe = load_preset("few64")
base = dataclasses.replace(recipe, image_size="32", steps=400, holdout=0.0, precision="float32")
variants = {
    "from scratch": {},
    "from another run": {"start_from": "runs/anime32"},
    "from another run, freeze_d": {
        "start_from": "runs/anime32",
        "tricks": f"{recipe.tricks}, freeze_d(2)",
    },
}
