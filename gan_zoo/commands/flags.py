"""Flags that several commands share: which checkpoint of a run, and which data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from gan_zoo.errors import UserError

if TYPE_CHECKING:
    from gan_zoo.analysis.subject import Subject

_IMAGES = ("data", "data_dir", "image_size", "channels", "plugins")
_DATA = (*_IMAGES, "holdout", "extractor")
_CHECKPOINT = ("step", "best", "ema")


class Checkpoint(NamedTuple):
    """The checkpoint that the flags name, in the order of the arguments of ``restore``.

    Attributes:
        step: Of the checkpoint; None for the newest one (or the best one).
        best: Whether it is the best one by the run's evaluations.
        ema: Whether to draw from the moving average of G's weights, if the run has one.
    """

    step: int | None
    best: bool
    ema: bool


def define_checkpoint_flags(values: flags.FlagValues) -> None:
    """Define ``--step``, ``--best`` and ``--ema``; read them with :func:`checkpoint_of`."""
    flags.DEFINE_integer(
        "step",
        None,
        "of a run: the checkpoint of this step; the newest one by default",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "best", False, "of a run: the best checkpoint by its evaluations", flag_values=values
    )
    flags.DEFINE_bool(
        "ema", True, "of a run: draw from the moving average, if it has one", flag_values=values
    )


def checkpoint_of(values: flags.FlagValues) -> Checkpoint:
    """Return the checkpoint that the flags name.

    Raises:
        UserError: Both ``--best`` and ``--step`` were given.
    """
    if values.best and values.step is not None:
        raise UserError("--best and --step name two checkpoints; give one of them.")
    return Checkpoint(values.step, values.best, values.ema)


def define_truncation(values: flags.FlagValues) -> None:
    """Define ``--truncation``; read it with :func:`truncation_of`."""
    flags.DEFINE_float(
        "truncation",
        1,
        "from 0 to 2: below 1, images are less varied and more typical; a style-based generator"
        " brings its styles nearer to their average, any other one gets less noise",
        flag_values=values,
    )


def truncation_of(values: flags.FlagValues) -> float:
    """Return ``--truncation``.

    Raises:
        UserError: It is not from 0 to 2.
    """
    if not 0 <= values.truncation <= 2:  # also not a number
        raise UserError(
            f"--truncation={values.truncation} is not possible; give a number from 0 to 2, such as"
            " 0.7."
        )
    return values.truncation


def define_sheet_flags(values: flags.FlagValues, size: int) -> None:
    """Define ``--size``, with its default, and ``--label``: of a picture of one class."""
    flags.DEFINE_integer(
        "size",
        size,
        "pixels of the longer side at least, by repeating pixels; 0 keeps the size",
        0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "label",
        "",
        "the class of all images, its name or number; the first by default",
        flag_values=values,
    )


def define_held_out_flags(values: flags.FlagValues) -> None:
    """Define ``--held_out`` and ``--held_out_dir``: images that training did not use."""
    flags.DEFINE_string(
        "held_out",
        "",
        "held-out images as for --data, such as mnist(split='test'); by default --holdout's",
        flag_values=values,
    )
    flags.DEFINE_string(
        "held_out_dir",
        "",
        "where held-out images are: a folder, an archive or an array",
        flag_values=values,
    )


def define_image_flags(
    values: flags.FlagValues,
    image_size: str = "",
    image_size_help: str = "by default the run's, or that of the pictures",
) -> None:
    """Define ``--data``, ``--data_dir``, ``--image_size``, ``--channels`` and ``--plugins``.

    Args:
        values: Where to define them.
        image_size: The default of ``--image_size``.
        image_size_help: The end of its help text.
    """
    flags.DEFINE_string(
        "data", "", "the real images: a data set, as for gan_zoo train", flag_values=values
    )
    flags.DEFINE_string(
        "data_dir", "", "where they are: a folder, an archive or an array", flag_values=values
    )
    flags.DEFINE_string(
        "image_size",
        image_size,
        f"of the data: one side or HEIGHTxWIDTH; {image_size_help}",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "channels",
        0,
        "1 for gray, 3 for color, 4 for color with transparency, 0 for 1 or 3, as the data has",
        flag_values=values,
    )
    flags.DEFINE_string(
        "plugins", "", "Python files with your own parts, separated by commas", flag_values=values
    )


def define_data_flags(values: flags.FlagValues) -> None:
    """Define the image flags, ``--holdout`` and ``--extractor``; a run's own are the defaults."""
    define_image_flags(values)
    flags.DEFINE_float(
        "holdout",
        0.0,
        "the share of the data that training did not use; the run's by default",
        flag_values=values,
    )
    flags.DEFINE_string(
        "extractor", "", "the feature network; the run's by default", flag_values=values
    )


def data_flags_given(values: flags.FlagValues) -> dict[str, Any]:
    """Return the values of the data flags on the command line, by name; fields of ``Config``."""
    return {name: values[name].value for name in _DATA if values[name].present}


def define_subject_flags(values: flags.FlagValues) -> None:
    """Define the flags that :func:`subject_of` and :func:`checkpoint_of` read, and ``--seed``."""
    define_data_flags(values)
    define_checkpoint_flags(values)
    flags.DEFINE_integer("seed", 0, "of the choice of images and of noise", 0, flag_values=values)


def subject_of(values: flags.FlagValues, rest: list[str], *, needs_data: bool = True) -> Subject:
    """Return what the command line names to be judged: a run or pictures. Nothing is loaded.

    Args:
        values: The flags.
        rest: The other words.
        needs_data: Whether pictures need real images beside them.

    Raises:
        UserError: It does not exist, or flags are missing or contradict each other.
    """
    from gan_zoo.analysis.subject import find_subject
    from gan_zoo.files import user_path
    from gan_zoo.runs.run import Run

    if len(rest) != 1:
        raise UserError(
            "one run, or one folder, archive or array of pictures is needed, but"
            f" {len(rest)} were given."
        )
    path = user_path(rest[0])
    if path.exists() and not Run(path).exists:
        for name in _CHECKPOINT:
            if values[name].present:
                raise UserError(
                    f"--{name} is for a run, but {path} holds no run (no config.json); leave it"
                    " out."
                )
    return find_subject(path, data_flags_given(values), values.seed, needs_data=needs_data)
