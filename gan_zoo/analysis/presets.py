"""The presets that ship with gan_zoo, with size, time and result."""

from __future__ import annotations

from typing import NamedTuple

from gan_zoo.config import Config, preset_names, run_preset


class Preset(NamedTuple):
    """A preset that ships with gan_zoo.

    Attributes:
        name: What ``--config`` takes.
        config: Its settings.
        time: How long it takes, and on what.
        result: What it gave, in a few words.
        text: Its docstring.
    """

    name: str
    config: Config
    time: str
    result: str
    text: str


def describe_presets() -> list[Preset]:
    """Return all presets, recipes first, then the others, each sorted by time, size and name."""
    found = []
    for name in preset_names():
        given = run_preset(name)
        found.append(
            Preset(
                name,
                given["config"],
                given.get("time", ""),
                given.get("result", ""),
                (given["__doc__"] or "").strip(),
            )
        )
    kinds = ("demo", "quick", "hours", "few", "gpu")

    def order(preset: Preset) -> tuple:
        kind = next((i for i, kind in enumerate(kinds) if preset.name.startswith(kind)), len(kinds))
        return kind, preset.config.size if kind < len(kinds) else (0, 0), preset.name

    return sorted(found, key=order)
