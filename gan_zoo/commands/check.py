"""Check parts against their contract: one line for each check, ok or FAILED, and why.

    gan_zoo check 'two_layers(width=64)' --plugins=mine.py
    gan_zoo check dcgan --table=generators --image_size=64 --channels=1

It trains the part for a few steps, with a small partner and random images, on the CPU; that takes
from some seconds to a minute for each part. Several parts may be given. If several tables have a
part of that name, all of them are checked. --verbose also shows the checks that were skipped, and
why.

Exit codes: 0 all checks passed; 1 a check failed; 2 bad input, in one sentence.
"""

from __future__ import annotations

import difflib

from absl import flags

from gan_zoo import cli, config, registry
from gan_zoo.datasets.sources import require_path
from gan_zoo.errors import ExitCode, UserError
from gan_zoo.files import user_path
from gan_zoo.spec import Spec, parse_spec


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "plugins", "", "Python files with your own parts, separated by commas", flag_values=values
    )
    flags.DEFINE_string(
        "table", "", "the part's table, such as generators; all by default", flag_values=values
    )
    flags.DEFINE_string("image_size", "32", "pixels: one side, or HEIGHTxWIDTH", flag_values=values)
    flags.DEFINE_integer(
        "channels", 3, "1 for gray, 3 for color, 4 with transparency", flag_values=values
    )
    flags.DEFINE_string("data_dir", "", "where the images of a data set are", flag_values=values)


def tables_of(spec: Spec, table: str = "") -> list[str]:
    """Return the tables with a part of that name that takes those arguments; import nothing.

    Args:
        spec: Of the part.
        table: The only table to look in; all by default.

    Raises:
        UserError: There is none.
    """
    if table and table not in registry.tables:
        raise UserError(f"there is no table '{table}'; there are: {', '.join(registry.tables)}.")
    if table:
        registry.tables[table].check(spec)
        return [table]
    names = [name for name, parts in registry.tables.items() if spec.name in parts]
    if not names:
        known = {name for parts in registry.tables.values() for name in parts}
        near = difflib.get_close_matches(spec.name, known, n=2)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UserError(
            f"no table has a part '{spec.name}'; {hint}gan_zoo list shows all parts,"
            " --plugins=FILE adds the parts of a file."
        )
    fitting, errors = [], []
    for name in names:
        try:
            registry.tables[name].check(spec)
            fitting.append(name)
        except UserError as e:
            errors.append(e)
    if not fitting:
        raise errors[0]
    return fitting


def main(values: flags.FlagValues, rest: list[str]) -> int:
    if not rest:
        raise UserError(
            "no part was given; give one or more, such as 'two_layers(width=64)'; --help shows"
            " more."
        )
    if values.channels not in (1, 3, 4):
        raise UserError(
            f"--channels={values.channels} is not possible; give 1 (gray), 3 (color) or 4 (color"
            " with transparency)."
        )
    config.load_plugins(values.plugins)
    shape = (*config.Config(image_size=values.image_size).size, values.channels)
    specs = [parse_spec(text) for text in rest]
    parts = [(table, spec) for spec in specs for table in tables_of(spec, values.table)]
    if values.data_dir:
        require_path(user_path(values.data_dir))
    cli.load_tensorflow(values.verbose)
    from gan_zoo.check import contract, suite

    contract.two_devices()
    for table, spec in parts:  # a file that cannot be imported is one mistake, not one a check
        _ = registry.tables[table][spec.name]
    failed = 0
    for table, spec in parts:
        print(f"{table}: {spec}, {'x'.join(map(str, shape))}", flush=True)
        part = contract.Part(table, spec, shape, values.data_dir)
        states = []
        for line in suite.check(part, verbose=values.verbose):
            states.append(line.state)
            if line.state != "skipped" or values.verbose:
                print(f"  {line}", flush=True)
        failed += "FAILED" in states
    print(f"{failed} of {len(parts)} part{'s' if len(parts) > 1 else ''} failed")
    return ExitCode.FAILED_CHECK if failed else ExitCode.OK
