"""Temporary: see :class:`gan_zoo.runs.run.Run`."""

from gan_zoo.runs.run import Run


def restore(folder, at=None, *, best=False):
    """See Run.restore."""
    return Run(folder).restore(at, best=best)
