"""Runs that start from another run (``--from``), and layers of D that stay as they are."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gan_zoo.comparison import queue, study
from gan_zoo.config import Config, flag_of, from_settings, split_checkpoint
from gan_zoo.contracts import Batch, Classes
from gan_zoo.errors import UserError
from gan_zoo.game import build, transfer
from gan_zoo.game.transfer import LayerWeights, pair, take_weights
from gan_zoo.layers import frozen_weights
from gan_zoo.reporting import make_report
from gan_zoo.reporting.read import command
from gan_zoo.runs.run import open_run

OLD = Path(__file__).parent / "fixtures" / "run_of_0_1"  # 16x16x3, best checkpoint of step 2 or 4
SN = "--tricks=spectral_norm"


# Which layers go together.


def layer(kind, *shape, axis=None):
    name = "gain" if kind == "Norm" else "kernel"
    return LayerWeights((kind, kind.lower()), {name: np.zeros(shape)}, axis)


def dcgan_layers(*widths):
    """Dense, then transposed convolutions with a norm after each but the last: [noise, ..., 3]."""
    layers = [layer("Dense", widths[0], 16 * widths[1]), layer("Norm", widths[1])]
    for inputs, outputs in itertools.pairwise(widths[1:]):
        layers += [layer("Conv", 4, 4, outputs, inputs), layer("Norm", outputs)]
    return layers[:-1]


def test_a_larger_net_takes_the_inner_blocks_where_their_widths_are_the_same():
    small, large = dcgan_layers(100, 64, 32, 3), dcgan_layers(100, 64, 32, 16, 3)
    assert pair(small, large, inner_first=True) == {0: 0, 1: 1, 2: 2, 3: 3}


def test_a_larger_net_of_the_same_width_takes_the_blocks_next_to_the_image():
    small, large = dcgan_layers(100, 32, 16, 3), dcgan_layers(100, 64, 32, 16, 3)
    # The norm of 32 channels stays new, since it followed another layer.
    assert pair(small, large, inner_first=True) == {4: 2, 5: 3, 6: 4}


@pytest.mark.parametrize(("inner_first", "new"), [(True, 3), (False, 0)])
def test_where_all_blocks_are_alike_the_one_next_to_the_image_is_new(inner_first, new):
    blocks = [layer("Conv", 3, 3, 8, 8) for _ in range(4)]
    found = pair(blocks[:3], blocks, inner_first=inner_first)
    assert sorted({0, 1, 2, 3} - set(found)) == [new]
    assert [found[place] for place in sorted(found)] == [0, 1, 2]


def test_kinds_names_and_orders_must_agree():
    a, b = layer("Dense", 4, 4), layer("Conv", 4, 4)
    assert pair([a, b], [b, a], inner_first=True) in ({0: 1}, {1: 0})
    named = a._replace(kind=("Dense", "class_logits"))
    assert pair([a], [named], inner_first=True) == {}


# Whole nets.


def game(shape=(16, 16, 3), classes=None, **settings):
    given = {"gen": "dcgan(width=8)", "disc": "dcgan(width=8)", "seed": 1, **settings}
    start = given.pop("start", None)
    config = Config(batch=4, image_size=str(shape[0]), channels=shape[2], **given)
    return build.build_game(config, shape, classes, start=start)


def classes(*names):
    return Classes("class", names, (1,) * len(names), "made up")


def weights_of(game):
    return transfer.weights_of(game.gen, game.disc, game.ema, game.classes)


@pytest.fixture(scope="module")
def source():
    return weights_of(game(seed=0, ema=0.5))


def test_all_of_an_equal_net_is_taken_and_the_average_too(source):
    source = source._replace(ema=[one._replace(values=dict(one.values)) for one in source.ema])
    for name, value in source.ema[0].values.items():
        source.ema[0].values[name] = value + 1
    new = game(ema=0.5)
    took = take_weights(source, new.gen, new.disc, new.ema)
    assert [str(one) for one in took.values()] == ["all weights", "all weights"]
    assert weights_of(new).hash == source.hash
    take_weights(source._replace(ema=None), new.gen, new.disc, new.ema)
    assert weights_of(new)._replace(ema=None).hash == source._replace(ema=None).hash
    for one, two in zip(new.gen.weights, new.ema.weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_other_channels_leave_only_the_layers_at_the_image_new(source):
    new = game((16, 16, 1))
    first = new.disc.layers[1].kernel.numpy()
    took = take_weights(source, new.gen, new.disc, None)
    assert took["gen"].new == ("Conv2DTranspose 4x4x1x8",)
    assert took["disc"].new == ("Conv2D 4x4x1x8",)
    np.testing.assert_array_equal(new.disc.layers[1].kernel, first)
    np.testing.assert_array_equal(new.disc.layers[-1].kernel, source.disc[-1].values["kernel"])


def test_twice_the_size_at_half_the_width_takes_all_but_what_is_next_to_the_image():
    small = game(gen="dcgan(width=16)", disc="dcgan(width=16)")
    large = game((32, 32, 3))
    took = take_weights(weights_of(small), large.gen, large.disc, None)
    assert took["gen"].new == (
        "Conv2DTranspose 4x4x8x16",
        "BatchNorm 8",
        "Conv2DTranspose 4x4x3x8",
    )
    assert took["disc"].new == ("Conv2D 4x4x3x8", "Conv2D 4x4x8x16", "BatchNorm 16")


@pytest.mark.parametrize("net", ["resnet(width=8)", "r3gan(width=16, max_width=16)"])
def test_other_sizes_leave_one_block_new(net):
    small, large = (game((n, n, 3), gen=net, disc=net) for n in (16, 32))
    if net.startswith("resnet"):
        large = game((32, 32, 3), gen="resnet(width=4)", disc="resnet(width=4)")
    took = take_weights(weights_of(small), large.gen, large.disc, None)
    assert all(one.taken > 0.5 * one.total and one.new for one in took.values())


@pytest.mark.parametrize("condition", ["projection", "auxiliary"])
def test_weights_of_classes_go_by_their_names(condition):
    old = game(seed=0, condition=condition, classes=classes("a", "b", "c"))
    new = game(condition=condition, classes=classes("c", "new", "a", "more"))
    before = weights_of(new)
    took = take_weights(weights_of(old), new.gen, new.disc, None, new.classes.names)
    after, given = weights_of(new), weights_of(old)
    assert took["gen"].new_classes == took["disc"].new_classes == ("new", "more")
    tables = 0
    for net in ("gen", "disc"):
        for b, a, g in zip(
            getattr(before, net), getattr(after, net), getattr(given, net), strict=True
        ):
            if a.class_axis is None:
                continue
            tables += 1
            for name in a.values:
                rows = [np.moveaxis(w.values[name], w.class_axis, 0) for w in (b, a, g)]
                np.testing.assert_array_equal(
                    rows[1], [rows[2][2], rows[0][1], rows[2][0], rows[0][3]]
                )
    assert tables >= 3
    assert 0 < took["gen"].taken < took["gen"].total


def test_spectral_norm_knows_the_weights_that_were_taken(source):
    source = source._replace(
        disc=[one._replace(values={k: 9 * v for k, v in one.values.items()}) for one in source.disc]
    )
    new = game(
        tricks="spectral_norm",
        start=lambda gen, disc, ema: take_weights(source, gen, disc, ema),
    )
    largest = [
        np.linalg.norm(one.values["kernel"].reshape(-1, one.values["kernel"].shape[-1]), 2)
        for one in source.disc
        if "kernel" in one.values
    ]
    assert float(new.tricks[0].metrics()["largest_sigma"]) == pytest.approx(max(largest), rel=0.05)


# Layers of D that stay as they are.


DECAY = "keras('AdamW', weight_decay=0.1)"


@pytest.mark.parametrize(
    ("disc_opt", "rest"),
    [
        ("adam(1e-2)", ""),
        ("adam(1e-2)", ", clip_weights(0.05)"),
        ("adam(1e-2)", ", clip_gradients"),
        (DECAY, ""),
        (DECAY, ", spectral_norm, lecam(0.1)"),
    ],
)
def test_frozen_layers_stay_equal_to_the_last_bit_and_the_others_move(rest, disc_opt):
    played = game(disc="dcgan(width=8)", tricks=f"freeze_d(1){rest}", disc_opt=disc_opt)
    kept = frozen_weights(played.disc)
    assert [v.shape for v in kept] == [(4, 4, 3, 8), (8,)]
    before = [v.numpy() for v in (*kept, *played.disc.trainable_variables)]
    images = tf.random.stateless_uniform((4, 16, 16, 3), [0, 0], -1, 1)
    for _ in range(2):
        played.update.run(played, Batch(images))
    after = [v.numpy() for v in (*kept, *played.disc.trainable_variables)]
    same = [(x == y).all() for x, y in zip(before, after, strict=True)]
    assert same == [True, True] + [False] * (len(after) - 2)


def test_norms_between_frozen_layers_are_frozen_and_their_statistics_are_not():
    played = game((32, 32, 3), tricks="freeze_d(2)")
    kept = frozen_weights(played.disc)
    assert [v.name for v in kept] == ["kernel", "bias", "kernel", "gamma", "beta"]
    norm = next(one for one in played.disc.layers if "norm" in one.name)
    before = norm.moving_mean.numpy()
    played.update.run(played, Batch(tf.random.stateless_uniform((4, 32, 32, 3), [0, 0], -1, 1)))
    assert (norm.moving_mean.numpy() != before).all()


def test_all_of_d_cannot_be_frozen():
    with pytest.raises(UserError, match="leaves nothing of D to train, which has 3 layers"):
        game(tricks="freeze_d(3)")


# What --from takes.


@pytest.mark.parametrize(
    ("text", "folder", "checkpoint"),
    [
        ("runs/a", "runs/a", "best"),
        ("runs/a@best", "runs/a", "best"),
        ("runs/a@last", "runs/a", "last"),
        ("runs/a@12000", "runs/a", "12000"),
        ("me@home/a", "me@home/a", "best"),
        ("a@b@last", "a@b", "last"),
        ("runs/a@bset", "runs/a@bset", "best"),
    ],
)
def test_what_follows_the_last_at_is_a_checkpoint(text, folder, checkpoint):
    assert split_checkpoint(text) == (Path(folder), checkpoint)


def test_the_setting_is_start_from_in_python_and_from_on_the_command_line():
    assert flag_of("start_from") == "from"
    assert from_settings({"start_from": "runs/a"}).start_from == "runs/a"
    with pytest.raises(UserError, match="no setting 'from'; did you mean start_from"):
        from_settings({"from": "runs/a"})
    with pytest.raises(UserError, match="--from=@last names no run"):
        Config(start_from="@last")


def test_a_comparison_hands_it_on_by_its_flag(tmp_path, monkeypatch):
    assert study.parse_variants(["a: --from=runs/a"]) == {"a": {"start_from": "runs/a"}}
    started = []
    monkeypatch.setattr(queue.subprocess, "Popen", lambda words, **_: started.extend(words))
    queue.start(Config(start_from="runs/a"), tmp_path / "log", {})
    assert "--from=runs/a" in started


def test_a_run_without_it_keeps_its_folder():
    # The name that the same command made before there was --from.
    assert Config().run_dir.name == "cartoon_faces-conv_noise28-cnn_fc-bb6a33"
    assert Config(start_from="a").run_dir != Config().run_dir


# Whole runs.


@pytest.fixture
def old(tmp_path):
    """A run of an earlier version, with a moving average and a best checkpoint."""
    shutil.copytree(OLD, tmp_path / "old")
    return tmp_path / "old"


def test_it_begins_with_the_best_weights_and_says_what_it_took(train, old, idle_step, capsys):
    assert train(f"--from={old}", "--ema=0.9", "--steps=2") == 0
    said = capsys.readouterr().out
    weights, step, _ = open_run(old).weights("best")
    assert f"first weights from {old}, its best checkpoint of step {step}: G takes all" in said
    run = open_run(train.folder)
    origin = run.origin
    assert (origin["run"], origin["checkpoint"], origin["step"]) == (str(old), "best", step)
    assert origin["hash"] == weights.hash
    assert run.weights("0")[0].hash == weights.hash
    assert (
        f"Its first weights were those of {old}, step {step}."
        in make_report([run.folder]).read_text()
    )
    assert f"--from={old}@best" in command(run)


def test_what_does_not_fit_is_named(train, old, idle_step, capsys):
    assert train(f"--from={old}@last", "--channels=1", "--steps=2") == 0
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if line.startswith("first weights")]
    assert "(new: Conv2DTranspose 4x4x1x8)" in line
    assert "(new: Conv2D 4x4x1x8)" in line
    assert "its moving average is not used (--ema is 0)" in line
    taken = open_run(train.folder).origin["taken"]
    assert taken["disc"]["new"] == ["Conv2D 4x4x1x8"]


def test_resume_does_not_need_the_other_run(train, old, idle_step, tmp_path):
    flags = (f"--from={old}", "--ema=0.9", f"{SN}, freeze_d(1)")
    assert train(*flags, workdir=tmp_path / "whole") == 0
    assert train(*flags, "--steps=2") == 0
    shutil.rmtree(old)
    assert train(*flags) == 0
    one, two = (open_run(folder).weights("last") for folder in (tmp_path / "whole", train.folder))
    assert one[1] == two[1] == 6
    assert one[0].hash == two[0].hash
    assert open_run(tmp_path / "whole").origin == open_run(train.folder).origin
    assert one[0].hash != open_run(train.folder).origin["hash"]


def test_a_kill_before_the_first_checkpoint_starts_from_the_same_weights(
    train, refused, old, idle_step
):
    assert train(f"--from={old}", "--steps=2") == 0
    record = (train.folder / "config.json").read_bytes()
    shutil.rmtree(train.folder / "checkpoints")
    for name in ("generator.keras", "metrics.jsonl"):
        (train.folder / name).unlink()
    assert train(f"--from={old}", "--steps=2") == 0
    assert json.loads(record)["from"] == open_run(train.folder).origin
    shutil.rmtree(train.folder / "checkpoints")
    (train.folder / "generator.keras").unlink()
    changed = json.loads(record)
    changed["from"]["hash"] = "0" * 64
    (train.folder / "config.json").write_text(json.dumps(changed))
    assert "has other weights now than when the run" in refused(f"--from={old}", "--steps=2")


def test_another_source_is_another_run(train, refused, old, idle_step):
    assert train(f"--from={old}", "--steps=2") == 0
    assert "other settings (from " in refused("--steps=2")
    assert "other settings (from " in refused(f"--from={old}@last", "--steps=2")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{old}@7", "there is no checkpoint of step 7"),
        ("{tmp}/nothing", "nothing is not a folder"),
        ("{tmp}/run", "is the run's own folder; leave out --from to go on with it"),
        ("{tmp}", "holds no run"),
    ],
)
def test_what_is_no_source_is_refused_and_leaves_nothing(
    refused, train, old, tmp_path, source, says
):
    assert says in refused("--from=" + source.format(old=old, tmp=tmp_path))
    assert not train.folder.exists()


def test_a_source_without_a_best_checkpoint_names_the_way_out(refused, old):
    shutil.rmtree(old / "checkpoints" / "best")
    assert f"give --from={old}@last" in refused(f"--from={old}")


def test_other_parts_of_the_source_may_have_changed(train, old, idle_step):
    record = json.loads((old / "config.json").read_text())
    record["config"] |= {"tricks": "no_longer_there", "gen_opt": "gone(1)"}
    (old / "config.json").write_text(json.dumps(record))
    assert train(f"--from={old}", "--steps=2") == 0


def test_a_damaged_source_is_refused(refused, old):
    for path in (old / "checkpoints" / "best").glob("*.data*"):
        path.write_bytes(path.read_bytes()[:100])
    assert "can be read" in refused(f"--from={old}")


def test_a_source_of_a_later_version_is_refused(refused, old):
    record = json.loads((old / "config.json").read_text())
    record["config"]["later"] = 1
    (old / "config.json").write_text(json.dumps(record))
    assert "settings unknown to this version of gan_zoo: later" in refused(f"--from={old}")


def test_where_nothing_fits_it_says_so(refused, train, old):
    said = refused(f"--from={old}", "--gen=dense((8,))", "--disc=dense((8,))")
    assert "no layer of its nets (dcgan(width=8) and dcgan(width=8)) has the shape" in said
    assert not train.folder.exists()


def test_held_out_images_that_the_source_trained_on_are_told(
    train, faces, idle_step, tmp_path, capsys
):
    assert train("--steps=2") == 0
    new = tmp_path / "new"
    assert train(f"--from={train.folder}@last", "--steps=2", "--holdout=0.25", workdir=new) == 0
    assert (
        "24 of the images that --holdout keeps from training were trained on"
        in capsys.readouterr().out
    )


def test_weights_frozen_at_random_are_told(train, idle_step, capsys):
    assert train("--tricks=freeze_d(1)", "--steps=2") == 0
    assert "2 weights of D keep their random values to the end" in capsys.readouterr().out


def test_a_dry_run_says_what_would_be_taken(train, old, capsys):
    assert train(f"--from={old}", "--channels=1", "--dry_run") == 0
    assert "D takes 2,369 of 2,505 weights (new: Conv2D 4x4x1x8)" in capsys.readouterr().out
    assert not train.folder.exists()
