"""The formats of an export: how to write each, run it, and use it. No TensorFlow until one is."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.errors import UserError

# In units of the images' [-1, 1]; a step of 8 bits is 0.0078. Runtimes add up in different orders.
TOLERANCE = 1e-4


class Format(NamedTuple):
    """How to write a format and how to run what was written.

    Attributes:
        path: The name of the file or folder in the export.
        needs: Packages that gan_zoo does not install, by their names in Python.
        write: ``(net, path) -> None``.
        run: ``(path, z) -> images``, with the format's own runtime; for a G with classes, z is the
            list of noise and labels.
        use: The Python lines that do so, for the README of the export.
        use_classes: The same for a G with classes.
    """

    path: str
    needs: tuple[str, ...]
    write: Callable[[Any, Path], None]
    run: Callable[[Path, Any], Any]
    use: str
    use_classes: str


def _write_savedmodel(net: Any, path: Path) -> None:
    net.export(path, verbose=False)


def _run_savedmodel(path: Path, z: Any) -> Any:
    import tensorflow as tf

    model = tf.saved_model.load(str(path))  # it must outlive its call
    return model.serve(z)


_USE_SAVEDMODEL = """\
import tensorflow

model = tensorflow.saved_model.load("savedmodel")
images = model.serve({inputs})"""


def _write_keras(net: Any, path: Path) -> None:
    net.save(path)


def _run_keras(path: Path, z: Any) -> Any:
    import keras

    return keras.models.load_model(path)(z, training=False)


_USE_KERAS = """\
import gan_zoo.layers
import keras

images = keras.models.load_model("generator.keras")({inputs}, training=False)"""


def _write_tflite(net: Any, path: Path) -> None:
    import tensorflow as tf

    # Through a SavedModel: the converter of Keras models is for Keras 2.
    folder = path.with_suffix(".aside")
    net.export(folder, verbose=False)
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())
    shutil.rmtree(folder)


def _run_tflite(path: Path, z: Any) -> Any:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=str(path))
    # The converter chooses the order of several inputs; their types tell which is which.
    inputs = {value.dtype: value for value in (z if isinstance(z, list) else [z])}
    for given in interpreter.get_input_details():
        interpreter.resize_tensor_input(given["index"], inputs[np.dtype(given["dtype"])].shape)
    interpreter.allocate_tensors()
    for given in interpreter.get_input_details():
        interpreter.set_tensor(given["index"], inputs[np.dtype(given["dtype"])])
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


_USE_TFLITE = """\
from ai_edge_litert.interpreter import Interpreter  # pip install ai-edge-litert

interpreter = Interpreter("generator.tflite")
at = interpreter.get_input_details()[0]["index"]
interpreter.resize_tensor_input(at, z.shape)
interpreter.allocate_tensors()
interpreter.set_tensor(at, z)
interpreter.invoke()
images = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])"""

_USE_TFLITE_CLASSES = """\
from ai_edge_litert.interpreter import Interpreter  # pip install ai-edge-litert

interpreter = Interpreter("generator.tflite")
inputs = {value.dtype: value for value in (z, label)}  # their types tell which is which
for given in interpreter.get_input_details():
    shape = inputs[numpy.dtype(given["dtype"])].shape
    interpreter.resize_tensor_input(given["index"], shape)
interpreter.allocate_tensors()
for given in interpreter.get_input_details():
    interpreter.set_tensor(given["index"], inputs[numpy.dtype(given["dtype"])])
interpreter.invoke()
images = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])"""


def _write_onnx(net: Any, path: Path) -> None:
    net.export(path, format="onnx", verbose=False)


def _run_onnx(path: Path, z: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {
        "tensor(float)" if value.dtype == np.float32 else "tensor(int32)": value
        for value in (z if isinstance(z, list) else [z])
    }
    return session.run(None, {given.name: inputs[given.type] for given in session.get_inputs()})[0]


_USE_ONNX = """\
import onnxruntime

session = onnxruntime.InferenceSession("generator.onnx")
images = session.run(None, {session.get_inputs()[0].name: z})[0]"""

_USE_ONNX_CLASSES = """\
import onnxruntime

session = onnxruntime.InferenceSession("generator.onnx")
types = {"tensor(float)": z, "tensor(int32)": label}
inputs = {given.name: types[given.type] for given in session.get_inputs()}
images = session.run(None, inputs)[0]"""

FORMATS = {
    "savedmodel": Format(
        path="savedmodel",
        needs=(),
        write=_write_savedmodel,
        run=_run_savedmodel,
        use=_USE_SAVEDMODEL.format(inputs="z"),
        use_classes=_USE_SAVEDMODEL.format(inputs="[z, label]"),
    ),
    "keras": Format(
        path="generator.keras",
        needs=(),
        write=_write_keras,
        run=_run_keras,
        use=_USE_KERAS.format(inputs="z"),
        use_classes=_USE_KERAS.format(inputs="[z, label]"),
    ),
    "tflite": Format(
        path="generator.tflite",
        needs=(),
        write=_write_tflite,
        run=_run_tflite,
        use=_USE_TFLITE,
        use_classes=_USE_TFLITE_CLASSES,
    ),
    "onnx": Format(
        path="generator.onnx",
        needs=("tf2onnx", "onnxruntime"),
        write=_write_onnx,
        run=_run_onnx,
        use=_USE_ONNX,
        use_classes=_USE_ONNX_CLASSES,
    ),
}


def parse_formats(text: str) -> list[str]:
    """Return the names of formats in a list separated by commas, each once.

    Raises:
        UserError: One is unknown, or needs packages that are not installed.
    """
    names = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        fault = f"'{unknown[0]}' is unknown" if unknown else "it is empty"
        raise UserError(
            f"--format={text}: {fault}; give some of {', '.join(FORMATS)}, separated by commas."
        )
    for name in names:
        if missing := [p for p in FORMATS[name].needs if importlib.util.find_spec(p) is None]:
            raise UserError(
                f"--format={name} needs {' and '.join(missing)}: pip install {' '.join(missing)}."
            )
    return names


def difference(path: Path, form: Format, z: Any, images: np.ndarray) -> float:
    """Return the largest difference of the exported images from ``images``, in units of [-1, 1].

    Infinite where their shapes differ.
    """
    found = np.asarray(form.run(path, z))
    return float(np.abs(found - images).max()) if found.shape == images.shape else float("inf")
