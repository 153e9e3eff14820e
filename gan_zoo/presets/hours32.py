"""Faces of 32 pixels for longer on 2 cores: quick32 at twice the width.

    gan_zoo train --config=hours32 --data_dir=my_pictures.zip

Run to seven eighths on 5,000 faces of CelebA (--data='celeba(crop="close_v1")', 2026-11-25, one
seed, beside other trainings): FD-embedded@51b9 2.51 after 326,000 images, 1.61 after 544,000, 1.50
after 762,000, 1.53 after 870,000 (2k fake, 5k real, EMA; real against real 1.01), where quick32
needs 1,106,000 for its 1.50; precision 0.82, recall 0.75 (quick32: 0.82, 0.74). 17,000 steps are 48
minutes at the 375 images/s of 2 idle cores. The width gains little: D is right 99 % of the time
from the middle on. Its grid: portraits with eyes, teeth, glasses and beards, a few distorted.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "48 min on 2 cores"
result = "CelebA-5k: FD-embedded 1.5, no better than quick32"
config = dataclasses.replace(
    load_preset("quick32"),
    gen="dcgan(width=128)",
    disc="dcgan(width=128)",
    passes=0,
    workdir="runs/hours32",
)
