"""Faces of 128 pixels in some hours on 2 cores: quick128.py, for longer.

    python -m gan_zoo.run --config=experiments/recipes/hours128.py --data_dir=my_pictures.zip

Not run: set by analogy, for large sets, as hours64.py. 40,000 steps are 2.6 million images; at the 150 images/s of 2 idle
cores, 5 hours.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("quick128.py")),
    steps=40000,
    eval_every=2500,
    sample_every=2500,
    save_every=1000,
    workdir="runs/hours128",
)
