"""Faces of 128 pixels in 15 minutes on 2 cores: the net of quick64, with another loss.

The loss is non-saturating, and the learning rates are smaller.

    gan_zoo train --config=quick128 --data_dir=my_pictures.zip

Measured on 5,000 faces of CelebA (--data=celeba, 2026-11-24, one seed): FD-embedded@51b9 8.0 at
best, 9.3 at the end (2k fake, 5k real, EMA), 0.23 times the best of a plain dcgan in equal time
(34.3); precision 0.78, recall 0.46. The loss and tricks of quick64 reach 15.0 at best and 19.6 at
the end: D becomes too strong for G, whose colors saturate. About 150 images/s on 2 idle cores. Its
grid: faces of many kinds with eyes and mouths, before soft and stained backgrounds; a third are
distorted.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "15 min on 2 cores"
result = "CelebA-5k: FD-embedded 8.0; 0.23 times a plain DCGAN's"
config = dataclasses.replace(
    load_preset("quick64"),
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
