"""Small pictures of 28 pixels in some hours on 2 cores: as hours32.py, and nothing is mirrored.

    python -m gan_zoo.run --config=experiments/recipes/hours28.py --data_dir=my_pictures.zip

Not run: set by analogy. 40,000 steps are 2.6 million images; `tools/compare.py` tells what they cost on a machine.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("hours32.py")),
    image_size="28",
    tricks="spectral_norm, lecam(0.1)",
    workdir="runs/hours28",
)
