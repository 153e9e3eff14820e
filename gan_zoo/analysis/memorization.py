"""Does D know its training images by heart?

A discriminator that has learned what images of the data look like gives held-out ones, real images
of the same source that it has not seen, the same logits as those that it was trained on; one that
knows its images by heart gives them higher ones. Karras et al. (2020, arXiv 2006.06676, section
3.1, ``r_v``) set the means of these logits against that of samples. Ours are ranks instead: the
share of pairs in which the one image has the higher logit, whatever the loss makes of logits. No
TensorFlow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_zoo.analysis.copies import wilson

Share = tuple[float, float, float]  # and its 99 % interval


class DiscMemorization(NamedTuple):
    """What the order of D's logits says.

    Attributes:
        train_over_held_out: Share of pairs in which a training image has a higher logit than a
            held-out one, and its 99 % interval; 0.5 for a D that does not know its images by heart,
            1 for one that knows nothing else.
        held_out_over_samples: The same of a held-out image and a sample; 0.5 where D cannot tell
            samples from what is real.
    """

    train_over_held_out: Share
    held_out_over_samples: Share

    def __str__(self) -> str:
        """Two sentences: what was found, and what to do."""
        known, better = (
            f"{100 * share:.1f} % of pairs ({100 * low:.1f} to {100 * high:.1f})"
            for share, low, high in self
        )
        return (
            f"D puts a training image above a held-out one in {known}; 50 % if it does not know its"
            f" images by heart. It puts a held-out one above a sample in {better}: {self.advice}."
        )

    @property
    def advice(self) -> str:
        """What that means for the next run."""
        if self.held_out_over_samples[2] < 0.5:
            return (
                "it puts samples above real images, as under swap_labels, where both shares are to"
                " be read the other way round"
            )
        if self.train_over_held_out[0] >= 0.75 and self.train_over_held_out[1] > 0.5:
            return "it goes by heart; more images, diff_augment, or fewer steps are what to try"
        if self.held_out_over_samples[0] >= 0.9 and self.held_out_over_samples[1] > 0.5:
            return (
                "it knows samples by their faults; a stronger G or a slower D is what to try,"
                " before more images"
            )
        return "neither is far ahead"


def judge(train: np.ndarray, held_out: np.ndarray, samples: np.ndarray) -> DiscMemorization:
    """Set D's finite logits of training images, held-out ones and samples, each ``[N]``, N 2 or more, against each other."""
    return DiscMemorization(above(train, held_out), above(held_out, samples))


def above(a: np.ndarray, b: np.ndarray, z: float = 2.576) -> Share:
    """The share of pairs in which a value of ``a`` is above one of ``b``, a tie counting half, and its interval.

    The area under the ROC curve. The interval is Wilson's (1927), for ``z`` 2.576 that of 99 %, of
    as many trials as have the error of DeLong et al. (1988, Biometrics 44, 837-845), but no more
    than there are values: near 0 and 1 DeLong's own is too narrow, and has no width at all where
    nothing overlaps.
    """
    low, high = np.sort(a), np.sort(b)
    # Of each value, the share of the others that it beats: halfway between the places left and
    # right of its equals.
    wins = (np.searchsorted(high, a, "left") + np.searchsorted(high, a, "right")) / (2 * len(b))
    losses = 1 - (np.searchsorted(low, b, "left") + np.searchsorted(low, b, "right")) / (2 * len(a))
    share = float(wins.mean())
    variance = float(wins.var(ddof=1) / len(a) + losses.var(ddof=1) / len(b))
    most = min(len(a), len(b)) if variance == 0 else len(a) + len(b)
    trials = min(most, share * (1 - share) / variance) if variance else most
    return share, *wilson(share, trials, z)
