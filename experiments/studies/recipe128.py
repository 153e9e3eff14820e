r"""The recipe for 15 minutes at 128 pixels against a plain DCGAN, and with the loss of the one at 64. Equal time.

gan_zoo compare --study=experiments/studies/recipe128.py --data_dir=img_align_celeba.zip
--minutes=15 \
    --workdir=runs/recipe128
"""

import runpy
from pathlib import Path

of_64 = runpy.run_path(str(Path(__file__).with_name("recipe64.py")))
question, base, variants = of_64["against_plain"](
    128, "celeba", {"hinge, spectral norm, LeCam": of_64["learning_of"](64)}
)
