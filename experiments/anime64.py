"""Anime faces at 64x64: a narrow DCGAN with a sigmoid G, dropout in D and simultaneous updates.

    python -m gan_zoo.run --config=experiments/anime64.py --data_dir=anime-faces.zip

Exact: both nets layer by layer (1,508,803 and 1,084,097 parameters), their order of activation, batch norm and dropout 0.4,
LeakyReLU 0.3; images in [0, 1] between the nets; normal noise of 100 values; D's minimax loss, G maximises log D(G(z)); one
simultaneous update from one batch of fakes; Adam 1e-4, beta_1 0.5; batch 100; 500 epochs of 21,551 images.

Our reading: batch norm after the first dense layer works on its 4,096 single values, as its place in the list says; all layers
have biases and Keras' initial weights; batch norm keeps 0.9 of its moving statistics.
"""

from gan_zoo.config import Config

config = Config(
    gen="anime_dcgan",
    disc="anime_dcgan",
    loss="non_saturating",
    update="simultaneous",
    noise="normal",
    gen_opt="adam(1e-4, beta_1=0.5)",
    disc_opt="adam(1e-4, beta_1=0.5)",
    data="anime_faces",
    image_size="64",
    channels=3,
    batch=100,
    steps=107755,
    log_every=20,
    eval_every=250,
    sample_every=500,
    save_every=500,
    workdir="runs/anime64",
)
