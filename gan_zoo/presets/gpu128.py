"""Faces of 128 pixels in a day on one GPU: hours128 at twice its width.

    gan_zoo train --config=gpu128 --data_dir=my_pictures.zip

Not run: no GPU was at hand. 500,000 steps are 32 million images; take fewer where that is more than
a day.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "a day on one GPU"
result = "not run"
config = dataclasses.replace(
    load_preset("hours128"),
    gen="dcgan(width=64, max_width=1024)",
    disc="dcgan(width=64, max_width=1024)",
    steps=500000,
    eval_every=10000,
    sample_every=10000,
    save_every=5000,
    log_every=100,
    workdir="runs/gpu128",
)
