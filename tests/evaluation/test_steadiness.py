"""The script steadiness: its distances are those of the evaluation, its table what it says."""

import numpy as np
import pytest

from gan_zoo.evaluation import distances, monge


def test_its_distances_of_some_rows_are_those_of_the_evaluation(modules):
    rng = np.random.default_rng(0)
    real, pool = rng.normal(size=(90, 6)), 1.2 * rng.normal(size=(70, 6)) + 0.2
    rows = rng.permutation(70)[:31]
    fd, kd, md = modules["steadiness"].Scorer(real).of(pool)(rows)
    one, two = (distances.Statistics.of(x) for x in (real, pool[rows]))
    assert fd == pytest.approx(distances.frechet(one, two))
    assert kd == pytest.approx(distances.kernel_distance(real, pool[rows])[0])
    assert md == pytest.approx(monge.monge_distance(real, pool[rows])[0])


def test_the_steadiness_of_a_few_values(modules, capsys):
    steadiness = modules["steadiness"].steadiness
    many = np.array([4.0, 2.0, 1.0])
    few = np.array([[8.0, 4.0, 2.0], [8.0, 4.0, 2.0]])
    assert steadiness(few, many) == (0, 2, 1, 1)
    # The second draw swaps the last two: one of three pairs, and one of two neighbors.
    few[1] = 8.0, 2.0, 4.0
    found = steadiness(few, many, share=0.75)
    spread = np.sqrt(2) / 3 / np.sqrt(1 - 0.75)  # of 4, 2 and of 2, 4, corrected; 0 of the first
    assert found.spread == pytest.approx(2 * spread / 3)
    assert found.bias == pytest.approx((2 + 1.5 + 3) / 3)
    assert (found.tau, found.neighbors) == (pytest.approx((1 + 1 / 3) / 2), 0.75)
    scores = [([v] * 3, [np.full((2, 3), 2 * v)]) for v in many]
    modules["steadiness"].print_table(scores, [1000], 10_000)
    assert "| 1,000 | KD | 0 % | 2 | 1.000 | 100 % |" in capsys.readouterr().out
