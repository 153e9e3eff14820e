import numpy as np
import pytest
import references

from gan_zoo.errors import UserError
from gan_zoo.evaluation import tfgan
from gan_zoo.evaluation.distances import (
    Statistics,
    diversity,
    frechet,
    frechet_error,
    kernel_distance,
)
from gan_zoo.evaluation.neighbors import covers, manifold, nearest

CASES = [(64, 500), (64, 40), (264, 600), (264, 100)]  # on both sides of distances.SMALL
SLOW = [
    pytest.param(d, n, marks=pytest.mark.slow)
    for d, n in [(512, 1200), (512, 200), (2048, 2500), (2048, 300)]
]


@pytest.mark.parametrize(("d", "n"), CASES + SLOW)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_frechet_distance_equals_scipy_and_tfgan(d, n, scale):
    real = references.features(n, d, 0, scale)
    fake = references.features(n + 7, d, 1, scale, gain=1.2, shift=0.05)
    ours = frechet(Statistics.of(real), Statistics.of(fake))
    tolerance = 1e-9 if n > d else 1e-5  # scipy's own error where the covariances are singular
    assert ours == pytest.approx(references.frechet(real, fake), rel=tolerance, abs=0)
    if d < 2048 or scale == 1:  # TF-GAN needs 29 s there
        # With variances over six decades TF-GAN's own rounding is 2e-7; scipy agrees with us to
        # 2e-11.
        assert ours == pytest.approx(tfgan.frechet_distance(real, fake), rel=1e-6, abs=0)


@pytest.mark.parametrize(
    "function", [tfgan.frechet_distance, lambda a, b: frechet(Statistics.of(a), Statistics.of(b))]
)
def test_frechet_distance_of_gaussians_with_known_moments(function):
    # Rows chosen so that mean and covariance are exact: +- the axes of length s sqrt((n-1)/2).
    def gaussian(mean, deviations):
        d = len(deviations)
        x = np.concatenate([np.diag(deviations), -np.diag(deviations)]) * np.sqrt((2 * d - 1) / 2)
        return x + mean

    a = gaussian(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    b = gaussian(np.array([3.0, 4.0, 0.0]), np.array([2.0, 2.0, 0.5]))
    assert function(a, b) == pytest.approx(25 + 1 + 0 + 6.25, rel=1e-12)
    assert function(a, a) == pytest.approx(0, abs=1e-12)
    assert function(a, a) >= 0


@pytest.mark.parametrize(
    "function", [tfgan.frechet_distance, lambda a, b: frechet(Statistics.of(a), Statistics.of(b))]
)
def test_frechet_distance_of_constant_features_is_the_distance_of_means(function):
    a, b = np.full((9, 4), 2.0), np.full((7, 4), 5.0)
    assert function(a, b) == pytest.approx(36)
    assert function(a, a) == 0


def test_the_absolute_threshold_of_tfgan_does_not_bite(tf_gan):
    # Half of the directions have variances below 1e-5, where TF-GAN alone is wrong by far more than
    # 10 %.
    real, fake = (
        references.features(400, 32, 0, 1e-3),
        references.features(400, 32, 1, 1e-3, gain=2),
    )
    wrong = float(tf_gan.eval.frechet_classifier_distance_from_activations(real, fake))
    right = references.frechet(real, fake)
    assert abs(wrong / right - 1) > 0.1
    assert tfgan.frechet_distance(real, fake) == pytest.approx(right, rel=1e-6, abs=0)


BAD = {
    "one image": (np.zeros((1, 4)), "at least"),
    "NaN": (
        np.array([[0.0, 1], [np.nan, 1], [2, 3]] * 4),
        "4 of 12 images have features that are NaN",
    ),
    "infinite": (np.array([[0.0, 1], [np.inf, 1], [2, 3]] * 4), "NaN or infinite"),
    "one number an image": (np.zeros(5), "must be"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize(
    "function",
    [
        tfgan.frechet_distance,
        kernel_distance,
        lambda a, b: frechet(Statistics.of(a), Statistics.of(b)),
        lambda a, b: diversity(a),
        lambda a, b: tfgan.classifier_score(a),
        manifold,
    ],
)
def test_bad_features_are_refused_in_one_sentence(function, case):
    bad, words = BAD[case]
    with pytest.raises(UserError, match=words):
        function(bad, bad)


def test_features_of_two_extractors_are_refused():
    a, b = np.random.default_rng(0).normal(size=(2, 20, 4))
    with pytest.raises(UserError, match="one extractor"):
        frechet(Statistics.of(a), Statistics.of(b[:, :3]))
    with pytest.raises(UserError, match="one D"):
        tfgan.frechet_distance(a, b[:, :3])


def test_statistics_hold_the_root_of_the_covariance():
    s = Statistics.of(references.features(50, 8, 0))
    assert s.n == 50
    assert np.allclose(
        s.root.T @ s.root,
        np.cov(references.features(50, 8, 0), rowvar=False),
        rtol=1e-12,
        atol=1e-15,
    )


def test_frechet_error_is_the_spread_over_draws_of_fakes():
    real = Statistics.of(references.features(4000, 8, 0))
    draws = [references.features(500, 8, 10 + i, gain=1.3) for i in range(60)]
    spread = np.std([frechet(real, Statistics.of(x)) for x in draws], ddof=1)
    errors = [frechet_error(real, x, seed=i) for i, x in enumerate(draws[:10])]
    assert np.mean(errors) == pytest.approx(spread, rel=0.35)
    assert frechet_error(Statistics.of(np.eye(300)), np.eye(300)) is None


@pytest.mark.parametrize(("d", "n", "m"), [(64, 900, 900), (64, 40, 50), (16, 1100, 8)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_kernel_distance_equals_plain_numpy(d, n, m, scale):
    real = references.features(n, d, 0, scale)
    fake = references.features(m, d, 1, scale, gain=1.2, shift=0.05)
    value, _ = kernel_distance(real, fake)
    # It is a difference: at scale 1e-3 of 1 + 1e-6.
    assert value == pytest.approx(references.kernel(real, fake), rel=1e-7, abs=1e-13)


def test_the_error_of_the_kernel_distance_is_that_of_leaving_out_each_image():
    real, fake = references.features(9, 3, 0), references.features(12, 3, 1, gain=1.3)
    variance = 0.0
    for k, count in enumerate((9, 12)):
        without = []
        for i in range(count):
            sets = [real, fake]
            sets[k] = np.delete(sets[k], i, axis=0)
            without.append(references.kernel(*sets))
        variance += (count - 1) / count * np.sum((without - np.mean(without)) ** 2)
    assert kernel_distance(real, fake)[1] == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_kernel_distance_is_unbiased_and_its_error_the_spread_of_draws():
    def draws(gain):
        sets = ((references.features(150, 5, i), i + 1000) for i in range(150))
        return np.array(
            [kernel_distance(x, references.features(120, 5, j, gain=gain)) for x, j in sets]
        ).T

    values, errors = draws(1.0)
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(150)
    assert values.min() < 0  # clipping it would bias it
    assert 0.9 < errors.mean() / values.std() < 1.6
    values, errors = draws(1.5)
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


def test_diversity_is_the_mean_distance_of_pairs():
    x = np.array([[0.0, 0], [3, 4], [0, 0]])
    assert diversity(x)[0] == pytest.approx(10 / 3)
    assert diversity(np.full((5, 3), 7.0)) == (0.0, 0.0)
    draws = [diversity(references.features(200, 8, i)) for i in range(100)]
    assert np.mean([e for _, e in draws]) == pytest.approx(np.std([v for v, _ in draws]), rel=0.3)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (1500, 1200)])
def test_manifold_metrics_equal_whole_matrices(n, m):
    real, fake = references.features(n, 6, 0), references.features(m, 6, 1, gain=0.7, shift=0.2)
    found = manifold(real, fake)
    assert [v for v, _ in found] == pytest.approx(references.prdc(real, fake, 3, 5), abs=1e-12)
    p = found.precision[0]
    assert found.precision[1] == pytest.approx(np.sqrt(p * (1 - p) / m))


def test_manifold_metrics_of_disjoint_and_of_equal_sets():
    x = references.features(60, 4, 0)
    assert [v for v, _ in manifold(x, x + 1e6)] == [0, 0, 0, 0]
    assert [v for v, _ in manifold(x, x)][:2] == [1, 1]
    # All fakes are one real image: precise, covering next to nothing.
    copies = manifold(x, np.repeat(x[:1], 60, axis=0))
    assert (
        copies.precision[0] == 1
        and copies.recall[0] == pytest.approx(1 / 60)
        and copies.coverage[0] < 0.3
    )


def test_the_balls_of_a_manifold_are_closed():
    # The copy of a real image lies in its own ball, and in those of which it is the 5th neighbor:
    # 6 / 5 on average. The open balls of PyPI prdc 0.2 give 1.
    real = references.features(400, 16, 0)
    assert manifold(real, real.copy()).density[0] == pytest.approx(1.2, abs=1e-12)
    # On a grid many distances are equal: whole numbers, which the brute force has exactly.
    rng = np.random.default_rng(0)
    real, fake = rng.integers(0, 6, (300, 4)), rng.integers(0, 6, (200, 4))

    def squares(a, b):
        return ((a[:, None] - b[None]) ** 2).sum(-1)

    radius = np.sort(squares(real, real), axis=1)[:, 5]
    inside = squares(real, fake) <= radius[:, None]
    found = manifold(real * 0.1 + 3, fake * 0.1 + 3)
    assert found.density[0] == pytest.approx(inside.sum() / 5 / 200, abs=1e-12)
    assert found.coverage[0] == pytest.approx(inside.any(axis=1).mean(), abs=1e-12)
    assert covers(real * 0.1 + 3, fake * 0.1 + 3, k=5).mean() == found.coverage[0]


def test_nearest_finds_duplicates_at_distance_zero():
    x = 1e3 + references.features(2300, 5, 0)
    distances, places = nearest(x[::7], x, k=2)
    assert (
        (distances[:, 0] == 0).all()
        and (places[:, 0] == np.arange(0, 2300, 7)).all()
        and (distances[:, 1] > 0).all()
    )
    distances, places = nearest(x, x, same=True)
    assert (distances > 0).all() and (places[:, 0] != np.arange(2300)).all()
    with pytest.raises(UserError, match="at least 4 images"):
        nearest(x[:3], x[:3], k=3, same=True)
