"""Export a run's generator: ``gan_zoo export runs/NAME --format=savedmodel,onnx --out=folder``.

    savedmodel   for TensorFlow and TF Serving; loads without gan_zoo
    keras        for Keras; loads after "import gan_zoo.layers"
    tflite       for LiteRT (formerly TensorFlow Lite): phones, small devices
    onnx         for ONNX Runtime and many others; needs pip install tf2onnx onnxruntime

Each is loaded again by its own runtime, and must make the same images as G from the same noise. All
compute in float32, also for a run that trained in bfloat16. The folder also gets model.json (the
inputs, the outputs and the origin of the model) and README.md (how to use it). The folder is new,
and it is written completely or not at all.
"""

from __future__ import annotations

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import checkpoint_of, define_checkpoint_flags
from gan_zoo.export.formats import FORMATS, parse_formats
from gan_zoo.files import new_folder
from gan_zoo.runs.run import Run


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "format",
        "savedmodel,keras,tflite",
        f"some of these, separated by commas: {', '.join(FORMATS)}",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out", "", "a new folder; by default export-STEP in the run's folder", flag_values=values
    )
    define_checkpoint_flags(values)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    formats = parse_formats(values.format)
    step, best, ema = checkpoint_of(values)
    out = new_folder(values.out)
    _ = Run(folder).config  # refuses a folder without a run before TensorFlow is loaded
    cli.load_tensorflow(values.verbose)
    from gan_zoo.export.write import CHECKED, export_run

    found = export_run(folder, formats, out, step=step, best=best, ema=ema, verbose=values.verbose)
    for name, apart in found.differences.items():
        print(
            f"{found.path / FORMATS[name].path}: differs from G by at most {apart:.1e}"
            f" ({CHECKED} images in [-1, 1])"
        )
    average = " (EMA)" if found.ema else ""
    print(f"{found.path}: step {found.step}{average} of {folder}; README.md shows how to use it")
