"""Simpsons DCGAN 128: the Keras variant of an old project on cropped faces of The Simpsons.

    gan_zoo train --config=simpsons_dcgan128 --data_dir=simpsons-faces.zip

Exact: both nets (24,036,739 and 17,488,257 parameters), kernels of the convolutions drawn normal(0,
0.02), uniform noise, random horizontal flips, one label from U(0.9, 1.0) for the whole run to which
G is trained too, cross-entropy, Adam with beta_1 0.5 at 4e-4 for G and 4e-5 for D, batch 64, no
noise on real images, 500 epochs of 9,877 images.

Our reading: D and G in turn, each on new fakes. The old code updated D twice a step, on real images
and on fakes, with one Adam step each, and drew the fakes for D in inference mode; here D has one
step on the sum of both losses and sees the fakes of G in training mode. Dense layers have Keras'
initial weights. Batch norm keeps 0.9 of its moving statistics, not 0.99, so that samples of short
runs are meaningful.

Measured (2 cores; 2026-11-24): at full width 2.9 images/s in float32 on the idle machine. A
narrower variant on 1,100 images, with --gen='simpsons_dcgan(width=16)'
--disc='simpsons_dcgan(width=16)' --precision=bfloat16, stayed noise for 220 steps: G, at 4e-4, was
too strong for D, at 4e-5, whose accuracy was 0.02. With --disc_opt='adam(2e-4, beta_1=0.5)' 74,240
images (1,160 steps, 68 epochs) in 53 minutes beside other jobs, median 28 images/s,
FD-embedded@51b9 (1.1k real, 2k fake) 114 at step 100, 70 at 300, **54.7** at 400, then 56 to 112.
Its grid at step 1,000: yellow heads of several outlines before colored backgrounds, most with white
eyes, two of them in about a third of the samples; faint mouths and hair, ragged contours, a fine
checkerboard all over.
"""

from gan_zoo.config import Config

time = "500 epochs; a GPU"
result = "a narrower net, 53 min on 2 cores: FD-embedded 55"
config = Config(
    gen="simpsons_dcgan",
    disc="simpsons_dcgan",
    loss="non_saturating",
    tricks="constant_label(0.9, 1.0),flip_images(0.5)",
    noise="uniform(-1, 1)",
    gen_opt="adam(4e-4, beta_1=0.5)",
    disc_opt="adam(4e-5, beta_1=0.5)",
    data="simpsons",
    image_size="128",
    channels=3,
    batch=64,
    steps=77164,
    eval_every=200,
    sample_every=200,
    save_every=200,
    workdir="runs/simpsons_dcgan128",
)
