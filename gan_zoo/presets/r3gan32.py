"""R3GAN as its code trains it on CIFAR-10 (Huang et al. 2024, arXiv:2501.05441), at 32 pixels.

    gan_zoo train --config=r3gan32 --data_dir=my_pictures.zip

From the authors' train.py (preset CIFAR10): nets of 768 channels with two blocks a size and 96
groups, 64 values of noise, the relativistic pairing loss, R1 and R2 with a gamma from 0.05 to
0.005, Adam as PyTorch has it with beta_1 0, beta_2 from 0.9 to 0.99 and a rate from 2e-4 to 5e-5,
all by half a wave of a cosine over 20 million images: 39,063 steps of 512. The moving average of G
has a half-life of 5 million images. 20,732,160 parameters in G and 20,683,777 in D.

Differs: no augmentation, where the code's grows to a probability of 0.55 (with one, take
through=True for r1 and r2); the average has its whole half-life from the first steps on, where the
code's grows; D's last layer has a bias; and a tanh ends G. It ends after 200,000 steps,
about 100 million images. Not run.
"""

from gan_zoo.config import Config

time = "days on several GPUs"
result = "not run"
_MOVING = "schedule='cosine', until=39063, final_rate=5e-5, final_beta_2=0.99, epsilon_hat=False"
_GAMMA = "0.05, final_gamma=0.005, until=39063"
config = Config(
    gen="r3gan(width=768, max_width=768, smooth=True)",
    disc="r3gan(width=768, max_width=768, smooth=True)",
    loss="relativistic_pairing",
    tricks=f"r1({_GAMMA}), r2({_GAMMA})",
    gen_opt=f"adam(2e-4, beta_1=0, beta_2=0.9, {_MOVING})",
    disc_opt=f"adam(2e-4, beta_1=0, beta_2=0.9, {_MOVING})",
    ema=0.99993,
    image_size="32",
    batch=512,
    steps=200_000,
    workdir="runs/r3gan32",
)
