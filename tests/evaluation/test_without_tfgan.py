"""Where TF-GAN is missing, or does not work with a newer TensorFlow, our own formulas take its place."""

import importlib.abc
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from gan_zoo.evaluation import protocol, tfgan
from gan_zoo.evaluation.protocol import Result, comparable
from gan_zoo.export import handover


class Broken(importlib.abc.MetaPathFinder):
    """An import hook: TensorFlow has lost something that TF-GAN wants at its import."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow_gan":
            raise AttributeError("module 'tensorflow' has no attribute 'raw_ops'")
        return None


@pytest.fixture(params=["broken", "missing"])
def without(request, monkeypatch):
    """Make TF-GAN unusable: without() does it, so that a test may have numbers of TF-GAN before."""
    found = protocol.package_version

    def go():
        for name in [m for m in sys.modules if m.split(".")[0] == "tensorflow_gan"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
        if request.param == "missing":
            monkeypatch.setattr(
                protocol, "package_version", lambda p: None if p == "tensorflow-gan" else found(p)
            )
        tfgan.why_not.cache_clear()
        return request.param

    yield go
    monkeypatch.undo()
    tfgan.why_not.cache_clear()


def numbers():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(60, 20)), rng.normal(0.3, 2.0, size=(50, 20))
    logits = rng.normal(size=(90, 12)) * 5
    return (
        tfgan.frechet_distance(real, fake),
        *tfgan.classifier_score(logits),
        *tfgan.classifier_score_of_parts(logits),
        *tfgan.classifier_score(np.eye(7)[np.arange(14) % 7] * 1e3),
    )


def test_the_numbers_are_the_same_and_the_program_is_said(without):
    theirs = tfgan.program()
    if tfgan.why_not():
        pytest.skip(tfgan.why_not())
    assert theirs == f"TF-GAN {protocol.package_version('tensorflow-gan')}" and not tfgan.notes()
    with_tfgan = numbers()
    kind = without()
    np.testing.assert_allclose(numbers(), with_tfgan, rtol=2e-7, atol=1e-12)
    assert tfgan.program() == protocol.GAN_ZOO
    (note,) = tfgan.notes()
    if kind == "missing":
        assert note.endswith("equal TF-GAN's to 2e-7: TF-GAN is not installed.")
    else:
        assert "2.1.0 does not work with TensorFlow 2." in note and "'raw_ops'" in note


def test_a_run_is_trained_and_evaluated_and_compares_with_one_scored_by_tfgan(
    without, train, tool, idle_step, capsys
):
    """The whole path: the end of a training, gan_zoo evaluate, and the stamps of both."""
    flags = ("--steps=2", "--eval_every=2", "--eval_samples=24", "--extractor=random_conv")
    theirs = tfgan.program()
    assert train(*flags, workdir=train.folder / "a") == 0
    said = capsys.readouterr().out
    assert f"(Frechet distance by {theirs})" in said
    without()
    assert train(*flags, workdir=train.folder / "b") == 0
    said = capsys.readouterr().out
    assert f"(Frechet distance by {protocol.GAN_ZOO})" in said and "own formulas" in said
    old, new = (final_results(train.folder / name) for name in "ab")
    assert list(old) == list(new)
    for metric, result in new.items():
        assert result.value == pytest.approx(old[metric].value, rel=1e-6), metric
        assert comparable(result.stamp, old[metric].stamp) == ""
    assert old["FD-random_conv"].stamp.versions["program"] == theirs
    assert new["FD-random_conv"].stamp.versions["program"] == protocol.GAN_ZOO
    said = tool("evaluate", train.folder / "a", "--n=24", "--nolog", "--out=x.json")
    assert "own formulas" in said
    again = {r["metric"]: r for r in json.loads(Path("x.json").read_text())["results"]}
    distance = again["FD-random_conv"]
    assert distance["value"] == pytest.approx(old["FD-random_conv"].value, rel=1e-6)
    assert distance["versions"]["program"] == protocol.GAN_ZOO


def final_results(folder):
    lines = (folder / "evaluations.jsonl").read_text().splitlines()
    records = [r for r in map(json.loads, lines) if r["final"]]
    return {r["metric"]: Result.from_dict(r) for r in records}


def test_tensorflow_may_be_a_nightly_build(monkeypatch):
    def version(name):
        if name == "tf-nightly":
            return "2.23.0.dev1"
        raise protocol.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(protocol.importlib.metadata, "version", version)
    assert protocol.package_version("tensorflow") == "2.23.0.dev1"
    assert protocol.package_version("keras") is None
    assert protocol.versions()["tensorflow"] == "2.23.0.dev1"
    assert handover._versions([])["tensorflow"] == "2.23.0.dev1"
