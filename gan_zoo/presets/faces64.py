"""CelebA at 64x64: the larger version of faces32.

    gan_zoo train --config=faces64 --data_dir=img_align_celeba.zip

Exact: as faces32, with Adam 2e-4, beta_1 0.5, batch 128, 125 epochs (of CelebA's 202,599 images).
Our reading: as there; at 64x64 the maps are figure 1's: 4x4x1024, 8x8x512, 16x16x256, 32x32x128.

Not trained here: an image takes six times the arithmetic of faces32 (9.8 GFLOP). On 2 cores add
--gen='dcgan(width=32)' and --disc='dcgan(width=32)'.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "125 epochs; a GPU"
result = "not run"
config = dataclasses.replace(
    load_preset("faces32"),
    gen_opt="adam(2e-4, beta_1=0.5)",
    disc_opt="adam(2e-4, beta_1=0.5)",
    image_size="64",
    batch=128,
    steps=197851,
    save_every=100,
    workdir="runs/faces64",
)
