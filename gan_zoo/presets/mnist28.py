"""MNIST by the pair of TensorFlow's DCGAN tutorial.

    gan_zoo train --config=mnist28 --data_dir=mnist.npz

Exact: both nets (2,330,944 and 212,865 parameters), normal noise of 100 values, Adam 1e-4, batch
64, 50 epochs of 60,000 images.

Our reading: beta_1 0.9, Adam's default, since none is named; one simultaneous update a step, as in
the tutorial (its batch is 256); LeakyReLU 0.3, Keras' default of that time; batch norm keeps 0.9 of
its moving statistics.

Measured on MNIST (2 cores, shared with other jobs; 2026-11-24): 163,200 images (2,550 steps, 2.7
epochs) in 36 minutes, float32, median 78 images/s (a quarter of the machine). FD-embedded@51b9 (2k
fake) 101 at step 250, 84, 33 at 750, between 24 and 72 until 2,250, **22.2** at 2,500. That
checkpoint by the full protocol (10k fake, 10k real): FD 22.9 (floor 0.11), precision 0.19 (0.87),
recall 0.08 (0.87). Its grid: pen strokes on a clean black background; about a third can be read as
digits, the others are loops without meaning.
"""

from gan_zoo.config import Config

time = "50 epochs; a GPU"
result = "after 36 min on 2 cores: FD-embedded 22"
config = Config(
    gen="tutorial_dcgan",
    disc="tutorial_dcgan",
    loss="non_saturating",
    update="simultaneous",
    noise="normal",
    gen_opt="adam(1e-4, beta_1=0.9)",
    disc_opt="adam(1e-4, beta_1=0.9)",
    data="mnist",
    image_size="28",
    channels=1,
    batch=64,
    steps=46875,
    log_every=50,
    eval_every=250,
    sample_every=500,
    save_every=1000,
    workdir="runs/mnist28",
)
