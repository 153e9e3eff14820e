"""Faces of 128 pixels in 15 minutes on 2 cores: as quick64.py, with half of the images.

    python -m gan_zoo.run --config=experiments/recipes/quick128.py --data_dir=my_pictures.zip

Not run: set by analogy with quick64.py; four times its arithmetic for an image, and what 15 minutes give of its images.
About 150 images/s on 2 idle cores.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("quick64.py")),
    loss="non_saturating",
    tricks="flip_images",
    gen_opt="adam(2e-4, beta_1=0.5, schedule='linear')",
    disc_opt="adam(2e-4, beta_1=0.5, schedule='linear')",
    image_size="128",
    steps=2150,
    eval_every=215,
    sample_every=215,
    save_every=215,
    workdir="runs/quick128",
)
