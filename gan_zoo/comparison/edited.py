"""Keep runs with two versions of a plugin's code out of one comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gan_zoo import cli
from gan_zoo.comparison.results import Record, folder_of
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.runs.plugin_code import edited, plugin_code, recorded_code
from gan_zoo.runs.run import Run


def check_code(comparison: Record, configs: Mapping[str, Config], folder: Path) -> None:
    """Check that plugins have the code with which the runs of a comparison trained.

    Args:
        comparison: The content of ``comparison.json``.
        configs: The settings of variants, by name.
        folder: The folder of the comparison.

    Raises:
        UserError: One was edited since; the message names it and such a run.
    """
    if any(config.plugins for config in configs.values()):
        cli.load_tensorflow(verbose=False)  # quietly, before a plugin imports it
    now = {name: part for config in configs.values() for name, part in plugin_code(config).items()}
    if not now:
        return
    for variant in comparison["variants"]:
        for seed in comparison["seeds"]:
            run = Run(folder / folder_of(comparison, variant, seed))
            if run.untrained:
                continue
            for code in recorded_code(run.readable_record):
                if changed := edited(code, now):
                    raise UserError(
                        f"{run.folder.name} trained before this was edited: {changed}; restore it"
                        f" to continue the comparison in {folder}, or start another --workdir."
                    )
