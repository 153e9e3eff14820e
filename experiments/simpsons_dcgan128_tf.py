"""Simpsons DCGAN 128: the TensorFlow variant, which trains G to 1 and halves D's loss; the rest is simpsons_dcgan128.py.

    python -m gan_zoo.run --config=experiments/simpsons_dcgan128_tf.py --data_dir=simpsons-faces.zip

With Adam, half a loss is very nearly the whole one (only epsilon weighs differently), so that what distinguishes the variants
is G's target: 1 here, the run's label there. Not trained here beyond the steps of the tests.
"""

import dataclasses
from pathlib import Path

from gan_zoo.config import load_preset

config = dataclasses.replace(
    load_preset(Path(__file__).with_name("simpsons_dcgan128.py")),
    loss="non_saturating(disc_weight=0.5)",
    tricks="constant_label(0.9, 1.0, gen=False),flip_images(0.5)",
    workdir="runs/simpsons_dcgan128_tf",
)
