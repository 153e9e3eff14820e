"""Faces of 128 pixels in three quarters of an hour on 2 cores: quick128, for longer.

    gan_zoo train --config=hours128 --data_dir=my_pictures.zip

Measured on 5,000 faces of CelebA (--data=celeba, 2026-11-25, one seed, two and a half hours beside
other work): FD-embedded@51b9 4.8 at best, 5.1 at the end (2k fake, 5k real, EMA; real against real
1.1), where quick128 reaches 8.0 and 9.3; precision 0.72, recall 0.66 (0.78, 0.79). 6,000 steps,
384,000 images, are 45 minutes at the 150 images/s of 2 idle cores. D is right 99 % of the time by
then, so that more steps may not help with so few pictures. Its grid: most are faces with eyes,
teeth and hair of many kinds; a quarter are distorted, and all have a faint checkerboard (6.4 dB
over real images).
"""

import dataclasses

from gan_zoo.config import load_preset

time = "45 min on 2 cores"
result = "CelebA-5k: FD-embedded 4.8 (real against real 1.1)"
config = dataclasses.replace(
    load_preset("quick128"),
    steps=6000,
    passes=0,
    eval_every=600,
    sample_every=600,
    save_every=200,
    workdir="runs/hours128",
)
