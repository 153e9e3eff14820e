r"""Does an "aggressive" learning rate of G help, as in an old DCGAN on The Simpsons?

There, G had 4e-4 and D 4e-5.

    gan_zoo compare --study=experiments/studies/rates.py --data_dir=celeba.zip \
        --workdir=runs/rates
"""

from gan_zoo.config import Config

question = (
    "Does it help to let G learn faster than D, up to the ten times of an old Simpsons DCGAN, or"
    " slower?"
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


def _rates(gen, disc):
    return {"gen_opt": f"adam({gen}, beta_1=0.5)", "disc_opt": f"adam({disc}, beta_1=0.5)"}


variants = {
    "G 2e-4, D 2e-4": {},
    "G 4e-4, D 4e-5": _rates(4e-4, 4e-5),
    "G 4e-4, D 2e-4": _rates(4e-4, 2e-4),
    "G 2e-4, D 4e-4": _rates(2e-4, 4e-4),
}
