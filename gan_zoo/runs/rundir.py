"""The folder of a run: who may write to it, and what lies where. No TensorFlow here.

``config.json`` (settings, data, versions, command), ``metrics.jsonl``, ``tensorboard/``,
``samples/STEP.png``, ``checkpoints/``; at the end of a run ``generator.keras``, ``generator/``
(SavedModel) and ``samples.gif``.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock

from gan_zoo import __version__
from gan_zoo.config import RESUMABLE, Config, differences, from_json
from gan_zoo.errors import UserError
from gan_zoo.files import write_json


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and keep other processes out of it while the body runs.

    Folders made here in which the body wrote nothing, for a user's mistake, say, are taken away
    again.

    Raises:
        UserError: It cannot be made or written, holds something that is no run, or is in use.
    """
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        # What begins with a dot is our lock, or what a kill left of a file being written.
        strangers = [p.name for p in folder.iterdir() if not p.name.startswith(".")]
    except OSError as e:
        raise UserError(
            f"the run directory {folder} cannot be made ({e.strerror}); choose another --workdir."
        ) from None
    if strangers and not (folder / "config.json").is_file():
        raise UserError(
            f"{folder} holds files ({strangers[0]} ...) but no run of gan_zoo; choose an empty or"
            " new folder as --workdir."
        )
    file_lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        file_lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"{folder} is in use by another process; wait for it, stop it, or choose another"
            " --workdir."
        ) from None
    except OSError as e:
        raise UserError(
            f"the run directory {folder} cannot be written ({e.strerror}); choose another"
            " --workdir."
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):  # on Windows, where a lock that is held cannot be removed
            if made and [p.name for p in folder.iterdir()] == [".lock"]:
                (folder / ".lock").unlink()
                for path in made:  # until there is something in one
                    path.rmdir()
        file_lock.release()


def record(config: Config, data: dict[str, Any], machine: dict[str, Any]) -> dict[str, Any]:
    """What ``config.json`` says of a run that begins now."""
    packages = ("tensorflow", "keras", "numpy", "pillow", "tensorflow-gan")
    return {
        "config": {k: v for k, v in vars(config).items() if k != "workdir"},
        "data": data,
        "versions": {
            "gan_zoo": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in packages},
        },
        "machine": machine,
        "commit": _commit(),
        "command": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of this source tree, with a plus sign if it has changes; None outside a git checkout."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed.strip() else "")


def read(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a run.

    Raises:
        UserError: There is no run in that folder.
    """
    path = folder / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not (
            isinstance(content["config"], dict)
            and {"hash", "count", "shape"} <= set(content["data"])
        ):
            raise ValueError("it is not what gan_zoo wrote")
        return content
    except FileNotFoundError:
        what = "holds no run (no config.json)" if folder.is_dir() else "is no folder"
        raise UserError(f"{folder} {what}; give the folder of a run, such as runs/NAME.") from None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise UserError(
            f"{path} cannot be read ({type(e).__name__}: {e}); restore it, or start a new run."
        ) from None


def config_of(folder: Path) -> Config:
    """The settings of a run, with its folder as ``workdir``."""
    return from_json({**read(folder)["config"], "workdir": str(folder)})


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write ``config.json``, as a whole or not at all."""
    write_json(folder / "config.json", content)


def check_resumable(folder: Path, config: Config, data: dict[str, Any]) -> bool:
    """Whether there is a run to go on with; if not, a new one starts here.

    Raises:
        UserError: There is one, of other settings or other data.
    """
    if not (folder / "config.json").is_file():
        return False
    old = read(folder)
    changed = differences(old["config"], config)
    if changed:
        raise UserError(
            f"{folder} holds a run with other settings ({'; '.join(changed)}); give the old ones to"
            " go on with it, or another --workdir to start anew."
        )
    if old["data"]["hash"] != data["hash"]:
        raise UserError(
            f"the data changed since the run in {folder} began ({old['data']['count']} images then,"
            f" {data['count']} now, other pixels); restore the data, or start anew in another"
            " --workdir."
        )
    known = json.loads(json.dumps(data.get("classes")))
    if old["data"].get("classes") != known:
        raise UserError(
            f"the labels of the data changed since the run in {folder} began; restore them, or"
            " start anew in another --workdir."
        )
    return True


def record_resume(folder: Path, config: Config, done: int) -> int:
    """Record that a run goes on from step ``done``: settings that may change, and where ``--steps`` did; return what it was.

    ``steps_before`` holds a pair for each change: the step up to which it was so, and what
    ``--steps`` was.
    """
    old = read(folder)
    steps = old["config"].get("steps")
    if not isinstance(steps, int):
        steps = config.steps
    new = {
        **old,
        "config": {
            **old["config"],
            **{name: getattr(config, name) for name in RESUMABLE if name != "workdir"},
        },
    }
    earlier = steps_history(old)
    if (
        done and steps != config.steps and not (earlier and earlier[-1][0] == done)
    ):  # else no step was made with it
        new["steps_before"] = [*map(list, earlier), [done, steps]]
    if new != old:
        write(folder, new)
    return steps


def steps_history(content: dict[str, Any]) -> list[tuple[int, int]]:
    """The pairs of ``steps_before`` in a run's ``config.json``; what somebody damaged is left out."""
    given = content.get("steps_before")
    pairs = given if isinstance(given, list) else []
    return [
        (pair[0], pair[1])
        for pair in pairs
        if isinstance(pair, list) and [type(n) for n in pair] == [int, int]
    ]


def exported(folder: Path) -> int | None:
    """The step of the exported generator, or None where the export is not whole."""
    whole = all(
        (folder / name).exists()
        for name in ("generator.keras", "generator/saved_model.pb", "samples.gif")
    )
    return read(folder).get("exported") if whole else None


def sample_grids(folder: Path) -> list[Path]:
    """The grids of samples of a run, in the order of their steps."""
    return sorted(
        (p for p in (folder / "samples").glob("*.png") if p.stem.isdigit()),
        key=lambda p: int(p.stem),
    )
