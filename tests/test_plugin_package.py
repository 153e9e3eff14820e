"""The example of a package that ships parts, as installed: its entry points are found, its parts train and keep the contract."""

import configparser
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gan_zoo import config, registry
from gan_zoo.errors import UserError
from tests.conftest import RUN_WITHOUT_SAVED_MODEL, SMALL

PACKAGE = Path(__file__).parent / "plugin_package"
PARTS = {"generators": "two_layers", "losses": "soft_hinge", "tricks": "fade"}


@pytest.fixture
def site(tmp_path):
    """A folder of packages that has this one as pip would leave it, without pip."""
    setup = configparser.ConfigParser()
    setup.read(PACKAGE / "setup.cfg")
    info = tmp_path / "site" / "gan_zoo_example-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gan_zoo_example\nVersion: 1.0\n")
    points = setup["options.entry_points"]
    (info / "entry_points.txt").write_text(
        "".join(f"[{group}]{points[group]}\n" for group in points)
    )
    (tmp_path / "site" / "gan_zoo_example").symlink_to(PACKAGE / "gan_zoo_example")
    return tmp_path / "site"


@pytest.fixture
def python(site, tmp_path):
    """Call a module in a process that has the package: python(*words) -> what came of it."""
    path = os.pathsep.join([str(site), str(PACKAGE.parent.parent)])

    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
        )

    return call


def test_its_parts_are_listed_with_their_arguments(python):
    listed = python("gan_zoo.run", "--list").stdout
    for text in (
        "two_layers(width=256)",
        "soft_hinge(margin=1.0)",
        "fade(least=0.5)",
        "Two dense layers from 32 noise values.",
    ):
        assert text in listed


def test_its_parts_train(site, forks, faces, tmp_path):
    own = (
        "--gen=two_layers(width=8)",
        "--disc=dense((8,))",
        "--loss=soft_hinge",
        "--tricks=fade(least=0.8)",
        "--steps=2",
    )
    words = [*SMALL, *own, f"--data_dir={faces}", f"--workdir={tmp_path / 'run'}"]
    installed = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from gan_zoo import registry\n"
        "for table in registry.tables.values(): table.forget_index()\n"
    )
    done = forks.run(*words, code=installed + RUN_WITHOUT_SAVED_MODEL)
    assert done.returncode == 0, done.stderr
    assert (
        json.loads((tmp_path / "run" / "config.json").read_text())["config"]["gen"]
        == "two_layers(width=8)"
    )
    assert (tmp_path / "run" / "generator.keras").is_file()


@pytest.mark.slow
def test_its_parts_keep_the_contract(python):
    done = python("gan_zoo", "check", *PARTS.values(), "--image_size=8")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line[0] != " "] == [
        f"{table}: {name}, 8x8x3" for table, name in PARTS.items()
    ]
    assert (
        sum(
            "On two devices, it has the weights of one" in line and line.startswith("  ok ")
            for line in lines
        )
        == 3
    )


def test_runs_made_with_a_file_open_once_a_package_has_its_parts(site, tmp_path, monkeypatch):
    file = tmp_path / "parts.py"
    file.write_text(
        "from gan_zoo.registry import losses\n\n"
        "@losses.register\ndef soft_hinge(margin=1.0):\n    pass\n"
    )
    monkeypatch.setattr(registry.third_party, "files", [])
    saved = dataclasses.asdict(config.Config(loss="soft_hinge(2.0)", plugins=str(file)))
    assert config.from_json(saved).plugins == str(file)  # there is no package yet

    def later():
        registry.third_party.files.clear()
        for table in registry.tables.values():
            table.forget_index()

    with monkeypatch.context() as installed:
        installed.syspath_prepend(site)
        for _ in range(2):  # with the file, and without
            later()
            opened = config.from_json(saved)
            assert (opened.plugins, opened.loss) == ("", "soft_hinge(2.0)")
            assert registry.losses.entry("soft_hinge").module == "gan_zoo_example.losses"
            if file.is_file():
                with pytest.raises(UserError, match=r"twice.* leave out --plugins"):
                    config.load_plugins(str(file)) and registry.losses.entries()
            file.unlink(missing_ok=True)
    later()
    with pytest.raises(UserError, match="there is no plugin file"):
        config.from_json(saved)
