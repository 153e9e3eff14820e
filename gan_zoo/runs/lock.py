"""The lock of a run directory: one process at a time trains in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import filelock

from gan_zoo.errors import UserError
from gan_zoo.runs.places import refuse_other_files
from gan_zoo.runs.run import Run


def is_in_use(run: Run) -> bool:
    """Return whether another process holds a run now; nothing is made, and it is not held."""
    path = run.folder / ".lock"
    if not path.exists():
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a folder that cannot be written: whoever locks it says so
        return False


def refuse_in_use(run: Run) -> None:
    """Refuse a run that another process holds, before anything slow begins; :func:`lock` decides.

    Raises:
        UserError: It is in use.
    """
    if is_in_use(run):
        raise _in_use(run)


def _in_use(run: Run) -> UserError:
    return UserError(
        f"{run.folder} is in use by another process; wait for it, stop it, or choose another"
        " --workdir."
    )


@contextlib.contextmanager
def lock(run: Run) -> Iterator[None]:
    """Make the folder of a run if need be, and keep other processes out while the body runs.

    Folders that were made here and in which nothing was written, because of a user's mistake,
    say, are removed again.

    Raises:
        UserError: It cannot be made or written, holds other files, or is in use.
    """
    folder = run.folder
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(
            f"the run directory {folder} cannot be made ({e.strerror}); choose another --workdir."
        ) from None
    refuse_other_files(run)
    file_lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        file_lock.acquire()
    except filelock.Timeout:
        raise _in_use(run) from None
    except OSError as e:
        raise UserError(
            f"the run directory {folder} cannot be written ({e.strerror}); choose another"
            " --workdir."
        ) from None
    try:
        yield
    finally:
        # On Windows a lock that is held cannot be removed.
        with contextlib.suppress(OSError):
            if made and [p.name for p in folder.iterdir()] == [".lock"]:
                (folder / ".lock").unlink()
                for path in made:  # until there is something in one
                    path.rmdir()
        file_lock.release()
