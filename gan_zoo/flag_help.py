"""The list of flags that ``--help`` shows. No TensorFlow."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from absl import flags

_TITLES = {"gan_zoo.cli": "Of every command", "gan_zoo.config": "Settings of a run"}
_WIDTH = 80


def flag_help(values: flags.FlagValues) -> str:
    """Return all flags in the order of their definition: a command's own, settings, the others."""
    groups: dict[str, list[flags.Flag]] = {"Of this command": []}
    groups |= {title: [] for title in reversed(_TITLES.values())}
    for module, defined in values.flags_by_module_dict().items():
        group = groups[_TITLES.get(module, "Of this command")]
        group += [flag for flag in defined if flag not in group]
    return "\n\n".join(
        "\n".join([f"{title}:", *map(_entry, group)]) for title, group in groups.items() if group
    )


def _entry(flag: flags.Flag) -> str:
    """Return what stands in ``--help`` of a flag, over one line or several."""
    short = f"-{flag.short_name}, " if flag.short_name else ""
    no = "[no]" if flag.boolean else ""
    text = f"{short}--{no}{flag.name}: {'; '.join(_parts(flag))}"
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _parts(flag: flags.Flag) -> Iterator[str]:
    """Yield what a flag is for, what it takes and its default."""
    yield " ".join((flag.help or "").split())
    if not flag.boolean and (takes := flag.parser.syntactic_help):
        yield takes
    if flag.boolean:
        if flag.default:
            yield "on by default"
    elif flag.default not in (None, "", []):
        yield f"default {str(flag.default_as_str).strip(chr(39))}"
