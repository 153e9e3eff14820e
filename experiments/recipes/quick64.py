"""Faces of 64 pixels in 15 minutes on 2 cores.

    python -m gan_zoo.run --config=experiments/recipes/quick64.py --data_dir=my_pictures.zip

A narrow DCGAN in bfloat16 where that is faster, so that it sees five times as many images as a plain one; samples from the
average of G's weights; learning rates that fall to 0 at the last step. Pictures are mirrored at random; leave that out
(--tricks='') where left and right matter, as in writing.

MEASURED
"""

from gan_zoo.config import Config

config = Config(
    gen="dcgan(width=32)",
    disc="dcgan(width=32)",
    tricks="flip_images",
    gen_opt="adam(2e-4, beta_1=0.5, schedule='linear', until=9800)",
    disc_opt="adam(2e-4, beta_1=0.5, schedule='linear', until=9800)",
    ema=0.998,
    precision="auto",
    image_size="64",
    batch=64,
    steps=9800,
    log_every=25,
    eval_every=1225,
    sample_every=500,
    save_every=500,
    workdir="runs/quick64",
)
