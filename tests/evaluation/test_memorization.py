"""Whether D has memorized its training images: shares of pairs, counted by hand."""

import numpy as np
import pytest

from gan_zoo.analysis.disc_memorization import auc_with_interval, compare_logits
from gan_zoo.analysis.memorization import unlike_pictures
from gan_zoo.evaluation.protocol import Result, Stamp
from gan_zoo.runs.logs import LogWriter
from gan_zoo.runs.run import Run


def test_the_share_of_pairs_by_counting_them():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 40), rng.integers(1, 7, 30)
    by_hand = np.mean([(x > y) + (x == y) / 2 for x in a for y in b])
    assert auc_with_interval(a, b)[0] == pytest.approx(by_hand)
    assert auc_with_interval(b, a)[0] == pytest.approx(1 - by_hand)
    share, low, high = auc_with_interval(a + 10, b)
    assert (share, high) == (1, 1) and 0.7 < low < 0.9  # Wilson's of 30 out of 30 is 0.819


def test_the_interval_holds_as_often_as_it_says():
    rng = np.random.default_rng(1)
    draws = [
        auc_with_interval(rng.normal(0.5, 1, 60), rng.normal(0, 1, 90), z=1.96) for _ in range(400)
    ]
    truth = 0.63816  # of two normals half a deviation apart: the normal distribution function at 0.5 / sqrt(2)
    inside = np.mean([low < truth < high for _, low, high in draws])
    assert 0.91 < inside < 0.98
    assert np.mean([share for share, *_ in draws]) == pytest.approx(truth, abs=0.01)
    # Where the two hardly overlap, at three and a half deviations: 0.9933.
    draws = [auc_with_interval(rng.normal(3.5, 1, 60), rng.normal(0, 1, 200)) for _ in range(400)]
    assert np.mean([low < 0.99332 < high for _, low, high in draws]) > 0.97


def test_three_kinds_of_d_are_told_apart():
    rng = np.random.default_rng(2)
    train, held_out, samples = rng.normal(size=(3, 200))
    assert "neither is far ahead" in str(compare_logits(train, held_out, samples))
    assert "has memorized its training set; try more images" in str(
        compare_logits(train + 5, held_out, samples)
    )
    assert "both shares mean the opposite" in str(compare_logits(train, held_out, samples + 5))
    few = compare_logits(np.array([1.0, 3.0]), np.array([0.0, 2.0]), np.array([-1.0, 1.0]))
    assert few.train_over_held_out[0] == 0.75 and "has memorized" not in str(few)
    assert "by their faults; try a stronger G" in str(compare_logits(train, held_out, samples - 5))


def test_of_samples_that_are_no_pictures_no_copies_say_nothing(tmp_path):
    def scored(step, final, **values):
        stamp = Stamp("", "embedded", "51b9", "none", 2000, 2000, "train", True, "d", 0, {})
        found = [Result(v, None, stamp._replace(metric=f"{k}-embedded")) for k, v in values.items()]
        floors = {"FD-embedded": 1.0, "precision-embedded": 0.8, "recall-embedded": 0.8}
        log.evaluations(step, found, floors, final=final)

    log = LogWriter(tmp_path, 0)
    scored(10, False, FD=90.0, precision=0.3, recall=0.1)
    scored(20, False, FD=90.0, precision=0.0, recall=0.0)
    scored(20, True, FD=5.0, precision=0.7, recall=0.7)
    scored(30, False, FD=15.0, precision=0.0, recall=0.0)
    run = Run(tmp_path)
    (said,) = unlike_pictures(run, 10)
    assert "no copies says nothing here: FD-embedded is 90 times the floor" in said
    assert unlike_pictures(run, 20) == []  # by its final score
    assert "not yet like real pictures" in unlike_pictures(run, 30)[0]
    assert unlike_pictures(run, 40) == unlike_pictures(None, None) == []
