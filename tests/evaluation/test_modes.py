"""A generator that never draws one value of an attribute is found out by coverage or recall."""

import numpy as np
import pytest
import references

from gan_zoo.evaluation.modes import expected_coverage, lost_modes
from gan_zoo.evaluation.neighbors import covers

N = 1600


@pytest.fixture(scope="module")
def faces(cartoon, embedded):
    """Features of two disjoint sets of N cartoon faces and all their labels."""
    features = embedded.features(cartoon.images[: 2 * N])
    labels = {name: np.asarray(column) for name, column in cartoon.labels.items()}
    return (
        features[:N],
        {k: v[:N] for k, v in labels.items()},
        features[N:],
        {k: v[N : 2 * N] for k, v in labels.items()},
    )


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("glasses", "round"),
        ("headwear", "headphones"),
        ("skin", "deep"),
        ("background", "night"),
        ("mouth", "grin"),
    ],
)
def test_a_dropped_attribute_value_is_named(cartoon, faces, label, value):
    real, labels, fake, fake_labels = faces
    dropping = fake[fake_labels[label] != cartoon.label_values[label].index(value)]
    found = lost_modes(real, labels, cartoon.label_values, dropping)
    assert (found[0].label, found[0].value) == (label, value), found
    assert f"{label}={value} is missing or rare: " in str(found[0])
    assert found[0].coverage < found[0].expected


def test_an_honest_generator_loses_none(cartoon, faces):
    real, labels, fake, fake_labels = faces
    assert lost_modes(real, labels, cartoon.label_values, fake) == []
    assert lost_modes(fake, fake_labels, cartoon.label_values, real) == []
    assert lost_modes(real, labels, cartoon.label_values, fake[: N // 4]) == []


@pytest.mark.parametrize(("n", "m", "k"), [(300, 300, 3), (300, 200, 5), (200, 400, 1)])
def test_expected_coverage_holds_for_any_distribution(n, m, k):
    shares = [
        covers(references.features(n, 3, i), references.features(m, 3, 1000 + i), k=k).mean()
        for i in range(60)
    ]
    assert np.mean(shares) == pytest.approx(
        expected_coverage(n, m, k), abs=4 * np.std(shares) / np.sqrt(60)
    )


def test_covers_is_the_terms_of_coverage():
    real, fake = references.features(90, 4, 0), references.features(70, 4, 1, gain=0.8)
    assert covers(real, fake, k=4).mean() == pytest.approx(references.prdc(real, fake, 4, 4)[3])
