"""SAGAN's settings (Zhang et al. 2019, arXiv:1805.08318), at 64 pixels.

    gan_zoo train --config=sagan64 --data_dir=my_pictures.zip
    gan_zoo train --config=sagan64 --data_dir=my_folders.zip --condition=projection

From the paper (sections 3, 4 and 5): residual nets of 64 to 1,024 channels with self-attention at
32 pixels, spectral norm in both nets, hinge loss, one update of D a step, batches of 256, Adam with
beta_1 0 and beta_2 0.9, 1e-4 for G and 4e-4 for D. The authors' code has 128 values of normal noise
and a million steps. The paper's images have 128 pixels and classes: without --condition, these are
its settings for others. 12,228,868 trainable parameters in G and 10,143,490 in D.

Differs: see the generator sagan, the discriminator sagan and spectral_norm. Not run.
"""

from gan_zoo.config import Config

time = "a week on one GPU"
result = "not run"
config = Config(
    gen="sagan(attention=32)",
    disc="sagan(attention=32)",
    loss="hinge",
    tricks="spectral_norm(both=True)",
    gen_opt="adam(1e-4, beta_1=0, beta_2=0.9)",
    disc_opt="adam(4e-4, beta_1=0, beta_2=0.9)",
    image_size="64",
    batch=256,
    steps=1_000_000,
    workdir="runs/sagan64",
)
