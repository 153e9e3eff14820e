"""The interval of a comparison against numbers worked out by hand, and how often it encloses the truth."""

import math

import numpy as np
import pytest

from gan_zoo.comparison.paired import paired, sentence


def test_the_interval_by_hand():
    # logarithms of the ratios: 0.1, 0.2, 0.3; mean 0.2, standard deviation 0.1, error 0.1 / sqrt 3;
    # t(0.975, 2) = 4.3027
    found = paired([math.exp(0.1), 2 * math.exp(0.2), 3 * math.exp(0.3)], [1.0, 2.0, 3.0])
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert found.ratio == pytest.approx(math.exp(0.2))
    assert (found.low, found.high) == (
        pytest.approx(math.exp(0.2 - half)),
        pytest.approx(math.exp(0.2 + half)),
    )
    assert found.verdict == "no evidence"
    # of 27 resamples one has the mean 0.1 and one 0.3; between them three each of 0.1333 and 0.2667
    assert (math.log(found.bootstrap_low), math.log(found.bootstrap_high)) == (
        pytest.approx(0.1333, abs=0.02),
        pytest.approx(0.2667, abs=0.02),
    )
    assert math.log(found.detectable) == pytest.approx(
        (4.302653 + 1.060660) * 0.1 / math.sqrt(3), rel=1e-5
    )


def test_which_side_is_better():
    assert paired([1.0, 1.1, 0.9], [10.0, 11.5, 9.2]).verdict == "better"
    assert paired([10.0, 11.5, 9.2], [1.0, 1.1, 0.9]).verdict == "worse"
    assert paired([2.0, 1.0, 4.0, 2.1], [1.0, 2.0, 2.1, 4.0]).verdict == "no evidence"


def test_one_seed_or_equal_runs_are_no_evidence():
    one = paired([1.0], [100.0])
    assert (one.verdict, one.low) == ("no evidence", None)
    assert "one seed tells nothing" in sentence(one, "a", "b", "FD")
    same = paired([1.0, 2.0], [1.0, 2.0])
    assert (same.verdict, same.ratio) == ("no evidence", 1.0)
    assert "both have the same FD" in sentence(same, "a", "b", "FD")


def test_ratios_near_and_far_from_1_are_told_with_digits_that_show_them():
    said = sentence(paired([1.001, 1.0011, 1.00105], [1, 1, 1]), "a", "b", "FD")
    assert said.startswith(
        "a is worse than b: its FD is 1.0010 times as high (95 % interval 1.0009 to 1.0012"
    )
    wide = paired([1e-200, 1e200], [1.0, 1.0])  # what no float holds is kept at its end
    assert 0 < wide.low < 1e-300 < 1e300 < wide.high < float("inf")
    assert len(sentence(wide, "a", "b", "FD")) < 250


def test_the_sentences_say_what_was_found():
    worse = paired([10.0, 11.5, 9.2], [1.0, 1.1, 0.9])
    assert sentence(worse, "hot", "plain", "FD").startswith(
        "hot is worse than plain: its FD is 10.22 times as high (95 % interval "
    )
    null = paired([2.0, 1.0, 4.0, 2.1], [1.0, 2.0, 2.1, 4.0])
    said = sentence(null, "a", "b", "FD")
    assert said.startswith("no evidence of a difference between a and b")
    assert (
        f"with 4 seeds of this scatter you would see differences above {null.detectable:.2f}"
        in said
    )


@pytest.mark.parametrize(
    "bad",
    [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([float("nan")], [1.0]), ([1.0], [math.inf])],
)
def test_scores_that_cannot_be_compared_are_refused(bad):
    with pytest.raises(ValueError, match="scores"):
        paired(*bad)


@pytest.mark.parametrize("draw", ["normal", "student", "skewed"])
@pytest.mark.parametrize("n", [3, 5])
def test_the_interval_encloses_the_truth_as_often_as_it_says(draw, n):
    rng = np.random.default_rng([n, len(draw)])
    logs = {
        "normal": rng.normal(0, 0.2, (1500, n)),
        "student": 0.2 * rng.standard_t(4, (1500, n)),
        "skewed": 0.2 * (rng.gamma(4.0, 1.0, (1500, n)) - 4.0) / 2.0,
    }[draw]
    found = [paired(np.exp(0.3 + row), np.ones(n), bootstrap=False) for row in logs]
    covered = np.mean([f.low <= math.exp(0.3) <= f.high for f in found])
    assert 0.925 <= covered <= 0.98  # the standard error of this share is 0.006


def test_a_bootstrap_over_three_seeds_encloses_it_far_too_seldom():
    logs = np.random.default_rng(0).normal(0, 0.2, (600, 3))
    found = [paired(np.exp(row), np.ones(3)) for row in logs]
    assert np.mean([f.bootstrap_low <= 1 <= f.bootstrap_high for f in found]) < 0.8


def test_a_difference_called_detectable_is_seen_about_four_times_in_five():
    rng = np.random.default_rng(1)
    truth = (4.302653 + 1.060660) * 0.2 / math.sqrt(3)  # for three seeds of that scatter
    seen = [
        paired(np.exp(truth + rng.normal(0, 0.2, 3)), np.ones(3), bootstrap=False).verdict
        == "worse"
        for _ in range(1500)
    ]
    assert 0.7 < np.mean(seen) < 0.9
