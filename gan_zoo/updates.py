"""What ``--update`` takes: the order in which a step updates the two nets."""

from __future__ import annotations

from gan_zoo.contracts import Update
from gan_zoo.errors import check_at_least
from gan_zoo.game import step
from gan_zoo.registry import updates


@updates.register
def alternating(disc_steps: int = 1) -> Update:
    """D, then G against the new D, each on fakes of its own (Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1).

    Args:
        disc_steps: Updates of D in one step, the paper's k, each on new real and fake images;
            logged are their means.
    """
    check_at_least(1, disc_steps=disc_steps)

    def run(game, batch):
        batches = step.split_batch(batch, disc_steps)
        scalars = [step.disc_update(game, each) for each in batches]
        means = {name: sum(each[name] for each in scalars) / disc_steps for name in scalars[0]}
        return means | step.gen_update(game, batches[-1]._replace(disc_step=0))

    return Update(run, disc_steps)


@updates.register
def simultaneous() -> Update:
    """Both at once, from one batch of fakes, each against the other as it was before the step.

    One pass through G and one less through D than ``alternating``. It is how the DCGAN tutorial of
    TensorFlow trains, and where analyses of GAN training start (Mescheder et al. 2018,
    arXiv:1801.04406, section 2).
    """
    return Update(step.simultaneous_update, shared_fakes=True)


@updates.register
def one_stage() -> Update:
    """Both at once with one way back through D for both (Shen et al. 2021, arXiv:2103.00430, section 3).

    It computes what ``simultaneous`` does, in less time, where the logit of an image depends on
    that image alone and D's loss has a slope there. Refused is a D with batch norm, through which
    images see each other: there the ratios of the two slopes, which differ by factors of a hundred
    within a batch once D is sure, multiply what belongs to other images, and G learns nothing
    (FD-embedded 196 after 128,000 faces where ``simultaneous`` has 8; the paper does not speak of
    it). Refused are losses for D with flat parts (``hinge``), from which G would learn nothing, and
    penalties, whose slope G should not follow.
    """
    return Update(step.one_stage_update, single_backward=True, shared_fakes=True)
