"""Every preset: what its dry run says, and that it trains."""

import dataclasses
import json
import re

import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import config, run
from gan_zoo.config import load_preset
from gan_zoo.contracts import Batch
from gan_zoo.game import build
from tests.conftest import no_saved_model
from tests.test_parts import NARROW

PRESETS = config.preset_names()
RECIPES = [name for name in PRESETS if name.startswith(("quick", "hours", "few", "gpu"))]
# Those to train for two steps: the recipes of other sizes and lengths have no other parts than
# these two.
TRAINED = [
    name for name in PRESETS if name not in RECIPES or name in ("quick64", "quick28", "few64")
]

# Generator and discriminator, total and trainable: published (Simpsons, dense) or the sums of their
# layer lists in test_parts.py.
SIMPSONS = (24_036_739, 24_034_819, 17_488_257, 17_484_289)
COUNTS = {
    "simpsons_dcgan128": SIMPSONS,
    "simpsons_dcgan128_tf": SIMPSONS,
    "celeba28_dense": (3_100_720, 3_100_720 - 2 * (256 + 512 + 1024), 1_336_321, 1_336_321),
    "anime64": (
        1_508_803,
        1_508_803 - 2 * (4096 + 128 + 64 + 32),
        1_084_097,
        1_084_097 - 2 * (32 + 64 + 128 + 256),
    ),
    "mnist28": (2_330_944, 2_330_944 - 2 * (12544 + 128 + 64), 212_865, 212_865),
}


# Narrow nets of the same families: the presets' own take seconds a step and a gigabyte a
# checkpoint.
def narrow(spec):
    name = spec.split("(")[0]
    return name + NARROW[name]


@pytest.mark.parametrize("name", COUNTS)
def test_the_dry_run_says_how_large_the_nets_are(name, capsys):
    assert run.main([f"--config={name}", "--dry_run"]) == 0
    said = capsys.readouterr().out
    found = re.findall(
        r"^(?:gener|discrimin)ator \w+: ([\d,]+) parameters \(([\d,]+) trainable\)$", said, re.M
    )
    counts = tuple(int(n.replace(",", "")) for pair in found for n in pair)
    assert counts == COUNTS[name]


@pytest.mark.parametrize("name", TRAINED)
def test_its_parts_train_together(name):
    preset = load_preset(name)
    preset = dataclasses.replace(
        preset, gen=narrow(preset.gen), disc=narrow(preset.disc), batch=4, precision="bfloat16"
    )
    game = build.build_game(preset, (*preset.size, preset.channels or 3))
    weights = [v for net in (game.gen, game.disc) for v in net.trainable_variables]
    before = [v.numpy() for v in weights]
    shape = (4 * game.update.batches, *preset.size, preset.channels or 3)
    scalars = game.update.run(game, Batch(tf.random.stateless_uniform(shape, [0, 0], -1, 1)))
    assert all(np.isfinite(value) for value in scalars.values())
    assert np.mean([(a != v.numpy()).any() for a, v in zip(before, weights, strict=True)]) > 0.7


# A whole run costs many times an update, so only one; the slow test runs all.
def test_two_steps(faces, tmp_path, monkeypatch):
    monkeypatch.setattr("keras.Model.export", no_saved_model)
    # Measuring the machine takes longer than the two steps.
    monkeypatch.setattr("gan_zoo.distributed.machine.faster_in_bfloat16", lambda: True)
    preset = load_preset("demo")
    code = run.main(
        [
            "--config=demo",
            f"--gen={narrow(preset.gen)}",
            f"--disc={narrow(preset.disc)}",
            "--batch=4",
        ]
        + [
            "--steps=2",
            "--log_every=1",
            "--samples=4",
            "--eval_every=0",
            f"--workdir={tmp_path / 'run'}",
        ]
        + ["--data=files", f"--data_dir={faces}"]
    )
    assert code == 0
    records = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [r["step"] for r in records if "loss/disc" in r] == [1, 2]
    assert (tmp_path / "run" / "generator.keras").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_two_steps_at_full_width(name, faces, tmp_path):
    flags = [
        "--batch=2",
        "--steps=2",
        "--log_every=1",
        "--samples=4",
        "--eval_every=0",
        f"--workdir={tmp_path / 'run'}",
    ]
    assert run.main([f"--config={name}", *flags, "--data=files", f"--data_dir={faces}"]) == 0


@pytest.mark.parametrize("name", RECIPES)
def test_the_learning_rates_of_a_recipe_end_with_it(name):
    recipe = load_preset(name)
    for opt in ("gen_opt", "disc_opt"):
        given = recipe.spec(opt).kwargs
        assert given["schedule"] == "linear"
        assert "until" not in given  # so that another --steps moves the end


@pytest.mark.parametrize("name", PRESETS)
def test_the_docstring_says_how_to_run_it_and_what_came_of_it(name):
    preset = config.run_preset(name)
    assert f"gan_zoo train --config={name}" in preset["__doc__"] or name == "demo"
    assert preset["time"] and preset["result"]
