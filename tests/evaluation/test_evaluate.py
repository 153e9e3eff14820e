import numpy as np
import pytest
import references

from gan_zoo import registry
from gan_zoo.analysis.corruptions import corrupt
from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation import sliced_wasserstein, tfgan
from gan_zoo.evaluation.evaluate import evaluate, left_out
from gan_zoo.evaluation.monge import monge_distance
from gan_zoo.evaluation.protocol import GAN_ZOO
from gan_zoo.evaluation.snapshot import real_floor, real_statistics, score_snapshot


@pytest.fixture(scope="module")
def halves(cartoon):
    """Two disjoint halves of the cartoon faces: a data set, and images that a perfect generator could have made."""
    return cartoon._replace(
        images=cartoon.images[:700],
        labels={k: v[:700] for k, v in cartoon.labels.items()},
        hash="first half",
    ), cartoon.images[700:1400]


def by_metric(results):
    return {r.stamp.metric: r for r in results}


def test_quick_tells_good_from_bad_in_every_metric(halves, embedded):
    data, good = halves
    real = real_statistics(data, embedded)
    found = by_metric(score_snapshot(real, good, embedded, ema=True))
    assert list(found) == [
        *(
            f"{m}-embedded"
            for m in ("FD", "precision", "recall", "density", "coverage", "diversity")
        ),
        "spectrum-high",
        "spectrum-checkerboard",
    ]
    few = by_metric(
        score_snapshot(real, corrupt("few_distinct", good, 350, 1 / 60, seed=0), embedded)
    )
    noisy = by_metric(score_snapshot(real, corrupt("noise", good, 350, 40, seed=0), embedded))
    blurred = by_metric(score_snapshot(real, corrupt("blur", good, 350, 0.04, seed=0), embedded))
    for bad in (few, noisy, blurred):
        assert bad["FD-embedded"].value > 3 * found["FD-embedded"].value
    assert min(found["precision-embedded"].value, found["recall-embedded"].value) > 0.5
    mixed = by_metric(score_snapshot(real, corrupt("scrambled", good, 350, 1.0, seed=0), embedded))
    assert mixed["precision-embedded"].value < 0.8 * found["precision-embedded"].value
    assert few["recall-embedded"].value < 0.1 and few["coverage-embedded"].value < 0.3
    assert found["diversity-embedded"].value == pytest.approx(1, abs=0.02)
    assert found["density-embedded"].value == pytest.approx(1, abs=0.1)
    assert abs(found["spectrum-high"].value) < 0.2
    assert noisy["spectrum-high"].value > 1 and blurred["spectrum-high"].value < -3
    stamp = found["FD-embedded"].stamp
    assert (stamp.n_real, stamp.n_fake, stamp.split, stamp.ema, stamp.data_hash) == (
        700,
        700,
        "train",
        True,
        "first half",
    )
    assert stamp.extractor_hash == embedded.hash and stamp.resize == "drawn, lanczos 64"
    assert (few["FD-embedded"].stamp.n_real, few["recall-embedded"].stamp.n_real) == (700, 350)
    assert 0 < found["FD-embedded"].error < 0.2 * found["FD-embedded"].value


def test_the_full_protocol_agrees_with_the_quick_one_and_with_references(halves, embedded):
    data, fake = halves[0], halves[1][:200]
    real = real_statistics(data, embedded)
    full, snapshot = (
        by_metric(evaluate(data, fake, embedded)),
        by_metric(score_snapshot(real, fake, embedded)),
    )
    assert set(snapshot) < set(full)
    only = {"KD-embedded", "MD-embedded", "SWD-paper-32px", "SWD-paper-16px"}
    assert only == set(full) - set(snapshot)
    features = embedded.features(fake)
    assert full["FD-embedded"].value == pytest.approx(snapshot["FD-embedded"].value, rel=1e-6)
    assert full["FD-embedded"].value == pytest.approx(
        references.frechet(real.features, features), rel=1e-6
    )
    assert full["KD-embedded"].value == pytest.approx(
        references.kernel(real.features, features), abs=3 * full["KD-embedded"].error
    )
    for metric in set(snapshot) - {"FD-embedded"}:
        assert full[metric] == snapshot[metric]
    assert full["FD-embedded"].stamp.versions["program"] == tfgan.program()
    assert snapshot["FD-embedded"].stamp.versions["program"] == GAN_ZOO
    assert left_out(data, embedded, 100) == []


def test_a_classifier_is_scored(halves, monkeypatch):
    monkeypatch.setattr(sliced_wasserstein, "sliced_wasserstein", lambda *_, **__: {})
    data, fake = halves[0], halves[1][:100]

    def features(images):
        return images.reshape(len(images), -1)[:, ::300].astype(np.float32)

    classes = FeatureExtractor(
        "inception", "77", "none", features, lambda x: np.eye(4)[np.arange(len(x)) % 4] * 100
    )
    found = by_metric(evaluate(data, fake, classes))
    assert list(found)[:5] == ["FID", "KID", "MIND", "IS", "IS-10-parts"]
    assert found["IS"].value == pytest.approx(4)
    assert 3.5 < found["IS-10-parts"].value < 3.99, "10 images have 4 classes unevenly"
    few = by_metric(evaluate(data, fake[:19], classes))
    assert "IS" in few and "IS-10-parts" not in few


def test_gray_images_are_evaluated_and_what_is_left_out_is_said(embedded):
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1), np.uint8)
    from gan_zoo.contracts import Dataset

    data = Dataset("noise", images[:30], {}, {}, "h", "none")
    found = by_metric(evaluate(data, images[30:], embedded))
    assert not any(m.startswith("SWD") for m in found) and all(
        np.isfinite(r.value) for r in found.values()
    )
    assert "3 channels" in left_out(data, embedded, 100)[0]
    assert "only 30 images for 112 features" in found["FD-embedded"].warning


def test_images_of_another_shape_and_too_few_are_refused(halves, embedded):
    data, fake = halves
    with pytest.raises(UserError, match=r"\[16, 16, 3\] and the real ones \[32, 32, 3\]"):
        evaluate(data, fake[:, ::2, ::2], embedded)
    with pytest.raises(UserError, match="at least 2"):
        evaluate(data, fake[:1], embedded)
    other = registry.extractors.build("random_conv")
    with pytest.raises(UserError, match="real statistics are of embedded"):
        score_snapshot(real_statistics(data, embedded), fake, other)


def test_real_features_are_kept_by_data_extractor_number_and_seed(halves, embedded, tmp_path):
    data, _ = halves
    calls = []

    def counting(images):
        calls.append(len(images))
        return embedded.features(images)

    e = embedded._replace(features=counting)
    first = real_statistics(data, e, n=50, cache_dir=tmp_path)
    again = real_statistics(data, e, n=50, cache_dir=tmp_path)
    assert (
        calls == [50]
        and np.array_equal(first.features, again.features)
        and first.stamp == again.stamp
    )
    real_statistics(data, e, n=51, cache_dir=tmp_path)
    real_statistics(data, e, n=50, seed=1, cache_dir=tmp_path)
    real_statistics(data._replace(hash="other"), e, n=50, cache_dir=tmp_path)
    real_statistics(data, e._replace(hash="other"), n=50, cache_dir=tmp_path)
    assert calls == [50, 51, 50, 50, 50]
    # A file that a full disk cut short is computed anew.
    for path in (tmp_path / "evaluation").iterdir():
        path.write_bytes(path.read_bytes()[:500])
    assert np.array_equal(
        real_statistics(data, e, n=50, cache_dir=tmp_path).features, first.features
    )


def test_features_by_another_resize_are_not_taken_from_the_cache(halves, embedded, tmp_path):
    data, _ = halves
    first = real_statistics(data, embedded, n=50, cache_dir=tmp_path)
    other = embedded._replace(features=lambda x: 2 * embedded.features(x), resize="bicubic 64")
    second = real_statistics(data, other, n=50, cache_dir=tmp_path)
    assert np.array_equal(second.features, 2 * first.features)
    with pytest.raises(UserError, match="compute them again"):
        score_snapshot(first, data.images[:50], other)


def test_the_floor_is_real_against_real_at_the_same_number(halves, embedded, tmp_path):
    data, _ = halves
    floor = by_metric(real_floor(data, embedded, 250, cache_dir=tmp_path))
    stamp = floor["FD-embedded"].stamp
    assert (stamp.n_real, stamp.n_fake, stamp.split) == (250, 250, "train/train floor")
    features = embedded.features(data.images)
    a, b = np.split(np.random.default_rng(0).permutation(700)[:500], 2)
    assert floor["FD-embedded"].value == pytest.approx(
        references.frechet(features[a], features[b]), rel=1e-4
    )
    value, error = monge_distance(features[a], features[b])
    assert floor["MD-embedded"].value == pytest.approx(value, rel=1e-3) and value > 0
    assert floor["MD-embedded"].error == pytest.approx(error, rel=1e-3)
    assert by_metric(real_floor(data, embedded, 250, cache_dir=tmp_path)) == floor
    assert real_floor(data, embedded, 10_000)[0].stamp.n_fake == 350  # half of what there is
