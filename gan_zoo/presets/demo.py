"""A narrow DCGAN on the embedded cartoon faces at 32 pixels, in some minutes on 2 cores."""

from gan_zoo.config import Config

time = "4 to 10 min on 2 cores"
result = "the embedded cartoon faces, at 32 pixels"
config = Config(
    gen="dcgan(width=32)",
    disc="dcgan(width=32)",
    data="cartoon_faces",
    image_size="32",
    ema=0.995,
    steps=2000,
    sample_every=100,
    save_every=500,
    workdir="runs/demo",
)
