r"""Settings of an old DCGAN project on faces: beta_1, LeakyReLU, learning rate, flips.

    gan_zoo compare --study=experiments/studies/choices.py --data_dir=celeba.zip \
        --workdir=runs/choices

Two variants test the comparison itself: "null" differs from the baseline by one part in ten
thousand of the learning rate, and the learning rate of "harm" is fifty times too high.
"""

from gan_zoo.config import Config

question = (
    "What do beta_1 0.5, LeakyReLU in G, a learning rate of 2e-4 and flips matter to a DCGAN on"
    " faces?"
)
base = Config(
    gen="dcgan(width=32)",
    disc="dcgan(width=32)",
    data="celeba(crop='close_v1')",
    image_size="32",
    batch=64,
    steps=1000,
    log_every=25,
)


def _adam(learning_rate, beta_1=0.5):
    return dict.fromkeys(("gen_opt", "disc_opt"), f"adam({learning_rate}, beta_1={beta_1})")


variants = {
    "baseline": {},
    "null": _adam(2.0002e-4),
    "harm: learning rate 1e-2": _adam(1e-2),
    "beta_1 0.9": _adam(2e-4, 0.9),
    "learning rate 1e-3": _adam(1e-3),
    "ReLU in G": {"gen": "dcgan(width=32, slope=0.0)"},
    "20 % of images mirrored": {"tricks": "flip_images(0.2)"},
    "20 % of labels flipped": {"tricks": "flip_labels(0.2)"},
}
