"""CelebA at 28x28 by dense layers, in the form of Keras-GAN's dense GAN.

It is the baseline of celeba28_noise_image.

    gan_zoo train --config=celeba28_dense --data_dir=img_align_celeba.zip

Exact: noise of 100 values; G Dense 256, 512, 1024, each LeakyReLU 0.2 and batch norm (momentum
0.8), then the image, tanh; D flatten, Dense 512, 256, 1 with LeakyReLU 0.2; Adam 2e-4, beta_1 0.5.

Our reading: the text says that G has about 1 million parameters and D about 3 million. This form
has 3,100,720 and 1,336,321, so the text has most likely swapped the two; the layers are as the text
describes them. The crop, batch and loss are those of the other preset. 40,000 steps are ours.

Measured on 5,000 images of CelebA (2 cores, shared with other jobs; 2026-11-24): 1,113,600 images
(17,400 steps) in 36 minutes, float32, median 581 images/s. FD-embedded@51b9 (2k fake) 297 at step
1,000, 185 at 2,000, 78 at 5,000, **34.8** at 10,000. The best checkpoint by the full protocol (10k
fake, 5k real): FD 34.4 (floor 0.80), precision 0.68 (0.78), recall 0.01 (0.80). Its grid: nearly
every sample is a face, front on, but of few kinds and with colored pixel noise; several are only
noise. The convolutional pair is better after a twentieth of the images.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "36 min on 2 cores"
result = "CelebA-5k: FD-embedded 34.8, few kinds of faces"
config = dataclasses.replace(
    load_preset("celeba28_noise_image"),
    gen="dense",
    disc="dense",
    steps=40000,
    log_every=100,
    eval_every=1000,
    sample_every=1000,
    save_every=1000,
    workdir="runs/celeba28_dense",
)
