"""CelebA at 28x28 from noise of the shape of the image.

    python -m gan_zoo.run --config=experiments/celeba28_noise_image.py --data_dir=img_align_celeba.zip

Exact: CelebA cropped close to the face, 28x28 in colour; noise 28x28x3; G of convolutions, then dense layers, then one vector
reshaped, about 26 million parameters (here 25,999,696); D of early convolutions and late dense layers, about 56 million (here
55,951,489); Adam 2e-4, beta_1 0.5; 2,900 iterations.

Our reading: the layers themselves (the text gives only their kinds and the totals, see ``conv_noise28`` and ``cnn_fc``), normal
noise, batch 64, the non-saturating loss, and the crop: the box ``close_v1`` from brow to chin.
"""

from gan_zoo.config import Config

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
