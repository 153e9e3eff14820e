"""tools/compare.py as a user meets it: the queue with runs of a stand-in, which is quick, and once with real ones."""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from gan_zoo import cli
from gan_zoo.config import load_preset
from tests.conftest import SMALL

TOOLS = Path(__file__).parent.parent / "tools"
STUDIES = sorted((TOOLS.parent / "experiments" / "studies").glob("*.py"))

# Writes what a run writes, in no time: a score that halves at each evaluation and depends on the loss and the seed.
STAND_IN = textwrap.dedent(
    """
    import json, sys, time
    from pathlib import Path
    about = json.loads(sys.argv[1])
    folder, steps, every = Path(about["workdir"]), about["steps"], about["eval_every"]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "starts").open("a") as f: f.write("x")
    if about["gen_opt"].startswith("sgd"):
        print("gan_zoo: training diverged before step 3: loss/gen became infinite."); sys.exit(2)
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


@pytest.fixture(scope="module")
def module():
    sys.path.insert(0, str(TOOLS))
    try:
        yield importlib.import_module("compare")
    finally:
        sys.path.remove(str(TOOLS))


@pytest.fixture
def compare(module, faces, tmp_path, capsys, monkeypatch, request):
    """Compare with stand-ins for runs: compare(*words) -> what it printed; compare.folder is where."""

    def start(settings, log, place):
        log.parent.mkdir(exist_ok=True)
        about = json.dumps(vars(settings))
        return subprocess.Popen([sys.executable, "-c", STAND_IN, about], stdout=log.open("wb"), start_new_session=True)

    monkeypatch.setattr(module, "_start", start)
    monkeypatch.setattr(module, "_report", lambda folder: None)
    if "arithmetic" not in request.node.name:
        monkeypatch.setattr("gan_zoo.flops.step_flops", lambda config, shape: 1e9)
    small = [word for word in SMALL if not word.startswith(("--steps", "--log_every", "--sample", "--save", "--eval"))]

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
        got = cli.call(module._main, module._define, module.__doc__, given)
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
    assert verdicts == {"again": ("no evidence", 1.0), "good": ("better", 0.5), "bad": ("worse", 4.0)}
    assert found["complete"]
    assert [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| ")][1:] == [
        "| good",
        "| plain",
        "| again",
        "| bad",
    ]
    run = next(r for r in found["runs"] if (r["variant"], r["seed"]) == ("plain", 1))
    # 8 steps of 8 images: scores 55 and 27.5 at steps 4 and 8; the time is that of the training at 100 images/s
    assert (run["best"], run["best_step"], run["last"], run["seconds"]) == (
        pytest.approx(27.5),
        8,
        pytest.approx(27.5),
        pytest.approx(0.64),
    )
    # the target is the worst best of the baseline, 100 * 1.2 / 4, which the bad ones do not reach
    assert found["target"] == pytest.approx(30.0)
    assert {name: v["reached"] for name, v in found["variants"].items()} == {"plain": 3, "again": 3, "good": 3, "bad": 0}
    assert found["variants"]["good"]["target_images"] == 32
    about = json.loads((compare.folder / "comparison.json").read_text())
    assert about["score"] == "FD-embedded"
    assert about["variants"]["plain"]["parameters"]["gen"] > 1000


def test_what_is_done_is_not_done_again_and_seeds_and_variants_may_be_added(compare):
    compare("plain:", "good: --loss=hinge", "--seeds=1")
    shutil.rmtree(compare.folder / "good-seed0" / "generator")  # as if it had been killed at its end
    compare("plain:", "good: --loss=hinge", "bad: --loss=wasserstein", "--seeds=2")
    assert starts(compare.folder) == {
        "plain-seed0": 1, "plain-seed1": 1, "good-seed0": 2, "good-seed1": 1, "bad-seed0": 1, "bad-seed1": 1,
    }  # fmt: skip
    assert compare.results()["complete"]
    said = compare("plain:", "good: --loss=hinge --gen_opt=adam(1e-3)", code=2)
    assert "holds a comparison of other settings" in said
    assert "1e-3" in said
    assert "budget" in compare("plain:", "good: --loss=hinge", "--images=128", code=2)


def test_runs_that_fail_are_counted_and_the_others_go_on(compare):
    said = compare("plain:", "broken: --gen_opt=sgd", "--seeds=2")
    found = compare.results()
    assert found["variants"]["broken"]["failed"] == 2
    assert found["comparisons"][0]["verdict"] == "worse"
    assert "all 2 of its runs failed" in said
    assert "training diverged" in next(r["why"] for r in found["runs"] if r["variant"] == "broken")


def test_ctrl_c_stops_the_runs_and_the_same_command_goes_on(compare):
    words = ("plain:", "good: --loss=hinge", "--seeds=2", "--eval_samples=1000")  # each takes a second

    def interrupt():
        while not starts(compare.folder):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    said = compare(*words, code=130)
    assert len(starts(compare.folder)) == 1
    assert "the same command goes on from there" in said
    assert not compare.results()["complete"]
    compare(*words)
    assert compare.results()["complete"]


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
    assert (about["variants"]["preset"]["settings"]["gen"], about["variants"]["preset"]["steps"]) == ("dense((8,))", 4)
    study.write_text("variants = {}\n")
    assert "must set base = Config" in compare(f"--study={study}", code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plain:"], "two variants or more"),
        (["plain:", "plain: --loss=hinge"], "two variants are called 'plain'"),
        (["plain:", "--loss"], "--help lists the flags"),
        (["plain:", "noname"], "'noname' is no variant"),
        (["plain:", "other: --image_size=32"], "sets --image_size, which all variants must share"),
        (["plain:", "other: --steps=32"], "--images, --minutes or --petaflop"),
        (["plain:", "other: --loss=hingo"], "the variant 'other': --loss: there is no loss 'hingo'"),
        (["plain:", "other: --nonsense=1"], "the variant 'other'"),
        (["plain:", "other: 'open"], "check its quotes"),
        (["plain:", "other:", "--baseline=third"], "--baseline=third"),
        (["plain:", "other:", "--petaflop=1"], "--images and --petaflop are two budgets"),
        (["plain:", "other:", "--save=x.txt"], "must end in .json"),
        (["--study=nowhere.py"], "there is no study nowhere.py"),
    ],
)
def test_bad_input_is_answered_in_one_sentence(compare, words, said):
    assert said in compare(*words, code=2)
    assert not compare.folder.exists()


def test_equal_arithmetic_gives_the_smaller_net_more_steps(compare):
    words = ("small:", "large: --gen=dcgan(width=32) --disc=dcgan(width=32)", "--seeds=1")
    compare(*words, budget="--petaflop=1e-6")
    about = json.loads((compare.folder / "comparison.json").read_text())["variants"]
    assert about["large"]["gflop_per_image"] > 4 * about["small"]["gflop_per_image"]
    for variant in about.values():  # 10^9 operations, to the nearest step
        assert variant["steps"] == round(1 / (8 * variant["gflop_per_image"]))
    assert about["small"]["steps"] > 4 * about["large"]["steps"] > 4


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_the_studies_can_be_read(module, path):
    if "variants" not in path.read_text():
        pytest.skip("a plugin of a study")
    question, base, variants = module.load_study(path)
    assert question.endswith("?")
    assert len(variants) >= 2
    assert f"--study=experiments/studies/{path.name}" in path.read_text()
    assert load_preset.__name__  # the base is a Config, whose check read all specs
    assert base.specs("gen")


def test_with_real_runs_equal_variants_are_equal(module, faces, tmp_path):
    words = [word for word in SMALL if not word.startswith(("--steps", "--eval", "--sample_every", "--save"))]
    command = [
        sys.executable, TOOLS / "compare.py", *words, f"--data_dir={faces}", f"--workdir={tmp_path / 'grid'}", "--images=32",
        "--evals=2", "--eval_samples=24", "--seeds=1", "--jobs=2", "plain:", "again:", f"--save={tmp_path / 'kept.json'}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert kept["results"]["complete"]
    a, b = kept["results"]["runs"]
    assert (a["best"], a["last"]) == (b["best"], b["last"])
    assert a["best"] > 0
    assert kept["machine"]["versions"]["tensorflow"]
    assert "FD-embedded@" in kept["results"]["score"]
    assert kept["results"]["floor"] > 0
    # the run's own events, and those of the line in HPARAMS
    assert len(list((tmp_path / "grid" / "plain-seed0" / "tensorboard").glob("events*"))) == 2
    assert (tmp_path / "grid" / "report.html").exists()
