r"""The recipe for 15 minutes at 32 pixels against a plain DCGAN, with another loss, shorter, with DiffAugment. Equal time.

gan_zoo compare --study=experiments/studies/recipe32.py --data_dir=img_align_celeba.zip --minutes=15
\
    --workdir=runs/recipe32
"""

import runpy
from pathlib import Path

of_64 = runpy.run_path(str(Path(__file__).with_name("recipe64.py")))
question, base, variants = of_64["against_plain"](
    32,
    "celeba(crop='close_v1')",
    {
        "non-saturating": of_64["learning_of"](128),
        "4,000 steps": {"steps": 4000},
        "DiffAugment": {
            "tricks": "flip_images, spectral_norm, lecam(0.1), diff_augment('color,translation')"
        },
    },
)
