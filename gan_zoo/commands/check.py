"""Check a part, yours or ours, against its contract: one line a check, ok, FAILED or skipped, and why.

    gan_zoo check 'two_layers(width=64)' --plugins=mine.py
    gan_zoo check dcgan --table=generators --image_size=64 --channels=1

It trains a few steps with a small partner on made-up images, on the CPU; that takes some seconds to
a minute. Several parts may be given; where several tables have a part of one name, all of them are
checked.

Exit codes: 0 all checks passed; 1 a check failed; 2 bad input, in one sentence.
"""

from __future__ import annotations

import difflib

from absl import flags

from gan_zoo import cli, config, registry
from gan_zoo.datasets.sources import require_path
from gan_zoo.errors import ExitCode, UserError
from gan_zoo.files import user_path


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "plugins", "", "Python files with parts of your own, with commas", flag_values=values
    )
    flags.DEFINE_string(
        "table", "", "the part's table, such as generators; all by default", flag_values=values
    )
    flags.DEFINE_string("image_size", "32", "pixels: one side, or HEIGHTxWIDTH", flag_values=values)
    flags.DEFINE_integer("channels", 3, "1 for gray, 3 for color", flag_values=values)
    flags.DEFINE_string("data_dir", "", "where the images of a data set lie", flag_values=values)


def _tables_of(spec: registry.Spec, wanted: str) -> list[str]:
    """The tables whose part of that name takes those arguments; nothing is imported.

    Raises:
        UserError: There is none.
    """
    if wanted and wanted not in registry.tables:
        raise UserError(f"there is no table '{wanted}'; there are: {', '.join(registry.tables)}.")
    if wanted:
        registry.tables[wanted].check(spec)
        return [wanted]
    names = [name for name, table in registry.tables.items() if spec.name in table]
    if not names:
        near = difflib.get_close_matches(
            spec.name, {name for table in registry.tables.values() for name in table}, n=2
        )
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UserError(
            f"no table has a part '{spec.name}'; {hint}gan_zoo train --list shows all,"
            " --plugins=FILE adds a file's."
        )
    fit, complaints = [], []
    for name in names:
        try:
            registry.tables[name].check(spec)
            fit.append(name)
        except UserError as e:
            complaints.append(e)
    if not fit:
        raise complaints[0]
    return fit


def main(values: flags.FlagValues, rest: list[str]) -> int:
    if not rest:
        raise UserError(
            "a part is wanted, such as 'two_layers(width=64)', but none was given; --help shows"
            " more."
        )
    if values.channels not in (1, 3):
        raise UserError(
            f"--channels={values.channels} is not possible; give 1 (gray) or 3 (color)."
        )
    config.load_plugins(values.plugins)
    shape = (*config.Config(image_size=values.image_size).size, values.channels)
    specs = [registry.parse_spec(text) for text in rest]
    parts = [(table, spec) for spec in specs for table in _tables_of(spec, values.table)]
    if values.data_dir:
        require_path(user_path(values.data_dir))
    cli.load_tensorflow(values.verbose)
    from gan_zoo.check import contract

    contract.two_devices()
    failed = 0
    for table, spec in parts:
        print(f"{table}: {spec}, {'x'.join(map(str, shape))}", flush=True)
        for line in contract.check(
            contract.Part(table, spec, shape, values.data_dir), verbose=values.verbose
        ):
            print(f"  {line}", flush=True)
            failed += line.state == "FAILED"
    return ExitCode.FAILED_CHECK if failed else ExitCode.OK
