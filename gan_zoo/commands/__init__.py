"""The command ``gan_zoo NAME``: one module a command, imported when it is called.

A command is a module with a docstring (its ``--help``), ``define_flags(values)`` and ``main(values,
rest) -> exit code``. It parses flags, calls a function of the library that returns a record, and
prints. No other package imports this one.
"""

from __future__ import annotations

import difflib
import importlib
import sys

from gan_zoo import cli
from gan_zoo.errors import ExitCode
from gan_zoo.version import __version__

COMMANDS = {
    "train": "train a GAN, or resume a run where it stopped",
    "sample": "draw samples from a run: a grid, files or an array",
    "evaluate": "score a run, or images of any program, by the full protocol",
    "compare": "train variants and seeds against each other; verdicts with intervals",
    "search": "the best of many settings: the weaker ones leave early (successive halving)",
    "report": "one HTML page about a run, several runs or a comparison",
    "gif": "an animation of a run's grids of samples, or of several runs side by side",
    "interpolate": "an animation of images that change into others: paths between noises",
    "directions": "what changes in the images along the main directions of noise or style",
    "mix": "images of a style-based generator with the styles of others",
    "project": "what a run can make of pictures; its training ones better than others?",
    "export": "SavedModel, Keras, TFLite or ONNX, each checked against the run",
    "audit": "look at a data set before training: duplicates, broken files, sizes",
    "memorization": "does a run copy its training images?",
    "recognize": "are the samples of a run with classes of the class asked for?",
    "modes": "how many modes (classes) of the data do samples cover?",
    "preview": "show what tricks do to your own images",
    "check": "check a part, yours or ours, against its contract",
    "list": "all parts, with their arguments",
    "presets": "all presets, with size, time and results",
    "cache": "what the cache holds: decoded images, programs; remove it",
    "launch": "start the workers of a run on one or several hosts",
}
ALIASES = {"nearest": "memorization", "make_gif": "gif"}

_HELP = """gan_zoo {version}: train, watch and compare GANs.

    gan_zoo train --config=demo
    gan_zoo COMMAND --help

{commands}"""


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The command's name and its arguments; those of the process by default.

    Returns:
        The exit code.
    """
    name, *words = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("--help", "-help", "-h", "help"):
        rows = "\n".join(f"    {command:<14}{summary}" for command, summary in COMMANDS.items())
        cli.show(_HELP.format(version=__version__, commands=rows))
        return ExitCode.OK
    if name == "--version":
        print(__version__)
        return ExitCode.OK
    name = ALIASES.get(name, name)
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, [*COMMANDS, *ALIASES], n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(COMMANDS)}."
        print(f"gan_zoo: there is no command '{name}'; {hint}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    if name == "train":  # --list may stand without a value
        words = ["--list=all" if word in ("--list", "-list") else word for word in words]
    module = importlib.import_module(f"gan_zoo.commands.{name}")
    return cli.call(module.main, module.define_flags, module.__doc__ or "", words)
