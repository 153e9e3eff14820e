"""CelebA at 28x28 by dense layers, the baseline of celeba28_noise_image.py, in the form of Keras-GAN's dense GAN.

    python -m gan_zoo.run --config=experiments/celeba28_dense.py --data_dir=img_align_celeba.zip

Exact: noise of 100 values; G Dense 256, 512, 1024, each LeakyReLU 0.2 and batch norm (momentum 0.8), then the image, tanh; D
flatten, Dense 512, 256, 1 with LeakyReLU 0.2; Adam 2e-4, beta_1 0.5.

Our reading: the text says that G has about 1 million parameters and D about 3 million. This form has 3,100,720 and 1,336,321,
so the text has most likely swapped the two; it is built as its layers say. The same crop, batch and loss as the other preset.
"""

from gan_zoo.config import Config

config = Config(
    gen="dense",
    disc="dense",
    loss="non_saturating",
    noise="normal",
    gen_opt="adam(2e-4, beta_1=0.5)",
    disc_opt="adam(2e-4, beta_1=0.5)",
    data="celeba(crop='close_v1')",
    image_size="28",
    channels=3,
    batch=64,
    steps=40000,
    log_every=100,
    eval_every=1000,
    sample_every=1000,
    save_every=1000,
    workdir="runs/celeba28_dense",
)
