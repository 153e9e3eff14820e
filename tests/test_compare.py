"""gan_zoo compare as a user meets it: the queue with runs of a stand-in, which is quick, and once with real ones."""

import importlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import filelock
import numpy as np
import pytest

from gan_zoo import cli, comparison
from gan_zoo.comparison import queue
from gan_zoo.comparison.plan import evaluation_schedule, make_plan
from gan_zoo.comparison.queue import start
from gan_zoo.comparison.results import ONE_SEED, outcome, selected_score
from gan_zoo.comparison.study import load_study
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.runs.logs import last_metrics
from gan_zoo.runs.run import Run
from tests.conftest import SMALL

ROOT = Path(__file__).parent.parent
NO_STUDIES = ("common.py", "keras_layers.py", "noise_nets.py")  # what studies import
STUDIES = sorted(
    path for path in (ROOT / "experiments/studies").glob("*.py") if path.name not in NO_STUDIES
)

# Writes what a run writes, in no time: a score that halves at each evaluation and depends on the
# loss and the seed.
STAND_IN = textwrap.dedent(
    """
    import json, os, sys, time
    from pathlib import Path
    about = json.loads(sys.argv[1])
    folder, steps, every = Path(about["workdir"]), about["steps"], about["eval_every"]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "starts").open("a") as f: f.write("x")
    if about["gen_opt"].startswith("sgd") or (about["disc_opt"].startswith("sgd") and about["seed"] == 1):
        print("gan_zoo: training diverged before step 3: loss/gen became infinite."); sys.exit(2)
    if about["gen_opt"].startswith("rmsprop"):
        os.kill(os.getpid(), 9)
    score = {"non_saturating": 100.0, "hinge": 50.0, "wasserstein": 400.0}[about["loss"]] * (1 + 0.1 * about["seed"])
    lines = []
    for step in [*range(every, steps, every), steps]:
        score /= 2
        lines.append(json.dumps({"step": step, "images": step * about["batch"], "loss/disc": 1.0,
                                 "speed/images_per_second": 100.0, "eval/FD-embedded": score}))
    (folder / "metrics.jsonl").write_text("\\n".join(lines) + "\\n")
    time.sleep(float(about["eval_samples"]) / 1000)
    for name in ("generator.keras", "samples.gif"): (folder / name).write_text("")
    (folder / "generator").mkdir(exist_ok=True); (folder / "generator" / "saved_model.pb").write_text("")
    (folder / "config.json").write_text(json.dumps(
        {"config": {}, "data": {"hash": "", "count": 1, "shape": [1]}, "exported": steps}))
    """
)


# The nets that are built and counted soonest; stand-ins train none.
DENSE = ("--gen=dense((8,))", "--disc=dense((8,))")


@pytest.fixture(scope="module")
def module():
    return importlib.import_module("gan_zoo.commands.compare")


@pytest.fixture
def stand_ins(module, monkeypatch, request):
    """Start stand-ins in place of runs, and write no page."""

    def start(settings, log, place):
        log.parent.mkdir(exist_ok=True)
        about = json.dumps(vars(settings))
        return subprocess.Popen(
            [sys.executable, "-S", "-c", STAND_IN, about],  # without what site packages start
            stdout=log.open("wb"),
            start_new_session=True,
        )

    monkeypatch.setattr("gan_zoo.comparison.queue.start", start)
    monkeypatch.setattr("gan_zoo.comparison.queue._POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "_write_page", lambda folder: None)
    if "arithmetic" not in request.node.name:
        monkeypatch.setattr("gan_zoo.game.flops.step_flops", lambda *_: 1e9)


@pytest.fixture
def compare(module, faces, tmp_path, capsys, stand_ins):
    """Compare with stand-ins for runs: compare(*words) -> what it printed; compare.folder is where."""
    own = ("--gen", "--disc", "--steps", "--log_every", "--sample", "--save", "--eval")
    small = [*DENSE, *(word for word in SMALL if not word.startswith(own))]

    def call(*words, code=0, budget="--images=64"):
        capsys.readouterr()
        given = [
            *small,
            f"--data_dir={faces}",
            f"--workdir={call.folder}",
            budget,
            "--evals=2",
            "--eval_samples=12",
            *words,
        ]
        got = cli.call(module.main, module.define_flags, module.__doc__, given)
        out, err = capsys.readouterr()
        assert got == code, err
        if code == 2:
            assert err.startswith("gan_zoo: ")
            assert len(err.strip().splitlines()) == 1, err
        return err.strip() if code == 2 else out

    call.folder = tmp_path / "grid"
    call.results = lambda: json.loads((call.folder / "results.json").read_text())
    return call


def starts(folder):
    return {p.parent.name: len(p.read_text()) for p in sorted(folder.glob("*/starts"))}


def test_better_worse_and_the_same_are_told_apart(compare):
    said = compare("plain:", "again:", "good: --loss=hinge", "bad: --loss=wasserstein", "--seeds=3")
    found = compare.results()
    verdicts = {c["variant"]: (c["verdict"], round(c["ratio"], 3)) for c in found["comparisons"]}
    assert verdicts == {
        "again": ("no evidence", 1.0),
        "good": ("better", 0.5),
        "bad": ("worse", 4.0),
    }
    assert found["complete"]
    assert [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| ")][1:] == [
        "| good",
        "| plain",
        "| again",
        "| bad",
    ]
    run = next(r for r in found["runs"] if (r["variant"], r["seed"]) == ("plain", 1))
    # 8 steps of 8 images: scores 55 and 27.5 at steps 4 and 8; the time is that of the training at
    # 100 images/s
    assert (run["best"], run["best_step"], run["last"], run["seconds"]) == (
        pytest.approx(27.5),
        8,
        pytest.approx(27.5),
        pytest.approx(0.64),
    )
    # the target is the worst best of the baseline, 100 * 1.2 / 4, which the bad ones do not reach
    assert found["target"] == pytest.approx(30.0)
    assert {name: v["reached"] for name, v in found["variants"].items()} == {
        "plain": 3,
        "again": 3,
        "good": 3,
        "bad": 0,
    }
    assert found["variants"]["good"]["target_images"] == 32
    about = json.loads((compare.folder / "comparison.json").read_text())
    assert about["score"] == "FD-embedded"
    assert about["variants"]["plain"]["parameters"]["gen"] > 1000


def test_the_function_returns_the_results(stand_ins, faces, tmp_path):
    base = Config(
        gen="dense((8,))", disc="dense((8,))", data="files", data_dir=str(faces),
        image_size="16", batch=8, eval_samples=12,
    )  # fmt: skip
    arguments = {"workdir": tmp_path / "grid", "seeds": 2, "images": 64, "evals": 2}
    variants = {"plain": {}, "good": {"loss": "hinge"}}
    found = comparison.compare(variants, base, **arguments, question="Which loss?")
    assert found == json.loads((tmp_path / "grid" / "results.json").read_text())
    assert found["complete"]
    assert [each["verdict"] for each in found["comparisons"]] == ["better"]
    saved = json.loads((tmp_path / "grid" / "comparison.json").read_text())
    assert (saved["question"], saved["select"], saved["command"]) == ("Which loss?", "best", "")
    for wrong, message in (
        ({"select": "median"}, "--select=median is unknown"),
        ({"seeds": 0}, "--seeds=0 is too small"),
        ({"jobs": -1}, "--jobs=-1 is too small"),
        ({"minutes": 1.0}, "--images and --minutes are two budgets"),
        ({"images": 0}, "--images=0 is not a budget"),
        ({"variants": {"a": {}, "b": {"los": "hinge"}}}, "sets 'los', which is not a setting"),
    ):
        with pytest.raises(UserError, match=message):
            comparison.compare(**{"variants": variants, "base": base, **arguments, **wrong})


def test_the_function_raises_keyboard_interrupt_when_stopped(stand_ins, faces, tmp_path):
    base = Config(
        gen="dense((8,))", disc="dense((8,))", data="files", data_dir=str(faces),
        image_size="16", batch=8, eval_samples=1000,
    )  # fmt: skip

    def interrupt():
        while not starts(tmp_path / "grid"):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        comparison.compare(
            {"a": {}, "b": {"loss": "hinge"}}, base, workdir=tmp_path / "grid", images=64, evals=2
        )
    assert not json.loads((tmp_path / "grid" / "results.json").read_text())["complete"]


def test_a_comparison_with_the_old_key_choose_is_continued(compare):
    compare("plain:", "good: --loss=hinge", "--seeds=1", "--select=last")
    path = compare.folder / "comparison.json"
    about = json.loads(path.read_text())
    assert about["select"] == "last"
    path.write_text(json.dumps({**about, "choose": about.pop("select")}))
    assert selected_score(json.loads(path.read_text())) == "last"
    compare("plain:", "good: --loss=hinge", "--seeds=2")
    assert compare.results()["complete"]
    assert starts(compare.folder)["plain-seed0"] == 1


def test_the_command_to_type_is_recorded(compare):
    words = ("plain:", "good: --loss=hinge", "--seeds=1", "--nopage")
    compare(*words)
    command = json.loads((compare.folder / "comparison.json").read_text())["command"]
    assert command.startswith("gan_zoo compare '--gen=dense((8,))' ")
    recorded = shlex.split(command)
    assert f"--workdir={compare.folder}" in recorded
    assert set(words) <= set(recorded)


def test_help_needs_no_tensorflow_scipy_or_matplotlib():
    code = (
        "import sys; sys.modules.update(tensorflow=None, keras=None, scipy=None, matplotlib=None); "
        "from gan_zoo import commands; "
        "names = ('compare', 'search', 'report'); "
        "sys.exit(max(commands.main([name, '--help']) for name in names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_study_imports_modules_from_its_own_folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "common.py").write_text(f"question = 'Is it {name}?'\n")
        (tmp_path / name / "study.py").write_text(
            "from common import question\nfrom gan_zoo.config import Config\n"
            "base, variants = Config(), {'x': {}, 'y': {'loss': 'hinge'}}\n"
        )
    path = list(sys.path)
    assert load_study(tmp_path / "a" / "study.py").question == "Is it a?"
    assert load_study(tmp_path / "b" / "study.py").question == "Is it b?"
    assert sys.path == path
    assert "common" not in sys.modules


def test_what_is_done_is_not_done_again_and_seeds_and_variants_may_be_added(compare):
    said = compare("plain:", "good: --loss=hinge", "--seeds=1")
    assert ONE_SEED in said and "ratio to baseline |" in said
    shutil.rmtree(
        compare.folder / "good-seed0" / "generator"
    )  # as if it had been killed at its end
    said = compare("plain:", "good: --loss=hinge", "bad: --loss=wasserstein", "--seeds=2")
    assert ONE_SEED not in said and "ratio to baseline (95 %) |" in said
    assert starts(compare.folder) == {
        "plain-seed0": 1, "plain-seed1": 1, "good-seed0": 2, "good-seed1": 1, "bad-seed0": 1, "bad-seed1": 1,
    }  # fmt: skip
    assert compare.results()["complete"]
    said = compare("plain:", "good: --loss=hinge --gen_opt=adam(1e-3)", code=2)
    assert "holds a comparison of other settings" in said
    assert "1e-3" in said
    assert "budget" in compare("plain:", "good: --loss=hinge", "--images=128", code=2)


def test_runs_that_fail_are_counted_and_the_others_go_on(compare):
    compare("plain:", "broken: --gen_opt=sgd", "--seeds=2")
    assert (
        compare.results()["comparisons"][0]["verdict"] == "no evidence"
    )  # two of two say too little
    said = compare("plain:", "broken: --gen_opt=sgd", "--seeds=3")
    found = compare.results()
    assert found["variants"]["broken"]["failed"] == 3
    assert found["comparisons"][0]["verdict"] == "worse"
    assert "all 3 of its runs failed" in said
    assert "training diverged" in next(r["why"] for r in found["runs"] if r["variant"] == "broken")


def test_what_fails_more_often_is_not_better_for_what_is_left_of_it(compare):
    said = compare("plain:", "brittle: --loss=hinge --disc_opt=sgd", "--seeds=3")
    (found,) = compare.results()["comparisons"]
    assert (found["verdict"], found["n"]) == ("no evidence", 2)
    assert "no evidence that brittle is better than plain, since more of its runs failed" in said


def test_ctrl_c_stops_the_runs_and_the_same_command_goes_on(compare):
    words = (
        "plain:",
        "good: --loss=hinge",
        "--seeds=2",
        "--eval_samples=1000",
    )  # each takes a second

    def interrupt():
        while not starts(compare.folder):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    said = compare(*words, code=130)
    assert len(starts(compare.folder)) == 1
    assert "stopped before the first run was done; the same command continues." in said
    assert "| variant |" not in said  # there is nothing to table
    assert not compare.results()["complete"]
    compare(*words)
    assert compare.results()["complete"]


def test_a_run_that_was_killed_says_nothing_of_its_training(compare):
    said = compare("plain:", "killed: --gen_opt=rmsprop", "--seeds=2")
    (found,) = compare.results()["comparisons"]
    assert found["verdict"] == "no evidence"
    assert (
        "2 of killed and 0 of plain failed. Some of them failed for reasons other than training"
        in said
    )
    said = compare(
        "broken: --gen_opt=sgd", "plain:", "killed: --gen_opt=rmsprop", "--seeds=3"
    )  # another baseline
    verdicts = {c["variant"]: c["verdict"] for c in compare.results()["comparisons"]}
    assert verdicts == {"plain": "better", "killed": "no evidence"}
    assert compare.results()["target"] is None  # no run of this baseline is done


def test_verdict_and_sentence_agree_where_nothing_scatters(compare):
    said = compare("plain:", "good: --loss=hinge", "again:", "--seeds=2")
    # A verdict holds for its budget, and the best of many verdicts may be chance.
    score = "best FD-embedded after 64 images a run"
    assert f"good is better than plain: its {score} is 0.50 times as high" in said
    assert f"again and plain: with each of 2 seeds, both have the same {score}." in said
    assert "Each of these 2 verdicts is at 95 %" in said
    best = compare.results()["runs"][0]["best"]
    assert re.search(rf"plain-seed\d is done: best FD-embedded {best:.4g}", said)


def test_the_time_left_knows_what_was_done_before(tmp_path, monkeypatch):
    """Runs of earlier calls took no time now: their images must not count as speed."""
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    configs = {("plain", seed): Config(steps=10, batch=8, seed=seed) for seed in range(3)}
    runs = queue.RunQueue({}, configs, tmp_path, [])
    runs._images = {("plain", 0): 80, ("plain", 1): 80}
    with runs._progress_bar() as bar:
        bar.start_t -= 10
        bar.n += 20
        # 20 images in 10 s: the 60 that are left take 30 s.
        assert "180/240 [00:10<00:30" in str(bar)


def test_without_a_terminal_a_line_comes_every_half_minute(tmp_path, monkeypatch, capsys):
    record = {"variants": {"plain": {"slug": "plain"}}}
    configs = {("plain", 0): Config(steps=100, batch=4, workdir=str(tmp_path / "a"))}
    runs = queue.RunQueue(record, configs, tmp_path, [])
    runs._images = {("plain", 0): 48}
    runs._running = {0: (("plain", 0), None)}
    with runs._progress_bar() as bar:
        runs._show_progress(bar)
        assert capsys.readouterr().out == ""
        runs._told_at -= queue.QUIET_SECONDS
        runs._show_progress(bar)
        runs._show_progress(bar)
    assert capsys.readouterr().out == "48 of 400 images; in training: plain-seed0\n"


def test_each_variant_keeps_its_folder_whatever_the_order_of_later_calls(compare):
    compare("A b:", "A-b: --loss=hinge", "--seeds=1")
    for _ in range(2):
        compare("A-b: --loss=hinge", "A b:", "--seeds=1")
    assert {name: v["best"] for name, v in compare.results()["variants"].items()} == pytest.approx(
        {"A b": 25.0, "A-b": 12.5}
    )
    assert set(starts(compare.folder).values()) == {1}


def test_other_data_and_damaged_records_are_refused(compare, faces, tmp_path):
    compare("plain:", "good: --loss=hinge", "--seeds=1")
    np.savez(tmp_path / "other.npz", images=np.full((96, 16, 16, 3), 9, np.uint8))
    other = f"--data_dir={tmp_path / 'other.npz'}"
    assert "the data changed since" in compare(
        "plain:", "good: --loss=hinge", "--seeds=2", other, code=2
    )
    path = compare.folder / "comparison.json"
    about = json.loads(path.read_text())
    for damage in (
        {"settings": {"nonsense": 1}, "slug": "x"},
        {"settings": {}, "slug": "../x"},
        {"slug": "x"},
        3,
    ):
        path.write_text(json.dumps({**about, "variants": {**about["variants"], "x": damage}}))
        assert "comparison.json cannot be read" in compare("plain:", "good: --loss=hinge", code=2)


def test_what_a_variant_or_a_budget_makes_impossible_is_told_with_its_name(compare):
    said = compare(
        "plain:", "other: --tricks=r1 --update=one_stage --disc=dcgan(norm=False)", code=2
    )
    assert "the variant 'other': --update=one_stage cannot go with" in said
    assert "--images=3 is 0.38 of a step of 'plain'" in compare(
        "plain:", "other:", budget="--images=3", code=2
    )


def test_a_run_that_another_process_still_saves_is_waited_for(compare):
    words = ("plain:", "good: --loss=hinge", "--seeds=1")
    compare(*words)
    shutil.rmtree(
        compare.folder / "plain-seed0" / "generator"
    )  # its comparison was killed, and it is about to write this
    lock, early = (
        filelock.FileLock(compare.folder / "plain-seed0" / ".lock", thread_local=False),
        [],
    )

    def release():
        while (json.loads((compare.folder / "results.json").read_text()))["complete"]:
            time.sleep(0.01)
        time.sleep(0.7)
        early.append(starts(compare.folder)["plain-seed0"])
        lock.release()

    lock.acquire()
    threading.Thread(target=release, daemon=True).start()
    compare(*words)
    assert early == [1]
    assert starts(compare.folder)["plain-seed0"] == 2
    assert compare.results()["complete"]


def test_a_run_whose_log_is_lost_is_not_called_done(compare, module, monkeypatch):
    def start(settings, log, place):  # as a run that is trained already
        log.parent.mkdir(exist_ok=True)
        log.write_text("it is trained already\n")
        return subprocess.Popen([sys.executable, "-c", ""])

    monkeypatch.setattr("gan_zoo.comparison.queue.start", start)
    assert "plain-seed0 failed: some of its files are missing" in compare(
        "plain:", "good: --loss=hinge", "--seeds=1"
    )


def test_results_are_not_kept_over_files_of_others(compare, tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text('{"mine": 1}')
    words = ("plain:", "good: --loss=hinge", "--seeds=1")
    assert "holds something other" in compare(*words, f"--save={kept}", code=2)
    assert kept.read_text() == '{"mine": 1}'
    (tmp_path / "other.png").write_text("mine")
    assert "exists already" in compare(*words, f"--save={tmp_path / 'other.json'}", code=2)
    assert not compare.folder.exists()  # all that before anything is trained
    for _ in range(2):
        compare(*words, f"--save={tmp_path / 'ours.json'}")


def test_foreign_lines_and_numbers_that_are_none_stay_out_of_the_score(module, tmp_path):
    good = '{"step": 4, "images": 32, "speed/images_per_second": 16.0, "eval/FD-x": 5.0}\n'
    bad = [
        '{"step": 5}',
        '{"step": 6, "eval/FD-x": 1}',
        '{"step": 7, "images": 56, "eval/FD-x": NaN}',
        "[" * 10000,
        "\xff",
    ]
    bad += [
        '{"step": 8, "images": 64, "eval/FD-x": true}',
        '{"step": 9, "images": 72, "speed/images_per_second": "x"}',
    ]
    (tmp_path / "metrics.jsonl").write_text(good + "\n".join(bad))
    found = outcome(Run(tmp_path), 9, "eval/FD-x")
    assert (found["best"], found["last"], found["seconds"]) == (5.0, 5.0, 2.0)
    assert last_metrics(tmp_path)["images"] == 72
    assert last_metrics(tmp_path / "nothing") == {}


def test_a_study_and_presets_as_variants(compare, tmp_path):
    study = tmp_path / "study.py"
    study.write_text(
        "from gan_zoo.config import Config\nquestion = 'Which loss?'\n"
        "base = Config(gen='dcgan(width=8)', disc='dcgan(width=8)', data='files', image_size='16', batch=8)\n"
        "variants = {'plain': {}, 'good': {'loss': 'hinge'}}\n"
    )
    preset = tmp_path / "preset.py"
    preset.write_text(
        "from gan_zoo.config import Config\nconfig = Config(gen='dense((8,))', disc='dense((8,))', loss='hinge', image_size='64', batch=16)\n"
    )
    assert "Which loss?" in compare(f"--study={study}", f"preset: --config={preset}", "--seeds=1")
    about = json.loads((compare.folder / "comparison.json").read_text())
    assert list(about["variants"]) == ["plain", "good", "preset"]
    assert (
        about["variants"]["preset"]["settings"]["gen"],
        about["variants"]["preset"]["steps"],
    ) == ("dense((8,))", 4)
    study.write_text("variants = {}\n")
    assert "must set base = Config" in compare(f"--study={study}", code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plain:"], "two variants or more"),
        (["plain:", "plain: --loss=hinge"], "two variants have the name 'plain'"),
        (["plain:", "--loss"], "--help lists the flags"),
        (["plain:", "noname"], "'noname' is not a variant"),
        (["plain:", "other: --image_size=32"], "sets --image_size, which all variants must share"),
        (["plain:", "other: --eval_every=32"], "sets --eval_every, which all variants must share"),
        (
            ["plain:", "other: --loss=hingo"],
            "the variant 'other': --loss: there is no loss 'hingo'",
        ),
        (["plain:", "other: --nonsense=1"], "the variant 'other'"),
        (["plain:", "other: 'open"], "check its quotes"),
        (["plain:", "other:", "--baseline=third"], "--baseline=third"),
        (["plain:", "two\nlines:"], "a name that cannot be printed in one line"),
        (["plain:", "other:", "--target=nan"], "--target=nan is not a distance"),
        (["plain:", "other:", "--petaflop=1"], "--images and --petaflop are two budgets"),
        (["plain:", "other:", "--save=x.txt"], "must end in .json"),
        (["--study=nowhere.py"], "there is no study nowhere.py"),
    ],
)
def test_bad_input_is_answered_in_one_sentence(compare, words, said):
    assert said in compare(*words, code=2)
    assert not compare.folder.exists()


def test_equal_arithmetic_gives_the_smaller_net_more_steps(compare):
    words = (
        "small: --gen=dcgan(width=8) --disc=dcgan(width=8)",
        "large: --gen=dcgan(width=32) --disc=dcgan(width=32)",
        "--seeds=1",
    )
    compare(*words, budget="--petaflop=1e-6")
    about = json.loads((compare.folder / "comparison.json").read_text())["variants"]
    assert about["large"]["gflop_per_image"] > 4 * about["small"]["gflop_per_image"]
    for variant in about.values():  # 10^9 operations, to the nearest step
        assert variant["steps"] == round(1 / (8 * variant["gflop_per_image"]))
    assert about["small"]["steps"] > 4 * about["large"]["steps"] > 4


def test_a_variant_may_end_before_its_budget(compare):
    said = compare("whole:", "less: --steps=2", "more: --steps=100", "--seeds=1")
    about = json.loads((compare.folder / "comparison.json").read_text())["variants"]
    assert {name: variant["steps"] for name, variant in about.items()} == {
        "whole": 8,
        "less": 2,
        "more": 8,
    }
    assert "less: 2 steps of the 8 of its budget" in said
    runs = compare.results()["runs"]
    assert {run["variant"]: run["images"] for run in runs} == {"whole": 64, "less": 16, "more": 64}


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_the_studies_can_be_read(path, tmp_path):
    question, base, variants = load_study(path)
    assert question.endswith("?")
    assert f"--study=experiments/studies/{path.name}" in path.read_text()
    plan = make_plan(variants, base, tmp_path / "new")  # checks the settings of each variant
    assert len(plan.configs) == len(variants) >= 2


def test_a_run_starts_in_a_group_of_its_own_on_its_cores_and_prints_to_its_log(tmp_path):
    core = max(os.sched_getaffinity(0))
    log = tmp_path / "logs" / "run.log"
    settings = Config()
    object.__setattr__(settings, "steps", -5)  # a mistake, so that the run ends at once
    process = start(settings, log, {"cores": {core}})
    assert os.getpgid(process.pid) == process.pid
    assert os.sched_getaffinity(process.pid) == {core}
    assert process.wait(120) == 2
    assert log.read_text().startswith("gan_zoo: --steps=-5 is too small")


def test_with_real_runs_equal_variants_are_equal(module, forked_runs, faces, tmp_path):
    words = [
        word
        for word in SMALL
        if not word.startswith(("--steps", "--eval", "--sample_every", "--save"))
    ]
    words += [
        *DENSE, f"--data_dir={faces}", f"--workdir={tmp_path / 'grid'}", "--images=32", "--evals=2", "--eval_samples=24",
        "--seeds=1", "--jobs=2", "plain:", "again:", f"--save={tmp_path / 'kept.json'}",
    ]  # fmt: skip
    assert cli.call(module.main, module.define_flags, module.__doc__, words) == 0
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert kept["results"]["complete"]
    a, b = kept["results"]["runs"]
    assert (a["best"], a["last"]) == (b["best"], b["last"])
    assert a["best"] > 0
    assert kept["machine"]["versions"]["tensorflow"]
    assert "FD-embedded@" in kept["results"]["score"]
    assert kept["results"]["floor"] > 0
    assert len(list((tmp_path / "grid" / "plain-seed0").glob("events*"))) == 1
    assert (tmp_path / "grid" / "report.html").exists()


@pytest.mark.parametrize(
    ("steps", "log_every", "expected"),
    [(100, 10, (14, 7)), (4000, 25, (500, 25)), (10, 100, (2, 2))],
)
def test_no_evaluation_is_late_for_the_chunks_of_steps(steps, log_every, expected):
    every, chunk = evaluation_schedule(steps, 8, log_every)
    assert (every, chunk) == expected
    assert every % chunk == 0 and chunk <= log_every
