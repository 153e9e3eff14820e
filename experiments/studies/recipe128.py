r"""The recipe for 15 minutes at 128 pixels against a plain DCGAN. Equal time.

python tools/compare.py --study=experiments/studies/recipe128.py --data_dir=img_align_celeba.zip --minutes=15 \
    --workdir=runs/recipe128
"""

import runpy
from pathlib import Path

against_plain = runpy.run_path(str(Path(__file__).with_name("recipe64.py")))["against_plain"]
question, base, variants = against_plain(128, "celeba", {})
