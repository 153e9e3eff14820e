r"""The presets of WGAN-GP and SNGAN at a width that two CPU cores can train, beside a plain DCGAN.

    gan_zoo compare --study=experiments/studies/paper_presets.py --data_dir=anime-faces.zip \
        --workdir=runs/paper_presets --minutes=15 --jobs=2

The variants are the presets ``wgan_gp64`` and ``sngan32`` in all but the size of the images and the
channels of the nets, which are a tenth or less of the papers' 64 to 512 and 256.
"""

from dataclasses import replace

from gan_zoo.config import Config
from gan_zoo.presets import sngan32, wgan_gp64

question = "Do the presets of two papers learn, at a small width, in 15 minutes on one CPU core?"
base = Config(gen="dcgan(width=32)", disc="dcgan(width=32)", image_size="32", batch=64, steps=2000)


def _settings(preset, gen, disc):
    changed = replace(preset, gen=gen, disc=disc)
    names = ("gen", "disc", "loss", "tricks", "update", "gen_opt", "disc_opt")
    return {name: getattr(changed, name) for name in names}


variants = {
    "dcgan": {},
    "WGAN-GP": _settings(
        wgan_gp64.config,
        "dcgan(width=16, kernel=5, slope=0, latent=128)",
        "dcgan(width=16, kernel=5, norm='layer')",
    ),
    "SNGAN": _settings(
        sngan32.config,
        "resnet(width=24, max_width=24)",
        "resnet(width=16, max_width=16, smallest=8, flat=2)",
    ),
}
