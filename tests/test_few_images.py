"""Runs on 1, 2, 3, 11, 12 images: batches that fit, scores that need more, and what is said."""

import dataclasses

import numpy as np
import pytest

from gan_zoo import registry
from gan_zoo.config import Config, load_preset
from gan_zoo.contracts import Dataset
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.evaluation.snapshot import real_floor
from gan_zoo.game.build import fitting_batch, fitting_steps, load_data
from gan_zoo.runs.run import Run
from gan_zoo.training import notes
from tests.conftest import idle_chunk


def some(count, size=16):
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("batch", "count", "replicas", "fits"),
    [
        (64, 100, 1, 64),
        (64, 64, 1, 64),
        (64, 63, 1, 32),
        (64, 12, 1, 8),
        (64, 11, 1, 8),
        (64, 3, 1, 2),
        (64, 2, 1, 2),
        (64, 1, 1, 2),
        (2, 1, 1, 2),
        (64, 11, 3, 6),
        (64, 3, 4, 4),
        (8, 1, 8, 8),
    ],
)
def test_a_batch_fits_the_images(batch, count, replicas, fits):
    assert fitting_batch(batch, count, replicas) == fits
    assert fits % replicas == 0


@pytest.mark.parametrize(
    ("passes", "count", "update", "before", "fits"),
    [
        (64, 2000, "alternating", 0, 2000),
        (64, 2000, "alternating(2)", 0, 1000),  # D sees twice as many images a step
        (64, 5000, "alternating", 0, 4000),
        (64, 100, "alternating", 0, 1000),  # the least
        (0, 100, "alternating", 0, 4000),
        (64, 2000, "alternating", 4000, 4000),  # of a run that began without a limit
        (64, 2000, "alternating", 9000, 4000),
    ],
)
def test_steps_fit_the_passes_over_few_images(passes, count, update, before, fits):
    config = Config(steps=4000, batch=64, passes=passes, update=update)
    assert fitting_steps(config, count, before) == fits


@pytest.mark.parametrize(
    ("preset", "count", "steps"),
    [
        ("quick64", 12_000, 4000),
        ("quick64", 2000, 4000),
        ("quick64", 512, 2000),
        ("quick128", 300, 1172),
        ("quick32", 5000, 17_000),  # what was measured stays
        ("quick32", 2000, 7812),
        ("few64", 200, 1000),
        ("hours32", 2000, 17_000),
        ("hours64", 2000, 6000),
        ("hours128", 2000, 6000),
        ("hours28", 2000, 20_000),
    ],
)
def test_quick_recipes_end_earlier_with_few_images(preset, count, steps):
    assert fitting_steps(load_preset(preset), count) == steps


def test_a_run_of_few_images_ends_early_and_says_so(train, faces, capsys, idle_step):
    """96 images: the limit is 12 steps a pass, and the least is made small to keep it short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan_zoo.game.build.LEAST_STEPS", 2)
        assert train("--passes=0.5", "--steps=9") == 0
        said = capsys.readouterr().out
        assert (
            "--steps=9 is made 6, since there are 96 images to train on and --passes=0.5;"
            " --passes=0 trains all steps." in said
        )
        assert Run(train.folder).step == Run(train.folder).record["config"]["steps"] == 6
        assert train("--passes=0.5", "--steps=9") == 0
        assert "to step 6 of 6; --passes=0 goes on" in capsys.readouterr().out
        assert train("--passes=0", "--steps=9") == 0  # and then the run keeps its nine
        assert train("--passes=0.5", "--steps=9") == 0
        assert "to step 9 of 9; a larger --steps goes on" in capsys.readouterr().out


def test_a_smaller_batch_and_missing_scores_are_told():
    given = Config(data="files")
    data = Dataset("d", some(11), {}, {}, "h", "none")

    def told(count, batch, **changes):
        few = dataclasses.replace(given, batch=batch, **changes)
        return " ".join(notes.few_images(given, few, data._replace(images=some(count))))

    assert told(100, 64) == ""
    assert "--steps" not in told(100, 64, passes=1.0)
    assert "--batch=64 is lowered to 8, since there are 11 images to train on" in told(11, 8)
    assert "scores" not in told(2, 2) and "repeat" not in told(2, 2)
    one = told(1, 2)
    assert "there is 1 image to train on" in one and "images repeat within a batch of 2" in one
    assert "scores are not computed: they need 2 images or more" in one
    assert "scores" not in told(1, 2, eval_every=0)


@pytest.mark.parametrize("count", [2, 3, 4, 11, 12])
def test_scores_of_few_images(count, tmp_path):
    data = Dataset("few", some(count), {}, {}, f"few-{count}", "none")
    extractor = registry.extractors.build("random_conv")
    evaluator = Evaluator(
        data, extractor, Run(tmp_path).metrics, samples=24, split="train", ema=False, seed=0,
        budget=1.0, cache_dir=tmp_path,
    )  # fmt: skip
    results, scalars = evaluator.evaluate(1, some(24), 0.0)
    assert np.isfinite(scalars["eval/FD-random_conv"])
    assert all(np.isfinite(result.value) for result in results)
    assert ("eval/recall-random_conv" in scalars) == (count >= 6)
    assert ("FD-random_conv" in evaluator.floor) == (count >= 4)
    assert ("recall-random_conv" in evaluator.floor) == (count >= 12)
    evaluator.record({"step": 1, **scalars})
    assert [alarm.name for alarm in evaluator.new_alarms()] == []
    lines = "\n".join(evaluator.final(1, some(24))[1])
    assert ("recall, density and coverage are not computed: they need 6" in lines) == (count < 6)
    assert ("KD-random_conv is not computed: it needs 8 images" in lines) == (count < 8)
    assert ("real against real is not computed for" in lines) == (count < 12)
    assert ("real against real: " in lines) == (count >= 4)


def test_the_floor_of_three_images_is_empty():
    data = Dataset("few", some(3), {}, {}, "few", "none")
    assert real_floor(data, registry.extractors.build("random_conv"), 24) == []


def few(tmp_path, count):
    np.savez(tmp_path / "few.npz", images=some(count))
    return (
        f"--data_dir={tmp_path / 'few.npz'}", "--steps=2", "--eval_every=2", "--batch=64",
        "--extractor=random_conv", "--eval_samples=12", "--disc=dcgan(width=8, minibatch_std=True)",
    )  # fmt: skip


def test_a_run_on_three_images_is_trained_and_resumed(train, tmp_path, capsys, monkeypatch):
    flags = few(tmp_path, 3)
    assert train(*flags) == 0
    said = capsys.readouterr().out
    assert "--batch=64 is lowered to 2" in said and "not computed: they need 6 images" in said
    run = Run(train.folder)
    assert run.record["config"]["batch"] == 2 and len(run.scores) == 1
    monkeypatch.setattr("gan_zoo.game.chunk.compile_chunk", idle_chunk)
    assert train(*flags, "--steps=4") == 0
    assert "going on from step 2" in capsys.readouterr().out
    assert run.record["config"]["batch"] == 2 and len(run.scores) == 2


def test_a_run_on_one_image_has_no_scores(train, tmp_path, capsys, idle_step):
    assert train(*few(tmp_path, 1)) == 0
    said = capsys.readouterr().out
    assert "--batch=64 is lowered to 2" in said and "scores are not computed" in said
    assert Run(train.folder).scores == []


def test_images_that_are_mostly_equal_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_ZOO_CACHE", str(tmp_path / "cache"))

    def told(images, spec="files"):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.npz"
        np.savez(file, images=images)
        return " ".join(load_data(Config(data=spec, image_size="16", data_dir=str(file))).notes)

    equal, different = np.repeat(some(1), 40, axis=0), some(60)
    assert "all 40 images in" in told(equal) and "only this one to learn" in told(equal)
    assert "40 of 100 images in" in (said := told(np.concatenate([equal, different])))
    assert "drop_duplicates=True" in said
    assert told(np.concatenate([equal[:3], different])) == told(some(1)) == ""
    assert "are dropped" in told(np.concatenate([equal, different]), "files(drop_duplicates=True)")
