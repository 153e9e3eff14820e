import numpy as np
import pytest
import references

from gan_zoo.evaluation import tfgan


@pytest.mark.usefixtures("tf_gan")
def test_it_loads_after_a_failed_import_in_many_threads_and_leaves_tf_alone(forks):
    script = """
import sys, threading, tensorflow as tf
lazy = {"keras", "compat"}  # TensorFlow replaces these two itself when they are first used
before = {k: id(v) for k, v in vars(tf).items() if k not in lazy}
try:
    import tensorflow_gan
    raise SystemExit("a plain import works now; the box is not needed any more")
except AttributeError:
    pass
from gan_zoo.evaluation import tfgan
found = []
threads = [threading.Thread(target=lambda: found.append(tfgan.load())) for _ in range(16)]
for t in threads: t.start()
for t in threads: t.join()
assert len(found) == 16 and len(set(map(id, found))) == 1 and found[0] is sys.modules["tensorflow_gan"]
assert tf.keras.__version__.startswith("3.") and not hasattr(tf, "estimator")
assert {k: id(v) for k, v in vars(tf).items() if k not in lazy} == before
assert found[0].losses.wargs.wasserstein_generator_loss and found[0].__version__ == "2.1.0"
try:
    sys.modules["tensorflow_gan.python.train"].gan_train
except AttributeError as e:
    assert "tf.estimator" in str(e), e
else:
    raise SystemExit("gan_train is there")
"""
    done = forks.run(code=script)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_classifier_score_of_one_sure_class_each_is_the_number_of_classes(classes):
    logits = np.eye(classes)[np.arange(2 * classes) % classes] * 1e3
    assert tfgan.classifier_score(logits)[0] == pytest.approx(classes, rel=1e-12)


@pytest.mark.parametrize(
    "logits", [np.zeros((30, 7)), np.tile(1e6 * np.eye(7)[2], (30, 1)), np.full((2, 3), -1e300)]
)
def test_classifier_score_of_a_collapsed_classifier_is_1(logits):
    assert tfgan.classifier_score(logits) == (pytest.approx(1), pytest.approx(0))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_classifier_score_equals_plain_numpy(scale):
    logits = np.random.default_rng(0).normal(size=(600, 64)) * scale
    value, error = tfgan.classifier_score(logits)
    assert value == pytest.approx(references.classifier_score(logits), rel=1e-12)
    assert error == pytest.approx(
        np.std([references.classifier_score(x) for x in np.array_split(logits, 10)]),
        rel=1e-6,
        abs=1e-12,
    )
    mean, deviation = tfgan.classifier_score_of_parts(logits)
    parts = [references.classifier_score(x) for x in np.array_split(logits, 10)]
    assert mean == pytest.approx(np.mean(parts), rel=1e-12)
    assert deviation == pytest.approx(np.std(parts), rel=1e-6, abs=1e-12)
