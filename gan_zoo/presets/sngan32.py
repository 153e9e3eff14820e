"""SNGAN as its paper has it (Miyato et al. 2018, arXiv:1802.05957), at 32 pixels.

    gan_zoo train --config=sngan32 --data_dir=my_pictures.zip

From the paper (section 4.1, table 4): residual nets with 256 channels in G and 128 in D, spectral
norm in D, hinge loss, 128 values of normal noise, 5 updates of D a step, batches of 64, Adam with
2e-4, beta_1 0 and beta_2 0.9. From its reimplementation mimicry: 100,000 steps, over which the rate
falls to 0. 4,276,739 trainable parameters in G and 1,053,825 in D.

Differs: the authors' code gives G batches of 128, twice D's; spectral norm iterates after each
update of D, see spectral_norm. Not run at this size; at 24 and 16 channels, 1,331 steps on anime
faces gave hair and skin but no faces, in three seeds.
"""

from gan_zoo.config import Config

time = "a day on one GPU"
result = "not run"
config = Config(
    gen="resnet(width=256, max_width=256)",
    disc="resnet(width=128, max_width=128, smallest=8, flat=2)",
    loss="hinge",
    tricks="spectral_norm",
    update="alternating(5)",
    gen_opt="adam(2e-4, beta_1=0, beta_2=0.9, schedule='linear')",
    disc_opt="adam(2e-4, beta_1=0, beta_2=0.9, schedule='linear')",
    image_size="32",
    batch=64,
    steps=100_000,
    workdir="runs/sngan32",
)
