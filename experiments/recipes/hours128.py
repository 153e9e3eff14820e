"""Faces of 128 pixels in some hours on 2 cores: as hours64.py, narrower.

    python -m gan_zoo.run --config=experiments/recipes/hours128.py --data_dir=my_pictures.zip

Not run: set by analogy. 40,000 steps are 2.6 million images; at the 136 images/s of 2 idle cores, 5 hours.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("hours64.py")),
    image_size="128",
    gen="dcgan(width=32)",
    disc="dcgan(width=32)",
    workdir="runs/hours128",
)
