"""100 to 1,000 pictures of 64 pixels: quick64 with DiffAugment and smaller batches.

    gan_zoo train --config=few64 --data_dir=my_pictures.zip
    gan_zoo train --config=few64 --data_dir=my_pictures.zip --from=runs/quick64
    gan_zoo memorization runs/few64 --best

With few pictures, D soon knows them by heart. DiffAugment shows it each one changed in color, place
and with a hole, and fakes as well; then it has more to learn. A start from a run on many other
pictures (--from), even of another kind, gives it heads and eyes to begin with. A tenth of the
pictures is held out for the copy test, which needs 20: with fewer than 200, give --holdout=0.2.

Not run at 64 pixels. Measured at 32 (--image_size=32 --holdout=0 --steps=400, 200 pictures of The
Simpsons, 2026-11-28, three seeds, 2 shared cores): FD-embedded@51b9 to 900 others (2k fake, EMA)
80, 77, 56 from scratch, and 34, 61, 41 from a run on 12,000 anime faces; real against real 7. No
sign of copies. Its grids: yellow spots from scratch; heads with marks like eyes with --from. Both
were far from their end after these 2 minutes.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "not run at 64 pixels"
result = "200 Simpsons at 32 pixels: FD-embedded 34 to 61 with --from, 56 to 80 without"
config = dataclasses.replace(
    load_preset("quick64"),
    tricks="flip_images, spectral_norm, lecam(0.1), diff_augment",
    batch=32,
    steps=2000,
    holdout=0.1,
    eval_every=250,
    sample_every=250,
    save_every=250,
    workdir="runs/few64",
)
