"""Has a run, or any other generator, memorized its training images?"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_zoo import images
from gan_zoo.analysis import near_copies
from gan_zoo.analysis.copies import PIXELS, Copies, find_copies
from gan_zoo.analysis.disc_memorization import DiscMemorization, compare_logits
from gan_zoo.analysis.held_out import (
    MAXIMUM,
    HeldOut,
    choose_rows,
    held_out_notes,
    load_held_out,
)
from gan_zoo.analysis.near_copies import NearCopies, Nearest, Space
from gan_zoo.analysis.subject import (
    Fakes,
    Subject,
    build_extractor,
    data_changed,
    data_changed_message,
    load_fakes,
    load_real,
)
from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.judgement import judge
from gan_zoo.evaluation.pixels import pixel_vectors
from gan_zoo.phases import phase
from gan_zoo.runs.run import Run

_REPEATS = 0.01  # of the held-out images, from which on the data have near duplicates
_SCALE = 1000  # held-out images whose nearest training images are found as a scale

_ADVICE = {
    "copies": (
        "it copies training images; look at the picture, and train on more data or for fewer steps."
    ),
    "suspicious": (
        "no copies were found, but its samples are nearer to the training images than to others of"
        " the same source: it has begun to memorize them."
    ),
    "no evidence": "no sign that samples are nearer to training images than to held-out ones.",
}


class SpaceResult(NamedTuple):
    """What was found in one space (pixels or features).

    Attributes:
        copies: Against as many training images as held-out ones.
        near_copies: Among all training images.
        median_of_samples: Median distance of samples to the nearest of all training images.
        median_of_held_out: The same of held-out images.
        nearest: The nearest of all training images, of samples and of held-out images.
    """

    copies: Copies
    near_copies: NearCopies
    median_of_samples: float
    median_of_held_out: float
    nearest: tuple[Nearest, Nearest]


class Memorization(NamedTuple):
    """What was found.

    Attributes:
        subject: What was judged.
        fakes: The images that were judged.
        data: The whole data set.
        train: Number of training images.
        compared: Number of training images, and of held-out ones, in the test for copies.
        held_out: The held-out images.
        scale: The rows of ``held_out`` whose nearest training images were found.
        spaces: One result for pixels, one for features.
        disc: What D's logits show, of a run with ``--holdout``; None if D was not asked.
        disc_broken: Whether D's logits were infinite or NaN.
        verdict: ``copies``, ``suspicious`` or ``no evidence``.
        notes: Sentences for the user.
    """

    subject: Subject
    fakes: Fakes
    data: Dataset
    train: int
    compared: int
    held_out: HeldOut
    scale: np.ndarray
    spaces: list[SpaceResult]
    disc: DiscMemorization | None
    disc_broken: bool
    verdict: str
    notes: list[str]


def find_memorization(
    subject: Subject,
    *,
    n: int = 2000,
    held_out: str = "",
    held_out_dir: str = "",
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
) -> Memorization:
    """Test whether samples are copies of training images, and whether D has memorized those.

    Args:
        subject: From :func:`~gan_zoo.analysis.subject.find_subject`.
        n: How many samples; pictures may be fewer.
        held_out: A data set of held-out images, as for ``--data``.
        held_out_dir: The folder, zip or npz of held-out images; without either, those that
            ``--holdout`` kept from training.
        step: Of a run: the step of the checkpoint; None for the newest one.
        best: Of a run: the best checkpoint instead.
        ema: Of a run: whether to draw from the moving average, if it has one.

    Raises:
        UserError: Data, checkpoint, pictures or held-out images cannot be loaded or are too few, or
            the data are not those that the run was trained on.
    """
    from gan_zoo.game import build

    data, notes = load_real(subject)
    if data_changed(subject, data):
        raise UserError(data_changed_message(subject, data))
    train, held_out_rows = build.split_rows(subject.config, len(data.images))
    unseen = load_held_out(subject, data, held_out_rows, held_out, held_out_dir)
    extractor = build_extractor(subject.config, data.image_shape[2])
    fakes = load_fakes(subject, data, n, step=step, best=best, ema=ema)
    notes = [*held_out_notes(unseen, data, train), *notes, *unseen.notes, *fakes.notes]

    compared = min(len(train), len(unseen.images))
    rows = choose_rows(train, compared, subject.seed)
    scale = np.random.default_rng(subject.seed).permutation(len(unseen.images))[:_SCALE]
    with phase("find copies"):
        found = find_copies(
            fakes.images, data.images[rows], unseen.images, extractor=extractor, seed=subject.seed
        )
    with phase("find the nearest images"):
        spaces = [
            _in_space(space, copies, fakes.images, unseen.images, scale, data, train)
            for space, copies in zip(_spaces(extractor), found, strict=True)
        ]
    verdict = _verdict(spaces)
    if verdict == "no evidence":
        notes += unlike_pictures(subject.run, fakes.step)
    disc, disc_broken = None, False
    if fakes.game is not None and unseen.own:  # others may differ in ways that D can see
        disc = _ask_disc(
            subject, fakes, data, rows, choose_rows(held_out_rows, MAXIMUM, subject.seed)
        )
        disc_broken = disc is None
    return Memorization(
        subject, fakes, data, len(train), compared, unseen, scale, spaces, disc, disc_broken,
        verdict, notes,
    )  # fmt: skip


def check_training_data(subject: Subject) -> None:
    """Check that the settings name the images that the run was trained on.

    Raises:
        UserError: They name others.
    """
    if subject.run and not subject.training_data:
        raise UserError(
            f"copies are looked for among the images that {subject.path} was trained on, but the"
            " flags name others; leave out --data, --image_size and --channels."
        )


def _spaces(extractor: FeatureExtractor) -> list[Space]:
    return [
        Space("pixels", functools.partial(pixel_vectors, size=PIXELS)),
        Space(f"features of {extractor.name}", extractor.features),
    ]


def _in_space(
    space: Space,
    copies: Copies,
    samples: np.ndarray,
    held_out: np.ndarray,
    scale: np.ndarray,
    data: Dataset,
    train: np.ndarray,
) -> SpaceResult:
    found = near_copies.nearest_training_images(space, samples, held_out, scale, data.images, train)
    # The root mean square in gray levels is easier to read than the norm of a difference.
    numbers = pixel_vectors(held_out[:1], PIXELS).shape[1]
    unit = np.sqrt(numbers) if space.name == "pixels" else 1.0
    medians = [float(np.median(each.distance) / unit) for each in found]
    return SpaceResult(copies, near_copies.near_copies(found), medians[0], medians[1], found)


def _ask_disc(
    subject: Subject, fakes: Fakes, data: Dataset, train: np.ndarray, held_out: np.ndarray
) -> DiscMemorization | None:
    """Return the ranks of D's logits of training and held-out rows and samples; None if broken."""
    from gan_zoo.game import sampling

    game = fakes.game
    assert game is not None
    labels = np.asarray(data.labels[game.classes.column], np.int32) if game.classes else None

    def logits(rows: np.ndarray) -> np.ndarray:
        return sampling.disc_logits(
            game, data.images[rows], None if labels is None else labels[rows]
        )

    drawn = sampling.sample_labels(game, len(fakes.images), subject.seed, tag="evaluation")
    found = logits(train), logits(held_out), sampling.disc_logits(game, fakes.images, drawn)
    return compare_logits(*found) if all(np.isfinite(x).all() for x in found) else None


def _verdict(spaces: list[SpaceResult]) -> str:
    if any(space.near_copies.copies for space in spaces):
        return "copies"
    verdicts = {space.copies.verdict for space in spaces}
    return next(v for v in ("copies", "suspicious", "no evidence") if v in verdicts)


def unlike_pictures(run: Run | None, step: int | None) -> list[str]:
    """Return a sentence if the scores of a run's step say that its samples are no pictures yet."""
    own = [r for r in run.results if r["step"] == step and not r["by"]] if run else []
    newest = [record["result"] for record in own if record["final"] == own[-1]["final"]]
    if run is None or not (judged := judge(newest, run.floors)).unlike:
        return []
    return [
        f"finding no copies says nothing here: {judged.verdict} Ask again once the samples are like"
        " pictures."
    ]


def memorization_lines(found: Memorization) -> Iterator[str]:
    """Yield the notes, the verdict and the results, line by line."""
    yield from found.notes
    yield f"verdict: {found.verdict}: {_ADVICE[found.verdict]}"
    yield (
        f"{found.fakes.title}, against {found.compared:,} of {found.train:,} training images"
        f" {'x'.join(map(str, found.data.image_shape))} of {found.data.name}"
    )
    yield f"  and {found.compared:,} held-out ones ({found.held_out.source}):"
    for space in found.spaces:
        yield from _space_lines(space, found.train)
    if found.disc:
        yield f"  {found.disc}"
    elif found.disc_broken:
        yield "  D's logits are infinite or NaN, so it is unknown whether D has memorized images."
    if any(space.copies.closer_interval[1] < 0.5 for space in found.spaces):
        yield (
            "  samples are nearer to held-out images than to training images; check that the two"
            " were not exchanged."
        )
    yield from _hint_of_repeats([space.near_copies.held_out[0] for space in found.spaces])


def _hint_of_repeats(shares: Sequence[float]) -> Iterator[str]:
    """Yield a hint if held-out images repeat training images, by their shares in each space."""
    if (share := max(shares, default=0.0)) >= _REPEATS:
        yield (
            f"  hint: {100 * share:.1f} % of the held-out images are nearly the same as a training"
            " image, so that they are not unseen, and copies of these count less;"
            " `gan_zoo audit --near=0.95` on the data shows near duplicates to remove."
        )


def _space_lines(space: SpaceResult, train: int) -> Iterator[str]:
    def percent(share: float, low: float, high: float) -> str:
        return f"{100 * share + 0.0:.1f} % ({100 * low + 0.0:.1f} to {100 * high:.1f})"

    copies, near = space.copies, space.near_copies
    yield f"  {copies}"
    yield (
        f"    near-copies of these: {percent(copies.copied, *copies.copied_interval)} of samples,"
        " minus chance"
    )
    both = f"{percent(*near.samples)} of samples, {percent(*near.held_out)} of held-out images"
    yield f"    near-copies of all {train:,} training images: {both}"
    unit = " (gray levels, root mean square)" if copies.space == "pixels" else ""
    yield (
        "    median distance to the nearest of all training images:"
        f" {space.median_of_samples:.3g} from samples, {space.median_of_held_out:.3g} from"
        f" held-out images{unit}"
    )


def memorization_json(found: Memorization) -> dict[str, Any]:
    """Return the results for a JSON file, with the command line."""
    findings = [
        {
            **space.copies._asdict(),
            "among_all": space.near_copies._asdict(),
            "median_distance": {
                "of_samples": space.median_of_samples,
                "of_held_out": space.median_of_held_out,
            },
        }
        for space in found.spaces
    ]
    return {
        "subject": found.fakes.title,
        "held_out": found.held_out.source,
        "train": found.train,
        "data_hash": found.data.hash,
        "seed": found.subject.seed,
        "verdict": found.verdict,
        "findings": findings,
        "disc": found.disc and found.disc._asdict(),
        "notes": found.notes,
        "command": sys.argv,
    }


def memorization_picture(found: Memorization, pairs: int = 8) -> np.ndarray:
    """Draw the ``pairs`` most suspicious samples of each space: uint8 ``[H, W, 3]``."""
    held_out = found.held_out.images[found.scale]
    blocks = [
        near_copies.pairs_picture(
            f"in {space.copies.space}, most similar first",
            found.fakes.images,
            held_out,
            found.data.images,
            space.nearest,
            pairs,
        )
        for space in found.spaces
    ]
    return images.stack(blocks, axis=1, gap=12)
