r"""How good is the recipe for 15 minutes at 128 pixels against a plain DCGAN?

In equal time, also with the loss of the recipe at 64 pixels:

    gan_zoo compare --study=experiments/studies/recipe128.py --data_dir=img_align_celeba.zip \
        --minutes=15 --workdir=runs/recipe128
"""

import dataclasses

from common import PLAIN_DCGAN, question_at, recipe_of, training_of

question = question_at(128)
base = dataclasses.replace(PLAIN_DCGAN, data="celeba", image_size="128")
recipe = recipe_of(128)
variants = {
    "plain DCGAN": {},
    "recipe": recipe,
    "hinge, spectral norm, LeCam": recipe | training_of(64),
}
