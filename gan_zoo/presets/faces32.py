"""CelebA at 32x32: the DCGAN of Radford et al. 2015 with LeakyReLU in both nets.

    gan_zoo train --config=faces32 --data_dir=img_align_celeba.zip

Exact: 4x4 start, transposed convolutions up, batch norm everywhere but at G's output and D's input,
LeakyReLU in both; tanh; normal noise of 100 values; Adam 1e-4, beta_1 0.5; batch 64.

Our reading: the channels, 128 in the map next to the image as in figure 1 of the paper and 512 at
4x4; 4x4 kernels, as in its authors' code (the figure has 5x5); D and G in turn; the largest
centered square of the aligned images, resized to 32x32. 15,625 steps are 200 epochs of the 5,000
images of the figures below; for all of CelebA, 200 epochs are 633,000. The FID of 102 that its
authors report is a mean over small batches of Inception at 299 pixels, and cannot be compared with
any number here.

Measured on 5,000 images of CelebA (2 cores, shared with other jobs; 2026-11-24): 85,120 images
(1,330 steps, 17 epochs) in 31 minutes, float32, median 56 images/s. FD-embedded@51b9 (2k fake) 226
at step 100, 46, 34, 33, 19 at step 500, 13 at 800, **9.5** at 1,100, 10.2 at 1,300. The best
checkpoint by the full protocol (10k fake, 5k real): FD 9.4 (floor 0.89), precision 0.72 (0.77),
recall 0.36 (0.78). Its grid: heads with hair, background and light of many kinds, nearly all seen
as faces at once; eyes and mouths are often unequal, and about six of 36 half dissolve into their
background.
"""

from gan_zoo.config import Config

time = "31 min on 2 cores"
result = "CelebA-5k: FD-embedded 9.5"
config = Config(
    gen="dcgan(width=128, max_width=1024)",
    disc="dcgan(width=128, max_width=1024)",
    loss="non_saturating",
    noise="normal",
    gen_opt="adam(1e-4, beta_1=0.5)",
    disc_opt="adam(1e-4, beta_1=0.5)",
    data="celeba(crop='align178_v1')",
    image_size="32",
    channels=3,
    batch=64,
    steps=15625,
    eval_every=100,
    sample_every=100,
    save_every=200,
    workdir="runs/faces32",
)
