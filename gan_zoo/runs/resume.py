"""Whether a run may go on with these settings and data, and the record of a resume."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gan_zoo.config import RESUMABLE, Config, differences
from gan_zoo.errors import UserError
from gan_zoo.runs.logs import Record
from gan_zoo.runs.plugin_code import edited, plugin_code
from gan_zoo.runs.run import Run, recorded_classes


def refuse_other_settings(run: Run, config: Config) -> None:
    """Refuse a run that has been trained with other settings, as far as its record tells.

    Data and checkpoints are not looked at, so that it costs nothing; see :func:`check_resumable`.

    Raises:
        UserError: The run in the folder has other settings and has been trained.
    """
    if not run.exists:
        return
    old = run.record["config"]
    # Set from the machine, and to the checkpoint of another run.
    settled = {"start_from": old.get("start_from", "")}
    if config.precision == "auto":
        settled["precision"] = old.get("precision", "float32")
    changed = differences(old, dataclasses.replace(config, **settled))
    if config.batch > old.get("batch", config.batch) and len(changed) == 1:
        changed = []  # so few images may have lowered it
    if changed and run.metrics:
        raise _other_settings(run, changed)


def trained_already(given: Config, folder: Path, step: int) -> str:
    """Return the sentence for a run that came to its last step before.

    Args:
        given: The settings that were asked for.
        folder: The folder of the run.
        step: Its last step.
    """
    more = "--passes=0" if step < given.steps else "a larger --steps"
    return f"{folder} is trained already, to step {step} of {step}; {more} goes on."


def _other_settings(run: Run, changed: list[str]) -> UserError:
    return UserError(
        f"{run.folder} holds a run with other settings ({'; '.join(changed)}); give the"
        " old ones to go on with it, another --workdir to start a new run, or --overwrite to"
        " start it in place of that one."
    )


def check_resumable(run: Run, config: Config, data: Record) -> bool:
    """Return whether there is a run to go on with; if not, a new one starts here.

    Raises:
        UserError: There is one, with other settings or other data.
    """
    if not run.exists:
        return False
    old = run.record
    changed = differences(old["config"], config)
    if changed and run.untrained:  # a first try that failed
        print(f"the run in {run.folder} had trained no step; a new one starts in its place.")
        run.clear()
        return False
    if changed:
        raise _other_settings(run, changed)
    if old["data"]["hash"] != data["hash"]:
        raise UserError(
            f"the data changed since the run in {run.folder} began"
            f" ({old['data']['count']} images then, {data['count']} now, other pixels);"
            " restore the data, or start a new run in another --workdir."
        )
    if recorded_classes(old["data"]) != recorded_classes(data):
        raise UserError(
            f"the labels of the data changed since the run in {run.folder} began; restore"
            " them, or start a new run in another --workdir."
        )
    return True


def remove_run(run: Run) -> None:
    """Remove the run in a folder, if there is one, and say so; what it did not write stays."""
    if run.exists:
        step, left = run.step, run.clear()
        stays = f"; {', '.join(left)} stay as they are" if left else ""
        print(f"the run in {run.folder} is removed, which was at step {step}{stays}.")


def record_resume(run: Run, config: Config, step: int) -> int:
    """Record that the run goes on from ``step``; return what ``--steps`` was before.

    Settings that may change take their new values. ``steps_before`` gets a pair for each
    change of ``--steps``: the step up to which it was so, and what it was. ``plugins_before`` gets
    the same for each change of the code of plugins.
    """
    old = run.record
    before = old["config"].get("steps")
    if not isinstance(before, int):
        before = config.steps
    changed = {name: getattr(config, name) for name in RESUMABLE if name != "workdir"}
    new = {**old, "config": {**old["config"], **changed}}
    earlier = run.steps_history
    trained = step and not (earlier and earlier[-1][0] == step)
    if trained and before != config.steps:
        new["steps_before"] = [*map(list, earlier), [step, before]]
    code = plugin_code(config)
    if step and edited(old.get("plugins", {}), code):
        new["plugins_before"] = [*old.get("plugins_before", ()), [step, old["plugins"]]]
    if code or "plugins" in old:
        new["plugins"] = code
    if new != old:
        run.write(new)
    return before


def edited_plugins(run: Run, config: Config) -> list[str]:
    """Return a sentence if parts of plugins have other code than when the run last trained."""
    changed = edited(run.record.get("plugins", {}), plugin_code(config))
    return [f"edited since the run last trained, and used as it is now: {changed}."] * bool(changed)
