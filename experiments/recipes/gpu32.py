"""Faces of 32 pixels in a day on one GPU: as gpu64.py.

    python -m gan_zoo.run --config=experiments/recipes/gpu32.py --data_dir=my_pictures.zip

Not run: no GPU was at hand. 500,000 steps are 32 million images; take fewer where that is more than a
day.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("gpu64.py")),
    image_size="32",
    workdir="runs/gpu32",
)
