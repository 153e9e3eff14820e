"""Faces of 64 pixels in some hours on 2 cores: quick64.py at twice the width, for longer.

    python -m gan_zoo.run --config=experiments/recipes/hours64.py --data_dir=my_pictures.zip

Not run: set by analogy, for sets of 100,000 pictures and more. D learns a smaller one by heart (the alarm past_best): then take
fewer --steps, or quick64.py. DiffAugment did not keep it from that on 12,000 anime faces (see README.md).
40,000 steps are 2.6 million images; at the 234 images/s of 2 idle cores, 3 hours.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("quick64.py")),
    gen="dcgan(width=64)",
    disc="dcgan(width=64)",
    steps=40000,
    eval_every=2500,
    sample_every=2500,
    save_every=1000,
    workdir="runs/hours64",
)
