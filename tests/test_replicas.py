"""One device, two devices and two worker processes end with the same weights."""

import json
import socket
import textwrap

import numpy as np
import pytest

pytestmark = pytest.mark.distributed
CODE = textwrap.dedent(
    """
    import json, os, sys
    import keras, numpy as np, tensorflow as tf
    kind, floatx, data, out, *flags = sys.argv[1:]
    if kind == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    keras.config.set_floatx(floatx)
    from gan_zoo.config import Config
    from gan_zoo.distributed import strategy
    from gan_zoo.game import build, chunk
    from gan_zoo.training import feed
    distribution = strategy.make(kind)
    config = Config(**json.loads(flags[0]))
    size = int(config.image_size)
    images = np.load(data)["images"][:, :: 16 // size, :: 16 // size]
    with distribution.scope():
        game = build.build_game(config, (size, size, 3))
    run = chunk.compile_chunk(game, distribution)
    iterator = feed.train_iterator(images, 8, 0, 0, distribution, None, game.update.batches)
    threads = []
    for n in (7, 13):
        means = chunk.means(run(iterator, tf.constant(n, tf.int64)), n)
        threads.append(len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0)
    if strategy.worker()[1] == 0:
        told = [float(v) for trick in game.tricks if trick.metrics for v in trick.metrics().values()]
        nets = {"gen": game.gen, "disc": game.disc, "ema": game.ema}
        np.savez(out, loss=float(means["loss/disc"]), told=np.array(told, float), threads=threads,
                 **{f"{name}{i}": v.numpy() for name, net in nets.items() for i, v in enumerate(net.variables)},
                 **{f"trick{i}-{j}": v.numpy() for i, trick in enumerate(game.tricks) for j, v in enumerate(trick.variables)})
    strategy.highest(distribution, 0)
    """
)
# Optimizers that do not blow up the rounding of tiny gradients.
BASE = {
    "gen": "dcgan(width=4)",
    "disc": "dcgan(width=4, dropout=0.3)",
    "batch": 8,
    "image_size": "16",
    "gen_opt": "adam(1e-3, epsilon=1e-2)",
    "disc_opt": "sgd(0.05)",
    "ema": 0.5,
    "tricks": "flip_labels(0.3),label_smooth(0.7,1.2),instance_noise(0.3),flip_images(0.5)",
}


def tasks_of_two_workers():
    """The TF_CONFIG of each of two workers on free ports."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("localhost", 0))
    cluster = {"worker": [f"localhost:{each.getsockname()[1]}" for each in sockets]}
    for each in sockets:
        each.close()
    return [
        json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}) for i in range(2)
    ]


def weights(forks, kind, floatx, data, out, **settings):
    tasks = [{}]
    if kind == "multi_worker":
        tasks = [{"TF_CONFIG": task} for task in tasks_of_two_workers()]
    words = [kind, floatx, data, out, json.dumps({**BASE, **settings})]
    runs = [forks.start(*words, code=CODE, env=task) for task in tasks]
    for run in runs:
        assert run.wait(timeout=300) == 0, run.stderr[-2000:]
    found = dict(np.load(out))
    # A timeout for the workers' exchanges once left a sleeping thread behind at each of them, some
    # hundred a step.
    first, last = found.pop("threads")
    assert last < first + 100
    return found


def assert_same(one, two, atol):
    assert one.keys() == two.keys()
    for name in one:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(one[name], two[name], atol=atol, err_msg=name)


@pytest.mark.parametrize("update", ["alternating(2)", "simultaneous"])
def test_two_devices_and_two_workers_do_what_one_device_does(forks, faces, tmp_path, update):
    def end(kind):
        return weights(forks, kind, "float64", faces, tmp_path / f"{kind}.npz", update=update)

    one = end("default")
    assert weights_moved(one) > 0.01
    assert_same(one, end("mirrored"), 1e-12)
    if update == "simultaneous":  # once, for the time that workers take to start
        assert_same(one, end("multi_worker"), 1e-12)


# Tricks with state, and with statistics of the whole batch; then as many at once as go together.
TRICKS = {
    "image_size": "8",
    "gen": "dense((8,))",
    "disc": "dcgan(width=4, norm=False, dropout=0.3, minibatch_std=True)",
    "loss": "relativistic_average",
    "tricks": "history_pool(12),ada(start=0.5),spectral_norm,gradient_penalty(1.0,every=3),lecam,feature_matching(alone=False),"
    "top_k(0.5,0.7,every=5),clip_gradients(0.1)",
    "gen_opt": "adam(1e-3, epsilon=1e-2, schedule='cosine', until=50, warmup=4)",
}
ALL = {
    "tricks": TRICKS["tricks"]
    + ",diff_augment,dragan(1.0),r1(0.1),r2(0.1,every=2),consistency(1.0,1.0)"
}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("mirrored", {}),
        *(pytest.param(k, ALL, marks=pytest.mark.slow) for k in ("mirrored", "multi_worker")),
    ],
)
def test_tricks_on_two_replicas_do_what_they_do_on_one(forks, faces, tmp_path, kind, more):
    one = weights(forks, "default", "float64", faces, tmp_path / "one.npz", **TRICKS | more)
    assert weights_moved(one) > 1e-3
    two = weights(forks, kind, "float64", faces, tmp_path / "two.npz", **TRICKS | more)
    assert any(name.startswith("trick") for name in one)
    assert_same(one, two, 1e-12)


def weights_moved(found):
    """How far G's batch norm has come from its start, 0."""
    return max(
        np.abs(found[name]).max()
        for name in found
        if name.startswith("gen") and found[name].ndim == 1
    )


def test_one_stage_and_batch_norm_by_replica_which_is_alike_in_both_ways(forks, faces, tmp_path):
    def end(kind, batch_norm="global"):
        return weights(
            forks,
            kind,
            "float32",
            faces,
            tmp_path / f"{kind}.npz",
            update="one_stage",
            disc="dcgan(width=4, norm=False, dropout=0.3)",  # one_stage needs one without batch norm
            batch_norm=batch_norm,
        )

    one = end("default")
    assert weights_moved(one) > 0.01
    assert_same(one, end("mirrored"), 2e-5)
    two, workers = end("mirrored", "replica"), end("multi_worker", "replica")
    assert_same(two, workers, 2e-5)  # the averages of the statistics, too
    assert max(np.abs(one[name] - two[name]).max() for name in one) > 2e-4
