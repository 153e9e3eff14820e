"""MNIST by the pair of TensorFlow's DCGAN tutorial.

    python -m gan_zoo.run --config=experiments/mnist28.py --data_dir=mnist.npz

Exact: both nets (2,330,944 and 212,865 parameters), normal noise of 100 values, Adam 1e-4, batch 64, 50 epochs of 60,000
images.

Our reading: beta_1 0.9, since none is named and that is Adam's default; one simultaneous update a step, as the tutorial has it
(its batch is 256); LeakyReLU 0.3, Keras' default of that time; batch norm keeps 0.9 of its moving statistics.
"""

from gan_zoo.config import Config

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
