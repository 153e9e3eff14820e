"""Faces of 64 pixels in 15 minutes on 2 cores.

    python -m gan_zoo.run --config=experiments/recipes/quick64.py --data_dir=my_pictures.zip

A narrow DCGAN in bfloat16 where that is faster, so that it sees five times as many images as a plain one; samples from the
average of G's weights; learning rates that fall to 0 at the last step. Pictures are mirrored at random; leave that out
(--tricks='') where left and right matter, as in writing.

Measured on 12,000 anime faces **at half its length** (2026-11-24; 4,917 steps, the rates' until=4917; 315,000 images, 7.5
minutes at the 700 images/s of 2 idle cores), three seeds: best FD-embedded@51b9 8.2, 7.6, 9.2 (2k fake, 10k real, EMA), 0.39
times (0.24 to 0.65) that of a plain dcgan in equal time, precision 0.80, recall 0.28. It is there after 80,000 images and
hardly falls afterwards; one of three rises again. Its grid: 36 anime faces with clean contours, eyes alike, hair of all
colours, no streaks; mouths are faint. See README.md.
"""

from gan_zoo.config import Config

config = Config(
    gen="dcgan(width=32)",
    disc="dcgan(width=32)",
    loss="hinge",
    tricks="flip_images, spectral_norm, lecam(0.1)",
    gen_opt="adam(4e-4, beta_1=0.5, schedule='linear')",
    disc_opt="adam(6e-4, beta_1=0.5, schedule='linear')",
    ema=0.998,
    precision="auto",
    image_size="64",
    batch=64,
    steps=4000,
    log_every=25,
    eval_every=500,
    sample_every=500,
    save_every=500,
    workdir="runs/quick64",
)
