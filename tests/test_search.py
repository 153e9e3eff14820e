"""gan_zoo search: rungs by hand with runs of a stand-in that takes no time, and once real runs."""

import importlib
import json
from unittest.mock import MagicMock

import pytest

from gan_zoo import cli, comparison
from gan_zoo.comparison import halving, picture
from gan_zoo.comparison.plan import make_plan
from gan_zoo.comparison.results import markdown, ranked
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.reporting import make_report
from gan_zoo.runs.logs import read_metrics
from gan_zoo.runs.run import Run
from tests.conftest import RUN_WITHOUT_SAVED_MODEL, SMALL

SMALL_BASE = Config(gen="dense((8,))", disc="dense((8,))", image_size="16", batch=8)


class Ended:
    """A process that has ended."""

    pid = 0

    def __init__(self, code):
        self.returncode = code

    def poll(self):
        return self.returncode


@pytest.fixture
def stand_ins(monkeypatch):
    """Runs that end at once; stand_ins.scores gives a score by (gen_opt, seed, steps), or a message.

    stand_ins.trained lists (folder, steps) of each run that was started.
    """

    def start(settings, log, device):
        run = Run(settings.workdir)
        trained.append((run.folder.name, settings.steps))
        score = start.scores(float(settings.spec("gen_opt").args[0]), settings.seed, settings.steps)
        log.parent.mkdir(exist_ok=True)
        if not isinstance(score, float):
            log.write_text(f"gan_zoo: {score}\n")
            return Ended(2)
        (run.folder / "generator").mkdir(parents=True, exist_ok=True)
        for name in ("generator.keras", "generator/saved_model.pb", "samples.gif"):
            (run.folder / name).write_text("")
        line = {"step": settings.steps, "images": settings.steps * 8, "loss/disc": 1.0}
        with (run.folder / "metrics.jsonl").open("a") as metrics:
            metrics.write(json.dumps(line | {"eval/FD-x": score}) + "\n")
        (run.folder / "config.json").write_text(
            json.dumps(
                {
                    "config": {},
                    "data": {"hash": "", "count": 1, "shape": [1]},
                    "exported": settings.steps,
                }
            )
        )
        return Ended(0)

    def measure(plan, device):
        plan.record.update(score="FD-x", data="none", data_hash="x")
        for variant in plan.record["variants"].values():
            variant["steps"] = plan.record["budget"]["images"] // 8

    trained = start.trained = []
    start.scores = lambda rate, seed, steps: rate + 100 / steps + seed
    monkeypatch.setattr("gan_zoo.comparison.queue.start", start)
    monkeypatch.setattr("gan_zoo.comparison.queue.devices", lambda jobs: [{}])
    monkeypatch.setattr("gan_zoo.comparison.queue._POLL_SECONDS", 0)
    monkeypatch.setattr("gan_zoo.comparison.measure.measure_variants", measure)
    return start


def candidates(*rates):
    """Variants whose learning rate is their score, so that the lowest is the best."""
    return {f"r{rate}": {"gen_opt": f"adam({float(rate)})"} for rate in rates}


def search(folder, variants, **settings):
    given = {"seeds": 2, "images": 320, "evals": 2, "finalists": 1, **settings}
    return comparison.search(variants, SMALL_BASE, workdir=folder, **given)


def record_of(folder):
    return json.loads((folder / "comparison.json").read_text())


@pytest.mark.parametrize(
    ("candidates", "eta", "finalists", "rungs"),
    [
        (8, 2, 2, [(0.25, 4), (0.5, 2)]),
        (5, 2, 2, [(0.25, 3), (0.5, 2)]),
        (27, 3, 1, [(1 / 27, 9), (1 / 9, 3), (1 / 3, 1)]),
        (4, 3, 2, [(1 / 3, 2)]),
        (2, 2, 2, []),
    ],
)
def test_each_rung_keeps_a_share_and_the_next_is_as_many_times_as_long(
    candidates, eta, finalists, rungs
):
    found = halving.rungs_of(candidates, eta, finalists)
    assert [rung["share"] for rung in found] == pytest.approx([share for share, _ in rungs])
    assert [rung["keep"] for rung in found] == [keep for _, keep in rungs]


def test_the_weaker_leave_and_the_finalists_get_all_seeds_and_verdicts(stand_ins, tmp_path, capsys):
    # The baseline is the worst, and comes to the final all the same.
    found = search(tmp_path / "s", candidates(9, 4, 1, 3, 2))
    assert stand_ins.trained == [
        *[(f"r{rate}-seed0", 10) for rate in (9, 4, 1, 3, 2)],
        *[(f"r{rate}-seed0", 20) for rate in (9, 1, 2)],
        *[(f"r{rate}-seed{seed}", 40) for seed in (0, 1) for rate in (9, 1)],
    ]
    record = record_of(tmp_path / "s")
    assert {name: v.get("left") for name, v in record["variants"].items()} == {
        "r9": None, "r4": 1, "r1": None, "r3": 1, "r2": 2,
    }  # fmt: skip
    assert record["rungs"][0]["scores"] == {f"r{r}": r + 10.0 for r in (9, 4, 1, 3, 2)}
    assert [(c["variant"], c["n"]) for c in found["comparisons"]] == [("r1", 2)]
    assert found["complete"] and len(found["runs"]) == 2 * 2 + 3
    assert {r["images"] for r in found["runs"] if r["variant"] == "r4"} == {80}
    rows = [line.split(" | ") for line in markdown(record, found) if line.startswith("| r")]
    assert [row[0] for row in rows] == ["| r1", "| r9", "| r2", "| r3", "| r4"]
    assert (
        rows[-1][1] == "1/1" and rows[-1][5] == "left at rung 1 of 2" and rows[1][5] == "baseline"
    )
    said = capsys.readouterr().out
    assert "rung 1 of 2, 0.25 of the budget: r1 (11), r2 (12) go on; r3 (13), r4 (14) leave" in said
    # 5 runs of a quarter, 3 of them to a half, 2 of them to the whole, 2 of another seed
    assert "5 budgets in place of 10" in said


@pytest.mark.parametrize("place", ["run", "decision"])
def test_a_search_that_is_killed_goes_on_where_it_stopped(stand_ins, tmp_path, monkeypatch, place):
    five, trained = candidates(9, 4, 1, 3, 2), stand_ins.trained
    whole, order = search(tmp_path / "whole", five), list(trained)
    trained.clear()
    score, decide = stand_ins.scores, halving.decide

    def killed_run(*about):
        if len(trained) == 8:  # the last of the second rung
            raise SystemError("killed")
        return score(*about)

    def killed_decision(record, *rest):
        if "scores" in record["rungs"][0]:
            raise SystemError("killed")
        return decide(record, *rest)

    with monkeypatch.context() as patch:
        if place == "run":
            patch.setattr(stand_ins, "scores", killed_run)
        else:
            patch.setattr(halving, "decide", killed_decision)
        with pytest.raises(SystemError):
            search(tmp_path / "s", five)
    assert len(trained) == 8
    if place == "run":
        trained.pop()
    found = search(tmp_path / "s", five)
    assert trained == order
    assert found["variants"] == whole["variants"]
    trained.clear()
    assert search(tmp_path / "s", five)["complete"]  # and when it is done
    assert not trained
    search(tmp_path / "s", five, seeds=3)
    assert [name for name, _ in trained] == ["r9-seed2", "r1-seed2"]


def test_a_candidate_that_diverges_leaves_and_one_that_was_killed_is_tried_again(
    stand_ins, tmp_path, capsys
):
    diverged = "training diverged before step 3: loss/gen became infinite"
    stand_ins.scores = lambda rate, seed, steps: (
        diverged
        if rate == 1
        else "No space left on device"
        if rate == 2 and [n for n, _ in stand_ins.trained].count("r2-seed0") == 1
        else rate + 100 / steps
    )
    found = search(tmp_path / "s", candidates(9, 4, 1, 3, 2))
    variants = record_of(tmp_path / "s")["variants"]
    assert variants["r1"]["left"] == variants["r4"]["left"] == 1
    assert variants["r1"]["why"].startswith("training diverged")
    assert [c["variant"] for c in found["comparisons"]] == ["r2"]
    assert found["complete"]
    (run,) = (r for r in found["runs"] if r["variant"] == "r1")
    assert (run["state"], run["why"]) == ("failed", variants["r1"]["why"])
    assert "once more, since not their training failed: r2-seed0" in capsys.readouterr().out


def test_where_all_candidates_fail_nothing_is_decided(stand_ins, tmp_path):
    stand_ins.scores = lambda rate, seed, steps: 5.0 if rate == 9 else "there is no disk"
    with pytest.raises(
        UserError, match="no candidate came through rung 1 of the search; r4: there"
    ):
        search(tmp_path / "s", candidates(9, 4, 1, 3))
    assert "scores" not in record_of(tmp_path / "s")["rungs"][0]
    stand_ins.scores = lambda rate, seed, steps: rate
    assert search(tmp_path / "s", candidates(9, 4, 1, 3))["complete"]


def test_what_would_change_a_decision_is_refused(stand_ins, tmp_path):
    folder, four = tmp_path / "s", candidates(9, 4, 1, 3)
    for wrong, said in (
        ({"eta": 1}, "--eta=1 is too small"),
        ({"finalists": 0}, "--finalists=0 is too small"),
        ({"finalists": 3}, "3 candidates beside the baseline and --finalists=3 leave nothing"),
    ):
        with pytest.raises(UserError, match=said):
            search(folder, four, **wrong)
    assert not folder.exists()
    search(folder, four)
    for wrong, said in (
        ({"eta": 3}, "search {.*'eta': 2.*} -> {.*'eta': 3"),
        ({"select": "last"}, "select 'best' -> 'last'"),
        ({"baseline": "r4"}, "baseline 'r9' -> 'r4'"),
        ({"variants": four | candidates(2)}, "'r2' is new after rung 2"),
    ):
        with pytest.raises(UserError, match=said):
            search(folder, **{"variants": four, **wrong})
    with pytest.raises(UserError, match=r"search {'eta': 2.*} -> None"):
        make_plan(four, SMALL_BASE, folder, images=320, evals=2)
    path = folder / "comparison.json"
    record = record_of(folder)
    record["variants"]["r4"]["left"] = 7
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"comparison.json cannot be read .*candidates left"):
        search(folder, four)


def test_the_page_says_at_which_rung_a_candidate_left(stand_ins, tmp_path):
    search(tmp_path / "s", candidates(9, 4, 1, 3, 2))
    text = make_report([tmp_path / "s"]).read_text()
    assert "left at rung 1" in text and "rung 2: 0.5 of the budget" in text
    assert "5 variants, 2 seeds in the final" in text
    assert "there is no run in r4-seed1" not in text


def test_in_the_picture_only_the_baseline_stands_at_one(stand_ins, tmp_path):
    found = search(tmp_path / "s", candidates(9, 4, 1, 3, 2))
    record, axes = record_of(tmp_path / "s"), MagicMock()
    axes.get_xlim.return_value = (0.1, 2.0)
    names = ranked(record, found["variants"])
    picture._draw_intervals(axes, names, record, found)
    squares = [call.args[1] for call in axes.plot.call_args_list if "s" in call.args]
    assert squares == [names.index("r9")]
    labels = axes.set_yticks.call_args.args[1]
    assert [label.partition(", ")[2] for label in labels] == [
        "", "", "left at rung 2", "left at rung 1", "left at rung 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gen_opt", "update", "expected"),
    [
        ("adam(2e-4)", "alternating", ("adam(0.0002)", "adam(0.0002, schedule='cosine')")),
        ("adam(2e-4, schedule='linear')", "alternating(2)", 0),
        ("adam(2e-4, 0.5, 0.9, 1e-8, 'linear')", "alternating(2)", 0),
        ("adam(2e-4, schedule='linear', until=7)", "alternating", 7),
        ("keras('Lion', learning_rate=1e-4)", "alternating", None),
    ],
)
def test_rates_fall_over_the_whole_run_at_every_rung(gen_opt, update, expected):
    given = Config(gen_opt=gen_opt, disc_opt="adam(schedule='cosine')", update=update)
    fixed = halving.fix_rates(given, 40)
    assert fixed.spec("disc_opt").kwargs["until"] == (80 if "2" in update else 40)
    if expected in (0, 7):
        assert fixed.spec("gen_opt").kwargs["until"] == (expected or 40)
        assert fixed.spec("gen_opt").kwargs["schedule"] == "linear" or expected
    else:
        assert str(fixed.spec("gen_opt")) == str(given.spec("gen_opt"))


def test_a_real_search_trains_a_finalist_as_one_run(forked_runs, forks, faces, tmp_path):
    words = [
        *(w for w in SMALL if not w.startswith(("--steps", "--eval", "--sample_every", "--save"))),
        "--gen=dense((8,))", "--disc=dense((8,))", f"--data_dir={faces}",
        "--gen_opt=adam(1e-3, schedule='linear')", "--eval_samples=12",
    ]  # fmt: skip
    module = importlib.import_module("gan_zoo.commands.search")
    given = [
        *words, f"--workdir={tmp_path / 's'}", "--images=64", "--evals=2", "--seeds=1", "--nopage",
        "--finalists=1", "plain:", "fast: --disc_opt=adam(1e-3)", "slow: --disc_opt=adam(1e-5)",
    ]  # fmt: skip
    assert cli.call(module.main, module.define_flags, module.__doc__, given) == 0
    record = record_of(tmp_path / "s")
    (left,) = (name for name, variant in record["variants"].items() if variant.get("left"))
    assert left in ("fast", "slow")
    assert read_metrics(tmp_path / "s" / f"{left}-seed0")[0][-1]["step"] == 4
    alone = forks.start(
        *words, f"--workdir={tmp_path / 'alone'}", "--steps=8", "--eval_every=4",
        "--eval_budget=1", code=RUN_WITHOUT_SAVED_MODEL,
    )  # fmt: skip
    assert alone.wait() == 0
    rungs, whole = (
        [
            {k: v for k, v in record.items() if not k.startswith(("speed/", "time"))}
            for record in read_metrics(folder)[0]
        ]
        for folder in (tmp_path / "s" / "plain-seed0", tmp_path / "alone")
    )
    assert rungs == whole
