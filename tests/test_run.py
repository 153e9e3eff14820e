"""The program as a user meets it: train, stop, resume, sample."""

import contextlib
import errno
import io
import json
import os
import shlex
import shutil
import signal
import time
from pathlib import Path

import imageio.v3 as iio
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_zoo import run
from gan_zoo.distributed import machine, strategy
from gan_zoo.errors import UserError
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.game import chunk, sampling
from gan_zoo.images import reduce
from gan_zoo.runs.checkpoints import Checkpoints
from gan_zoo.runs.run import Run
from gan_zoo.training import chief, notes
from gan_zoo.training.logger import Logger
from tests.conftest import SMALL, idle_chunk

ROOT = Path(__file__).parent.parent
EVERYTHING = (
    "--disc=dcgan(width=8, dropout=0.3)",
    "--ema=0.9",
    "--tricks=flip_labels(0.2),label_smooth(0.7,1.2),instance_noise(0.2,decay_steps=5)",
)
EVALUATED = (
    "--eval_every=2",
    "--eval_samples=16",
    "--extractor=random_conv",
    "--eval_budget=1",
    "--ema=0.9",
)
DENSE = ("--gen=dense((8,))", "--disc=dense((8,))")  # the nets that are traced soonest


def weights(folder, step):
    reader = tf.train.load_checkpoint(str(folder / "checkpoints" / f"step-{step}"))
    names = [
        n
        for n in reader.get_variable_to_shape_map()
        if n != "_CHECKPOINTABLE_OBJECT_GRAPH" and "save_counter" not in n
    ]
    return {name: reader.get_tensor(name) for name in names}


def log(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("speed/")} for line in lines]


def assert_same_run(a, b, step=6):
    one, two = weights(a, step), weights(b, step)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    assert log(a) == log(b)
    assert_same_grids(a, b)


def assert_same_grids(a, b):
    for x, y in zip(Run(a).sample_grids, Run(b).sample_grids, strict=True):
        assert x.read_bytes() == y.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, faces):
    """A finished run with everything on."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run.main([*SMALL, f"--data_dir={faces}", f"--workdir={folder}", *EVERYTHING]) == 0
    return folder


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, train_for_all):
    """The run ``whole`` with evaluations, and what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        folder = tmp_path_factory.mktemp("evaluated") / "run"
        train_for_all(folder, *EVERYTHING, *EVALUATED)
    return folder, out.getvalue()


def killed_after_4(finished, folder):
    """Copy a run of 6 steps as a kill before its last checkpoint leaves it, and nothing right after."""
    shutil.copytree(finished, folder)
    for path in (folder / "checkpoints").glob("step-6.*"):
        path.unlink()
    lines = (folder / "metrics.jsonl").read_text().splitlines()[:2]
    cut_short = ['{"step": 6, "images": 48, "loss/disc": 123.0}', '{"step": 8, "ima']
    (folder / "metrics.jsonl").write_text("\n".join([*lines, *cut_short]))
    (folder / "samples" / "00000006.png").write_bytes(b"not yet")
    return folder


def test_a_run_leaves_all_that_it_promises(whole):
    record = json.loads((whole / "config.json").read_text())
    assert record["config"]["tricks"] == EVERYTHING[2].removeprefix("--tricks=")
    assert record["data"]["count"] == 96
    assert set(record["versions"]) >= {"gan_zoo", "tensorflow", "keras", "numpy"}
    assert [int(p.stem) for p in Run(whole).sample_grids] == [0, 2, 4, 6]
    assert [line["step"] for line in log(whole)] == [2, 4, 6]
    assert log(whole)[-1]["images"] == 48
    assert {
        "loss/disc",
        "loss/gen",
        "logits/real",
        "logits/fake",
        "accuracy/disc",
        "grad_norm/disc",
        "grad_norm/gen",
    } < set(log(whole)[0])
    assert log(whole)[0]["instance_noise/stddev"] == pytest.approx(0.2 * 3 / 5)
    assert sorted(p.name for p in (whole / "checkpoints").glob("*.index")) == [
        "step-4.index",
        "step-6.index",
    ]
    assert len(iio.imread(whole / "samples.gif", index=None)) == 4


def test_tensorboard_has_the_same_scalars_and_the_grid(whole):
    events = EventAccumulator(str(whole))
    events.Reload()
    tags = events.Tags()
    line = log(whole)[1]
    for name in set(line) - {"step", "images"}:
        assert name in tags["tensors"]
        tensor = events.Tensors(name)[1]
        assert tensor.step == 4
        assert tf.make_ndarray(tensor.tensor_proto) == pytest.approx(line[name])
    assert {"samples", "real images", "settings"} < set(tags["tensors"])
    assert "| steps | `6` |" in str(events.Tensors("settings")[0].tensor_proto.string_val)


def test_the_last_grid_the_keras_file_and_the_saved_model_all_hold_the_same_generator(whole, forks):
    game, step = Run(whole).restore()
    assert step == 6
    drawn = sampling.sample(game, 4, seed=0)
    with Image.open(Run(whole).sample_grids[-1]) as sheet:
        cells = reduce(np.asarray(sheet))
        np.testing.assert_array_equal(cells[2:18, 2:18], drawn[0])
    z = tf.random.stateless_normal((3, 100), [0, 0])
    kept = keras.models.load_model(whole / "generator.keras")(z, training=False)
    np.testing.assert_allclose(game.ema(z, training=False), kept, atol=1e-6)
    code = f"import tensorflow as tf; f = tf.saved_model.load({str(whole / 'generator')!r}); print(float(tf.reduce_sum(f.serve(tf.ones((3, 100))))))"
    done = forks.run(code=code, cwd="/")
    expected = float(tf.reduce_sum(game.ema(tf.ones((3, 100)), training=False)))
    assert float(done.stdout) == pytest.approx(expected, rel=1e-4), done.stderr


def test_a_run_in_two_parts_is_the_run_in_one_and_another_seed_makes_another(train, tmp_path):
    # Between two chunks; tests of kills below resume convolutions at the seam of a chunk.
    own, one = (*EVERYTHING, *DENSE), tmp_path / "one"
    assert train(*own, workdir=one) == 0
    assert train(*own, "--steps=3") == 0
    (train.folder / "samples" / "00000003.png").unlink()  # the part's own last grid
    assert train(*own) == 0
    lines = log(train.folder)
    assert [line["step"] for line in lines] == [2, 3, 4, 6]
    assert [lines[0], lines[-1]] == [log(one)[0], log(one)[-1]]
    for name, value in weights(one, 6).items():
        np.testing.assert_array_equal(value, weights(train.folder, 6)[name], err_msg=name)
    assert train(*own, "--seed=1", "--steps=2", workdir=tmp_path / "other") == 0
    assert log(tmp_path / "other")[0] != lines[0]


def test_a_finished_run_says_so_and_touches_nothing(whole, train, capsys):
    shutil.copytree(whole, train.folder)
    (train.folder / ".lock").touch()
    before = {p: p.stat().st_mtime_ns for p in train.folder.rglob("*") if p.is_file()}
    assert train(*EVERYTHING) == 0
    assert "trained already" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in train.folder.rglob("*") if p.is_file()} == before


def test_a_signal_to_a_deterministic_run_saves_and_the_record_names_the_machine(
    forks, train, faces
):
    folder = train.folder
    own = (*DENSE, "--deterministic", "--save_every=100000", "--steps=100000")
    process = forks.start(*SMALL, f"--data_dir={faces}", f"--workdir={folder}", *own)
    deadline = time.time() + 120
    while not (folder / "metrics.jsonl").exists() and time.time() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 128 + signal.SIGINT, process.stderr
    last = log(folder)[-1]["step"]
    assert f"stopped at step {last} of 100000 and saved" in process.stdout
    assert (folder / "checkpoints" / f"step-{last}.index").exists()
    record = Run(folder).record
    assert record["config"]["deterministic"] is True
    assert record["machine"]["replicas"] == 1
    assert set(record["machine"]) == {
        "devices",
        "replicas",
        "cores",
        "intra_op_threads",
        "inter_op_threads",
        "onednn",
    }


def test_after_a_signal_the_same_command_goes_on(train, idle_step, monkeypatch, capsys):
    command, exchanges = (*DENSE, "--save_every=100000", "--steps=8"), strategy.exchanges
    with monkeypatch.context() as patch:
        patch.setattr(
            strategy,
            "exchanges",
            lambda *args: signal.raise_signal(signal.SIGTERM) or exchanges(*args),
        )
        assert train(*command) == 128 + signal.SIGTERM
    assert "stopped at step 2 of 8 and saved" in capsys.readouterr().out
    assert train(*command) == 0
    assert "going on from step 2" in capsys.readouterr().out
    assert [line["step"] for line in log(train.folder)] == [2, 4, 6, 8]


def test_a_signal_in_the_last_steps_leaves_the_end_to_the_next_command(
    train, idle_step, monkeypatch, capsys
):
    evaluate = Evaluator.evaluate
    asked = (*DENSE, *EVALUATED, "--steps=2")
    with monkeypatch.context() as patch:
        patch.setattr(
            Evaluator,
            "evaluate",
            lambda self, *args: signal.raise_signal(signal.SIGINT) or evaluate(self, *args),
        )
        assert train(*asked) == 128 + signal.SIGINT
    assert "stopped at step 2 of 2 and saved" in capsys.readouterr().out
    assert not (train.folder / "generator.keras").exists()
    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "final", lambda *_: signal.raise_signal(signal.SIGINT))
        assert train(*asked) == 128 + signal.SIGINT
    assert "after these steps" not in capsys.readouterr().err
    assert not (train.folder / "generator.keras").exists()
    assert train(*asked) == 0
    said = capsys.readouterr().out
    assert "final evaluation of step 2" in said
    assert (train.folder / "generator.keras").exists()
    assert train(*asked) == 0
    assert "trained already" in capsys.readouterr().out


def test_a_run_that_ends_where_it_was_stopped_is_evaluated_there(
    train, idle_step, monkeypatch, capsys
):
    asked = (*DENSE, *EVALUATED, "--eval_every=100")
    assert train(*asked, "--steps=2") == 0
    exchanges = strategy.exchanges
    with monkeypatch.context() as patch:
        patch.setattr(
            strategy,
            "exchanges",
            lambda *args: signal.raise_signal(signal.SIGINT) or exchanges(*args),
        )
        assert train(*asked, "--steps=6") == 128 + signal.SIGINT
    capsys.readouterr()
    assert train(*asked, "--steps=4") == 0
    scores = {
        line["step"]: line["eval/FD-random_conv"]
        for line in log(train.folder)
        if "eval/FD-random_conv" in line
    }
    assert list(scores) == [2, 4]
    assert f"last: {scores[4]:.4g}" in capsys.readouterr().out
    best = min(scores, key=scores.get)
    assert (train.folder / "checkpoints" / "best" / f"step-{best}.index").exists()


def test_a_loss_that_blows_up_stops_the_run_and_names_the_last_good_checkpoint(refused, train):
    said = refused(*DENSE, "--gen_opt=sgd(1e38)", "--disc_opt=sgd(1e38)", "--save_every=1000")
    assert "diverged before step" in said
    assert "there is no earlier checkpoint" in said
    assert not list((train.folder / "checkpoints").glob("*.index"))
    said = notes.divergence({"loss/gen": float("nan")}, 6, latest=2)
    assert "loss/gen became infinite or NaN; the last good checkpoint is of step 2" in said


def test_a_learning_rate_that_ends_before_the_run_is_told(train, idle_step, capsys):
    ends = "adam(2e-4, schedule='linear', until={})"
    two = (*DENSE, "--steps=2", "--update=alternating(2)")
    assert train(*two, f"--gen_opt={ends.format(1)}", f"--disc_opt={ends.format(4)}") == 0
    said = capsys.readouterr().out
    assert "--gen_opt: the learning rate is 0 from step 1 of 2 on" in said
    assert "without until=1 it lasts to the end" in said
    assert "--disc_opt: the" not in said  # two updates a step


def test_a_rate_that_falls_to_the_runs_end_is_told_when_that_moves(train, idle_step, capsys):
    falls = (
        *DENSE,
        "--gen_opt=adam(2e-4, schedule='linear')",
        "--disc_opt=adam(2e-4, schedule='linear', until=9)",
    )
    assert train("--steps=2", *falls) == 0
    assert "falls to 0" not in capsys.readouterr().out
    assert train("--steps=4", *falls) == 0
    said = capsys.readouterr().out
    assert (
        "--gen_opt: the learning rate falls to 0 at step 4 now, not 2; here, at step 2, it goes from 0 to 0.0001."
        in said
    )
    assert "--disc_opt" not in said


def test_a_larger_number_of_steps_and_where_it_changed_are_recorded(train, idle_step):
    assert train(*DENSE, "--steps=3") == 0
    assert train(*DENSE, "--steps=2") == 2  # a mistake, which records nothing
    assert train(*DENSE, "--steps=3") == 0
    assert "steps_before" not in Run(train.folder).record
    assert train(*DENSE, "--steps=4") == 0
    assert train(*DENSE, "--steps=5", "--samples=9") == 0
    record = Run(train.folder).record
    saved = record["config"]
    assert (record["steps_before"], saved["steps"]) == ([[3, 3], [4, 4]], 5)
    assert (saved["samples"], saved["gen"]) == (9, "dense((8,))")
    Run(train.folder).write({**record, "steps_before": 5})
    assert train(*DENSE, "--steps=6") == 0
    assert Run(train.folder).record["steps_before"] == [[5, 5]]


def test_without_a_terminal_a_line_tells_of_each_evaluation_and_each_half_minute(
    train, idle_step, tmp_path, capsys
):
    assert (
        train(
            *DENSE,
            "--steps=6",
            "--sample_every=4",
            "--eval_every=6",
            "--eval_samples=16",
            "--extractor=random_conv",
        )
        == 0
    )
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    assert [line.partition(":")[0] for line in told] == ["step 0/6", "step 4/6", "step 6/6"]
    assert "FD-random_conv" in told[2] and told[2].endswith(" images/s")
    screen = Logger(Run(tmp_path), 0, 10, 4)
    screen.progress(1, "first")
    screen._printed_at -= 31
    screen.progress(2, "second", 3.2)
    screen.progress(3, "third")
    screen.close()
    assert capsys.readouterr().out == "step 2/10: second, 3 images/s\n"


def test_a_narrow_terminal_still_shows_the_phase(tmp_path, monkeypatch):
    written = io.StringIO()
    written.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", written)
    screen = Logger(Run(tmp_path), 0, 10, 4)
    screen.progress(1, "loss D 0.137 G 4.224, FD-embedded 170.2")
    screen._show_phase("export (3 s)")
    last = written.getvalue().rpartition("\r")[2]
    screen.close()
    assert "export (3 s); step 1" in last


def test_a_terminal_without_a_size_still_shows_the_bar(tmp_path, monkeypatch):
    leader, follower = os.openpty()  # of 0 columns and lines, as docker's
    with open(follower, "w") as written:
        monkeypatch.setattr("sys.stderr", written)
        screen = Logger(Run(tmp_path), 0, 10, 4)
        screen.progress(1, "first")
        screen.close()
        shown = os.read(leader, 10_000).decode()
    os.close(leader)
    assert "1/10" in shown and "step 1, first" in shown


def test_the_bar_and_its_text_are_of_the_same_step_whenever_they_are_drawn(tmp_path, monkeypatch):
    written = io.StringIO()
    written.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", written)
    screen = Logger(Run(tmp_path), 0, 90, 4)
    screen._bar.mininterval = 0.0  # else a test is too fast for it to be drawn
    for step in (10, 30, 70):
        screen.progress(step, "loss")
    screen._show_phase("save (2 s)")
    screen.close()
    drawn = [frame for frame in written.getvalue().split("\r") if "step " in frame]
    steps = [(frame.partition("/90")[0].split()[-1], frame) for frame in drawn]
    assert all(f"step {step}, loss" in frame for step, frame in steps), drawn
    assert [step for step, _ in steps][:3] == ["10", "30", "70"]


def test_a_mistake_that_only_the_judge_finds_leaves_no_run(train, capsys, tmp_path):
    assert train("--eval_every=2", f"--extractor=saved_model({str(tmp_path)!r})") == 2
    assert "no saved_model.pb" in capsys.readouterr().err
    assert not train.folder.exists()


def test_a_dry_run_looks_whether_the_data_are_there(train, capsys):
    assert (
        train("--dry_run", "--gen=dense", "--disc=dense", "--channels=3", "--data_dir=nowhere.zip")
        == 2
    )
    assert "--data_dir=nowhere.zip does not exist" in capsys.readouterr().err


def test_dry_run_prints_counts_and_leaves_nothing(train, capsys):
    flags = "--gen=dense", "--disc=dense", "--image_size=28", "--channels=3", "--batch=512"
    assert train("--dry_run", *flags) == 0
    out = capsys.readouterr().out
    assert "\n--batch=512 is lowered to " in out and "images to train on" in out
    assert "generator dense: 3,100,720 parameters (3,097,136 trainable)" in out
    assert "discriminator dense: 1,336,321 parameters (1,336,321 trainable)" in out
    assert "gen = 'dense'" in out
    assert "tricks: none" in out
    assert not train.folder.exists()


def test_parts_in_a_file_of_ones_own_train_and_sample(train, tmp_path, capsys):
    mine = tmp_path / "mine.py"
    mine.write_text(plugin_of_the_docs())
    parts = (
        "--gen=two_layers(32)",
        "--disc=one_look(4)",
        "--loss=soft_hinge",
        "--tricks=fade(0.8)",
        "--data=stripes(64)",
    )
    assert train(f"--plugins={mine}", *parts, "--steps=2") == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "not checked here" in x]
    _, _, command = line.partition("run this once: gan_zoo check ")
    *specs, plugins = shlex.split(command)
    named = {"two_layers(32)", "one_look(4)", "soft_hinge", "fade(0.8)", "stripes(64)"}
    assert set(specs) == named  # with their arguments: a fault may be theirs
    assert plugins == f"--plugins={mine}"
    game, _ = Run(train.folder).restore()
    assert sampling.sample(game, 3, 0).shape == (3, 16, 16, 3)


def test_the_trick_with_a_state_of_the_docs_trains(train, tmp_path, capsys):
    text = (ROOT / "docs" / "write-a-part.md").read_text()
    block = text[text.index('"""A trick with a state."""') :]
    mine = tmp_path / "anchor.py"
    mine.write_text(block[: block.index("```")])
    assert train(f"--plugins={mine}", "--tricks=anchor(0.2)", *DENSE, "--steps=2") == 0
    keys = Run(train.folder).metrics[-1]
    assert [key for key in keys if key.endswith("average")], keys


def plugin_of_the_docs():
    """The example of the page on writing a part, so that it cannot rot."""
    text = (ROOT / "docs" / "write-a-part.md").read_text()
    block = text[text.index("import math\n\nimport keras") :]
    return block[: block.index("```")]


@pytest.mark.parametrize(
    "flags",
    [  # of dcgan against dcgan are the runs of the other tests
        (
            "--gen=conv_noise28(width=4,hidden=16)",
            "--disc=dense((8,))",
            "--image_size=28",
            "--loss=hinge",
            "--noise=uniform",
        ),
        (
            "--gen=dense((8,))",
            "--disc=cnn_fc(width=4,hidden=(8,))",
            "--image_size=20x12",
            "--channels=1",
            "--loss=least_squares",
            "--tricks=label_smooth",
        ),
    ],
)
def test_any_generator_trains_against_any_discriminator(train, flags):
    assert train("--steps=2", *flags) == 0
    assert all(np.isfinite(list(line.values())).all() for line in log(train.folder))


def test_sample_draws_what_it_is_asked_for(tool, whole, tmp_path):
    tool("sample", whole, "--n=6", "--columns=3", "--seed=7", f"--out={tmp_path / 'g.png'}")
    with Image.open(tmp_path / "g.png") as sheet:
        assert sheet.size == (10 * (2 + 3 * 18), 10 * (2 + 2 * 18))  # of 512 pixels or more
        first = reduce(np.asarray(sheet))[2:18, 2:18]
    tool("sample", whole, "--n=3", "--seed=7", f"--out={tmp_path / 'single'}")
    files = sorted((tmp_path / "single").iterdir())
    assert len(files) == 3
    np.testing.assert_array_equal(iio.imread(files[0]), first)  # the same seed, the same image
    out = tmp_path / "a.npz"
    tool("sample", whole, "--n=3", "--seed=7", "--step=4", "--noema", f"--out={out}")
    older = np.load(out)["images"]
    assert (older.shape, older.dtype) == ((3, 16, 16, 3), np.uint8)
    assert not np.array_equal(older[0], first)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sample", "{whole}", "--step=3"], "there is no checkpoint of step 3; there are: 4, 6"),
        (["sample", "{empty}"], "holds no run"),
        (["sample", "{empty}/nowhere"], "there is no folder"),
        (["sample"], "give the folder of one run"),
        (["sample", "{whole}", "--n=0"], "n"),
        (["gif", "{empty}"], "there are no samples"),
        (["gif", "{whole}", "--out=x.mp4"], "must end in .gif"),
        (["sample", "{whole}", "--out={empty}/s.jpg"], "must end in .png or .npz"),
        (["sample", "{whole}", "--n=1000000000000"], "need more memory than there is"),
    ],
)
def test_commands_refuse_in_a_sentence(tool, whole, tmp_path, words, says):
    words = [word.format(whole=whole, empty=tmp_path) for word in words]
    assert says in tool(*words, code=2)


def test_gif(tool, whole, tmp_path):
    tool("gif", whole, "--fps=5", "--every=2", "--size=100", f"--out={tmp_path / 'a.gif'}")
    frames = iio.imread(tmp_path / "a.gif", index=None)
    assert len(frames) == 3  # 0, 4, and the last
    assert max(frames.shape[1:3]) >= 100


def test_bfloat16_resumes_exactly_and_auto_is_remembered(
    train, refused, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(machine, "arithmetic_speeds", lambda: machine.Speeds(117.3, 210.0))
    auto = (*DENSE, "--precision=auto")
    assert train(*auto, "--steps=4", workdir=tmp_path / "whole") == 0
    assert Run(tmp_path / "whole").record["config"]["precision"] == "bfloat16"
    said = "--precision=auto is bfloat16: convolutions run at 117 GFLOP/s in float32 and at 210 in"
    assert said in capsys.readouterr().out
    assert train(*auto, "--steps=2") == 0
    # another machine, or a busy one
    monkeypatch.setattr(machine, "arithmetic_speeds", lambda: machine.Speeds(1.0, 0.1))
    assert train(*auto, "--steps=4") == 0
    for name, value in weights(tmp_path / "whole", 4).items():
        np.testing.assert_array_equal(value, weights(train.folder, 4)[name], err_msg=name)
    game, _ = Run(train.folder).restore()
    assert game.gen.layers[1].compute_dtype == "bfloat16"
    assert train(*DENSE, "--precision=bfloat16", "--steps=4") == 0
    assert "precision 'bfloat16' -> 'float32'" in refused(*DENSE, "--precision=float32")


@pytest.mark.parametrize("emulated", [True, False])
def test_bfloat16_is_measured_on_few_images_where_it_is_emulated(monkeypatch, emulated):
    measured = []

    def operations(dtype, batch=32):
        return dict.fromkeys(("conv", "filter"), (batch, (dtype, batch)))

    def seconds(operation, repeat):
        measured.append(operation)
        dtype, batch = operation
        return batch * (1 if dtype == "float32" else 20 if emulated else 0.5)

    monkeypatch.setattr(machine, "_operations", operations)
    monkeypatch.setattr(machine, "_seconds", seconds)
    assert machine.arithmetic_speeds.__wrapped__().faster is not emulated
    assert (("bfloat16", 32) in measured) is not emulated


def test_checkpoints_hold_dropouts_seeds(whole):
    assert any("seeds" in name for name in weights(whole, 6))


def test_the_best_checkpoint_opens_before_the_first_regular_one(evaluated, tmp_path):
    folder = shutil.copytree(evaluated[0], tmp_path / "run")
    best = Run(folder).restore(best=True)[1]
    for path in (folder / "checkpoints").glob("step-*"):
        path.unlink()
    assert Run(folder).restore(best=True)[1] == best
    with pytest.raises(UserError, match="no checkpoint yet"):
        Run(folder).restore()


def test_a_run_is_evaluated_keeps_its_best_and_says_so(evaluated):
    folder, out = evaluated
    scores = {line["step"]: line["eval/FD-random_conv"] for line in log(folder)}
    best = min(scores, key=scores.get)
    assert list(scores) == [2, 4, 6]
    assert f"best FD-random_conv: {scores[best]:.4g} at step {best}; last: {scores[6]:.4g}" in out
    assert [p.name for p in (folder / "checkpoints" / "best").glob("*.index")] == [
        f"step-{best}.index"
    ]
    assert Run(folder).restore(best=True)[1] == best
    records = [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]
    assert {r["step"] for r in records if not r["final"]} == {2, 4, 6}
    final = {r["metric"]: r["value"] for r in records if r["final"]}
    assert final["FD-random_conv"] == pytest.approx(scores[6], rel=1e-6)  # TF-GAN's is ours


def test_the_samples_of_the_last_step_are_drawn_once(train, idle_step, monkeypatch):
    drawn, sample = [], chief.sample

    def counted(game, number, seed, **settings):
        drawn.append(settings.get("tag"))
        return sample(game, number, seed, **settings)

    monkeypatch.setattr(chief, "sample", counted)
    assert train(*DENSE, *EVALUATED) == 0
    assert drawn.count("evaluation") == 3  # at steps 2, 4 and 6, and none for the final scores


def test_a_damaged_checkpoint_is_passed_over_and_evaluation_changes_no_weight_and_goes_on(
    whole, evaluated, train, capsys
):
    killed_after_4(evaluated[0], train.folder)  # what it logged beyond step 4 is made again
    for path in (evaluated[0] / "checkpoints").glob("step-6.*"):
        shutil.copy(path, train.folder / "checkpoints")
    data = train.folder / "checkpoints" / "step-6.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    assert train(*EVERYTHING, *EVALUATED) == 0
    out = capsys.readouterr().out
    assert "step-6 cannot be read" in out
    assert "going on from step 4" in out
    assert_same_run(evaluated[0], train.folder)
    assert_same_grids(whole, train.folder)
    for name, value in weights(whole, 6).items():
        np.testing.assert_array_equal(value, weights(train.folder, 6)[name], err_msg=name)


PLANT = """
import keras, tensorflow as tf
from gan_zoo.contracts import Trick
from gan_zoo.registry import generators, tricks
nets = []

@generators.register
def fragile(*, image_shape):
    'Noise -> image, as bright as its one layer.'
    z = keras.Input((48,))
    scale = keras.layers.Dense(48, kernel_initializer='identity', use_bias=False, name='scale')
    x = keras.layers.Activation('tanh')(scale(z))
    x = keras.layers.UpSampling2D(4)(keras.layers.Reshape((4, 4, 3))(x))
    nets.append(keras.Model(z, x))
    return nets[-1]

@tricks.register
def plant(*, step):
    'Ruins G in step 5 (4 are done), once; with an if, which parts from outside may have.'
    kernel = nets[-1].get_layer('scale').kernel
    def ruin(disc):
        if step == 4:
            kernel.assign(0.0 * kernel)
    return Trick(after_disc=ruin)
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "plant.py"
    path.write_text(PLANT)
    return path


@pytest.mark.parametrize(("action", "code"), [("warn", 0), ("stop", 3), ("rollback", 0)])
def test_a_planted_collapse_warns_stops_or_rolls_back(train, plugin, capsys, action, code):
    flags = [
        f"--plugins={plugin}",
        "--gen=fragile",
        "--tricks=plant",
        "--gen_opt=sgd(1e-9)",
        "--disc=dense((8,))",
        "--on_collapse=" + action,
    ]
    assert train(*flags, *EVALUATED[:-1], "--steps=12") == code
    out = capsys.readouterr().out
    assert "ALARM collapse since step 6" in out
    lines = log(train.folder)
    diversity = {
        line["step"]: line["eval/diversity-random_conv"]
        for line in lines
        if "eval/diversity-random_conv" in line
    }
    assert diversity[4] > 0.3 > 0.1 > diversity[6]
    if action == "warn":
        assert diversity[12] < 0.1
    if action == "stop":
        assert lines[-1]["step"] in (6, 8)
        assert "stopped at step" in out
    if action == "rollback":
        assert sum("event/rollback" in line for line in lines) == 1
        assert diversity[12] > 0.3


@pytest.mark.parametrize(
    ("action", "owner", "moment"),
    [("stop", Checkpoints, "save"), ("rollback", strategy, "exchanges")],
)
def test_ctrl_c_beside_a_collapse_loses_neither_of_the_two(
    train, plugin, monkeypatch, action, owner, moment
):
    flags = [
        f"--plugins={plugin}",
        "--gen=fragile",
        "--tricks=plant",
        "--gen_opt=sgd(1e-9)",
        "--disc=dense((8,))",
        "--on_collapse=" + action,
    ]
    usual, calls = getattr(owner, moment), []

    def interrupted(*args):
        calls.append(args)
        if (
            len(calls) == 3
        ):  # in the steps before the collapse is seen, or in the checkpoint after it
            signal.raise_signal(signal.SIGINT)
        return usual(*args)

    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, interrupted)
        assert train(*flags, *EVALUATED[:-1], "--steps=12") == 128 + signal.SIGINT
    last = log(train.folder)[-1]["step"]
    assert last == 6
    assert (train.folder / "checkpoints" / f"step-{last}.index").exists()
    if action == "rollback":
        assert train(*flags, *EVALUATED[:-1], "--steps=12") == 0
        assert sum("event/rollback" in line for line in log(train.folder)) == 1
        assert log(train.folder)[-1]["eval/diversity-random_conv"] > 0.3


def test_a_fault_in_a_part_of_ones_own_is_told_in_a_sentence_with_the_way_to_find_it(
    forks, faces, tmp_path
):
    mine = tmp_path / "mine.py"
    mine.write_text("""
from gan_zoo.contracts import Trick
from gan_zoo.registry import tricks

@tricks.register
def mine():
    def images(images, seed):
        return {}['key']
    return Trick(images=images)
""")
    words = [
        *SMALL,
        f"--data_dir={faces}",
        f"--workdir={tmp_path / 'run'}",
        f"--plugins={mine}",
        "--tricks=mine",
    ]
    done = forks.run(*words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert (
        "gan_zoo: KeyError: 'key' (mine.py, line 8); the trick mine came from outside"
        in done.stderr
    )
    assert f"`gan_zoo check mine --plugins={mine}`" in done.stderr


def test_checkpoints_of_a_folder_with_a_likeness_are_left_alone(train, idle_step, tmp_path):
    assert train(*DENSE, "--steps=2", workdir=tmp_path / "run1") == 0
    assert train(*DENSE, "--keep=1", workdir=tmp_path / "run[1]") == 0
    assert [p.name for p in (tmp_path / "run1" / "checkpoints").glob("*.index")] == ["step-2.index"]
    assert [
        p.name for p in (tmp_path / "run[1]" / "checkpoints").iterdir() if p.suffix == ".index"
    ] == ["step-6.index"]


def test_an_export_that_was_cut_short_is_made_again(whole, train):
    shutil.copytree(whole, train.folder)
    (train.folder / "samples.gif").unlink()
    (train.folder / ".export").mkdir()
    assert train(*EVERYTHING) == 0
    assert (train.folder / "samples.gif").read_bytes() == (whole / "samples.gif").read_bytes()
    assert not (train.folder / ".export").exists()


def test_a_trained_run_without_checkpoints_is_not_started_over(whole, refused, train):
    shutil.copytree(whole, train.folder)
    for path in (train.folder / "checkpoints").glob("step-*"):
        path.unlink()
    assert "no checkpoint to go on from" in refused(*EVERYTHING, "--steps=8")


def test_litter_of_kills_is_swept_and_damaged_or_other_sized_grids_are_left_out_of_the_film(
    whole, train, idle_step
):
    shutil.copytree(whole, train.folder)
    litter = train.folder / "checkpoints" / "step-5_temp"
    litter.mkdir()
    orphan = train.folder / "checkpoints" / "step-5.data-00000-of-00001"
    orphan.write_bytes(b"half")
    (train.folder / "samples" / "00000002.png").write_bytes(b"")
    (train.folder / ".config.json.12.part").write_text("{")
    assert train(*EVERYTHING, "--steps=8", "--samples=9") == 0
    assert not litter.exists()
    assert not orphan.exists()
    assert len(iio.imread(train.folder / "samples.gif", index=None)) == 1  # the one grid of nine


def test_a_full_disk_is_a_sentence_and_the_run_goes_on_when_there_is_room(
    whole, refused, train, monkeypatch
):
    def full_for_checkpoints(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    def full_for_logs(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    killed_after_4(whole, train.folder)
    for owner, name, full in (
        (tf.train.Checkpoint, "write", full_for_checkpoints),
        (Logger, "scalars", full_for_logs),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(chunk, "compile_chunk", idle_chunk)
            patch.setattr(owner, name, full)
            assert "No space left" in refused(*EVERYTHING)
    # All that a resumed run starts from is as it was.
    assert log(train.folder) == log(whole)[:2]
    for name, value in weights(whole, 4).items():
        np.testing.assert_array_equal(value, weights(train.folder, 4)[name], err_msg=name)
    with monkeypatch.context() as patch:
        patch.setattr(chunk, "compile_chunk", idle_chunk)
        assert train(*EVERYTHING) == 0
    assert [line["step"] for line in log(train.folder)] == [2, 4, 6]


def test_what_a_tool_recorded_stays_when_the_run_goes_on_and_its_own_final_scores_are_made_again(
    evaluated, train, idle_step
):
    shutil.copytree(evaluated[0], train.folder)
    log_file = train.folder / "evaluations.jsonl"
    with log_file.open("a") as f:
        f.write(
            json.dumps({"step": 6, "final": True, "by": "gan_zoo evaluate", "value": 1.0}) + "\n"
        )
    assert train(*EVERYTHING, *EVALUATED, "--steps=8") == 0
    records = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert [r["value"] for r in records if "by" in r] == [1.0]
    assert {r["step"] for r in records if r["final"] and "by" not in r} == {8}
