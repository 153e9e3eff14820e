"""Which parts do not go together: one table of conditions and sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras

from gan_zoo.config import Config
from gan_zoo.contracts import Classes, Condition, Loss, Trick, Update
from gan_zoo.errors import UserError
from gan_zoo.layers import mixes_images
from gan_zoo.registry import Spec


class Parts(NamedTuple):
    """The parts that a rule looks at.

    Attributes:
        config: The settings.
        loss: The losses of both nets.
        update: The order of updates.
        condition: How both nets use class labels, or None.
        classes: The classes of the data, or None.
        disc: The discriminator; None before it is built.
        spec: The spec of the trick below.
        trick: One trick at a time; one that does nothing for a rule without tricks.
    """

    config: Config
    loss: Loss
    update: Update
    condition: Condition | None = None
    classes: Classes | None = None
    disc: keras.Model | None = None
    spec: Spec | None = None
    trick: Trick = Trick()


# (whether parts are refused, the sentence for the user); the first rule that holds is reported. In
# a sentence, {config} and {spec} are those of the parts.
RULES: Sequence[tuple[Callable[[Parts], object], str]] = (
    (
        lambda parts: parts.condition and not parts.classes,
        "--condition={config.condition} needs data with classes, and there are none here; leave it"
        " out.",
    ),
    (
        lambda parts: parts.update.single_backward and parts.loss.has_zero_gradient,
        "--update={config.update} cannot go with the loss '{config.loss}', whose gradient is zero"
        " for some logits; change one.",
    ),
    (
        lambda parts: parts.update.single_backward and parts.condition and parts.condition.loss,
        "--update={config.update} uses the gradient of one loss of D, and"
        " --condition={config.condition} gives D a second one; use another --update, or"
        " --condition=projection.",
    ),
    (
        lambda parts: parts.update.single_backward and parts.disc and mixes_images(parts.disc),
        "--update={config.update} cannot go with the discriminator '{config.disc}', whose batch"
        " norm or minibatch_std mixes the images of a batch; take one without, such as"
        " --disc='dcgan(norm=\"none\")', or --update=simultaneous.",
    ),
    (
        lambda parts: not parts.loss.uses_targets and _changes_targets(parts.trick),
        "--tricks={spec} changes targets, but the loss '{config.loss}' has none; leave out one of"
        " the two.",
    ),
    (
        lambda parts: (
            parts.update.single_backward and (parts.trick.penalty or parts.trick.gen_penalty)
        ),
        "--update={config.update} cannot go with the penalty of --tricks={spec}; use another"
        " --update.",
    ),
    (
        lambda parts: parts.update.shared_fakes and parts.trick.fake_images,
        "--update={config.update} shows D and G the same fakes, and --tricks={spec} changes those"
        " of D alone; use --update=alternating.",
    ),
    (
        lambda parts: parts.condition and parts.trick.fake_images,
        "--tricks={spec} changes which fakes D learns from, and under"
        " --condition={config.condition} those of other classes would get the labels of this batch;"
        " leave out one of the two.",
    ),
)


def _changes_targets(trick: Trick) -> bool:
    return bool(trick.real_targets or trick.fake_targets or trick.gen_targets)


def check_compatible(parts: Parts, tricks: Sequence[tuple[Spec, Trick]] = ()) -> None:
    """Check parts, and each of the tricks with them, against all rules.

    Raises:
        UserError: A rule refuses them.
    """
    with_tricks = [parts._replace(spec=spec, trick=trick) for spec, trick in tricks]
    for each in (parts, *with_tricks):
        for refused, sentence in RULES:
            if refused(each):
                raise UserError(sentence.format(config=each.config, spec=each.spec))
