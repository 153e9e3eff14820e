"""Write a run's generator in several formats, each checked against the images of G."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import shutil
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_zoo import cli
from gan_zoo.errors import UserError
from gan_zoo.export.formats import FORMATS, TOLERANCE, difference
from gan_zoo.export.handover import model_record, readme
from gan_zoo.files import free_path, write_json
from gan_zoo.game import build, sampling
from gan_zoo.layers import folded
from gan_zoo.phases import phase
from gan_zoo.runs.run import Run

CHECKED = 16  # images


class Export(NamedTuple):
    """An export that was written.

    Attributes:
        path: Of the folder.
        step: Of the checkpoint.
        ema: Whether it is the moving average.
        differences: For each format, the largest difference of its images from those of G, in units
            of [-1, 1].
    """

    path: Path
    step: int
    ema: bool
    differences: dict[str, float]


def export_run(
    folder: Path,
    formats: Sequence[str] = ("savedmodel", "keras", "tflite"),
    out: Path | None = None,
    *,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
    verbose: bool = False,
) -> Export:
    """Write a run's generator for other programs, in a new folder that is complete or not there.

    Args:
        folder: Of the run.
        formats: Names in :data:`gan_zoo.export.formats.FORMATS`.
        out: A new folder; by default a free name, ``export-STEP``, in the run's.
        step: Of the checkpoint; the newest by default.
        best: Whether to take the best checkpoint.
        ema: Whether to take the moving average, if there is one.
        verbose: Whether converters and runtimes may print their own messages.

    Raises:
        UserError: There is no run or checkpoint, or a format cannot be written or makes other
            images.
    """
    run = Run(folder)
    game, step = run.restore(step, best=best)
    trained = game.ema if game.ema is not None and ema else game.gen
    # In float32 also where the run trained in bfloat16: other runtimes lack it.
    config = dataclasses.replace(run.config, precision="float32")
    with phase("build nets"):
        net = build.build_generator(config, run.image_shape, game.classes)
    with folded(trained):
        net.set_weights(trained.get_weights())
    z: Any = sampling.sample_noise(game, CHECKED, 0)
    if game.classes is not None:
        z = [z, np.arange(CHECKED, dtype=np.int32) % len(game.classes.names)]
    with phase("draw samples"):
        images = np.asarray(net(z, training=False))

    out = out or free_path(folder / f"export-{step}")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{uuid.uuid4().hex[:8]}.part")
    part.mkdir()
    try:
        differences = write_formats(formats, net, part, z, images, verbose=verbose)
        record = model_record(
            folder,
            run.record,
            config.spec("noise"),
            net,
            differences,
            step=step,
            best=best,
            ema=trained is game.ema,
        )
        write_json(part / "model.json", record)
        (part / "README.md").write_text(readme(record), encoding="utf-8")
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Export(out, step, trained is game.ema, differences)


def write_formats(
    formats: Sequence[str], net: Any, folder: Path, z: Any, images: np.ndarray, *, verbose: bool
) -> dict[str, float]:
    """Write a net in all formats and return, for each, its largest difference from ``images``.

    Raises:
        UserError: One cannot be written or makes other images; it names the formats that can.
    """
    differences, errors = {}, {}
    for name in formats:  # all of them, so that the message tells which to keep
        try:
            with phase(f"write {name}"):
                differences[name] = write_format(name, net, folder, z, images, verbose=verbose)
        except UserError as e:
            errors[name] = e
    if not errors:
        return differences
    bad, good = ",".join(errors), ",".join(differences)
    advice = f"without {bad} it works: --format={good}." if good else f"leave out {bad}."
    raise UserError(f"{'; '.join(map(str, errors.values()))}; {advice}") from next(
        iter(errors.values())
    )


def write_format(
    name: str, net: Any, folder: Path, z: Any, images: np.ndarray, *, verbose: bool = False
) -> float:
    """Write a net in one format and return the largest difference of its images from ``images``.

    Raises:
        UserError: It cannot be written, or the difference is above the tolerance.
    """
    form = FORMATS[name]
    error = None
    with _quiet(verbose):
        try:
            form.write(net, folder / form.path)
            apart = difference(folder / form.path, form, z, images)
        except Exception as e:  # converters raise all kinds of errors on an unknown operation
            error = e  # raised below: here, what the converter wrote to stderr would be shown
    if error is not None:
        raise UserError(f"this generator cannot be written as {name} ({_reason(error)})") from error
    if not apart <= TOLERANCE:  # NaN, too
        raise UserError(
            f"the {name} file makes other images than G: they differ by {apart:.2g}, and at most"
            f" {TOLERANCE:g} is allowed"
        )
    return apart


def _reason(error: Exception) -> str:
    """Return in a few words why a format cannot be written."""
    if type(error).__name__ == "ConverterError":  # TFLite's, whose text is pages of MLIR
        return (
            "its converter refuses an operation, often one whose shape is not fixed, as in"
            " keras.layers.UpSampling2D; --verbose shows its messages"
        )
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


@contextlib.contextmanager
def _quiet(verbose: bool) -> Iterator[None]:
    """Hide the messages of converters and runtimes, unless ``verbose``."""
    if verbose:
        yield
        return
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        cli.suppress_stderr_unless_error(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
