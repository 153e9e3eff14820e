"""DCGAN as its paper has it (Radford et al. 2015, arXiv:1511.06434), at 64 pixels.

    gan_zoo train --config=dcgan_paper64 --data_dir=my_pictures.zip

From the paper (sections 3 and 4): ReLU in G, LeakyReLU 0.2 in D, batch norm in all layers but G's
last and D's first and last; 100 values of uniform noise; Adam with 2e-4 and beta_1 0.5; batches of
128; kernels normal(0, 0.02).

From the Torch code of one of its authors, and PyTorch's example: 64 to 512 channels, 4x4 kernels,
and no biases: 3,576,704 parameters in G and 2,765,568 in D. Figure 1 has twice the channels and 5x5
kernels: --gen='dcgan(width=128,max_width=1024,kernel=5,slope=0)'.

Differs: gains of batch norm start at 1, where both codes draw them from N(1, 0.02). 25 epochs of
LSUN's 3 million bedrooms, as in the example, would be 586,000 steps; here it is a tenth of that.
Not run.
"""

from gan_zoo.config import Config

time = "a day on one GPU"
result = "not run"
config = Config(
    gen="dcgan(slope=0, bias=False)",
    disc="dcgan(bias=False)",
    loss="non_saturating",
    gen_opt="adam(2e-4, beta_1=0.5, beta_2=0.999)",
    disc_opt="adam(2e-4, beta_1=0.5, beta_2=0.999)",
    noise="uniform",
    image_size="64",
    batch=128,
    steps=58_600,
    workdir="runs/dcgan_paper64",
)
