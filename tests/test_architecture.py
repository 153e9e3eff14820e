"""The rules of the house that a reader cannot see in one file."""

import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gan_zoo"

# Imports point one way: a module may import from its own layer and from those before it.
LAYERS = [
    {
        "version",
        "errors",
        "files",
        "first_checks",
        "contracts",
        "images",
        "spec",
        "registry",
        "config",
        "flag_help",
        "cli",
        "phases",
        "paper_names",
        "pulse",
        "interrupts",
        "huge_pages",
        "onednn",
    },
    {"distributed", "layers", "randomness", "replicas", "evaluation"},
    {
        "generators",
        "discriminators",
        "losses",
        "tricks",
        "conditions",
        "noises",
        "optimizers",
        "datasets",
        "presets",
    },
    {"game", "updates"},
    {"runs"},
    {"training"},
    {"analysis", "media", "export"},
    {"comparison"},
    {"reporting", "check"},
    {"api"},
    {"commands"},
    {"run", "__main__"},
]
LEVEL = {name: i for i, names in enumerate(LAYERS) for name in names}


def modules():
    return [p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py"]


def imports_of(path, whole):
    """The gan_zoo modules that a file imports, at its top or anywhere in it."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if whole else tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "gan_zoo":
            yield from (a.name for a in node.names if a.name != "__version__")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gan_zoo."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("gan_zoo."))


def test_imports_point_one_way():
    wrong = []
    for path in modules():
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        wrong += [
            f"{path.relative_to(PACKAGE)} must not import {name}"
            for name in imports_of(path, whole=True)
            if LEVEL[name] > LEVEL[own]
        ]
    assert not wrong


def test_only_one_module_imports_tensorflow_gan():
    found = [
        p.name
        for p in modules()
        if "import tensorflow_gan" in p.read_text() or "from tensorflow_gan" in p.read_text()
    ]
    assert set(found) <= {"tfgan.py"}


def test_step_names_no_part():
    from gan_zoo.registry import tables

    words = {
        n.id
        for n in ast.walk(ast.parse((PACKAGE / "game" / "step.py").read_text()))
        if isinstance(n, ast.Name)
    }
    strings = {
        n.value
        for n in ast.walk(ast.parse((PACKAGE / "game" / "step.py").read_text()))
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }
    parts = {name for table in tables.values() for name in table.entries()} - {"keras"}
    assert not parts & (words | strings)


def test_help_answers_at_once():
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "gan_zoo.run", "--help"], capture_output=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    if not os.environ.get("CI"):
        assert time.perf_counter() - began < 5  # 0.3 s on an idle machine


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["--list"], 0),
        (["--list=generators"], 0),
        (["--gen=dcgn"], 2),
        (["--nonsense"], 2),
        (["--tricks=flip_labels(2,3,4)"], 2),
        (["--data=files", "--data_dir=nowhere.zip"], 2),
    ],
)
def test_light_commands_do_not_pay_for_tensorflow(light_forks, words, code):
    # An import of TensorFlow, Keras or TF-GAN would raise ImportError and so change the exit code.
    done = light_forks.run(*words)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_help_may_be_cut_short_by_its_reader():
    command = f"{sys.executable} -m gan_zoo --help | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("gan_zoo ") and not done.stderr


def test_nothing_is_said_at_start_unless_asked_for():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from gan_zoo import cli; cli.load_tensorflow(False); import tensorflow as tf; tf.zeros(1)",
        ],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What a user of the wheel does not have. The README.md of a model export is the export's own.
NOT_INSTALLED = re.compile(r"\b(?:tools|experiments|tests|docs)/|(?<![\w*.-])[\w./-]+\.md\b")


def strings_of(path):
    """All strings of a file, docstrings and parts of f-strings among them, each with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_text_names_a_file_that_is_not_installed():
    named = [
        f"{path.relative_to(PACKAGE)}, line {line}: {found[0]}"
        for path in modules()
        for line, text in strings_of(path)
        for found in NOT_INSTALLED.finditer(text)
        if found[0] != "README.md" or "export" not in path.relative_to(PACKAGE).as_posix()
    ]
    assert not named
