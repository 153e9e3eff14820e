"""gan_zoo: train, watch and compare DCGAN-family networks with TensorFlow 2 and Keras 3."""

__version__ = "0.1.0"
