r"""Are the images best while G's loss falls, as the author of the CelebA 28x28 project asked?

Run it, and correlate the score with the loss:

    gan_zoo compare --study=experiments/studies/swing.py --data_dir=celeba.zip \
        --workdir=runs/swing --evals=40
    python tools/metric_correlation.py runs/swing
"""

from gan_zoo.config import Config

question = "Are good images on the down-swing of G's loss?"
base = Config(
    gen="conv_noise28(width=16, hidden=512)",
    disc="cnn_fc(width=16, hidden=(512, 128), dropout=0.4)",
    data="celeba(crop='close_v1')",
    image_size="28",
    batch=64,
    steps=1200,
    log_every=10,
)
variants = {
    "convolutional and dense": {},
    "dcgan": {"gen": "dcgan(width=32)", "disc": "dcgan(width=32)"},
}
