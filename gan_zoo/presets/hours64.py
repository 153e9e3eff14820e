"""Faces of 64 pixels for longer on 2 cores: quick64 with D's rate at a third, for 6,000 steps.

    gan_zoo train --config=hours64 --data_dir=my_pictures.zip

Measured on 5,000 faces of CelebA (--data=celeba, 2026-11-26, one seed): FD-embedded@51b9 3.43 at
the end, its best (2k fake, 5k real, EMA; real against real 1.1), where quick64 ends at 5.8;
precision 0.76, recall 0.61 (0.77, 0.79). It was still falling, so that more --steps may help there.
On 12,000 anime faces (seeds 0 and 1) 5.5 and 4.7 at best, after 192,000 and 256,000 images, 6.9 and
4.8 at the end (2k fake, 10k real; 0.96), where quick64 reaches 5.6 and 5.6 and ends at 6.4 and 6.1.
384,000 images are 9 minutes at the 722 images/s of 2 idle cores; they were 30 here, beside another
run. Its grids: portraits of all kinds with eyes and teeth before torn backgrounds, a third
distorted; anime faces with two eyes and clean hair, a few distorted.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "9 min on 2 cores"
result = "CelebA-5k: FD-embedded 3.4 (quick64: 5.8; real against real 1.1)"
config = dataclasses.replace(
    load_preset("quick64"),
    disc_opt="adam(2e-4, beta_1=0.5, schedule='linear')",
    steps=6000,
    passes=0,
    eval_every=1000,
    sample_every=1000,
    save_every=1000,
    workdir="runs/hours64",
)
