"""Temporary: functions over :class:`gan_zoo.runs.run.Run`."""

from gan_zoo.runs.run import Run


def read(folder):
    """See Run.record."""
    return Run(folder).record


def config_of(folder):
    """See Run.config."""
    return Run(folder).config


def sample_grids(folder):
    """See Run.sample_grids."""
    return Run(folder).sample_grids


def exported(folder):
    """See Run.exported_step."""
    return Run(folder).exported_step


def write(folder, content):
    """See Run.write."""
    Run(folder).write(content)


def steps_history(record):
    """See Run.steps_history."""
    return [
        (pair[0], pair[1])
        for pair in record.get("steps_before") or []
        if isinstance(pair, list) and [type(n) for n in pair] == [int, int]
    ]
