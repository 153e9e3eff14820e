"""The orders in which a step updates the two nets, which ``--update`` takes."""

from __future__ import annotations

from gan_zoo.contracts import Update
from gan_zoo.errors import check_at_least
from gan_zoo.game import step
from gan_zoo.registry import updates


@updates.register
def alternating(disc_steps: int = 1) -> Update:
    """D, then G against the new D, each on new fakes (Goodfellow et al. 2014, arXiv:1406.2661).

    Algorithm 1.

    Args:
        disc_steps: Updates of D in one step, the paper's k, each on new real and fake images. The
            log has their means.
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
    """Update D and G at once, from one batch of fakes, each against the other of before the step.

    It takes one pass through G and one through D less than ``alternating``. TensorFlow's DCGAN
    tutorial trains in this way, and analyses of GAN training assume it (Mescheder et al. 2018,
    arXiv:1801.04406, section 2).
    """
    return Update(step.simultaneous_update, shared_fakes=True)


@updates.register
def one_stage() -> Update:
    """Update D and G at once in one backward pass (Shen et al. 2021, arXiv:2103.00430, section 3).

    It computes the same as ``simultaneous``, in less time, if the logit of an image depends on that
    image alone and D's loss has a gradient there.

    A D with batch norm is refused, since its logits depend on other images. The ratios of the
    gradients of both losses differ by factors of a hundred within a batch once D is sure; with
    batch norm, each would also multiply gradients of other images, and G learns nothing
    (FD-embedded 196 after 128,000 faces, against 8 with ``simultaneous``; the paper does not
    discuss it). D's losses with zero gradients (``hinge``) are refused, since G would not learn
    from them, and penalties, since their gradient is not for G.
    """
    return Update(step.one_stage_update, single_backward=True, shared_fakes=True)
