"""List the presets of gan_zoo: their size, how long they take, and their results.

gan_zoo presets
gan_zoo presets quick64                 the description and the settings of one
gan_zoo train --config=quick64 --data_dir=my_pictures.zip
"""

from __future__ import annotations

import dataclasses

from absl import flags

from gan_zoo.analysis.presets import describe_presets
from gan_zoo.config import Config, flag_of
from gan_zoo.errors import UserError
from gan_zoo.spec import shell_word


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_bool(
        "markdown",
        False,
        "print the table as Markdown",
        flag_values=values,
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    presets = describe_presets()
    known = {preset.name: preset for preset in presets}
    if unknown := [name for name in rest if name not in known]:
        raise UserError(f"there is no preset {unknown[0]}; there are: {', '.join(known)}.")
    for name in rest:
        print(f"{known[name].text}\n")
        default = Config()
        for field in dataclasses.fields(Config):
            if (value := getattr(known[name].config, field.name)) != getattr(default, field.name):
                print(f"    --{flag_of(field.name)}={shell_word(str(value))}")
    if rest:
        return
    head = ("name", "pixels", "time", "result")
    rows = [
        (preset.name, preset.config.image_size, preset.time, preset.result) for preset in presets
    ]
    if values.markdown:
        for row in (head, ("---",) * 4, *rows):
            print(f"| {' | '.join(row)} |")
        return
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(3)]
    for row in (head, *rows):
        print(
            "  ".join(
                [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]
            )
        )
