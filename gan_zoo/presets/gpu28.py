"""Small pictures of 28 pixels in a day on one GPU: like gpu32, but nothing is mirrored.

    gan_zoo train --config=gpu28 --data_dir=my_pictures.zip

Not run: no GPU was at hand. 500,000 steps are 32 million images; take fewer where that is more than
a day.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "a day on one GPU"
result = "not run"
config = dataclasses.replace(
    load_preset("gpu32"),
    image_size="28",
    tricks="spectral_norm, lecam(0.1)",
    workdir="runs/gpu28",
)
