r"""Does image-shaped noise help, and convolutions with dense layers, as in a CelebA 28x28 project?

    gan_zoo compare --study=experiments/studies/noise_shape.py --data_dir=celeba.zip \
        --workdir=runs/noise_shape

The project's pair has 82 million parameters; this one is a narrow version. A tenth of the images is
held out, so that ``gan_zoo memorization`` can test whether the runs copy.
"""

from pathlib import Path

from gan_zoo.config import Config

question = (
    "Does image-shaped noise help, and is a convolutional pair better than a dense one at 28x28?"
)
base = Config(
    gen="conv_noise28(width=16, hidden=512)",
    disc="cnn_fc(width=16, hidden=(512, 128), dropout=0.4)",
    data="celeba(crop='close_v1')",
    image_size="28",
    holdout=0.1,
    batch=64,
    steps=1000,
    log_every=25,
    plugins=str(Path(__file__).with_name("noise_nets.py")),
)
variants = {
    "image-shaped noise": {},
    "vector of 100": {"gen": "vector_noise28(100, width=16, hidden=512)"},
    "vector of 2352": {"gen": "vector_noise28(2352, width=16, hidden=512)"},
    "dense pair": {"gen": "dense", "disc": "dense"},
    "dcgan pair": {"gen": "dcgan(width=32)", "disc": "dcgan(width=32)"},
}
