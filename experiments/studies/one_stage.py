r"""Is one backward pass through D as good as two? One-stage training (Shen et al. 2021).

    gan_zoo compare --study=experiments/studies/one_stage.py --data_dir=celeba.zip \
        --workdir=runs/one_stage

D has no batch norm here. With batch norm in D, one-stage training gave an FD-embedded of 196 after
128,000 images; alternating updates gave 6.1 and simultaneous ones 8.4 (3 seeds each). Therefore
gan_zoo refuses it there.
"""

from gan_zoo.config import Config

question = (
    "Without batch norm in D: is one-stage training as good as simultaneous and alternating"
    " updates?"
)
base = Config(
    gen="dcgan(width=32)",
    disc="dcgan(width=32, norm=False)",
    data="celeba(crop='close_v1')",
    image_size="32",
    batch=64,
    steps=1000,
    log_every=25,
)
variants = {
    "simultaneous": {"update": "simultaneous"},
    "one stage": {"update": "one_stage"},
    "alternating": {},
}
