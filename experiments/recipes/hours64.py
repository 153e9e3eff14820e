"""Faces of 64 pixels for longer on 2 cores: quick64.py with 10,000 steps, for pictures of which it goes on getting better.

    python -m gan_zoo.run --config=experiments/recipes/hours64.py --data_dir=my_pictures.zip

Run to its half on 5,000 faces of CelebA (--data=celeba, 2026-11-24, one seed): FD-embedded@51b9 5.1 after 240,000 images, 4.9
after 320,000, where quick64.py ends at 5.8 (2k fake, 5k real, EMA; real against real 1.1). Of 12,000 anime faces no longer run
that was tried came below the 5.6 of quick64.py by more than chance: take that one where the alarm past_best comes, or try a D
at 2e-4, which put it off there. README.md has all of them. 10,000 steps are 15 minutes at the 722 images/s of 2 idle cores,
and half an hour on a slower machine.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("quick64.py")),
    steps=10000,
    eval_every=1000,
    sample_every=1000,
    save_every=1000,
    workdir="runs/hours64",
)
