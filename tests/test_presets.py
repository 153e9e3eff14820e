"""Every preset: what its dry run says, and that it trains."""

import dataclasses
import json
import re

import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import config, registry, run
from gan_zoo.config import load_preset
from gan_zoo.contracts import Batch
from gan_zoo.distributed import machine
from gan_zoo.game import build
from gan_zoo.training import estimate
from tests.conftest import no_saved_model
from tests.test_parts import NARROW

PRESETS = config.preset_names()
RECIPES = [name for name in PRESETS if name.startswith(("quick", "hours", "few", "gpu"))]
# Narrow nets of the presets that are as papers have them, and the trainable parameters of their own.
# dcgan_paper64: PyTorch's example at 77f55b9. sngan32: mimicry at a7fda06. sagan64: sngan_projection
# at e84b1a5 without its last block, 12,220,675 and 10,141,441, and the attention of 128 and of 64
# channels with an eighth inside. The other two: the sums of their layers.
PAPERS = {
    "dcgan_paper64": ("dcgan(width=8,slope=0,bias=False)", "dcgan(width=8,bias=False)", 3_576_704, 2_765_568),
    "sngan32": ("resnet(width=8,max_width=8)", "resnet(width=8,max_width=8,smallest=8,flat=2)", 4_276_739, 1_053_825),
    "sagan64": ("sagan(width=8,max_width=8)", "sagan(width=8,max_width=8)", 12_220_675 + 4 * 128 * 16 + 1, 10_141_441 + 4 * 64 * 8 + 1),
    "wgan_gp64": (
        "dcgan(width=8,kernel=5,slope=0)",
        "dcgan(width=8,kernel=5,norm='layer')",
        128 * 8192 + 2 * 512 + 25 * (512 * 256 + 256 * 128 + 128 * 64) + 2 * (256 + 128 + 64) + 25 * 64 * 3 + 3,
        25 * 3 * 64 + 64 + 25 * (64 * 128 + 128 * 256 + 256 * 512) + 2 * (128 + 256 + 512) + 8192 + 1,
    ),
    # Eight blocks of two 1x1 convolutions, a 3x3 one in groups of 16, and two biases.
    "r3gan32": (
        "r3gan(width=16,max_width=16,blocks=1)",
        "r3gan(width=16,max_width=16,blocks=1)",
        64 * 768 + 16 * 768 + 8 * (2 * 768 * 1536 + 9 * 16 * 1536 + 2 * 1536) + 768 * 3,
        3 * 768 + 8 * (2 * 768 * 1536 + 9 * 16 * 1536 + 2 * 1536) + 16 * 768 + 768 + 1,
    ),
}  # fmt: skip
# Those to train for two steps: the recipes of other sizes and lengths have no other parts than
# these two, and noise_image28 none but those of celeba28_noise_image.
TRAINED = [
    name
    for name in PRESETS
    if not (name in RECIPES or name in PAPERS or name == "noise_image28")
    or name in ("quick64", "quick28", "few64")
]

# Generator and discriminator, total and trainable: published (Simpsons, dense) or the sums of their
# layer lists in test_parts.py.
COUNTS = {
    "simpsons_dcgan128": (24_036_739, 24_034_819, 17_488_257, 17_484_289),
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
def test_the_dry_run_says_how_large_the_nets_are(name, capsys, monkeypatch, blank_weights):
    monkeypatch.setattr(estimate, "measure", estimate.count_estimate)  # its steps take seconds
    assert run.main([f"--config={name}", "--dry_run"]) == 0
    said = capsys.readouterr().out
    found = re.findall(
        r"^(?:gener|discrimin)ator \w+: ([\d,]+) parameters \(([\d,]+) trainable\)$", said, re.M
    )
    counts = tuple(int(n.replace(",", "")) for pair in found for n in pair)
    assert counts == COUNTS[name]


def test_both_presets_of_the_simpsons_have_the_same_nets():
    one, two = (load_preset(f"simpsons_dcgan128{end}") for end in ("", "_tf"))
    assert (one.gen, one.disc) == (two.gen, two.disc)


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


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_preset_has_the_parameters_of_the_papers_nets(name, blank_weights):
    preset = load_preset(name)
    counts = [
        sum(v.shape.num_elements() for v in net.trainable_variables)
        for net in (
            registry.tables[table].build(preset.spec(field), image_shape=(*preset.size, 3))
            for table, field in (("generators", "gen"), ("discriminators", "disc"))
        )
    ]
    assert counts == list(PAPERS[name][2:])
    said = config.run_preset(name)["__doc__"]
    assert all(f"{count:,}" in said for count in counts)


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_preset_trains(name):
    gen, disc, *_ = PAPERS[name]
    preset = load_preset(name)
    update = "alternating(2)" if preset.update != "alternating" else "alternating"
    preset = dataclasses.replace(
        preset, gen=gen, disc=disc, batch=4, update=update, image_size="16"
    )
    game = build.build_game(preset, (16, 16, 3))
    before = [v.numpy() for v in game.gen.trainable_variables]
    shape = (4 * game.update.batches, 16, 16, 3)
    scalars = game.update.run(game, Batch(tf.random.stateless_uniform(shape, [0, 0], -1, 1)))
    assert all(np.isfinite(value) for value in scalars.values())
    moved = [
        (a != v.numpy()).any() for a, v in zip(before, game.gen.trainable_variables, strict=True)
    ]
    assert np.mean(moved) > 0.3  # kernels that begin at 0 stop what is behind them at first


# A whole run costs many times an update, so only one; the slow test runs all.
def test_two_steps(faces, tmp_path, monkeypatch):
    monkeypatch.setattr("keras.Model.export", no_saved_model)
    # Measuring the machine takes longer than the two steps.
    monkeypatch.setattr(machine, "arithmetic_speeds", lambda: machine.Speeds(1.0, 2.0))
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
