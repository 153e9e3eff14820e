"""tools/bench.py and tools/gpu_session.py: their arguments, their table, and tiny runs."""

import dataclasses
import importlib
import json
import math
import sys
import time
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.config import Config, load_preset
from gan_zoo.errors import UserError
from gan_zoo.game import build
from tests.conftest import TOOLS

TINY = Config(gen="dense((8,))", disc="dense((8,))", image_size="8", batch=4, jit="off")


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    """The scripts import each other by name."""
    monkeypatch.syspath_prepend(str(TOOLS))


@pytest.fixture
def peers():
    return importlib.import_module("bench_peers")


@pytest.fixture
def steps():
    return importlib.import_module("bench_steps")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cases=dcgan63"], "dcgan63"),
        (["--parts=steps"], "steps"),
        (["--batch=64,x"], "--batch=x"),
        (["--parts=step", "--peers=ours_bf17"], "ours_bf17"),
        (["--parts=step", "--ratio_to=keras_bf16"], "keras_bf16"),
        (["dcgan64"], "not a flag"),
    ],
)
def test_a_wrong_argument_of_the_bench_is_refused_in_one_sentence(tool, words, said):
    assert said in tool("bench", *words, code=2)


@pytest.mark.slow
def test_the_bench_measures_peers_in_processes_of_their_own(tool, tmp_path):
    words = [
        "--parts=step", "--cases=quick64", "--batch=2", "--width=1", "--rounds=2",
        "--seconds=0.01", "--nomachine", "--apart", "--count", "--peers=bare,torch_graph_bf16",
        "--ratio_to=bare", f"--out={tmp_path / 'out'}",
    ]  # fmt: skip
    printed = tool("bench", *words)
    record = json.loads((tmp_path / "out" / "bench.json").read_text())
    graph, bare = record["rows"]  # bfloat16 is first, apart from float32
    assert graph["peer"] == "torch_graph_bf16" and graph["skipped"]  # no PyTorch, or no card
    assert len(bare["rounds"]) == 2 and min(bare["rounds"]) > 0
    assert bare["ratio"] == 1 and bare["starts"] > 100 and bare["batch"] == 2
    table = (tmp_path / "out" / "bench.md").read_text().splitlines()
    assert len(table) == 4 and len({line.count("|") for line in table}) == 1
    assert "times bare" in table[0] and "skipped: " in table[2] and "skipped: " in printed
    before = (tmp_path / "out" / "bench.json").read_bytes()
    assert "already" in tool("bench", *words, code=2)
    assert (tmp_path / "out" / "bench.json").read_bytes() == before


def test_ratios_are_within_a_round_and_within_a_precision(steps):
    rows = [
        {"peer": "a", "rounds": [10.0, 20.0, 40.0]},
        {"peer": "b", "rounds": [20.0, 60.0, 80.0]},
        {"peer": "b_bf16", "rounds": [9.0, 9.0, 9.0]},
        {"peer": "c", "rounds": [1.0], "skipped": "it ended"},
    ]
    flops = {"a": 1.0, "b": 2.0, "b_bf16": 2.0}
    steps.compare(rows, "a", flops, {"float32": 240.0, "bfloat16": 36.0})
    a, b, half, skipped = rows
    assert (a["ratio"], b["ratio"], b["images_per_second"]) == (1, 2, 60)
    assert "ratio" not in half  # a was not measured in bfloat16
    assert (b["share"], half["share"]) == (0.5, 0.5)
    assert "images_per_second" not in skipped


def test_a_peer_that_fails_later_does_not_stop_the_others(steps, monkeypatch):
    class Fake:
        def __init__(self, spec):
            self.spec, self.runs = spec, 0

        def call(self, name, *arguments):
            self.runs += name == "run"
            if self.spec == "bad" and self.runs > 3:
                raise RuntimeError("out of memory")
            return {"load": None, "build": 1.0, "run": 0.5, "count": {"starts": 3.0}}[name]

        def close(self):
            closed.append(self.spec)

    closed = []
    monkeypatch.setattr(steps, "spec_of", lambda peer, config: peer)
    monkeypatch.setattr(steps, "Here", Fake)
    plan = steps.Plan(3, 0.5, False, "", "good", True)
    bad, good = steps.measure("case", TINY, ["bad", "good"], plan)
    assert bad["skipped"] == "out of memory" and sorted(closed) == ["bad", "good"]
    assert good["rounds"] == [TINY.batch / 0.5] * 3 and good["starts"] == 3


@pytest.mark.parametrize("peer", ["ours", "ours_jit", "bare", "keras", "ours_bf16", "keras_bf16"])
def test_settings_of_a_peer_name_its_program_and_precision(steps, peer):
    settings = steps.settings_of(peer, dataclasses.replace(TINY, jit="auto"))
    assert settings.jit == ("on" if peer == "ours_jit" else "off")
    assert settings.precision == ("bfloat16" if peer.endswith("_bf16") else "float32")


def test_a_chunk_under_xla_is_started_at_most_twice(peers):
    images = np.zeros((16, 8, 8, 3), np.uint8)
    run = peers.ours(dataclasses.replace(TINY, jit="on"), (8, 8, 3), images)
    run(peers.CHUNK)
    steps = 2 * peers.CHUNK
    assert 2 <= peers.count_starts(run, steps)["starts"] * steps <= 2 * 2
    run = peers.ours(TINY, (8, 8, 3), images)
    run(peers.CHUNK)
    assert peers.count_starts(run, steps)["starts"] > 50


def test_loops_without_gan_zoo_have_the_losses_of_quick64(peers):
    found = peers.recipe(load_preset("quick64"))
    assert found == {
        "hinge": True, "target": 1.0, "flips": 0.5, "spectral_norm": True, "lecam": 0.1,
        "ema": 0.998,
    }  # fmt: skip
    with pytest.raises(UserError, match="diff_augment"):
        peers.recipe(dataclasses.replace(TINY, tricks="diff_augment"))
    real, fake = tf.constant([[0.5], [-2.0]]), tf.constant([[1.0], [-3.0]])
    for name, more in (("hinge", {"hinge": True}), ("non_saturating", {"hinge": False})):
        rules = peers._Rules({**found, **more, "lecam": 0.0})
        loss, ones = registry.losses.build(registry_spec(name)), tf.ones([2, 1])
        disc = tf.reduce_mean(loss.disc(real, fake, ones, 0.0 * ones))
        assert float(rules.disc_loss(real, fake)) == pytest.approx(float(disc), rel=1e-6)
        gen = tf.reduce_mean(loss.gen(fake, ones))
        assert float(rules.gen_loss(fake)) == pytest.approx(float(gen), rel=1e-6)
    penalized = peers._Rules(found)
    means = 0.01 * -0.75, 0.01 * -1.0
    far = np.mean((real - means[1]) ** 2 + (fake - means[0]) ** 2)
    plain = peers._Rules({**found, "lecam": 0.0}).disc_loss(real, fake)
    assert float(penalized.disc_loss(real, fake) - plain) == pytest.approx(0.1 * far, rel=1e-4)


def registry_spec(name):
    return Config(loss=name).spec("loss")


def weights_of(layer):
    kind, bias = layer["kind"], layer.get("bias", False)
    if kind == "Dense":
        return layer["inputs"] * layer["units"] + bias * layer["units"]
    if kind == "BatchNorm":
        return 2 * layer["channels"]
    if kind in ("Conv2D", "Conv2DTranspose"):
        kernel = layer["kernel"] ** 2 * layer["inputs"] * layer["filters"]
        return kernel + bias * layer["filters"]
    return 0


@pytest.mark.parametrize("case", ["quick64", "simpsons128", "noise28"])
def test_pytorch_is_told_the_same_nets(modules, peers, case):
    bench = modules["bench"]
    config = bench.sized(bench.CASES[case][0], 4, 4)
    shape = (*config.size, 3)
    described = json.loads(json.dumps(peers.describe_for_torch(config, shape)))
    game = build.build_game(dataclasses.replace(config, tricks=""), shape)
    for name, net in (("gen", game.gen), ("disc", game.disc)):
        told = sum(map(weights_of, described[name]))
        assert told == sum(math.prod(v.shape) for v in net.trainable_variables)
    assert described["gen_opt"]["beta_1"] == 0.5
    assert described["latent"] == ([3, 28, 28] if case == "noise28" else [100])


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["ours", "ours_bf16", "bare_bf16", "keras", "keras_bf16"])
def test_peers_train_the_pair_of_quick64(modules, steps, peer):
    bench = modules["bench"]
    config = bench.sized(bench.CASES["quick64"][0], 4, 4)
    loop = steps.Here(steps.spec_of(peer, config))
    loop.call("load")
    assert loop.call("build") > 0 and loop.call("run", 2) > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--out"),
        (["--out=x", "--parts=benches"], "benches"),
        (["--out=x", "dcgan"], "not a flag"),
        (["--out=full"], "not empty"),
    ],
)
def test_a_wrong_argument_of_the_session_is_refused_in_one_sentence(tool, tmp_path, words, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    assert said in tool("gpu_session", *words, code=2)
    assert [p.name for p in tmp_path.iterdir()] == ["full"]


def test_a_session_goes_on_after_a_part_that_fails_or_is_late(modules, tool, tmp_path, monkeypatch):
    module = modules["gpu_session"]
    sleeping = "import time; print('begun', flush=True); time.sleep(60)"

    def late(session, limit):
        return {"exit": session.call("late", [sys.executable, "-c", sleeping], 1.0)}

    def fails(session, limit):
        raise ValueError("no card")

    def good(session, limit):
        kept = json.loads((session.out / "session.json").read_text())
        assert set(kept) == {"late", "fails"}  # what was found is on the disk at once
        return {"exit": session.call("good", [sys.executable, "-c", "exit(3)"], 60)}

    parts = {"late": (late, 1.0), "fails": (fails, 1.0), "good": (good, 1.0)}
    monkeypatch.setattr(module, "PARTS", parts)
    began = time.monotonic()
    tool("gpu_session", f"--out={tmp_path / 'out'}", "--minutes=5", f"--parts={','.join(parts)}")
    assert time.monotonic() - began < 40
    found = json.loads((tmp_path / "out" / "session.json").read_text())
    assert found["late"]["exit"] is None and found["good"]["exit"] == 3
    assert "no card" in found["fails"]["error"]
    assert "begun" in (tmp_path / "out" / "late.log").read_text()


def test_weights_that_differ_in_a_bit_are_named(modules, tmp_path):
    import h5py

    def save(name, value):
        with h5py.File(tmp_path / "w.h5", "w") as file:
            file["layers/dense/kernel"] = np.float32([1.0, value])
            file["layers/dense/bias"] = np.float32([0.0])
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.write(tmp_path / "w.h5", "model.weights.h5")
        return tmp_path / name

    one, same, other = save("a", 2.0), save("b", 2.0), save("c", np.nextafter(np.float32(2.0), 3))
    compare = modules["gpu_session"].differing_weights
    assert compare(one, same) == []
    assert compare(one, other) == ["layers/dense/kernel"]
