"""Run directories: reading logs, provenance, the lock's and the reader's tolerance."""

import dataclasses
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gan_zoo import cli
from gan_zoo.commands import launch
from gan_zoo.config import Config
from gan_zoo.datasets.sources import require_path
from gan_zoo.errors import UserError
from gan_zoo.files import near_or
from gan_zoo.runs.lock import is_in_use, lock, refuse_in_use
from gan_zoo.runs.logs import LogWriter, read_metrics, training_clock
from gan_zoo.runs.provenance import source_commit
from gan_zoo.runs.resume import check_resumable, refuse_other_settings, remove_run
from gan_zoo.runs.run import Records, Run, open_run, recorded_classes


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


def test_the_commit_of_a_users_repository_is_not_ours(tmp_path):
    package = tmp_path / "theirs" / ".venv" / "gan_zoo"
    package.mkdir(parents=True)
    (tmp_path / "theirs" / "file").write_text("")
    git(tmp_path / "theirs", "init")
    git(tmp_path / "theirs", "add", "file")
    git(tmp_path / "theirs", "commit", "-m", "theirs")
    assert source_commit(package) is None


def test_the_commit_of_a_checkout_is_recorded_with_its_changes(tmp_path):
    package = tmp_path / "gan_zoo"
    package.mkdir()
    (package / "file").write_text("")
    git(tmp_path, "init")
    git(tmp_path, "add", "gan_zoo/file")
    git(tmp_path, "commit", "-m", "ours")
    clean = source_commit(package)
    assert len(clean) == 40
    (package / "file").write_text("changed")
    assert source_commit(package) == clean + "+"


def test_asking_whether_a_run_is_in_use_makes_and_holds_nothing(tmp_path):
    run = Run(tmp_path / "run")
    assert not is_in_use(run) and not run.folder.exists()
    with lock(run):
        assert is_in_use(run)
        with pytest.raises(UserError, match="in use by another process"):
            refuse_in_use(run)
        (run.folder / "config.json").write_text("{}")
    assert not is_in_use(run)
    with lock(run):  # a probe that is not let go of would be in the way
        pass


def test_the_clock_takes_the_next_speed_where_one_is_missing():
    speed = "speed/images_per_second"
    metrics = [
        {"step": 1, "images": 10.0, speed: 5.0},
        {"step": 2, "images": 20.0, speed: None},
        {"step": 3, "images": 30.0, speed: 10.0},
        {"step": 3, "images": 30.0, "event/rollback": 1.0},
    ]
    assert training_clock(metrics) == [2.0, 2.0, 4.0, 4.0]
    assert training_clock([{"step": 1, "images": 8.0}]) == [None]


def test_a_log_that_goes_on_drops_what_lies_beyond_and_what_was_cut(tmp_path):
    writer = LogWriter(tmp_path, 0)
    for step in (2, 4, 6):
        writer.metrics(step, 8 * step, {"loss": float("nan") if step == 2 else 1.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "im')
    records, problems = read_metrics(tmp_path)
    assert [r["step"] for r in records] == [2, 4, 6]
    assert problems == ["the last line of metrics.jsonl is cut short and was left out"]
    assert records[0]["loss"] is None
    LogWriter(tmp_path, 4)
    assert read_metrics(tmp_path) == (records[:2], [])


def test_a_run_sees_what_is_written_after_it_was_opened(tmp_path):
    run = Run(tmp_path)
    assert (run.metrics, run.step, run.exists) == ([], 0, False)
    LogWriter(tmp_path, 0).metrics(5, 40, {"loss/gen": 1.0})
    assert (run.step, run.series("loss/gen", "images")) == (5, [(40.0, 1.0)])


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        open_run(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        open_run(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text(json.dumps({"config": {}}))
    with pytest.raises(UserError, match="cannot be read"):
        open_run(tmp_path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("runs/Mio", "did you mean runs/mio?"),
        ("Runs/mioo/", "did you mean runs/mio?"),
        ("runs/mia.png", "did you mean runs/mio.png?"),
        ("fotos/2024", "did you mean Fotos/2024?"),
        ("runs/elsewhere", "give it."),
        ("fotos/mio", "give it."),
        ("x" * 300, "give it."),
        (".hiden", "give it."),
    ],
)
def test_of_a_path_that_is_not_there_a_near_one_is_proposed(tmp_path, monkeypatch, path, said):
    for folder in ("runs/mio", "Fotos/2024", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "runs/mio.png").write_text("")
    monkeypatch.chdir(tmp_path)
    assert near_or(Path(path), "give it.") == said


def test_for_a_folder_no_file_is_proposed(tmp_path, monkeypatch):
    (tmp_path / "walk.png").write_text("")
    monkeypatch.chdir(tmp_path)
    assert near_or(Path("walk.pgn"), "give it.", folder=True) == "give it."
    (tmp_path / "mio").mkdir()
    for ask in (cli.one_folder, lambda words: require_path(Path(words[0]))):
        with pytest.raises(UserError, match=r"; did you mean mio\?"):
            ask(["Mio"])


def test_records_become_a_frame_where_pandas_is():
    records = Records([{"step": 1, "loss": 2.0}])
    try:
        import pandas  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match="pandas"):
            records.to_frame()
    else:
        np.testing.assert_array_equal(records.to_frame()["loss"], [2.0])


def test_an_older_name_of_a_label_column_is_read_as_the_new_one():
    recorded = {"column": "eye_colour", "names": ["a", "b"], "counts": [1, 1], "hash": "x"}
    for name, column in (("cartoon_faces", "eye_color"), ("files", "eye_colour")):
        assert recorded_classes({"name": name, "classes": recorded}).column == column
    assert recorded_classes({"name": "cartoon_faces"}) is None


DATA = {"hash": "h", "count": 8, "shape": [8, 8, 3]}


@pytest.fixture
def begun(tmp_path):
    """A run that has begun and trained no step: with its first grid, TensorBoard and a lock."""
    run = Run(tmp_path / "run")
    run.start(Config(batch=8), DATA, {}, 2)
    for name in ("samples/00000000.png", "tensorboard/events.out.tfevents.1", "metrics.jsonl"):
        (run.folder / name).parent.mkdir(exist_ok=True)
        (run.folder / name).touch()
    (run.folder / ".lock").touch()
    return run


def test_a_run_that_trained_no_step_gives_way_to_other_settings(begun, capsys):
    assert check_resumable(begun, Config(batch=8), DATA)
    assert not check_resumable(begun, Config(batch=16), DATA)
    assert "had trained no step" in capsys.readouterr().out
    assert [p.name for p in begun.folder.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    "made", ["checkpoints/step-5.index", "metrics.jsonl", "generator.keras", "evaluations.jsonl"]
)
def test_a_run_that_holds_anything_else_does_not(begun, made):
    (begun.folder / made).parent.mkdir(exist_ok=True)
    (begun.folder / made).write_text("{}")
    with pytest.raises(UserError, match=r"batch 8 -> 16.*--overwrite"):
        check_resumable(begun, Config(batch=16), DATA)
    assert (begun.folder / "samples/00000000.png").exists()


def test_overwrite_removes_what_training_wrote_and_nothing_else(begun, capsys):
    own = ["samples/00000100.png", "checkpoints/step-5.index", "checkpoints/best/step-5.index"]
    own += ["checkpoints/step-5.data-00000-of-00001", "generator/saved_model.pb", "samples.gif"]
    mine = ["notes.txt", "samples/mine.png", "generator/readme.md", "samples-seed1.png"]
    for name in own + mine:
        (begun.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (begun.folder / name).write_text("x")
    remove_run(begun)
    left = {str(p.relative_to(begun.folder)) for p in begun.folder.rglob("*") if p.is_file()}
    assert left == {*mine, ".lock"}
    assert not (begun.folder / "checkpoints").exists()
    assert "generator, notes.txt, samples, samples-seed1.png stay" in capsys.readouterr().out
    remove_run(begun)  # there is no run any more
    assert capsys.readouterr().out == ""


def test_workers_that_are_started_again_do_not_overwrite():
    words = ["--overwrite", "--steps=3", "-overwrite=true", "--nooverwrite", "--workdir=overwrite"]
    assert launch._without(words, "overwrite") == ["--steps=3", "--workdir=overwrite"]


def test_other_settings_are_told_before_data_are_read(tmp_path):
    config, run = Config(batch=64, steps=20, precision="auto"), Run(tmp_path)
    refuse_other_settings(run, config)
    settled = dataclasses.replace(config, batch=10, precision="bfloat16")  # as few images make it
    record = {
        "config": dataclasses.asdict(settled),
        "data": {"hash": "", "count": 0, "shape": []},
    }
    (tmp_path / "config.json").write_text(json.dumps(record))
    refuse_other_settings(run, dataclasses.replace(config, seed=1))  # it was never trained
    (tmp_path / "metrics.jsonl").write_text('{"step": 20, "images": 200}\n')
    refuse_other_settings(run, config)
    refuse_other_settings(run, dataclasses.replace(config, steps=30))
    with pytest.raises(UserError, match="seed 0 -> 1"):
        refuse_other_settings(run, dataclasses.replace(config, seed=1))
    with pytest.raises(UserError, match="batch 10 -> 8"):
        refuse_other_settings(run, dataclasses.replace(config, batch=8))
