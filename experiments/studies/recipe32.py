r"""How good is the recipe for 15 minutes at 32 pixels against a plain DCGAN?

In equal time, also with another loss, with fewer steps, and with DiffAugment:

    gan_zoo compare --study=experiments/studies/recipe32.py --data_dir=img_align_celeba.zip \
        --minutes=15 --workdir=runs/recipe32
"""

import dataclasses

from common import PLAIN_DCGAN, question_at, recipe_of, training_of

question = question_at(32)
base = dataclasses.replace(PLAIN_DCGAN, data="celeba(crop='close_v1')", image_size="32")
recipe = recipe_of(32)
variants = {
    "plain DCGAN": {},
    "recipe": recipe,
    "non-saturating": recipe | training_of(128),
    "4,000 steps": recipe | {"steps": 4000},
    "DiffAugment": recipe
    | {"tricks": "flip_images, spectral_norm, lecam(0.1), diff_augment('color,translation')"},
}
