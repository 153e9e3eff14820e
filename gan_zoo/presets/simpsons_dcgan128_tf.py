"""Simpsons DCGAN 128: the TensorFlow variant of simpsons_dcgan128.

    gan_zoo train --config=simpsons_dcgan128_tf --data_dir=simpsons-faces.zip

G's target is 1, and D's loss is halved. With Adam, half a loss is very nearly the same as the whole
one (only epsilon counts differently), so that the variants differ in G's target: 1 here, the run's
label there. Not trained here beyond a few steps.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "500 epochs; a GPU"
result = "not run"
config = dataclasses.replace(
    load_preset("simpsons_dcgan128"),
    loss="non_saturating(disc_weight=0.5)",
    tricks="constant_label(0.9, 1.0, gen=False),flip_images(0.5)",
    workdir="runs/simpsons_dcgan128_tf",
)
