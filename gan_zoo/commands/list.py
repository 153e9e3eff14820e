"""List all parts, or those of some tables, with their arguments and a summary.

gan_zoo list
gan_zoo list generators tricks --plugins=mine.py
"""

from __future__ import annotations

import inspect

from absl import flags

from gan_zoo import config, registry
from gan_zoo.errors import UserError


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "plugins", "", "Python files with your own parts, separated by commas", flag_values=values
    )


def show_tables(which: str, plugins: str) -> None:
    """Print one table of parts, or all of them.

    Raises:
        UserError: There is no such table, or a plugin file cannot be read.
    """
    config.load_plugins(plugins)
    if which != "all" and which not in registry.tables:
        raise UserError(f"there is no table '{which}'; there are: {', '.join(registry.tables)}.")
    for name, table in registry.tables.items():
        if which in ("all", name):
            print(f"{name}:")
            for entry in sorted(table.entries().values()):
                summary = entry.summary.replace("``", "`")  # of Sphinx
                print(f"  {entry.name}{_settable(entry.signature)}\n      {summary}")


def _settable(signature: inspect.Signature | None) -> str:
    """Return the parameters that a spec may set, as text."""
    if signature is None:
        return "(...)"
    shown = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    return str(inspect.Signature(shown))


def main(values: flags.FlagValues, rest: list[str]) -> None:
    for name in rest or ["all"]:
        show_tables(name, values.plugins)
