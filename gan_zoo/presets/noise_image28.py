"""The large pair with noise of the shape of the image, at rates that it can bear.

    gan_zoo train --config=noise_image28
    python -m gan_zoo.run --gen=conv_noise28 --disc=cnn_fc

Both commands take these settings, and so does `gan_zoo train` alone: where no --config is given,
the pair has them by itself. D has a quarter of G's rate and is held back by R1; at equal rates and
without R1 its logits run away within 60 steps. Samples come from the average of G's weights.

Measured on the embedded cartoon faces (2026-11-28, two seeds, 2 cores shared with other jobs): 600
steps, about 15 minutes of the idle machine, FD-embedded@51b9 88 at step 100, 54, 39, 32, 29, 27 at
step 600 (2k fake, 10k real, EMA; real against real 1.5), precision 0.49, recall 0.04; with --seed=1
32 at step 500 and 35 at 600; with the settings before, 61 at best and 65 at step 400. Its grid:
frontal faces of many hair and skin colors, some with glasses, with pixel noise. On 5,000 faces of
CelebA (close_v1, one seed): FD 42 at step 200, 16 at 400, 12.0 at 1,400, 13.5 at 1,600, which are
about 40 minutes (real against real 1.0); before, 21 at step 500 and then a collapse. D is right
more and more often from step 1,000 on: take the best checkpoint.
"""

from gan_zoo.config import Config

time = "15 min on 2 cores"
result = "cartoon faces: FD-embedded 27 and 35, without these settings 61; CelebA-5k: 12.0"
config = Config(
    gen="conv_noise28",
    disc="cnn_fc",
    tricks="r1(1, every=8)",
    disc_opt="adam(5e-5, beta_1=0.5)",
    ema=0.99,
)
