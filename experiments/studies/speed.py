r"""Does faster training give worse images? Each fast way against float32 and alternating updates.

Run it with:

    gan_zoo compare --study=experiments/studies/speed.py --data_dir=celeba.zip \
        --workdir=runs/speed
"""

from pathlib import Path

from gan_zoo.config import Config

question = (
    "Does training get worse when it is made faster: bfloat16, our own layers, simultaneous"
    " updates?"
)
base = Config(
    gen="dcgan(width=32)",
    disc="dcgan(width=32)",
    data="celeba(crop='close_v1')",
    image_size="32",
    batch=64,
    steps=2000,
    log_every=25,
    plugins=str(Path(__file__).with_name("keras_layers.py")),
)
variants = {
    "float32": {},
    "Keras' layers": {"gen": "keras_dcgan(width=32)", "disc": "keras_dcgan(width=32)"},
    "bfloat16": {"precision": "bfloat16"},
    "simultaneous": {"update": "simultaneous"},
}
