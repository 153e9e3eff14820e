"""Faces of 32 pixels in some hours on 2 cores: as hours64.py.

    python -m gan_zoo.run --config=experiments/recipes/hours32.py --data_dir=my_pictures.zip

Not run: set by analogy. 40,000 steps are 2.6 million images; at the 375 images/s of 2 idle cores, 2 hours.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("quick32.py")),
    image_size="32",
    gen="dcgan(width=128)",
    disc="dcgan(width=128)",
    workdir="runs/hours32",
)
