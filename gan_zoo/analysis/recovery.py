"""Do a run's training pictures come back better from its generator than held-out ones?

A generator that has memorized pictures can make them; one that has learned what pictures of the
data look like comes as near to others of the same source. Webster et al. 2019 (arXiv:1901.03396,
"latent recovery") compare the median errors of both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gan_zoo.analysis.disc_memorization import Share, auc_with_interval
from gan_zoo.analysis.held_out import choose_rows, held_out_notes, load_held_out
from gan_zoo.analysis.projection import Projection, project
from gan_zoo.analysis.subject import Subject, data_changed, data_changed_message, load_real
from gan_zoo.errors import UserError


class Recovery(NamedTuple):
    """What was found.

    Attributes:
        train: What was found for training pictures.
        held_out: For as many held-out ones.
        source: Where the held-out pictures come from, in a few words.
        gap: How much lower the median distance of training pictures is, as a share of that of
            held-out ones: the paper's MRE gap. 0 without memorization; it may be below 0.
        worse: The share of pairs in which a held-out picture comes back worse than a training one,
            and its 99 % interval; 0.5 without memorization.
        step: Of the checkpoint.
        notes: Sentences for the user.
    """

    train: Projection
    held_out: Projection
    source: str
    gap: float
    worse: Share
    step: int
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """``memorized``, ``no evidence`` or ``exchanged``."""
        if self.worse[1] > 0.5:
            return "memorized"
        return "exchanged" if self.worse[2] < 0.5 else "no evidence"


_ADVICE = {
    "memorized": (
        "training pictures come back better than others of the same source: the generator has"
        " begun to memorize them; train on more data or for fewer steps."
    ),
    "exchanged": (
        "held-out pictures come back better than training ones; check that the two were not"
        " exchanged, and that both are of one kind."
    ),
    "no evidence": "no sign that training pictures come back better than held-out ones.",
}


def find_recovery(
    subject: Subject,
    *,
    n: int = 32,
    held_out: str = "",
    held_out_dir: str = "",
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
    **settings: Any,
) -> Recovery:
    """Project training pictures of a run and as many held-out ones, and compare the distances.

    Args:
        subject: The run, from :func:`~gan_zoo.analysis.subject.find_subject`.
        n: How many pictures of each kind, chosen at random; fewer where there are fewer.
        held_out: A data set of held-out images, as for ``--data``.
        held_out_dir: The folder, zip or npz of held-out images; without either, those that
            ``--holdout`` kept from training.
        step: The step of the checkpoint; None for the newest one.
        best: The best checkpoint instead.
        ema: Whether to take the moving average of G, if there is one.
        **settings: Others of :func:`~gan_zoo.analysis.projection.project`.

    Raises:
        UserError: Data, checkpoint or held-out images cannot be loaded or are too few, or the data
            are not those that the run was trained on.
    """
    from gan_zoo.game import build

    assert subject.run is not None
    data, notes = load_real(subject)
    if data_changed(subject, data):
        raise UserError(data_changed_message(subject, data))
    rows, held_out_rows = build.split_rows(subject.config, len(data.images))
    unseen = load_held_out(subject, data, held_out_rows, held_out, held_out_dir)
    notes = [*notes, *unseen.notes, *held_out_notes(unseen, data, rows)]
    count = min(n, len(rows), len(unseen.images))
    known = data.images[choose_rows(rows, count, subject.seed)]
    others = unseen.images[choose_rows(np.arange(len(unseen.images)), count, subject.seed)]
    game, at = subject.run.restore(step, best=best)
    extractor = build.build_extractor(subject.config, data.image_shape[2])
    both = project(
        game, np.concatenate([known, others]), extractor, seed=subject.seed, ema=ema, **settings
    )
    train, other = rows_of(both, slice(None, count)), rows_of(both, slice(count, None))
    medians = np.median(train.distance), np.median(other.distance)
    return Recovery(
        train, other, unseen.source, float(1 - medians[0] / max(medians[1], 1e-12)),
        auc_with_interval(other.distance, train.distance), at, tuple(notes),
    )  # fmt: skip


def rows_of(found: Projection, rows: slice) -> Projection:
    """Return what was found for some of the pictures."""
    arrays = {k: part for k, part in found._asdict().items() if isinstance(part, np.ndarray)}
    chosen: dict[str, Any] = {name: array[rows] for name, array in arrays.items()}
    return found._replace(**chosen)


def recovery_lines(found: Recovery) -> list[str]:
    """Return the results and the verdict, line by line."""
    count, medians = len(found.train.distance), _medians(found)
    share, low, high = (100 * value for value in found.worse)
    better = "better" if found.gap >= 0 else "worse"
    return [
        f"{count:,} training pictures and {count:,} held-out ones ({found.source}):",
        f"  median distance {medians[0]:.3g} of training pictures, {medians[1]:.3g} of held-out"
        f" ones: training pictures come back {100 * abs(found.gap):.1f} % {better}",
        f"  a held-out picture comes back worse than a training one in {share:.1f} % of pairs"
        f" ({low:.1f} to {high:.1f}); 50 % would mean no memorization",
        f"verdict: {found.verdict}: {_ADVICE[found.verdict]}",
    ]


def _medians(found: Recovery) -> tuple[float, float]:
    return float(np.median(found.train.distance)), float(np.median(found.held_out.distance))


def recovery_json(found: Recovery) -> dict[str, Any]:
    """Return the comparison for a JSON file."""
    train, held_out = _medians(found)
    return {
        "held_out": found.source,
        "median_distance": {"of_training": train, "of_held_out": held_out},
        "gap": found.gap,
        "held_out_worse": found.worse,
        "verdict": found.verdict,
    }
