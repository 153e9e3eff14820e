"""Has the discriminator memorized its training images?

A discriminator that has learned what images of the data look like gives held-out images (real ones
of the same source that it has not seen) the same logits as training images; one that has memorized
its training images gives those higher logits. Karras et al. (2020, arXiv 2006.06676, section 3.1,
``r_v``) compare the means of these logits, relative to that of samples. We compare ranks instead:
the share of pairs in which the first image has the higher logit, which does not depend on the scale
that the loss gives to logits. No TensorFlow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_zoo.analysis.copies import wilson

Share = tuple[float, float, float]  # and its 99 % interval


class DiscMemorization(NamedTuple):
    """What the ranks of D's logits show.

    Attributes:
        train_over_held_out: Share of pairs in which a training image has a higher logit than a
            held-out one, and its 99 % interval; 0.5 without memorization, 1 if D tells all training
            images from all others.
        held_out_over_samples: The same of a held-out image and a sample; 0.5 if D cannot tell
            samples from real images.
    """

    train_over_held_out: Share
    held_out_over_samples: Share

    def __str__(self) -> str:
        """Return two sentences: the shares, and what to do."""
        train, held_out = (
            f"{100 * share:.1f} % of pairs ({100 * low:.1f} to {100 * high:.1f})"
            for share, low, high in self
        )
        return (
            f"D ranks a training image above a held-out one in {train}; 50 % would mean no"
            f" memorization. It ranks a held-out one above a sample in {held_out}: {self.advice}."
        )

    @property
    def advice(self) -> str:
        """What this means for the next run."""
        if self.held_out_over_samples[2] < 0.5:
            return (
                "it ranks samples above real images, as swap_labels makes it do; then both shares"
                " mean the opposite"
            )
        if self.train_over_held_out[0] >= 0.75 and self.train_over_held_out[1] > 0.5:
            return "D has memorized its training set; try more images, diff_augment or fewer steps"
        if self.held_out_over_samples[0] >= 0.9 and self.held_out_over_samples[1] > 0.5:
            return (
                "D recognizes samples by their faults; try a stronger G or a slower D before more"
                " images"
            )
        return "neither is far ahead"


def compare_logits(
    train: np.ndarray, held_out: np.ndarray, samples: np.ndarray
) -> DiscMemorization:
    """Compare the ranks of D's logits of training images, held-out images and samples.

    Args:
        train: Finite logits ``[N]``, N at least 2.
        held_out: The same of held-out images; their number may differ.
        samples: The same of samples.
    """
    return DiscMemorization(
        auc_with_interval(train, held_out), auc_with_interval(held_out, samples)
    )


def auc_with_interval(a: np.ndarray, b: np.ndarray, z: float = 2.576) -> Share:
    """Return the area under the ROC curve of ``a`` against ``b``, and its interval.

    It is the share of pairs in which a value of ``a`` is above one of ``b``; a tie counts half. The
    interval is Wilson's (1927), for ``z`` 2.576 that of 99 %, for the number of trials that gives
    the error of DeLong et al. (1988, Biometrics 44, 837-845), at most the number of values: near 0
    and 1 DeLong's own interval is too narrow, and it has no width where nothing overlaps.
    """
    low, high = np.sort(a), np.sort(b)
    # For each value the share of the others that it exceeds: the mean of the places left and right
    # of its equals.
    wins = (np.searchsorted(high, a, "left") + np.searchsorted(high, a, "right")) / (2 * len(b))
    losses = 1 - (np.searchsorted(low, b, "left") + np.searchsorted(low, b, "right")) / (2 * len(a))
    share = float(wins.mean())
    variance = float(wins.var(ddof=1) / len(a) + losses.var(ddof=1) / len(b))
    most = min(len(a), len(b)) if variance == 0 else len(a) + len(b)
    trials = min(most, share * (1 - share) / variance) if variance else most
    return share, *wilson(share, trials, z)
