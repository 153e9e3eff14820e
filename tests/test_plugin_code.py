"""Which code of a plugin made a number: recorded, told after an edit, never mixed in a comparison."""

import json

import pytest

from gan_zoo import registry
from gan_zoo.comparison import queue
from gan_zoo.comparison.plan import make_plan
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.runs.plugin_code import edited, plugin_code
from gan_zoo.runs.resume import edited_plugins, record_resume
from gan_zoo.runs.run import Run

LOSS = "from gan_zoo.registry import losses\n\n@losses.register\ndef ramp(margin=1.0):\n    pass\n"
DATA = {"hash": "h", "count": 8, "shape": [8, 8, 3]}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A file with a loss; no part of another test's file is known meanwhile."""
    file = tmp_path / "mine.py"
    file.write_text(LOSS)
    monkeypatch.setattr(registry.third_party, "files", [])
    _forget()
    yield file
    monkeypatch.undo()
    _forget()


def _forget():
    for table in registry.tables.values():
        table.forget_index()


def edit(file):
    file.write_text(LOSS + "# another loss now\n")


def test_the_code_of_a_plugin_is_recorded_with_all_arguments(plugin, tmp_path):
    config = Config(loss="ramp", plugins=str(plugin), tricks="flip_labels(0.1)")
    run = Run(tmp_path / "run")
    run.start(config, DATA, {}, 2)
    (part,) = json.loads((run.folder / "config.json").read_text())["plugins"].values()
    assert (part["spec"], part["file"]) == ("ramp(1.0)", str(plugin))
    assert plugin_code(Config()) == {}, "parts of gan_zoo have its commit"


def test_code_moves_into_a_package_with_all_files_of_its_folder(plugin, tmp_path, monkeypatch):
    package = tmp_path / "shipped"
    package.mkdir()
    for name in ("__init__.py", "parts.py", "helper.py"):
        (package / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    names = [path.name for path in registry.source_files("shipped.parts")]
    assert names == ["__init__.py", "helper.py", "parts.py"]


def test_a_resumed_run_tells_of_an_edit_once_and_records_both(plugin, tmp_path):
    config = Config(loss="ramp", plugins=str(plugin))
    run = Run(tmp_path / "run")
    run.start(config, DATA, {}, 2)
    assert edited_plugins(run, config) == []
    before = plugin_code(config)
    edit(plugin)
    (sentence,) = edited_plugins(run, config)
    then, now = (code["loss ramp"]["sha256"][:8] for code in (before, plugin_code(config)))
    assert f"{plugin} (SHA-256 {then} then, {now} now), which has the loss ramp" in sentence
    record_resume(run, config, 5)
    assert run.record["plugins_before"] == [[5, before]]
    assert edited_plugins(run, config) == []
    assert not edited({"loss ramp": {"sha256": None}}, before), "unknown code is no edit"


@pytest.fixture
def comparison(plugin, tmp_path):
    """Return a comparison of two variants, of which one run has trained by a plugin's loss."""

    def plan():
        base = Config(loss="ramp", plugins=str(plugin), batch=8)
        return make_plan({"a": {}, "b": {"ema": 0.9}}, base, tmp_path / "study", seeds=1)

    first = plan()
    for variant in first.record["variants"].values():
        variant["steps"] = 10
    first.folder.mkdir()
    first.save()
    run = Run(first.folder / "a-seed0")
    run.start(first.configs["a"], DATA, {}, 2)
    (run.folder / "metrics.jsonl").write_text('{"step": 1}\n')
    return plan


def test_a_comparison_is_not_continued_with_an_edited_plugin(comparison, plugin):
    comparison()
    edit(plugin)
    said = r"a-seed0 trained before .*, which has the loss ramp; restore it"
    with pytest.raises(UserError, match=said):
        comparison()
    Run(plugin.parent / "study" / "a-seed0").clear()
    comparison()  # nothing trained with the old code: a mistake that stopped all may be mended


def test_no_run_of_a_comparison_starts_after_an_edit(comparison, plugin, monkeypatch):
    plan = comparison()
    monkeypatch.setattr(queue, "start", lambda *_: pytest.fail("a run was started"))
    edit(plugin)
    record = {**plan.record, "score": "FD-embedded"}
    runs = queue.RunQueue(record, plan.run_settings(), plan.folder, [{}])
    with pytest.raises(UserError, match="loss ramp"):
        runs.run()
    assert (plan.folder / "results.json").is_file()
