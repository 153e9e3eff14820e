import numpy as np
import pytest

from gan_zoo.analysis.corruptions import LEVELS, clusters, corrupt, severity_sweep
from gan_zoo.evaluation.distances import Statistics, frechet
from gan_zoo.evaluation.spectrum import excess, spectrum


@pytest.fixture(scope="module")
def measured(cartoon, embedded):
    half = 700
    real = Statistics.of(embedded.features(cartoon.images[:half]))
    modes = cartoon.labels["hair_style"][half:]
    return severity_sweep(
        lambda x: frechet(real, Statistics.of(embedded.features(x))),
        cartoon.images[half:],
        250,
        modes=modes,
        draws=1,
    )


@pytest.mark.parametrize("name", LEVELS)
def test_the_default_distance_rises_with_every_level(measured, name):
    means = measured[name].mean(axis=0)
    assert (np.diff(means) > 0).all(), means


@pytest.mark.slow
@pytest.mark.parametrize("size", [28, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_default_distance_rises_at_other_sizes(embedded, size, channels):
    from gan_zoo import registry
    from gan_zoo.datasets import cache_dir

    data = registry.datasets.build(
        "cartoon_faces(4000, seed=5)",
        image_size=(size, size),
        channels=channels,
        cache_dir=cache_dir(),
    )
    real = Statistics.of(embedded.features(data.images[:2000]))
    modes = data.labels["hair_style"][2000:]
    found = severity_sweep(
        lambda x: frechet(real, Statistics.of(embedded.features(x))),
        data.images[2000:],
        1000,
        modes=modes,
        draws=3,
    )
    for name, table in found.items():
        assert (np.diff(table.mean(axis=0)) > 0).all(), (name, table.mean(axis=0))


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("channels", [1, 3])
def test_corruptions_keep_the_kind_and_depend_on_the_seed_alone(name, channels):
    pool = np.random.default_rng(0).integers(0, 256, (40, 16, 20, channels), np.uint8)
    before = pool.copy()
    modes = np.arange(40) % 8
    a, b, c = (corrupt(name, pool, 20, LEVELS[name][1], seed=s, modes=modes) for s in (0, 0, 1))
    assert a.shape == (20, 16, 20, channels) and a.dtype == np.uint8
    assert np.array_equal(a, b) and not np.array_equal(a, c) and np.array_equal(pool, before)


def test_corruptions_do_what_they_say():
    pool = (
        np.full((64, 32, 32, 3), 128, np.uint8) + np.arange(64, dtype=np.uint8)[:, None, None, None]
    )
    modes = np.arange(64) // 8
    assert (
        corrupt("noise", pool, 64, 10, seed=0) - corrupt("noise", pool, 64, 0, seed=0).astype(float)
    ).std() == pytest.approx(10, rel=0.05)
    assert (corrupt("salt_and_pepper", pool, 64, 0.1, seed=0) % 255 == 0).mean() == pytest.approx(
        0.1, rel=0.05
    )
    assert (corrupt("rectangles", pool, 64, 0.25, seed=0) == 0).any(axis=(1, 2, 3)).all()
    kept = np.unique(corrupt("dropped_modes", pool, 64, 0.5, seed=0, modes=modes)[:, 0, 0, 0] - 128)
    assert len(kept) == 32 and len(set(kept // 8)) == 4
    assert len(np.unique(corrupt("few_distinct", pool, 64, 1 / 16, seed=0), axis=0)) == 4
    ramp = np.broadcast_to(
        np.arange(16, dtype=np.uint8).reshape(4, 4).repeat(8, 0).repeat(8, 1)[None, :, :, None],
        (3, 32, 32, 1),
    )
    mixed = corrupt("scrambled", ramp, 3, 0.5, seed=0)
    assert ((mixed != ramp).mean(axis=(1, 2, 3)) == 0.5).all() and np.array_equal(
        np.sort(mixed, axis=None), np.sort(ramp, axis=None)
    )
    flat = np.zeros((2, 32, 32, 1), np.uint8)
    flat[:, 16] = 255
    assert corrupt("blur", flat, 2, 0.05, seed=0).max() < 130


def test_clusters_find_what_is_apart():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 90)
    images = (80 * truth[:, None, None, None] + rng.integers(0, 20, (90, 16, 16, 3))).astype(
        np.uint8
    )
    found = clusters(images, 3, seed=1)
    assert all(len(set(found[truth == k])) == 1 for k in range(3)) and len(set(found)) == 3


def smooth(n=64, size=32, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n, size, size, 3))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) + 1 / size
    images = np.fft.ifft2(
        np.fft.fft2(noise, axes=(1, 2)) / frequency[None, :, :, None], axes=(1, 2)
    ).real
    return np.clip(128 + 40 * images / images.std(), 0, 255).astype(np.uint8)


def test_the_spectrum_knows_its_slope():
    radial = spectrum(smooth(400)).radial
    k = np.arange(1, len(radial) + 1)
    assert np.polyfit(np.log(k[3:]), np.log(radial[3:]), 1)[0] == pytest.approx(-2, abs=0.35)
    found = excess(spectrum(smooth(400)), spectrum(smooth(400, seed=1)))
    assert abs(found.high) < 0.3 and abs(found.checkerboard) < 1


@pytest.mark.parametrize("pattern", ["rows", "columns", "both"])
def test_a_faint_checkerboard_is_seen_and_other_faults_are_not_taken_for_it(pattern):
    images = smooth()
    y, x = np.mgrid[:32, :32]
    wave = {"rows": (-1) ** y, "columns": (-1) ** x, "both": (-1) ** (x + y)}[pattern]
    real = spectrum(smooth(seed=1))
    marked = np.clip(images + 5.0 * wave[None, :, :, None], 0, 255).astype(np.uint8)
    assert excess(real, spectrum(marked)).checkerboard > 3
    noisy = excess(real, spectrum(corrupt("noise", images, 64, 60, seed=0)))
    assert noisy.checkerboard < 2 and noisy.high > 3


def test_flat_images_have_a_spectrum_too():
    flat = spectrum(np.full((3, 16, 16, 1), 9, np.uint8))
    assert (
        np.isfinite(flat.radial).all()
        and np.isfinite(list(excess(spectrum(smooth(size=16)), flat))).all()
    )
