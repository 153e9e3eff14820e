"""WGAN-GP as its paper has it (Gulrajani et al. 2017, arXiv:1704.00028), at 64 pixels.

    gan_zoo train --config=wgan_gp64 --data_dir=my_pictures.zip

From algorithm 1: the critic's difference, gradient penalty 10, 5 updates of D a step, batches of
64, Adam with 1e-4, beta_1 0 and beta_2 0.9. From the authors' code (gan_64x64.py, its DCGAN pair):
128 values of normal noise, 64 to 512 channels, 5x5 kernels, ReLU and batch norm in G, LeakyReLU 0.2
and layer norm in D; 200,000 steps. 5,356,099 trainable parameters in G and 4,315,649 in D.

Differs: layers before a norm have no bias. In G batch norm would take it away again; D has 896 less
than the authors'. Kernels start from normal(0, 0.02), where the authors' code draws uniformly with
that standard deviation. Not run at this size; at 32 pixels and a quarter of the channels, 1,964
steps on anime faces gave faces, in three seeds.
"""

from gan_zoo.config import Config

time = "a day on one GPU"
result = "not run"
config = Config(
    gen="dcgan(kernel=5, slope=0, latent=128)",
    disc="dcgan(kernel=5, norm='layer')",
    loss="wasserstein",
    tricks="gradient_penalty(10)",
    update="alternating(5)",
    gen_opt="adam(1e-4, beta_1=0, beta_2=0.9)",
    disc_opt="adam(1e-4, beta_1=0, beta_2=0.9)",
    image_size="64",
    batch=64,
    steps=200_000,
    workdir="runs/wgan_gp64",
)
