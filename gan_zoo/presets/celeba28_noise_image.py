"""CelebA at 28x28 from noise of the shape of the image.

    gan_zoo train --config=celeba28_noise_image --data_dir=img_align_celeba.zip

Exact: CelebA cropped close to the face, 28x28 in color; noise 28x28x3; G of convolutions, then
dense layers, then one vector reshaped, about 26 million parameters (here 25,999,696); D of early
convolutions and late dense layers, about 56 million (here 55,951,489); Adam 2e-4, beta_1 0.5; 2,900
iterations.

Our reading: the layers themselves (the text gives only their kinds and the totals, see
``conv_noise28`` and ``cnn_fc``), normal noise, batch 64, the non-saturating loss, dropout 0.4 in
D's dense layers, and the crop: the box ``close_v1`` from brow to chin.

Measured on 5,000 images of CelebA (2 cores, shared with other jobs; 2026-11-24): 149,760 images
(2,340 steps) in about an hour with --precision=bfloat16, median 53 images/s (74 in float32 and 130
in bfloat16 on the idle machine). FD-embedded@51b9 (2k fake) 101 at step 100, 61, 41, 31, **21.0**
at step 500, then 158, 56 at 1,000, and 462 at 2,300: after six passes over so few images D has
memorized them (its accuracy is 0.99), and G collapses. The best checkpoint by the full protocol
(10k fake, 5k real): FD 20.8 (floor 0.80), precision 0.75 (0.78), recall 0.18 (0.80). Its grid: 36
faces, front on, no two alike, different in age, hair, skin and light; coarse, speckled, a few with
blown-out light. Take the best checkpoint, or more images, or --tricks=flip_images.
"""

from gan_zoo.config import Config

time = "an hour on 2 cores"
result = "CelebA-5k: FD-embedded 21 at step 500, then worse"
config = Config(
    gen="conv_noise28",
    disc="cnn_fc(dropout=0.4)",
    loss="non_saturating",
    noise="normal",
    gen_opt="adam(2e-4, beta_1=0.5)",
    disc_opt="adam(2e-4, beta_1=0.5)",
    data="celeba(crop='close_v1')",
    image_size="28",
    channels=3,
    batch=64,
    steps=2900,
    eval_every=100,
    sample_every=100,
    save_every=100,
    workdir="runs/celeba28_noise_image",
)
