import numpy as np
import pytest

from gan_zoo.analysis.copies import find_copies, wilson
from gan_zoo.analysis.corruptions import corrupt
from gan_zoo.errors import UserError

N = 300


@pytest.fixture(scope="module")
def parts(cartoon):
    """Training, held-out and further real images, disjoint, of one source."""
    images = cartoon.images
    return images[:N], images[N : 2 * N], images[2 * N : 3 * N]


def noisy(images, level=4.0, seed=0):
    return corrupt("noise", images, len(images), level, seed=seed)


def with_duplicates(parts):
    """The same three parts with a fifth of each repeated, across all of them and within: as in scraped data."""
    pool = np.concatenate(parts)
    rng = np.random.default_rng(0)
    places = rng.choice(len(pool), len(pool) // 5, replace=False)
    pool[places] = pool[rng.integers(0, len(pool), len(places))]
    return np.split(pool[rng.permutation(len(pool))], 3)


@pytest.fixture(scope="module", params=["unique", "duplicates"])
def real(request, parts):
    return parts if request.param == "unique" else with_duplicates(parts)


def verdicts(*args, extractor):
    return [f.verdict for f in find_copies(*args, extractor=extractor)]


def test_a_copy_machine_is_convicted(real, embedded):
    train, held_out, _ = real
    found = find_copies(noisy(train), train, held_out, extractor=embedded)
    assert [f.space for f in found] == ["pixels", "features of embedded"]
    for f in found:
        assert f.verdict == "copies" and f.closer > 0.8 and f.copied > 0.3, f
        assert f.closer_interval[0] < f.closer <= f.closer_interval[1] + 1e-12
        assert f.copied_interval[0] < f.copied <= f.copied_interval[1] + 1e-12
        assert str(f).startswith("copies: ") and "without copying it is 50 %" in str(f)


def test_held_out_images_are_acquitted(real, embedded):
    train, held_out, more = real
    assert verdicts(more, train, held_out, extractor=embedded) == ["no evidence"] * 2
    assert verdicts(held_out, train, more, extractor=embedded) == ["no evidence"] * 2


def test_a_tenth_of_copies_among_honest_samples_is_convicted(parts, embedded):
    train, held_out, more = parts
    samples = np.concatenate([noisy(train[:30], 3), more[:270]])
    finding = find_copies(samples, train, held_out, extractor=embedded)[0]
    assert finding.verdict == "copies"
    assert finding.copied_interval[0] <= 0.1 <= finding.copied_interval[1] + 0.02


@pytest.mark.parametrize("fault", [("blur", 0.08), ("noise", 50.0), ("scrambled", 1.0)])
def test_bad_samples_are_not_taken_for_copies(parts, embedded, fault):
    train, held_out, more = parts
    samples = corrupt(fault[0], more, len(more), fault[1], seed=0)
    assert "copies" not in verdicts(samples, train, held_out, extractor=embedded)


def test_a_collapsed_generator_is_not_convicted_by_one_throw(parts):
    # All samples resemble one image, whose nearest real image lies in the one set or in the other
    # by chance.
    train, held_out, more = parts
    for i in range(8):
        samples = np.concatenate([noisy(more[i : i + 1], 2, seed) for seed in range(50)])
        assert verdicts(samples, train, held_out, extractor=None) == ["no evidence"]


def test_more_training_images_than_held_out_ones(parts):
    train, held_out, more = parts
    many = np.concatenate([train, more])
    (finding,) = find_copies(noisy(many), many, held_out[:150], extractor=None)
    assert finding.m == 150 and finding.verdict == "copies"
    assert finding.copied == pytest.approx(
        0.25, abs=0.06
    )  # only a quarter of the training images is looked at


def test_without_held_out_images_there_is_no_answer(parts):
    with pytest.raises(UserError, match="held-out"):
        find_copies(parts[0], parts[0], parts[1][:0], extractor=None)


def test_wilsons_interval():
    # 1 - 0.05/2 normal quantile; values worked out by hand from Wilson (1927).
    assert wilson(0.5, 10, z=1.96) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0.0, 10, z=1.96) == pytest.approx((0.0, 0.2775), abs=1e-4)
