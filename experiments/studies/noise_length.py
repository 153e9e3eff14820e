r"""How many noise values does a DCGAN need?

"Why 100?", asked the author of the CelebA 28x28 project.

    gan_zoo compare --study=experiments/studies/noise_length.py --data_dir=celeba.zip \
        --workdir=runs/noise_length
"""

from gan_zoo.config import Config

question = "How many noise values does a DCGAN on faces need: is there anything about 100?"
base = Config(
    gen="dcgan(width=32)",
    disc="dcgan(width=32)",
    data="celeba(crop='close_v1')",
    image_size="28",
    batch=64,
    steps=1000,
    log_every=25,
)
variants = {
    f"{values} values": {"gen": f"dcgan(width=32, latent={values})"} if values != 100 else {}
    for values in (100, 2, 10, 1000)
}
