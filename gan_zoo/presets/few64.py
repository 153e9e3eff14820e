"""100 to 1,000 pictures of 64 pixels: begin with a run of quick64 on many similar pictures.

    gan_zoo train --config=quick64 --data_dir=many_similar_pictures.zip
    gan_zoo train --config=few64 --data_dir=my_pictures.zip --from=runs/quick64
    gan_zoo memorization runs/few64 --best

Few pictures alone do not give clean ones. So the first command trains on some thousand others of
the same kind, and the second goes on with its weights, --from: the distance is half of that
without. With many of the very same kind, quick64 on both together is better still. Others of
another kind help less: samples are more varied, and no nearer. Without --from, samples are little
more than blocks of the right colors.

It is quick64 with DiffAugment and smaller batches. With few pictures, D soon knows them by heart;
DiffAugment shows it each one, and fakes as well, changed in color, place and with a hole. A tenth
of the pictures is held out for the copy test, which needs 20: with fewer than 200, give
--holdout=0.2.

Measured on 200 pictures of The Simpsons (2026-11-28, one seed, 2 shared cores, 8 minutes), against
900 others (FD-embedded@51b9, 2k fake, EMA; real against real 7.3): 51 from scratch (45.6 at best),
37 (34.1) from 1,500 steps of quick64 on 12,000 anime faces. 2,000 steps are worse with --from: 51
(35.9). At 32 pixels, three seeds, --from gives half the distance if its run knows pictures of the
same kind (0.47 times, 0.35 to 0.63, after 750 steps), and none less for anime faces and The
Simpsons (0.92 times, 0.65 to 1.30). No sign of copies. Its grids: from scratch yellow blocks; with
--from heads with round eyes on plain grounds, many of them no face.
"""

import dataclasses

from gan_zoo.config import load_preset

time = "8 min on 2 cores"
result = "200 Simpsons: FD-embedded 34 with --from=RUN on many pictures, 46 alone: no clean faces"
config = dataclasses.replace(
    load_preset("quick64"),
    tricks="flip_images, spectral_norm, lecam(0.1), diff_augment",
    batch=32,
    steps=1000,
    passes=0,
    holdout=0.1,
    eval_every=250,
    sample_every=250,
    save_every=250,
    workdir="runs/few64",
)
