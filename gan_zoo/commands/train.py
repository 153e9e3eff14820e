"""Train a GAN on the embedded cartoon faces, or on any images given by --data_dir.

    gan_zoo train --gen=conv_noise28 --disc=cnn_fc
    gan_zoo train --config=quick64 --data_dir=my_images.zip --workdir=runs/mine

Most runs need --config, --data_dir, --image_size, --steps and --workdir alone: --config=quick64 is
a recipe, and `gan_zoo presets` lists all of them by size and time. --dry_run says how long it will
take.

The same command again resumes the run where it stopped. --config takes the name of a preset or a
Python file. --list shows all parts. `python -m gan_zoo.run` is the same as `gan_zoo train`.

Exit codes: 0 trained to the end; 2 bad input, in one sentence; 3 stopped by an alarm
(--on_collapse); 130 or 143 stopped by Ctrl-C or SIGTERM; 42 another worker was lost
(--strategy=multi_worker): start all workers again. With 3, 130 and 143, everything is saved.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from absl import flags

from gan_zoo import cli, config, onednn, phases
from gan_zoo.commands.list import show_tables
from gan_zoo.datasets.reading import read_ahead
from gan_zoo.errors import ExitCode, UserError
from gan_zoo.files import user_path
from gan_zoo.runs.lock import refuse_in_use
from gan_zoo.runs.places import require_places
from gan_zoo.runs.resume import refuse_other_settings
from gan_zoo.runs.run import Run

if TYPE_CHECKING:
    from gan_zoo.game.step import Game


def define_flags(values: flags.FlagValues) -> None:
    config.define_flags(values)
    flags.DEFINE_string(
        "list",
        None,
        "show the parts of a table (--list=generators) or of all (--list)",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "dry_run",
        False,
        "show the settings, the nets and their sizes, and what the run takes, and exit",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "overwrite",
        False,
        "start in place of an earlier run in the same folder, which is removed",
        flag_values=values,
    )


def _dry_run(settings: config.Config) -> None:
    with phases.phase("import gan_zoo"):
        from gan_zoo.distributed import machine
        from gan_zoo.game.summary import net_lines, summarize
        from gan_zoo.training.estimate import count_estimate, measure
        from gan_zoo.training.hints import hints
        from gan_zoo.training.loop import explained
        from gan_zoo.training.notes import few_images, late_steps

    print("\n".join(_setting_lines(settings, late_steps(settings))))
    if settings.precision == "auto":
        with phases.phase("measure bfloat16"):
            speeds = machine.arithmetic_speeds()
        precision = "bfloat16" if speeds.faster else "float32"
        print(speeds.sentence(precision))
        settings = dataclasses.replace(settings, precision=precision)
    found = summarize(settings)
    for field, title in (("gen", "generator"), ("disc", "discriminator")):
        total, trainable = found.parameters[field]
        name = settings.spec(field).name
        print(f"{title} {name}: {total:,} parameters ({trainable:,} trainable)")
        print("\n".join(net_lines(getattr(found.game, field))))
    print(f"tricks: {settings.tricks or 'none'}")
    if settings.start_from:
        print(_first_weights(settings, found.game))
    if classes := found.classes:
        print(f"condition: {settings.condition}, {len(classes.names)} classes by {classes.column}")
    if found.data:
        for note in (*found.data.notes, *few_images(settings, found.settings, found.data)):
            print(note)
    for hint in hints(found.settings, found.game, found.data):
        print(hint)
    if settings.strategy == "default":
        with explained(settings.run_dir):
            estimate = measure(found.settings, found.game, found.data)
        print(f"it takes {estimate}.")
    else:
        estimate = count_estimate(found.settings, found.game, found.data)
        print(f"it takes {estimate}; time and memory are not measured with --strategy.")


def _setting_lines(settings: config.Config, late: Mapping[str, str]) -> list[str]:
    """Return the settings: those that say what is trained a line each, then those left as is.

    Args:
        settings: The settings.
        late: Of those that are met later than asked for, the steps at which they are.
    """
    always = ("gen", "disc", "loss", "tricks", "data", "image_size", "batch", "steps")
    lines, rest = [], []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in late:
            lines.append(f"{field.name} = {value!r} (at steps {late[field.name]})")
        elif field.name in always or value != field.default:
            lines.append(f"{field.name} = {value!r}")
        else:
            rest.append(f"{field.name}={value!r}")
    return [*lines, *textwrap.wrap(f"defaults: {', '.join(rest)}", 78, subsequent_indent="  ")]


def _first_weights(settings: config.Config, game: Game) -> str:
    """Return what the nets would take of another run."""
    from gan_zoo.training import origin

    start_from = origin.resolve(settings, Run(settings.run_dir))
    resolved = dataclasses.replace(settings, start_from=start_from)
    first = origin.FirstWeights(resolved, game.classes)
    first(game.gen, game.disc, game.ema)
    return str(first)


def refuse_words(values: flags.FlagValues, rest: list[str]) -> None:
    """Refuse arguments that are not flags, and say which flags may be meant."""
    if not rest:
        return
    cut = [name for name in values if str(values[name].value or "").rstrip().endswith(",")]
    if cut:
        whole = " ".join([str(values[cut[0]].value).rstrip(), *rest])
        raise UserError(
            f"'{rest[0]}' is not a flag; put quotes around a value with blanks:"
            f" --{cut[0]}={shlex.quote(whole)}."
        )
    meant: dict[str, str] = {}
    for word in rest:
        if word in config.preset_names():
            meant.setdefault("config", word)
        elif user_path(word).exists():
            meant.setdefault("data_dir", word)
    words = " ".join(f"--{name}={shlex.quote(word)}" for name, word in meant.items())
    hint = f"did you mean {words}?" if words else "write --name=value."
    raise UserError(f"'{rest[0]}' is not a flag; {hint}")


def main(values: flags.FlagValues, rest: list[str]) -> int:
    refuse_words(values, rest)
    if values["list"].present:
        show_tables(values.list, values.plugins)
        return 0
    settings = config.from_flags(values)
    phases.clear()
    require_places(settings)
    onednn.follow(settings.run_dir)
    config.require_services(settings)
    if values.overwrite and settings.strategy == "multi_worker":
        raise UserError(
            "several workers cannot each remove the earlier run; give --overwrite to gan_zoo"
            " launch, after --."
        )
    if values.dry_run:
        cli.load_tensorflow(values.verbose)
        _dry_run(settings)
        return 0
    if settings.strategy != "multi_worker":  # of several workers, the first may hold the run
        run = Run(settings.run_dir)
        refuse_in_use(run)
        if not values.overwrite:
            refuse_other_settings(run, settings)
    with phases.phase("begin to read images"):
        read = read_ahead(settings)
    cli.load_tensorflow(values.verbose)
    with phases.phase("import gan_zoo"):
        from gan_zoo.distributed import strategy
        from gan_zoo.training import loop
    from gan_zoo.training.outcome import Outcome, Stopped

    exit_codes = {
        Outcome.STOP_ALARM: ExitCode.ALARM,
        Outcome.STOP_INTERRUPT: ExitCode.INTERRUPTED,
        Outcome.STOP_TERMINATE: ExitCode.TERMINATED,
    }
    try:
        folder = loop.train(settings, read=read, overwrite=values.overwrite).folder
    except Stopped as e:
        if strategy.leads(settings.strategy):
            print(e)
        return exit_codes[e.outcome]
    except strategy.PeerLost as e:
        print(
            f"gan_zoo: {e}; start all workers again, and they go on from the last checkpoint.",
            file=sys.stderr,
        )
        return ExitCode.PEER_LOST
    if strategy.leads(settings.strategy):
        if values.verbose:
            print("\n".join(phases.lines()))
        named = shlex.quote(str(folder))
        print(
            f"done: {folder / 'samples.gif'}, {folder / 'generator.keras'}\n"
            f"  gan_zoo report {named}        one page about it\n"
            f"  gan_zoo sample {named}        more samples\n"
            f"  tensorboard --logdir={named}"
        )
    return 0
