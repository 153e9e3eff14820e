r"""The recipe for 15 minutes at 32 pixels against a plain DCGAN, and which width it should have. Equal time.

python tools/compare.py --study=experiments/studies/recipe32.py --data_dir=img_align_celeba.zip --minutes=15 \
    --workdir=runs/recipe32
"""

import runpy
from pathlib import Path

from gan_zoo.config import Config

of = runpy.run_path(str(Path(__file__).with_name("recipe64.py")))["of"]
recipe = of("recipes/quick32.py") | {"precision": "bfloat16"}

question = "At 32 pixels, in equal time: how much better than a plain DCGAN is the recipe, and how wide should it be?"
base = Config(gen="dcgan", disc="dcgan", data="celeba(crop='close_v1')", image_size="32", batch=64, log_every=25)
variants = {
    "plain DCGAN": {},
    "recipe": recipe,
    "recipe, half the width": recipe | {"gen": "dcgan(width=32)", "disc": "dcgan(width=32)"},
}
