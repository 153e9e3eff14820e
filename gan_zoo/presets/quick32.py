"""Faces of 32 pixels in 15 minutes on 2 cores: quick64 at twice the width, for more steps.

    gan_zoo train --config=quick32 --data_dir=my_pictures.zip

Measured on 5,000 faces of CelebA (--data='celeba(crop="close_v1")', 2026-11-24, one seed, 17,278
steps): FD-embedded@51b9 1.50 at best and 1.53 at the end (2k fake, 5k real, EMA; real against real
1.01), 0.39 times the best of a plain dcgan in equal time; precision 0.82, recall 0.74. The
non-saturating loss reaches 1.67, 4,000 steps 2.9, DiffAugment 3.0. On 12,000 anime faces (one seed,
17,000 steps) 2.05 at best, 2.22 at the end (0.94), precision 0.81, recall 0.68: D does not become
too strong for G here, as it does at 64 pixels. About 1,230 images/s on 2 idle cores. Its grid:
portraits with clean eyes and hair, a few distorted.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "15 min on 2 cores"
result = "CelebA-5k: FD-embedded 1.5 (real against real 1.0)"
config = dataclasses.replace(
    load_preset("quick64"),
    gen="dcgan(width=64)",
    disc="dcgan(width=64)",
    image_size="32",
    steps=17000,
    eval_every=1700,
    sample_every=1700,
    save_every=1700,
    workdir="runs/quick32",
)
