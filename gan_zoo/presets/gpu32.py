"""Faces of 32 pixels in a day on one GPU: like gpu64.

    gan_zoo train --config=gpu32 --data_dir=my_pictures.zip

Not run: no GPU was at hand. 500,000 steps are 32 million images; take fewer where that is more than
a day.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "a day on one GPU"
result = "not run"
config = dataclasses.replace(
    load_preset("gpu64"),
    image_size="32",
    workdir="runs/gpu32",
)
