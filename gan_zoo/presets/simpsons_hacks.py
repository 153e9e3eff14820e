"""Simpsons faces with the hacks of its time: swapped, smoothed and flipped labels.

    gan_zoo train --config=simpsons_hacks --data_dir=simpsons-faces.zip

Exact: 200x200 images; real is 0 and fake is 1; 1 is replaced by U(0.7, 1.2) and 0 by U(0, 0.3); 5 %
of the labels flipped; 5x5 filters, strides for pooling; learning rate 2e-4 for both, batch 32, 350
epochs of 9,877 images.

Our reading of a text without code: D has five stages with 1, 1, 2, 2 and 2 convolutions of 64 to
1,024 channels and one dense layer, G four stages of transposed convolution from 13x13x1024 (cropped
on the way to 200) and a convolution; Adam with beta_1 0.5; normal noise of 100 values; kernels
normal(0, 0.02); labels are flipped before they are smoothed, and G's target, "real", is a plain 0.

Measured (2 cores, beside other jobs; 2026-11-24): a narrower variant on 1,100 images at 128x128,
with --image_size=128 --gen='simpsons_stages(width=16)' --disc='simpsons_stages(width=16)'
--precision=bfloat16: 35,520 images (1,110 steps, 32 epochs) in 48 minutes, median 15 images/s,
FD-embedded@51b9 (1.1k real, 2k fake) 333 at step 100, 140 at 400, 596 at 600, 155 at 800, **55.3**
at 1,100 and falling. Its grid at step 1,000: yellow heads before soft colored backgrounds, most
with one or two white eyes; no mouths yet, contours of coarse blocks. At its full width and 200x200,
float32: three steps at 0.7 to 0.9 images/s beside other work.
"""

from gan_zoo.config import Config

time = "350 epochs; a GPU"
result = "a narrower net, 48 min on 2 cores: FD-embedded 55"
config = Config(
    gen="simpsons_stages",
    disc="simpsons_stages",
    loss="non_saturating",
    tricks="swap_labels,flip_labels(0.05),label_smooth(0.7, 1.2, 0.0, 0.3)",
    noise="normal",
    gen_opt="adam(2e-4, beta_1=0.5)",
    disc_opt="adam(2e-4, beta_1=0.5)",
    data="simpsons",
    image_size="200",
    channels=3,
    batch=32,
    steps=108030,
    eval_every=200,
    sample_every=200,
    save_every=200,
    workdir="runs/simpsons_hacks",
)
