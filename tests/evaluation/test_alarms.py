import dataclasses
import json
import math
import re
from pathlib import Path

import pytest

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.evaluation import advice, alarms

KEYS = {"score": "eval/FD", "diversity": "eval/diversity", "recall": "eval/recall"}


def history(**columns):
    """Records at steps 100, 200, ... with the given columns."""
    count = len(next(iter(columns.values())))
    return [{"step": 100 * (i + 1), **{k: v[i] for k, v in columns.items()}} for i in range(count)]


def healthy(n=12):
    return history(
        **{
            "eval/FD": [300 / (i + 1) + (i % 3) for i in range(n)],
            "eval/diversity": [0.05, 0.3, *[0.8 + 0.05 * (i % 3) for i in range(n - 2)]],
            "eval/recall": [0, 0, *[0.3 + 0.02 * (i % 4) for i in range(n - 2)]],
            "accuracy/disc": [0.99, 0.7 + 0.01 * n, *[0.8 + 0.15 * (i % 2) for i in range(n - 2)]],
            "grad_norm/gen": [1 + 0.5 * (i % 3) for i in range(n)],
            "loss/disc": [0.5] * n,
        }
    )


def test_a_healthy_run_raises_none_at_any_time():
    for n in range(13):
        assert alarms.check(healthy()[:n], **KEYS) == []


def planted(first, **columns):
    """A healthy run that goes on with the given columns; the alarms after each of its records."""
    records = healthy()
    found = []
    for i in range(len(next(iter(columns.values())))):
        new = {"step": 1300 + 100 * i, **{k: v[i] for k, v in columns.items()}}
        records.append({**{k: records[11][k] for k in records[11] if k not in columns}, **new})
        found.append({a.name: a for a in alarms.check(records, **KEYS)})
    return found


@pytest.mark.parametrize(("values", "at"), [([0.1, 0.1], 0), ([0.35, 0.3], 1)])
def test_a_collapse_is_told_within_two_evaluations(values, at):
    found = planted(0, **{"eval/diversity": values})
    assert ["collapse" in f for f in found] == [at == 0, True]
    alarm = found[1]["collapse"]
    assert alarm.since == 1300
    assert f"{values[1]:.2f}" in alarm.seen and "0.90" in alarm.seen
    assert str(alarm).startswith(
        "collapse since step 1300: "
    ) and "lower learning rate for D" in str(alarm)


def test_lost_recall_is_a_collapse():
    found = planted(0, **{"eval/recall": [0.01, 0.02]})
    assert "collapse" not in found[0] and found[1]["collapse"].since == 1300
    assert "recall is 0.020" in found[1]["collapse"].seen


def test_variety_that_never_came_is_a_collapse():
    records = history(**{"eval/diversity": [0.01] * 5})
    assert alarms.check(records, **KEYS) == []
    records = history(**{"eval/diversity": [0.01] * 8})
    assert [a.name for a in alarms.check(records, **KEYS)] == ["collapse"]


def test_a_dip_that_is_over_is_no_alarm():
    assert planted(0, **{"eval/diversity": [0.4, 0.8, 0.4, 0.8]}) == [{}] * 4
    assert "collapse" not in planted(0, **{"eval/diversity": [0.1, 0.8]})[1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
def test_nan_is_told_at_once(bad):
    records = [*healthy(), {"step": 1300, "loss/gen": bad, "loss/disc": 0.5}]
    (alarm,) = alarms.check(records, **KEYS)
    assert (alarm.name, alarm.since, alarm.seen) == ("nan", 1300, "loss/gen is NaN or infinite")
    assert alarms.check([*records, {"step": 1400, "loss/gen": 1.0}], **KEYS) == []


def test_a_saturated_discriminator_is_told_after_five_records():
    found = planted(0, **{"accuracy/disc": [1.0] * 6})
    assert [("disc_saturated" in f) for f in found] == [False] * 4 + [True] * 2
    assert found[5]["disc_saturated"].since == 1300
    assert "disc_saturated" not in planted(0, **{"accuracy/disc": [1.0, 1, 1, 0.9, 1, 1]})[5]


def test_a_stuck_generator_is_told_by_its_gradient():
    found = planted(0, **{"grad_norm/gen": [1e-5] * 6})
    assert [("gen_stuck" in f) for f in found] == [False] * 4 + [True] * 2
    assert (
        found[5]["gen_stuck"].since == 1300
        and "gradient norm is 1e-05" in found[5]["gen_stuck"].seen
    )


def test_far_past_its_best_is_told_after_two_evaluations():
    best = min(r["eval/FD"] for r in healthy())
    found = planted(0, **{"eval/FD": [1.6 * best, 2 * best]})
    assert "past_best" not in found[0]
    alarm = found[1]["past_best"]
    assert alarm.since == 1200 and f"{best:.4g} at its best" in alarm.seen
    # So near to the floor a factor is chance.
    records = history(**{"eval/FD": [1.0, 1.7, 1.8]})
    assert [a.name for a in alarms.check(records, **KEYS)] == ["past_best"]
    assert alarms.check(records, floor=0.9, **KEYS) == []


def test_every_part_that_an_advice_names_exists():
    text = Path(advice.__file__).read_text() + Path(alarms.__file__).read_text()
    named = set(re.findall(r"--(\w+)='?(\w+)", text))
    assert {flag for flag, _ in named} == {"loss", "tricks"}
    fields = {field.name: field.metadata["registry"] for field in dataclasses.fields(Config)}
    for flag, part in named:
        assert part in registry.tables[fields[flag]], f"--{flag}={part}"
    for flag in re.findall(r"--(\w+)", text):
        assert flag in fields


ILL = {  # what raises each alarm
    "nan": {"loss/gen": [None]},
    "collapse": {"eval/diversity": [0.1, 0.1]},
    "disc_saturated": {"accuracy/disc": [1.0] * 5},
    "gen_stuck": {"grad_norm/gen": [1e-5] * 5},
    "past_best": {"eval/FD": [100.0, 100.0]},
}


@pytest.mark.parametrize("name", ILL)
def test_an_advice_names_what_the_run_does_not_have(name):
    def said(**settings):
        columns = ILL[name]
        step = 1300
        records = healthy()
        for values in zip(*columns.values(), strict=True):
            records.append({"step": step, **dict(zip(columns, values, strict=True))})
            step += 100
        (found,) = [
            alarm
            for alarm in alarms.check(records, settings=settings, **KEYS)
            if alarm.name == name
        ]
        return found.advice

    has = dataclasses.asdict(Config(loss="hinge", tricks="ada,r1(1.0),spectral_norm", ema=0.99))
    for word in ("diff_augment", "r1", "spectral_norm", "--ema", "--loss", "label_smooth"):
        assert word not in said(**has)
    assert f"lower learning rate for D than in --disc_opt='{has['disc_opt']}'" in said(**has)
    figures = {"collapse": "--batch than 64", "disc_saturated": "--steps than 3,000, or --passes"}
    assert figures.get(name, "") in said(**has)
    assert "--passes" not in said(passes="?", steps=None) or name == "disc_saturated"  # damaged
    without = {
        "nan": "r1.every=16.', or --tricks=spectral_norm",
        "collapse": "--tricks=diff_augment",
        "disc_saturated": "--tricks=diff_augment, --tricks=label_smooth",
        "gen_stuck": "--loss=hinge",
        "past_best": "--steps=1200.;.* or averaged weights",
    }
    assert re.search(without[name], said(**dataclasses.asdict(Config(loss="minimax"))))


def test_alarms_are_the_same_after_the_log_was_written_and_read():
    records = [*healthy(), {"step": 1300, "eval/diversity": 0.1, "loss/gen": None}]
    again = [json.loads(json.dumps(r)) for r in records]
    assert alarms.check(again, **KEYS) == alarms.check(records, **KEYS) != []
