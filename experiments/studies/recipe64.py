r"""Does the recipe for 15 minutes at 64 pixels beat a plain DCGAN, and an old project's anime64?

In equal time, on 2 cores:

    gan_zoo compare --study=experiments/studies/recipe64.py --data_dir=anime-faces.zip \
        --minutes=15 --workdir=runs/recipe64
"""

from common import PLAIN_DCGAN, method_of, question_at, recipe_of

question = question_at(64)
base = PLAIN_DCGAN
variants = {
    "plain DCGAN": {},
    "anime64": method_of("anime64"),
    "recipe": recipe_of(64),
}
