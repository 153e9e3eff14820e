"""Train a GAN: ``python -m gan_zoo.run --gen=conv_noise28 --disc=cnn_fc``.

Exit codes: 0 trained to the end; 2 bad input, in one sentence; 3 stopped by an alarm (--on_collapse), 130 or 143 stopped by
Ctrl-C or SIGTERM, all three with everything saved; 42 another worker was lost (--strategy=multi_worker): start all again.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys

from absl import flags

from gan_zoo import cli, config, registry
from gan_zoo.contracts import UserError, user_path

USAGE = """Train a GAN on the embedded cartoon faces, or on any images given by --data_dir.

    python -m gan_zoo.run --gen=conv_noise28 --disc=cnn_fc
    python -m gan_zoo.run --gen=dcgan --disc=dcgan --data=files --data_dir=my_images.zip --image_size=64 --workdir=runs/mine

The same command again goes on where the run stopped. --list shows the parts there are."""


def _define(values: flags.FlagValues) -> None:
    config.define_flags(values)
    flags.DEFINE_string("list", None, "show the parts of a table (--list=generators) or of all (--list)", flag_values=values)
    flags.DEFINE_bool("dry_run", False, "show the settings, the nets and their sizes, and stop", flag_values=values)


def _show_tables(which: str, plugins: str) -> None:
    config.load_plugins(plugins)
    if which != "all" and which not in registry.tables:
        raise UserError(f"there is no table '{which}'; there are: {', '.join(registry.tables)}.")
    for name, table in registry.tables.items():
        if which in ("all", name):
            print(f"{name}:")
            for entry in sorted(table.entries().values()):
                print(f"  {entry.name}{_settable(entry.signature)}\n      {entry.summary}")


def _settable(signature: inspect.Signature | None) -> str:
    """The part of a signature that a spec may set."""
    if signature is None:
        return "(...)"
    shown = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    return str(inspect.Signature(shown))


def _dry_run(settings: config.Config) -> None:
    from gan_zoo import build
    from gan_zoo.datasets.sources import existing

    for name, value in dataclasses.asdict(settings).items():
        print(f"{name} = {value!r}")
    channels, classes = settings.channels, None
    if settings.condition or not channels:
        data = build.load_data(settings)
        channels, classes = data.image_shape[-1], build.classes_of(settings, data)
    elif settings.data_dir:
        existing(user_path(settings.data_dir))
    game = build.build_game(settings, (*settings.size, channels), classes)
    for net in (game.gen, game.disc):
        net.summary(line_length=78)
    for kind, name, net in (
        ("generator", settings.specs("gen")[0].name, game.gen),
        ("discriminator", settings.specs("disc")[0].name, game.disc),
    ):
        total = sum(v.shape.num_elements() for v in net.weights)
        trainable = sum(v.shape.num_elements() for v in net.trainable_weights)
        print(f"{kind} {name}: {total:,} parameters ({trainable:,} trainable)")
    print(f"tricks: {settings.tricks or 'none'}")
    if classes:
        print(f"condition: {settings.condition}, {len(classes.names)} classes by {classes.column}")


def refuse_words(rest: list[str]) -> None:
    """Refuse what is on the command line beside flags."""
    if rest:
        raise UserError(f"'{rest[0]}' is no flag; write --name=value.")


def _main(values: flags.FlagValues, rest: list[str]) -> int:
    refuse_words(rest)
    if values["list"].present:
        _show_tables(values.list, values.plugins)
        return 0
    settings = config.from_flags(values)
    cli.load_tensorflow(values.verbose)
    if values.dry_run:
        _dry_run(settings)
        return 0
    from gan_zoo import loop, strategy

    try:
        folder = loop.train(settings)
    except loop.Interrupted as e:
        if strategy.leads(settings.strategy):
            print(e)
        return e.exit_code
    except strategy.PeerLost as e:
        print(f"gan_zoo: {e}; start all workers again, and they go on from the last checkpoint.", file=sys.stderr)
        return strategy.PEER_LOST
    if strategy.leads(settings.strategy):
        print(f"done: {folder / 'samples.gif'}, {folder / 'generator.keras'}\n  tensorboard --logdir={folder}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """The program, as a function: takes the arguments after its name, returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    return cli.call(_main, _define, USAGE, ["--list=all" if word in ("--list", "-list") else word for word in words])


if __name__ == "__main__":
    sys.exit(main())
