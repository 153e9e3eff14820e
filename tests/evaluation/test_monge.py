"""The Monge distance: MIND."""

from pathlib import Path

import numpy as np
import pytest

from gan_zoo.errors import UserError
from gan_zoo.evaluation.monge import monge_distance, sliced_distance

FIXTURE = Path(__file__).parents[1] / "fixtures" / "mind.npz"


def test_it_is_the_mind_of_torch_fidelity():
    # Written by tools/mind_reference.py.
    with np.load(FIXTURE) as z:
        real, fake, directions = (z[k].astype(np.float64) for k in ("real", "fake", "directions"))
        value, many = float(z["value"]), float(z["value_1000"])
    assert sliced_distance(real, fake, directions)[0] == pytest.approx(value, rel=1e-6)
    # Each program draws its own 1,000 directions.
    assert monge_distance(real, fake)[0] == pytest.approx(many, rel=0.03)


def test_a_shift_counts_three_times_its_square_wherever_the_features_lie():
    x = np.random.default_rng(0).normal(size=(50, 4))
    shift = np.array([1.0, -2.0, 0.5, 0.0])
    value, _ = monge_distance(x, x + shift, projections=20_000)
    assert value == pytest.approx(3 * shift @ shift, rel=0.02)
    far = 1e6
    assert monge_distance(x + far, x + shift + far)[0] == pytest.approx(
        monge_distance(x, x + shift)[0], rel=1e-8
    )
    assert monge_distance(x, x)[0] == 0


def test_gaussians_have_the_distance_of_the_closed_form_and_its_error_is_the_spread():
    rng = np.random.default_rng(1)
    shift = np.eye(6)[0]
    found = [
        monge_distance(
            rng.normal(size=(500, 6)), 1.5 * rng.normal(size=(300, 6)) + shift, projections=100
        )
        for _ in range(30)
    ]
    values, errors = np.transpose(found)
    # 3 |shift|^2 + 3 D (1.5 - 1)^2; a finite sample adds a little.
    assert values.mean() == pytest.approx(3 + 18 * 0.25, rel=0.1)
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.35)


def test_sets_of_two_sizes_are_compared_whole():
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(6, 3)), rng.normal(size=(4, 3))
    # Every row of real twice and every row of fake three times: the same two distributions.
    doubled = monge_distance(np.repeat(real, 2, axis=0), np.repeat(fake, 3, axis=0))
    assert monge_distance(real, fake)[0] == pytest.approx(doubled[0], rel=1e-12)


def test_bad_features_are_refused():
    x = np.zeros((5, 3))
    with pytest.raises(UserError, match=r"\[5, 3\] and \[5, 4\]"):
        monge_distance(x, np.zeros((5, 4)))
    with pytest.raises(UserError, match="NaN or infinite"):
        monge_distance(x, np.full((5, 3), np.nan))
