"""Hand on a run's generator to other programs: ``gan_zoo export runs/NAME --format=savedmodel,onnx --out=folder``.

    savedmodel   for TensorFlow and TF Serving; loads without gan_zoo
    keras        for Keras; loads after "import gan_zoo.layers"
    tflite       for LiteRT (once TensorFlow Lite): phones, small devices
    onnx         for ONNX Runtime and many others; needs pip install tf2onnx onnxruntime

Each is read back by its own runtime and must make the images that G makes of the same noise. All
compute in float32, also those of a run that trained in bfloat16. Beside them, model.json says what
to feed them and whence they come, and README.md how. The folder is new, and there is all of it or
nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import io
import logging
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from gan_zoo import __version__, cli, registry
from gan_zoo.config import held_out
from gan_zoo.errors import UserError
from gan_zoo.files import free_path, new_folder, write_json
from gan_zoo.runs import rundir

# In units of the images' [-1, 1]; a step of 8 bits is 0.0078. Runtimes add up in different orders.
TOLERANCE = 1e-4
CHECKED = 16  # images


class Format(NamedTuple):
    """How to write a format and how to run what was written.

    Attributes:
        path: Its name in the folder.
        needs: Packages beyond gan_zoo's own, by their names in Python.
        write: ``(net, path) -> None``.
        run: ``(path, z) -> images``, with its own runtime; for a G of classes, z is the list of
            noise and labels.
        use: The Python lines that do so.
        use_classes: The same for a G of classes.
    """

    path: str
    needs: tuple[str, ...]
    write: Callable[[Any, Path], None]
    run: Callable[[Path, Any], Any]
    use: str
    use_classes: str


def _run_savedmodel(path: Path, z: Any) -> Any:
    import tensorflow as tf

    model = tf.saved_model.load(str(path))  # it must outlive its call
    return model.serve(z)


def _run_keras(path: Path, z: Any) -> Any:
    import keras

    return keras.models.load_model(path)(z, training=False)


def _write_tflite(net: Any, path: Path) -> None:
    import tensorflow as tf

    # By way of a SavedModel: the converter's way from a Keras model is for Keras 2.
    aside = path.with_suffix(".aside")
    net.export(aside, verbose=False)
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(aside)).convert())
    shutil.rmtree(aside)


def _run_tflite(path: Path, z: Any) -> Any:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=str(path))
    # The order of several inputs is the converter's own; their types tell them apart.
    inputs = {value.dtype: value for value in (z if isinstance(z, list) else [z])}
    for given in interpreter.get_input_details():
        interpreter.resize_tensor_input(given["index"], inputs[np.dtype(given["dtype"])].shape)
    interpreter.allocate_tensors()
    for given in interpreter.get_input_details():
        interpreter.set_tensor(given["index"], inputs[np.dtype(given["dtype"])])
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _run_onnx(path: Path, z: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {
        "tensor(float)" if v.dtype == np.float32 else "tensor(int32)": v
        for v in (z if isinstance(z, list) else [z])
    }
    return session.run(None, {given.name: inputs[given.type] for given in session.get_inputs()})[0]


FORMATS = {
    "savedmodel": Format(
        "savedmodel",
        (),
        lambda net, path: net.export(path, verbose=False),
        _run_savedmodel,
        'import tensorflow\n\nmodel = tensorflow.saved_model.load("savedmodel")\nimages ='
        " model.serve(z)",
        'import tensorflow\n\nmodel = tensorflow.saved_model.load("savedmodel")\nimages ='
        " model.serve([z, label])",
    ),
    "keras": Format(
        "generator.keras",
        (),
        lambda net, path: net.save(path),
        _run_keras,
        "import gan_zoo.layers\nimport keras\n\nimages ="
        ' keras.models.load_model("generator.keras")(z, training=False)',
        "import gan_zoo.layers\nimport keras\n\n"
        'images = keras.models.load_model("generator.keras")([z, label], training=False)',
    ),
    "tflite": Format(
        "generator.tflite",
        (),
        _write_tflite,
        _run_tflite,
        "from ai_edge_litert.interpreter import Interpreter  # pip install ai-edge-litert\n\n"
        'interpreter = Interpreter("generator.tflite")\n'
        'at = interpreter.get_input_details()[0]["index"]\n'
        "interpreter.resize_tensor_input(at, z.shape)\n"
        "interpreter.allocate_tensors()\n"
        "interpreter.set_tensor(at, z)\n"
        "interpreter.invoke()\n"
        'images = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])',
        "from ai_edge_litert.interpreter import Interpreter  # pip install"
        ' ai-edge-litert\n\ninterpreter = Interpreter("generator.tflite")\ninputs = {value.dtype:'
        " value for value in (z, label)}  # their types tell them apart\nfor given in"
        ' interpreter.get_input_details():\n    interpreter.resize_tensor_input(given["index"],'
        ' inputs[numpy.dtype(given["dtype"])].shape)\ninterpreter.allocate_tensors()\nfor given in'
        ' interpreter.get_input_details():\n    interpreter.set_tensor(given["index"],'
        ' inputs[numpy.dtype(given["dtype"])])\ninterpreter.invoke()\nimages ='
        ' interpreter.get_tensor(interpreter.get_output_details()[0]["index"])',
    ),
    "onnx": Format(
        "generator.onnx",
        ("tf2onnx", "onnxruntime"),
        lambda net, path: net.export(path, format="onnx", verbose=False),
        _run_onnx,
        'import onnxruntime\n\nsession = onnxruntime.InferenceSession("generator.onnx")\n'
        "images = session.run(None, {session.get_inputs()[0].name: z})[0]",
        'import onnxruntime\n\nsession = onnxruntime.InferenceSession("generator.onnx")\ntypes ='
        ' {"tensor(float)": z, "tensor(int32)": label}\nimages = session.run(None, {given.name:'
        " types[given.type] for given in session.get_inputs()})[0]",
    ),
}


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "format",
        "savedmodel,keras,tflite",
        f"of these, with commas: {', '.join(FORMATS)}",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out", "", "a new folder; by default export-STEP in the run's", flag_values=values
    )
    flags.DEFINE_bool("ema", True, "the moving average, if the run has one", flag_values=values)
    flags.DEFINE_integer(
        "step", None, "from the checkpoint of this step; the newest by default", flag_values=values
    )
    flags.DEFINE_bool(
        "best", False, "from the best checkpoint by the run's evaluations", flag_values=values
    )


def _wanted(text: str) -> list[str]:
    """The names of formats in a flag.

    Raises:
        UserError: One is unknown, or lacks packages.
    """
    names = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    strange = [name for name in names if name not in FORMATS]
    if strange or not names:
        what = f"'{strange[0]}' is unknown" if strange else "there is none"
        raise UserError(f"--format={text}: {what}; give some of {', '.join(FORMATS)}, with commas.")
    for name in names:
        if missing := [
            package for package in FORMATS[name].needs if importlib.util.find_spec(package) is None
        ]:
            raise UserError(
                f"--format={name} needs {' and '.join(missing)}: pip install {' '.join(missing)}."
            )
    return names


def difference(path: Path, form: Format, z: Any, images: np.ndarray) -> float:
    """By how much what was exported departs from the images of the same noise, at most, in units of [-1, 1]."""
    found = np.asarray(form.run(path, z))
    return float(np.abs(found - images).max()) if found.shape == images.shape else float("inf")


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    names = _wanted(values.format)
    if values.best and values.step is not None:
        raise UserError("--best and --step name two checkpoints; give one of them.")
    out = new_folder(values.out)
    saved = rundir.read(folder)
    cli.load_tensorflow(values.verbose)
    from gan_zoo.game import build, sampling
    from gan_zoo.runs import restore

    game, step = restore.restore(folder, values.step, best=values.best)
    averaged = game.ema is not None and values.ema
    config = dataclasses.replace(rundir.config_of(folder), precision="float32")
    net = build.build_generator(config, tuple(saved["data"]["shape"]), game.classes)
    net.set_weights((game.ema if averaged else game.gen).get_weights())
    z: Any = sampling.sample_noise(game, CHECKED, 0)
    if game.classes is not None:
        z = [z, np.arange(CHECKED, dtype=np.int32) % len(game.classes.names)]
    images = np.asarray(net(z, training=False))

    out = out or free_path(folder / f"export-{step}")
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{uuid.uuid4().hex[:8]}.part")
    aside.mkdir()
    try:
        differences = {}
        for name in names:
            form = FORMATS[name]
            try:
                with _hushed(values.verbose):
                    form.write(net, aside / form.path)
                    apart = differences[name] = difference(aside / form.path, form, z, images)
            except (
                Exception
            ) as e:  # whatever a converter raises on an operation that it does not know
                why = f"{type(e).__name__}: {' '.join(str(e).split())[:200]}"
                raise UserError(
                    f"this generator cannot be written as {name} ({why}); leave that out of"
                    " --format."
                ) from e
            if not apart <= TOLERANCE:  # NaN, too
                raise UserError(
                    f"the {name} makes other images than G: they differ by {apart:.2g}, where"
                    f" {TOLERANCE:g} is allowed; leave that out of --format."
                )
        record = _record(
            folder, saved, config.spec("noise"), step, values.best, averaged, net, differences
        )
        write_json(aside / "model.json", record)
        (aside / "README.md").write_text(_readme(record), encoding="utf-8")
        aside.replace(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    for name, apart in differences.items():
        print(
            f"{out / FORMATS[name].path}: differs from G by at most {apart:.1e} ({CHECKED} images"
            " in [-1, 1])"
        )
    print(
        f"{out}: step {step}{' (EMA)' if averaged else ''} of {folder}; model.json and README.md"
        " say what to feed"
    )


@contextlib.contextmanager
def _hushed(verbose: bool) -> Iterator[None]:
    """Without what converters and runtimes say of themselves, unless asked for."""
    if verbose:
        yield
        return
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), cli.held_stderr(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _noise(spec: registry.Spec) -> dict[str, Any]:
    """A noise in words and, where NumPy has it, in a line of Python."""
    entry = registry.noises.entry(spec.name)
    arguments: dict[str, Any] = {}
    if entry.signature is not None:
        bound = entry.signature.bind_partial(*spec.args, **spec.kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
    return {"spec": str(spec), "meaning": entry.summary, "arguments": arguments}


def _record(
    folder: Path,
    saved: dict[str, Any],
    noise: registry.Spec,
    step: int,
    best: bool,
    averaged: bool,
    net: Any,
    apart: dict[str, float],
) -> dict[str, Any]:
    """What ``model.json`` says."""
    labeled = len(net.inputs) > 1
    kept = held_out(saved["data"]["count"], saved["config"].get("holdout", 0.0))
    packages = (
        "tensorflow",
        "keras",
        *sorted({package for name in apart for package in FORMATS[name].needs}),
    )
    return {
        "run": str(folder.resolve()),
        "step": step,
        "best": best,
        "ema": averaged,
        "generator": saved["config"]["gen"],
        "trained_on": {
            **{k: saved["data"][k] for k in ("name", "hash") if k in saved["data"]},
            "count": saved["data"]["count"] - kept,
            "held_out": kept,
        },
        "commit": saved.get("commit"),
        "input": {
            "shape": list(net.inputs[0].shape),
            "dtype": "float32",
            "noise": _noise(noise),
        },
        **(
            {
                "label": {
                    "shape": [None],
                    "dtype": "int32",
                    "classes": saved["data"]["classes"]["names"],
                }
            }
            if labeled
            else {}
        ),
        "output": {
            "shape": [None, *net.output_shape[1:]],
            "dtype": "float32",
            "layout": "NHWC",
            "range": [-1, 1],
            "to_uint8": "round((x + 1) * 127.5)",
        },
        "formats": {
            name: {"path": FORMATS[name].path, "differs_by": value} for name, value in apart.items()
        },
        "versions": {
            "gan_zoo": __version__,
            **{name: importlib.metadata.version(name) for name in packages},
        },
    }


_NUMPY = {"normal": "normal(0, {stddev}, {size})", "uniform": "uniform({low}, {high}, {size})"}


def _readme(record: dict[str, Any]) -> str:
    size, made = (
        ("n, " + ", ".join(map(str, record[end]["shape"][1:]))) for end in ("input", "output")
    )
    noise = record["input"]["noise"]
    line = _NUMPY.get(noise["spec"].partition("(")[0], "")
    draw = (
        line
        and f'n = 16\nz = numpy.random.{line.format(size=f"({size})", **noise["arguments"])}.astype("float32")'
    )
    what, classes = "The noise", ""
    if label := record.get("label"):
        names = label["classes"]
        draw = draw and f'{draw}\nlabel = (numpy.arange(n) % {len(names)}).astype("int32")'
        what = "The noise and the labels"
        listed = ", ".join(f"{i}: {name}" for i, name in enumerate(names))
        classes = (
            f"It also takes the class of each image by number, `label`, int32 `[n]`; {listed}."
            " Another number makes an\nimage of no class, and no format complains.\n"
        )
    uses = {what: draw and f"import numpy\n\n{draw}"}
    for name, form in record["formats"].items():
        uses[f"`{form['path']}`"] = FORMATS[name].use_classes if classes else FORMATS[name].use
    shown = "\n".join(
        f"{title}:\n\n```python\n{lines}\n```\n" for title, lines in uses.items() if lines
    )
    return f"""# {record["generator"]}, step {record["step"]}

A generator of images, trained by gan_zoo on {record["trained_on"]["name"]}; `model.json` says which exactly.

It takes noise `z`, float32 `[{size}]`, drawn as `{noise["spec"]}`: {noise["meaning"]}
{classes}It makes images, float32 `[{made}]` in [-1, 1]; `round((images + 1) * 127.5)` has them in 0 to 255.

{shown}"""
