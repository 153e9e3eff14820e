"""Hints before a run, and what it will take."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.commands import train
from gan_zoo.config import Config, from_settings
from gan_zoo.contracts import Dataset
from gan_zoo.distributed import machine
from gan_zoo.training import estimate, notes
from gan_zoo.training.hints import hints

NETS = {"gen": "dense((4,))", "disc": "dense((4,))", "image_size": "8", "channels": 1}


class Nets:
    """As much of a game as hints look at."""

    def __init__(self, config, numbers=10):
        self.loss = registry.losses.build(config.loss)
        built = {"disc": None, "gens": (), "image_shape": (8, 8, 1), "seed": 0, "batch": 4}
        self.tricks = [
            registry.tricks.build(spec, **built, step=tf.Variable(0))
            for spec in config.specs("tricks")
        ]
        self.gen = self.disc = self
        self.variables = [tf.TensorSpec([numbers])]


def said(count=2000, classes=1, numbers=10, **settings):
    config = Config(**{**NETS, **settings})
    labels = {"class": np.arange(count) % classes}
    names = {"class": [f"kind{i}" for i in range(classes)]}
    images = np.zeros((count, 8, 8, 1), np.uint8)
    data = Dataset("some", images, labels, names, "", "none")
    return " ".join(hints(config, Nets(config, numbers), data))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"count": 300}, "300 pictures are few"),
        ({"count": 300, "tricks": "diff_augment", "start_from": "runs/many"}, ""),
        ({"count": 300, "tricks": "diff_augment"}, "hint: 300 pictures alone do not give clean"),
        ({"steps": 300}, ""),
        ({"steps": 80}, "of 80 steps, --sample_every=100 --eval_every=500 shows little; for"),
        ({"steps": 80}, "at four steps give --sample_every=20 --eval_every=20."),
        ({"steps": 80, "eval_every": 0}, "at four steps give --sample_every=20."),
        ({"steps": 30}, ""),  # a try of the machinery, with fewer chunks than that
        ({"count": 1100, "holdout": 0.2}, "880 pictures are few"),
        ({"classes": 3}, "3 classes were found (kind0, kind1, kind2) and are not used"),
        ({"classes": 9}, "(kind0, kind1, kind2, kind3, ...)"),
        ({"classes": 3, "condition": "projection"}, ""),
        ({"loss": "wasserstein"}, "D's loss falls without end"),
        ({"loss": "wasserstein", "tricks": "gradient_penalty"}, ""),
        ({"loss": "wasserstein", "tricks": "clip_weights"}, ""),
        ({"loss": "wasserstein", "tricks": "flip_images"}, "falls without end"),
        ({"loss": "hinge"}, ""),
        ({"loss": "least_squares"}, ""),
        ({"loss": "relativistic_average"}, ""),
        ({"loss": "minimax"}, ""),
        ({"numbers": 41_000_000, "image_size": "60"}, "82 million parameters"),
        ({"numbers": 41_000_000, "image_size": "60"}, "--config=quick64"),
    ],
)
def test_hints(settings, words, monkeypatch):
    monkeypatch.setattr(machine, "gpus", lambda: [])
    text = said(**settings)
    assert words in text if words else not text


def test_large_nets_are_no_matter_on_a_gpu(monkeypatch):
    monkeypatch.setattr(machine, "gpus", lambda: [{"name": "card"}])
    assert said(numbers=41_000_000) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 seconds"), (89, "89 seconds"), (90, "1.5 minutes"), (725, "12 minutes"),
     (9000, "2.5 hours"), (1e6, "12 days")],
)  # fmt: skip
def test_durations_have_two_digits(seconds, text):
    assert estimate.duration(seconds) == text


def test_what_a_run_takes_is_one_sentence():
    whole = estimate.Estimate(64.0, 4000, 6.04e8, 720.0, 1.23e9)
    assert str(whole) == (
        "about 12 minutes on this machine, 1.2 GB of memory, 600 MB on the disk, for 64 passes over"
        " 4,000 pictures"
    )
    assert (
        str(estimate.Estimate(1.0, 4000, 5e6)) == "5 MB on the disk, for 1 pass over 4,000 pictures"
    )


def test_time_grows_with_steps_and_evaluations_stay_in_their_budget():
    config = Config(**NETS, steps=10_000, eval_every=100, eval_samples=2000)
    told = estimate.with_speed(config, 0.1)
    assert 1000 < told < 1000 * 1.15 + 30
    without = estimate.with_speed(dataclasses.replace(config, eval_every=0), 0.1)
    assert 1000 <= without < told
    assert estimate.with_speed(config, 0.2) > 1.9 * told


@pytest.mark.parametrize(("flops", "steps_tried"), [(1e9, [1, 1, 50]), (7e11, [])])
def test_steps_that_would_take_long_are_counted_and_not_tried(monkeypatch, flops, steps_tried):
    config, tried = Config(**NETS, steps=100, eval_every=0), []
    game = SimpleNamespace(gen=SimpleNamespace(output_shape=(None, 8, 8, 1)))
    monkeypatch.setattr(estimate, "count_flops", lambda *_: flops)
    monkeypatch.setattr(estimate, "_flops_per_second", lambda: 1e11)
    monkeypatch.setattr(estimate, "chunk_trainer", lambda *_: tried.append)
    monkeypatch.setattr(estimate, "count_estimate", lambda *_: estimate.Estimate(1.0, 10, 1e6))
    found = estimate.measure(config, game, None)
    assert tried == steps_tried
    assert (found.memory is None) == (not steps_tried)
    if not tried:  # 20 seconds a step
        assert found.seconds == pytest.approx(100 * 20, rel=0.02)


@pytest.mark.parametrize(
    ("steps", "start", "told_at"),
    [(100, 0, 20), (21, 0, 20), (20, 0, 0), (6, 0, 0), (100, 75, 90), (100, 90, 0)],
)
def test_only_a_run_that_tells_its_time_later_says_so(monkeypatch, steps, start, told_at):
    monkeypatch.setattr(estimate, "count_estimate", lambda *_: "5 MB")
    said = estimate.beginning(Config(**NETS, steps=steps, log_every=10), None, None, start)
    later = f"; its time is told after step {told_at}, if that is more than 20 seconds"
    assert said == f"the run takes 5 MB{later if told_at else ''}."


def test_arithmetic_of_a_second_is_that_of_a_machine():
    assert 1e8 < estimate._flops_per_second() < 1e16


def test_what_is_asked_for_between_two_chunks_is_said_to_come_later():
    assert not list(notes.off_chunks(Config()))
    (said,) = notes.off_chunks(Config(sample_every=25, eval_every=0))
    assert said.startswith("--sample_every=25 means steps 30, 50, 80, ...: after every 10 steps")
    few = Config(sample_every=3, save_every=2000, eval_every=1001)
    assert notes.late_steps(few) == {
        "sample_every": "10, 20, 30, ...",
        "eval_every": "1,010, 2,010, 3,010, ...",
    }
    lines = train._setting_lines(few, notes.late_steps(few))
    assert "sample_every = 3 (at steps 10, 20, 30, ...)" in lines
    assert "save_every = 2000" in lines


def test_the_first_line_of_a_run_says_which_settings_its_pair_brings():
    data = Dataset.of("some", np.zeros((4, 28, 28, 3), np.uint8))
    given = from_settings({"tricks": "", "ema": 0.5})
    first = notes.opening(given, Path("runs/a"), data, 0)
    assert "cnn_fc (by the preset noise_image28: disc_opt=adam(5e-5, beta_1=0.5)), non_sat" in first
    assert "preset" not in notes.opening(Config(), Path("runs/a"), data, 0)
