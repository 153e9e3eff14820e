"""A chunk of steps as one XLA program (``--jit``): the same weights, and exact resume."""

import os

import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import randomness, registry
from gan_zoo.check import contract, suite, xla
from gan_zoo.check.contract import Part
from gan_zoo.check.training import images_for, state
from gan_zoo.config import Config
from gan_zoo.distributed import machine
from gan_zoo.errors import UserError
from gan_zoo.game import chunk
from gan_zoo.runs.run import Run
from gan_zoo.training import feed, trainer
from tests.conftest import SMALL
from tests.test_parts import NARROW, ONLY

NEEDING = {
    "keras": "keras('Lion', learning_rate=1e-3)",
    "history_pool": "history_pool(8)",
    "alternating": "alternating(2)",
    "adam": "adam(1e-3, epsilon=1e-2, schedule='cosine', until=9, warmup=3)",
    "ada": "ada(speed=1.0)",
}


def every_part():
    ours = [
        (table, name)
        for table in contract.tables_in_training()
        for name, entry in registry.tables[table].entries().items()
        if entry.module.startswith("gan_zoo.")
    ]
    nets = ("generators", "discriminators")
    return [
        (table, name + NARROW.get(name, ""), ONLY.get(name, [(32, 32, 3)])[0])
        if table in nets
        else (table, NEEDING.get(name, name), (16, 16, 3))
        for table, name in ours
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "spec", "shape"), every_part())
def test_each_part_gets_the_same_weights_under_xla(table, spec, shape):
    (line,) = suite.check(Part(table, spec, shape), contract.CHECKS[contract.XLA])
    assert line.state == "ok", line


SMALLEST = {"gen": "dense((8,))", "disc": "dense((8,))", "gen_opt": "sgd(0.05)"}


def tiny(**more):
    return Part("losses", "non_saturating", (8, 8, 1)).fresh(**{**SMALLEST, **more})


@pytest.mark.slow  # the resume below compares with a run without XLA, too
def test_a_program_gets_the_weights_of_a_function():
    more = {
        "tricks": "instance_noise(0.3),label_smooth,flip_images,spectral_norm,lecam",
        "ema": 0.5,
        "update": "alternating(2)",
        "condition": "projection",
    }
    part = Part("losses", "non_saturating", (8, 8, 1))
    plain, compiled = tiny(**more), tiny(**more)
    start = state(plain)
    xla.train(part, plain, (5,))
    xla.train_by_xla(part, compiled, 5)
    share, where = xla.largest_difference(state(plain), state(compiled), start)
    assert share < 1e-4, where
    for a, b in zip(plain.ema.get_weights(), compiled.ema.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_chunks_of_other_lengths_and_rows_are_one_program(monkeypatch, tmp_path):
    part, game = Part("losses", "non_saturating", (8, 8, 1)), tiny()
    run, images = chunk.compile_program(game), tf.constant(images_for(part))
    order = feed.EpochShuffle(64, 0)
    lengths = []
    for n in (1, 4, 3, 5):
        rows = feed.batch_rows(order, int(game.step), 5, 8)
        sums = run(images, None, tf.constant(rows), tf.constant(n))
        assert np.isfinite(sums).all()
        lengths.append(int(game.step))
    assert lengths == [1, 5, 8, 13]
    assert run.experimental_get_tracing_count() == 1
    # The number of steps is an input of the program, not a constant in it.
    program = run.experimental_get_compiler_ir(images, None, tf.constant(rows), tf.constant(2))(
        "hlo"
    )
    other = run.experimental_get_compiler_ir(images, None, tf.constant(rows), tf.constant(3))("hlo")
    assert program == other


def test_random_numbers_are_the_same_under_xla():
    seed = randomness.fold_in(randomness.derive_seed(0, "test"), tf.constant(3))

    def draw():
        return (
            randomness.uniform([64, 3], seed, -1, 1),
            randomness.permutation(50, seed),
            randomness.normal([64, 5], seed),
        )

    plain, compiled = tf.function(draw)(), tf.function(draw, jit_compile=True)()
    np.testing.assert_array_equal(plain[0], compiled[0])
    np.testing.assert_array_equal(plain[1], compiled[1])
    np.testing.assert_allclose(plain[2], compiled[2], atol=2e-6)


def test_normal_and_uniform_numbers_are_so_distributed():
    seed = randomness.fold_in(randomness.derive_seed(0, "moments"), tf.constant(0))
    z = randomness.normal([501, 999], seed, 2.0).numpy().astype(np.float64) / 2
    n = z.size
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - mean) < 5 * (variance / n) ** 0.5, power
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 5 / n**0.5
    assert abs((z[:250] * z[250:500]).mean()) < 5 / (n / 2) ** 0.5
    u = randomness.uniform([500, 1000], seed, 3, 5).numpy()
    assert 3 <= u.min() < 3.001
    assert 4.999 < u.max() < 5
    assert abs(u.mean() - 4) < 5 * (1 / 3 / u.size) ** 0.5


def test_a_version_holds_within_its_block_alone():
    seed = tf.constant([1, 2], tf.int64)
    newest = randomness.normal([4], seed).numpy()
    with randomness.version(1):
        first = randomness.normal([4], seed).numpy()
        with randomness.version(2):
            np.testing.assert_array_equal(randomness.normal([4], seed), newest)
        np.testing.assert_array_equal(randomness.normal([4], seed), first)
    np.testing.assert_array_equal(first, tf.random.stateless_normal([4], seed, alg="philox"))
    np.testing.assert_array_equal(randomness.normal([4], seed), newest)
    assert np.abs(first - newest).min() > 1e-3


FLAGS = ("--jit=on", "--gen=dense((8,))", "--disc=dense((8,))", "--log_every=4")


def test_a_run_by_xla_resumes_exactly(train, tmp_path, monkeypatch):
    # Each draw of a trick costs seconds of compilation; the slow tests above compile all tricks.
    flags = (*FLAGS, "--ema=0.9", "--holdout=0.1")
    assert train(*flags, "--steps=11", workdir=tmp_path / "whole") == 0
    with monkeypatch.context() as small:  # images do not stay on the device but are sent
        small.setattr(trainer, "RESIDENT_SHARE", 0)
        small.setattr(trainer, "BLOCK_BYTES", 3 * 8 * 16 * 16 * 3)  # of three steps
        assert train(*flags, "--steps=6", workdir=tmp_path / "parts") == 0  # within a chunk
        assert train(*flags, "--steps=11", workdir=tmp_path / "parts") == 0
    whole, parts = (Run(tmp_path / name).restore()[0] for name in ("whole", "parts"))
    for name, value in state(whole).items():
        np.testing.assert_array_equal(value, state(parts)[name], err_msg=name)
    # The first part again, without XLA.
    assert train(*flags, "--jit=off", "--steps=6", workdir=tmp_path / "plain") == 0
    compiled, plain = (Run(tmp_path / name).metrics for name in ("parts", "plain"))
    for one, other in zip(compiled, plain, strict=False):
        assert one["step"] == other["step"] and one["loss/disc"] == pytest.approx(
            other["loss/disc"], rel=1e-3
        )


def test_a_part_that_xla_cannot_compile_makes_the_run_train_without(train, tmp_path, capsys):
    plugin = tmp_path / "hashing.py"
    plugin.write_text(
        "import keras, tensorflow as tf\n"
        "from gan_zoo.registry import discriminators\n"
        "@keras.saving.register_keras_serializable('hashing')\n"
        "class Printed(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        zero = tf.strings.to_number(tf.strings.as_string(tf.reduce_sum(x) * 0))\n"
        "        return x + tf.stop_gradient(zero)\n"
        "@discriminators.register\n"
        "def printed(*, image_shape):\n"
        "    x = inputs = keras.Input(image_shape)\n"
        "    x = keras.layers.Dense(1)(Printed()(keras.layers.Flatten()(x)))\n"
        "    return keras.Model(inputs, x)\n"
    )
    flags = (*FLAGS[:2], f"--plugins={plugin}", "--disc=printed", "--steps=3")
    assert train(*flags) == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if "XLA" in line]
    assert "in the discriminator 'printed'" in line
    assert "--jit=off" in line
    assert Run(train.folder).step == 3


def kept(cache):
    return {p: p.stat().st_mtime_ns for p in cache.glob("xla/*/*.pb")}


@pytest.mark.slow
def test_a_program_is_kept_for_the_next_run_and_a_damaged_one_is_replaced(forks, faces, tmp_path):
    cache = tmp_path / "cache"
    words = [*SMALL, *FLAGS, f"--data_dir={faces}", "--steps=6", "--deterministic"]

    def run(name):
        done = forks.run(
            *words,
            f"--workdir={tmp_path / name}",
            env={"GAN_ZOO_CACHE": str(cache), "TF_XLA_FLAGS": ""},
        )
        assert done.returncode == 0, done.stderr
        assert "XLA" not in done.stdout
        return state(Run(tmp_path / name).restore()[0])

    first = run("first")
    (program,) = before = kept(cache)
    again = run("again")
    assert kept(cache) == before
    for damage in (program.read_bytes()[:-1000], b"", b"\xff" * 1000):
        for path in kept(cache):
            path.write_bytes(damage)
        other = run(f"after {len(damage)}")
        for name, value in first.items():
            np.testing.assert_array_equal(value, again[name])
            np.testing.assert_array_equal(value, other[name])
        assert any(
            path.stat().st_size > 1000 and path.read_bytes() != damage for path in kept(cache)
        )


def test_where_programs_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    folder = machine.keep_programs(tmp_path)
    assert folder.is_relative_to(tmp_path)
    option = f"--tf_xla_persistent_cache_directory={folder}"
    assert os.environ["TF_XLA_FLAGS"] == f"--tf_xla_clustering_debug {option}"
    assert machine.keep_programs(tmp_path) == folder  # once
    assert os.environ["TF_XLA_FLAGS"].count("persistent") == 1
    monkeypatch.setattr(machine, "processor", lambda: "another processor")
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    assert machine.keep_programs(tmp_path) != folder
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/mine")
    assert machine.keep_programs(tmp_path) is None
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_persistent_cache_directory=/mine"
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    assert machine.keep_programs(tmp_path / "with blanks") is None
    assert os.environ["TF_XLA_FLAGS"] == ""


def test_one_program_and_several_devices_do_not_go_together():
    from gan_zoo.training.setup import _check_jit

    class Two:
        num_replicas_in_sync = 2

    with pytest.raises(UserError, match="--jit=on trains on one device"):
        _check_jit(Config(jit="on"), Two())
    _check_jit(Config(), Two())
