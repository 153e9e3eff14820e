"""The wheel: what is in it, what is not; the Python API; the notebook."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import gan_zoo
from gan_zoo import api, cli
from tests.conftest import SMALL, no_saved_model

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the tracked files, as a fresh clone has them."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("gan_zoo", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        path = ROOT / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, source / name)
    build = f"from setuptools.build_meta import build_wheel; print(build_wheel({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_package_and_no_file_of_tests_or_caches(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    package = [n for n in names if ".dist-info/" not in n]
    assert all(n.startswith("gan_zoo/") for n in package)
    assert not [n for n in package if "test" in n.lower() or "__pycache__" in n]
    tracked = subprocess.run(
        ["git", "ls-files", "gan_zoo"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    if tracked:  # data files as well: presets, weights, style sheets, py.typed
        assert set(tracked) <= set(package)


def test_the_wheel_gives_the_command(wheel):
    with zipfile.ZipFile(wheel) as z:
        entry = next(n for n in z.namelist() if n.endswith("entry_points.txt"))
        assert "gan_zoo = gan_zoo.__main__:main" in z.read(entry).decode()


def test_the_package_runs_from_the_wheel_outside_the_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as z:
        z.extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    where = "import gan_zoo, sys; print(gan_zoo.__file__); from gan_zoo import commands; "
    code = where + "sys.exit(commands.main(['presets', 'quick64']))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code]
        if sys.version_info >= (3, 11)
        else [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout.splitlines()[0]
    assert "--loss=hinge" in done.stdout


def test_importing_is_light():
    code = (
        "import sys, gan_zoo; gan_zoo.Config; gan_zoo.UserError; gan_zoo.Run; gan_zoo.train;"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'scipy', 'pandas'} & set(sys.modules);"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_settings_in_python_are_checked_like_flags(tmp_path):
    with pytest.raises(gan_zoo.UserError, match="there is no setting 'step'; did you mean steps"):
        gan_zoo.train(step=3)
    with pytest.raises(gan_zoo.UserError, match="there is no generator 'dcgn'"):
        gan_zoo.train(gen="dcgn", workdir=tmp_path / "run")
    with pytest.raises(gan_zoo.UserError, match="there is no preset quik64; did you mean quick64"):
        gan_zoo.train(config="quik64")
    assert not (tmp_path / "run").exists()


def test_a_run_in_python_trains_samples_and_resumes(
    faces, tmp_path, capsys, monkeypatch, idle_step
):
    monkeypatch.setattr("keras.Model.export", no_saved_model)
    settings = dict(flag[2:].split("=", 1) for flag in SMALL)
    numbers = {k: int(v) if v.isdigit() else v for k, v in settings.items()}
    more = {"data_dir": faces, "workdir": tmp_path / "run", "ema": 0.5}
    more |= {"gen": "dense((8,))", "disc": "dense((8,))"}
    more |= {"eval_every": 2, "eval_samples": 24, "extractor": "random_conv", "eval_budget": 1}
    run = gan_zoo.train(**numbers | more | {"steps": 4})
    assert (run.step, len(run.evaluations) > 0, run.best is not None) == (4, True, True)
    assert run.grid(4, size=0).size == (2 + 2 * 18, 2 + 2 * 18)
    assert run.grid(4).size == (14 * 38, 14 * 38)  # 512 pixels or more
    first = run.sample(2, seed=3)
    again = gan_zoo.train(**numbers | more | {"steps": 6})
    assert again.step == 6
    assert (run.sample(2, seed=3) != first).any()  # the newest checkpoint is another one now
    assert (run.sample(2, seed=3) == gan_zoo.open_run(run.folder).sample(2, seed=3)).all()
    assert run.generator.output_shape[1:] == (16, 16, 3)
    assert "going on from step 4" in capsys.readouterr().out


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    began = time.monotonic()
    nbclient.NotebookClient(
        notebook, timeout=1200, resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    assert not [o for o in outputs if o.output_type == "error"]
    assert any("image/png" in o.get("data", {}) for o in outputs)
    assert time.monotonic() - began < 1200


@pytest.mark.parametrize("n", [0, -1, "a", 2.5, True])
def test_an_impossible_number_of_samples_is_refused(tmp_path, n):
    for draw in (gan_zoo.Run(tmp_path).sample, gan_zoo.Run(tmp_path).grid):
        with pytest.raises(gan_zoo.UserError, match="n must be a whole number of 1 or more"):
            draw(n)


@pytest.mark.parametrize(
    "draw", [lambda run: run.sample(1), lambda run: run.grid(), lambda run: run.generator]
)
def test_tensorflow_is_imported_quietly_for_samples_of_a_run(draw, tmp_path, monkeypatch):
    def load(verbose):
        raise LookupError("quietly" if not verbose else "aloud")

    monkeypatch.setattr(cli, "load_tensorflow", load)
    with pytest.raises(LookupError, match="quietly"):
        draw(api.Run(tmp_path))
