r"""Do swapped, smoothed or flipped labels help, as in an old project on The Simpsons?

    gan_zoo compare --study=experiments/studies/hacks.py --data_dir=simpsons-faces.zip \
        --workdir=runs/hacks

Its nets had 200x200 images and a GPU; here it is a narrow DCGAN at 32x32.
"""

from gan_zoo.config import Config

question = (
    "Do swapped labels, smoothed labels, 5 % of flipped labels, or all three help a DCGAN on The"
    " Simpsons?"
)
base = Config(
    gen="dcgan(width=32)",
    disc="dcgan(width=32)",
    gen_opt="adam(2e-4, beta_1=0.5)",
    disc_opt="adam(2e-4, beta_1=0.5)",
    data="simpsons",
    image_size="32",
    batch=32,
    steps=1600,
    log_every=25,
)
variants = {
    "none": {},
    "swapped": {"tricks": "swap_labels"},
    "smoothed": {"tricks": "label_smooth(0.7, 1.2, 0.0, 0.3)"},
    "5 % flipped": {"tricks": "flip_labels(0.05)"},
    "all three": {"tricks": "swap_labels,flip_labels(0.05),label_smooth(0.7, 1.2, 0.0, 0.3)"},
}
