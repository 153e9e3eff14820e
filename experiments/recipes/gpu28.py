"""Small pictures of 28 pixels in a day on one GPU: as gpu32.py, and nothing is mirrored.

    python -m gan_zoo.run --config=experiments/recipes/gpu28.py --data_dir=my_pictures.zip

Not run: no GPU was at hand. 500,000 steps are 32 million images; take fewer where that is more than a
day.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("gpu32.py")),
    image_size="28",
    tricks="spectral_norm, lecam(0.1)",
    workdir="runs/gpu28",
)
