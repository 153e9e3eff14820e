"""Faces of 64 pixels in some hours on 2 cores: quick64.py at twice the width, with DiffAugment against learning by heart.

    python -m gan_zoo.run --config=experiments/recipes/hours64.py --data_dir=my_pictures.zip

Not run: set by analogy. 40,000 steps are 2.6 million images; at the 234 images/s of 2 idle cores, 3 hours.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("quick64.py")),
    gen="dcgan(width=64)",
    disc="dcgan(width=64)",
    tricks="flip_images, spectral_norm, lecam(0.1), diff_augment('color,translation')",
    steps=40000,
    eval_every=2500,
    sample_every=2500,
    save_every=1000,
    workdir="runs/hours64",
)
