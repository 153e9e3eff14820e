"""Anime faces at 64x64: a narrow DCGAN with a sigmoid G, dropout in D and simultaneous updates.

    gan_zoo train --config=anime64 --data_dir=anime-faces.zip

Exact: both nets layer by layer (1,508,803 and 1,084,097 parameters), their order of activation,
batch norm and dropout 0.4, LeakyReLU 0.3; images in [0, 1] between the nets; normal noise of 100
values; D's minimax loss, G maximizes log D(G(z)); one simultaneous update from one batch of fakes;
Adam 1e-4, beta_1 0.5; batch 100; 500 epochs of 21,551 images.

Our reading: batch norm after the first dense layer works on its 4,096 single values, as its
position in the list says; all layers have biases and Keras' initial weights; batch norm keeps 0.9
of its moving statistics.

Measured on 12,000 anime faces (2 cores, shared with other jobs; 2026-11-24): 250,000 images (2,500
steps, 21 epochs) in 68 minutes, float32, median 98 images/s. FD-embedded@51b9 (2k fake) 95.5 at
step 260, 78 at 1,000, 50 at 1,500, 39 at 2,000, **27.8** at 2,500 and still falling. The last
checkpoint by the full protocol (10k fake, 10k real): FD 27.1 (floor 0.33), precision 0.61 (0.76),
recall 0.02 (0.76). Its grid: 36 anime heads with fringe, two eyes and chin in many hair colors;
strands and eyes are smeared, mouths are faint, there is a fine checkerboard at the edges, and a
third of the heads are of one brown type.
"""

from gan_zoo.config import Config

time = "500 epochs; a GPU"
result = "after 68 min on 2 cores: FD-embedded 27.8"
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
