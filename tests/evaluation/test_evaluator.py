"""The evaluator of a run: scores, best, alarms, budget; and that a resumed run is scored as an uninterrupted one."""

import json

import numpy as np
import pytest

from gan_zoo import registry
from gan_zoo.contracts import Dataset
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.runs.logs import LogWriter
from gan_zoo.runs.run import Run


def pictures(count, seed, spread=1.0):
    """Smooth color pictures [count, 16, 16, 3]; ``spread`` 0 makes them all alike."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16] / 16
    a, b, c = (0.5 + spread * (rng.uniform(size=(3, count, 1, 1, 3)) - 0.5)).astype(np.float32)
    return np.uint8(
        255 * np.clip(a * x[None, :, :, None] + b * y[None, :, :, None] + c - 0.5, 0, 1)
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Keeps what is measured of the real images."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make(tmp_path, cache):
    data = Dataset("pictures", pictures(300, 0), {}, {}, "abc", "none")
    extractor = registry.extractors.build("random_conv")

    def evaluator(folder="run", **changes):
        (tmp_path / folder).mkdir(exist_ok=True)
        how = {
            "samples": 100,
            "split": "train",
            "ema": False,
            "seed": 0,
            "budget": 1.0,
            "cache_dir": cache,
        }
        return Evaluator(data, extractor, Run(tmp_path / folder).metrics, **{**how, **changes})

    return evaluator


def log(evaluator, folder, step, fake):
    """Evaluate and write both logs as the loop does."""
    results, scalars = evaluator.evaluate(step, fake, 0.0)
    writer = LogWriter(folder, step)
    writer.evaluations(step, results, evaluator.floor)
    record = writer.metrics(step, 8 * step, scalars)
    evaluator.record(record)
    return record


def test_real_images_score_as_the_floor_and_noise_far_above_it(make, tmp_path):
    evaluator = make()
    good = log(evaluator, tmp_path / "run", 1, pictures(100, 1))
    bad = log(
        evaluator,
        tmp_path / "run",
        2,
        np.random.default_rng(0).integers(0, 255, (100, 16, 16, 3), dtype=np.uint8),
    )
    floor = evaluator.floor["FD-random_conv"]
    assert good["eval/FD-random_conv"] < 3 * floor
    assert bad["eval/FD-random_conv"] > 20 * floor
    assert evaluator.best == (good["eval/FD-random_conv"], 1)
    records = [
        json.loads(line)
        for line in (tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()
    ]
    assert {r["step"] for r in records} == {1, 2}
    score = next(r for r in records if r["metric"] == "FD-random_conv")
    assert (score["n_real"], score["n_fake"], score["split"], score["data_hash"]) == (
        300,
        100,
        "train",
        "abc",
    )
    assert score["extractor_hash"]
    floors = {r["metric"]: r["floor"] for r in records}
    assert floors == {metric: evaluator.floor[metric] for metric in floors} and len(floors) > 5


def test_a_planted_collapse_is_told_within_two_evaluations_and_once(make, tmp_path):
    evaluator = make()
    for step in (1, 2, 3):
        log(evaluator, tmp_path / "run", step, pictures(100, step))
    assert evaluator.new_alarms() == []
    told = []
    for step in (4, 5, 6):
        log(evaluator, tmp_path / "run", step, pictures(100, step, spread=0.02))
        told.append([a.name for a in evaluator.new_alarms()])
    assert "collapse" in told[0] + told[1]
    assert sum(names.count("collapse") for names in told) == 1


def test_an_evaluator_of_a_resumed_run_knows_what_the_first_knew(make, tmp_path):
    first = make()
    for step, spread in ((1, 1.0), (2, 1.0), (3, 0.02), (4, 0.02)):
        log(first, tmp_path / "run", step, pictures(100, step, spread))
        first.new_alarms()
    second = make()
    assert second.best == first.best
    assert second.new_alarms() == []  # told before the stop
    log(second, tmp_path / "run", 5, pictures(100, 5, 1.0))
    assert "collapse" not in [a.name for a in second.new_alarms()]


def test_the_budget_leaves_out_what_would_exceed_it(make, tmp_path):
    free, tight = make(), make("tight", budget=0.0001)
    assert tight.within_budget()  # before the first, its cost is not known
    for evaluator, folder in ((free, "run"), (tight, "tight")):
        log(evaluator, tmp_path / folder, 1, pictures(100, 1))
    assert free.within_budget()
    assert not tight.within_budget()
    assert 0 < tight.share < 1


def test_the_final_report_gives_floor_best_last_and_ratio(make, tmp_path):
    evaluator = make()
    for step, spread in ((1, 1.0), (2, 0.3)):
        log(evaluator, tmp_path / "run", step, pictures(100, step, spread))
    lines = "\n".join(evaluator.final(2, pictures(100, 2, 0.3))[1])
    best, last = (evaluator._history[i]["eval/FD-random_conv"] for i in (0, 1))
    assert (
        f"best FD-random_conv: {best:.4g} at step 1; last: {last:.4g}, {last / best:.2f} times the best"
        in lines
    )
    row = next(line for line in lines.splitlines() if line.startswith("  FD-random_conv"))
    assert row.split()[-2:] == [f"{evaluator.floor['FD-random_conv']:.4g}", "lower"]
    assert "real against real: 100 real images against 100 others" in lines
    assert lines.count("lanczos 64") == 1  # the stamp, once
    assert "FD-random_conv is " in lines.splitlines()[-1]  # what all of it says
    assert "At step 1 it was" in lines.splitlines()[-1]
    assert "SWD" in lines
