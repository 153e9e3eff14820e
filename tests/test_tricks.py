import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.contracts import Trick, UserError

SEED = tf.constant([5, 0], tf.int64)
ONES, ZEROS = tf.ones([4000, 1]), tf.zeros([4000, 1])
IMAGES = tf.random.stateless_uniform([16, 8, 8, 3], [0, 0], -1, 1)


def build(spec, step=0, seed=0):
    return registry.tricks.build(spec, step=tf.Variable(step, dtype=tf.int64), image_shape=(8, 8, 3), seed=seed)


@pytest.mark.parametrize("name", registry.tricks)
def test_every_trick_is_a_trick_with_a_hook_and_draws_anew_each_step_from_the_seed_alone(name):
    trick = build(name)
    assert isinstance(trick, Trick)
    hooks = [
        (hook, value)
        for hook, value in (("real_targets", ONES), ("images", IMAGES), ("real_images", IMAGES))
        if getattr(trick, hook)
    ]
    assert hooks or trick.penalty or trick.after_disc
    for hook, value in hooks:
        f = getattr(trick, hook)
        out = f(value, SEED)
        assert out.shape == value.shape
        np.testing.assert_array_equal(out, f(value, SEED))


def test_label_smooth_draws_from_its_ranges():
    trick = build("label_smooth(0.7,1.2,0.0,0.3)")
    real, fake = trick.real_targets(ONES, SEED).numpy(), trick.fake_targets(ZEROS, SEED).numpy()
    assert (real.min(), real.max(), real.mean()) == (
        pytest.approx(0.7, abs=0.01),
        pytest.approx(1.2, abs=0.01),
        pytest.approx(0.95, abs=0.02),
    )
    assert (fake.min(), fake.max(), fake.mean()) == (
        pytest.approx(0, abs=0.01),
        pytest.approx(0.3, abs=0.01),
        pytest.approx(0.15, abs=0.02),
    )
    assert len(np.unique(real)) > 3000  # a draw a sample, not one a batch


def test_label_smooth_is_one_sided_by_default():
    trick = build("label_smooth")
    np.testing.assert_allclose(trick.real_targets(ONES, SEED), 0.9, rtol=1e-6)
    np.testing.assert_array_equal(trick.fake_targets(ZEROS, SEED), 0.0)


def test_flip_labels_flips_at_its_rate_and_samples_of_their_own():
    trick = build("flip_labels(0.2)")
    real, fake = trick.real_targets(ONES, SEED).numpy(), trick.fake_targets(ZEROS, SEED + 1).numpy()
    assert set(np.unique(real)) == {0.0, 1.0}
    assert (1 - real.mean(), fake.mean()) == (pytest.approx(0.2, abs=0.03), pytest.approx(0.2, abs=0.03))
    assert np.mean(real == fake) < 0.5  # independent, not the same places


def test_a_flipped_label_is_smoothed_as_what_it_was_flipped_to():
    flip, smooth = build("flip_labels(0.5)"), build("label_smooth(0.7,1.2,0.0,0.3)")
    targets = smooth.real_targets(flip.real_targets(ONES, SEED), SEED + 1).numpy()
    assert np.mean((targets >= 0) & (targets <= 0.3)) == pytest.approx(0.5, abs=0.03)
    assert np.mean((targets >= 0.7) & (targets <= 1.2)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("step", "stddev"), [(0, 0.4), (50, 0.2), (100, 0.0), (500, 0.0)])
def test_instance_noise_falls_linearly_and_passes_the_gradient(step, stddev):
    trick = build("instance_noise(0.4, decay_steps=100)", step)
    images = tf.zeros([64, 8, 8, 3])
    with tf.GradientTape() as tape:
        tape.watch(images)
        out = trick.images(images, SEED)
    assert out.numpy().std() == pytest.approx(stddev, rel=0.03, abs=1e-9)
    np.testing.assert_array_equal(tape.gradient(out, images), 1.0)
    assert float(trick.metrics()["stddev"]) == pytest.approx(stddev)


@pytest.mark.parametrize(
    "spec",
    ["label_smooth(1.2,0.7)", "flip_labels(1.5)", "flip_labels(-0.1)", "instance_noise(-1.0)", "flip_labels('x')"]
    + ["constant_label(1.0, 0.9)", "flip_images(2.0)"],
)
def test_impossible_arguments_are_refused(spec):
    with pytest.raises(UserError, match=spec.split("(")[0]):
        build(spec)


def test_swapped_labels_are_smoothed_as_what_they_have_become():
    swap, smooth = build("swap_labels"), build("label_smooth(0.7,1.2,0.0,0.3)")
    real = smooth.real_targets(swap.real_targets(ONES, SEED), SEED)
    fake = smooth.fake_targets(swap.fake_targets(ZEROS, SEED), SEED)
    assert (real.numpy().min(), real.numpy().max()) == (pytest.approx(0, abs=0.01), pytest.approx(0.3, abs=0.01))
    assert (fake.numpy().min(), fake.numpy().max()) == (pytest.approx(0.7, abs=0.01), pytest.approx(1.2, abs=0.01))
    np.testing.assert_array_equal(swap.gen_targets(ONES, SEED), 0.0)  # G, too, wants to be called real


def test_the_constant_label_is_one_draw_a_run():
    labels = set()
    for seed in range(20):
        trick = build("constant_label(0.9, 1.0)", seed=seed)
        (label,) = {float(v) for s in (SEED, SEED + 1) for v in np.unique(trick.real_targets(ONES, s))}
        assert 0.9 <= label <= 1.0
        assert trick.metrics()["label"] == pytest.approx(label)
        np.testing.assert_array_equal(trick.gen_targets(ONES, SEED), trick.real_targets(ONES, SEED))
        labels.add(label)
    assert len(labels) == 20
    assert max(labels) - min(labels) > 0.07  # over the whole range
    again = build("constant_label(0.9, 1.0)", seed=19)
    assert float(again.real_targets(ONES, SEED)[0, 0]) == label  # a resumed run has the same one
    assert build("constant_label(0.9, 1.0, gen=False)").gen_targets is None
    np.testing.assert_array_equal(trick.fake_targets(ZEROS, SEED), 0.0)
    np.testing.assert_allclose(trick.fake_targets(ONES, SEED), trick.real_targets(ONES, SEED))  # one that was flipped


def test_flip_images_mirrors_whole_images_at_its_rate_and_real_ones_only():
    trick = build("flip_images(0.25)")
    images = tf.random.stateless_uniform([2000, 2, 3, 1], [0, 0])
    out = trick.real_images(images, SEED).numpy()
    mirrored = np.array([np.array_equal(o, i[:, ::-1]) for o, i in zip(out, images.numpy(), strict=True)])
    kept = np.array([np.array_equal(o, i) for o, i in zip(out, images.numpy(), strict=True)])
    assert (mirrored ^ kept).all()
    assert mirrored.mean() == pytest.approx(0.25, abs=0.04)
    assert trick.images is None
