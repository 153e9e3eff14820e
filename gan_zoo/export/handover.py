"""The description of an export: ``model.json`` for programs and ``README.md`` for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gan_zoo import registry
from gan_zoo.config import held_out
from gan_zoo.evaluation.protocol import package_version
from gan_zoo.export.formats import FORMATS
from gan_zoo.images import RGBA
from gan_zoo.layers.introspect import own_layers
from gan_zoo.spec import Spec
from gan_zoo.version import __version__

_TO_PNG = """
Their channels are red, green and blue, each times the opacity (as over black), and the opacity. A
PNG has colors without it:

```python
import numpy
from PIL import Image

opacity = numpy.clip(numpy.round((images[..., 3:] + 1) * 127.5), 0, 255)
colors = (images[..., :3] + 1) * 127.5 * 255 / numpy.maximum(opacity, 1)
rgba = numpy.concatenate([numpy.clip(numpy.round(colors), 0, 255), opacity], axis=-1)
rgba = rgba.astype("uint8")
Image.fromarray(rgba[0]).save("image.png")
```
"""

_NUMPY = {"normal": "normal(0, {stddev}, {size})", "uniform": "uniform({low}, {high}, {size})"}


def model_record(
    folder: Path,
    saved: dict[str, Any],
    noise: Spec,
    net: Any,
    differences: dict[str, float],
    *,
    step: int,
    best: bool,
    ema: bool,
) -> dict[str, Any]:
    """Return the content of ``model.json``.

    Args:
        folder: Of the run.
        saved: The ``config.json`` of the run.
        noise: The run's noise.
        net: The exported generator.
        differences: For each format, the largest difference of its images from those of G.
        step: Of the checkpoint.
        best: Whether it is the best checkpoint.
        ema: Whether the net is the moving average.
    """
    reserved = held_out(saved["data"]["count"], saved["config"].get("holdout", 0.0))
    label = {}
    if len(net.inputs) > 1:
        names = saved["data"]["classes"]["names"]
        label = {"label": {"shape": [None], "dtype": "int32", "classes": names}}
    return {
        "run": str(folder.resolve()),
        "step": step,
        "best": best,
        "ema": ema,
        "generator": saved["config"]["gen"],
        "trained_on": {
            **{k: saved["data"][k] for k in ("name", "hash") if k in saved["data"]},
            "count": saved["data"]["count"] - reserved,
            "held_out": reserved,
        },
        "commit": saved.get("commit"),
        "input": {
            "shape": list(net.inputs[0].shape),
            "dtype": "float32",
            "noise": noise_record(noise),
        },
        **label,
        "output": {
            "shape": [None, *net.output_shape[1:]],
            "dtype": "float32",
            "layout": "NHWC",
            "range": [-1, 1],
            **_values_record(net.output_shape[-1]),
        },
        **({"imports": lines} if (lines := import_lines(net)) else {}),
        "formats": {
            name: {"path": FORMATS[name].path, "differs_by": value}
            for name, value in differences.items()
        },
        "versions": _versions(list(differences)),
    }


def _values_record(channels: int) -> dict[str, str]:
    """Return how the values of images become those of a file."""
    if channels != RGBA:
        return {"to_uint8": "round((x + 1) * 127.5)"}
    return {
        "channels": "red, green and blue, each times the opacity; the opacity",
        "to_uint8": "opacity: round((x + 1) * 127.5); colors: (x + 1) * 127.5 * 255 / opacity",
    }


def import_lines(net: Any) -> list[str]:
    """Return the lines that make a net's layers from outside Keras and gan_zoo known to Keras."""
    lines: list[str] = []
    for module in dict.fromkeys(kind.__module__ for kind in own_layers(net)):
        file = registry.plugin_file(module)
        if file is not None:
            lines += ["import sys", f"sys.path.append({str(file.parent)!r})"]
        lines.append(f"import {file.stem if file else module}  # its layers")
    return list(dict.fromkeys(lines))


def noise_record(spec: Spec) -> dict[str, Any]:
    """Return a noise as a record: its spec, its meaning and its arguments with their defaults."""
    entry = registry.noises.entry(spec.name)
    arguments: dict[str, Any] = {}
    if entry.signature is not None:
        bound = entry.signature.bind_partial(*spec.args, **spec.kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
    return {"spec": str(spec), "meaning": entry.summary, "arguments": arguments}


def _versions(formats: list[str]) -> dict[str, str]:
    """Return the versions of the packages that made the export."""
    needed = sorted({package for name in formats for package in FORMATS[name].needs})
    packages = ("tensorflow", "keras", *needed)
    return {
        "gan_zoo": __version__,
        **{name: package_version(name) or "unknown" for name in packages},
    }


def readme(record: dict[str, Any]) -> str:
    """Return the text of ``README.md``: inputs, outputs, and code for each format."""
    size, made = (
        "n, " + ", ".join(map(str, record[end]["shape"][1:])) for end in ("input", "output")
    )
    noise = record["input"]["noise"]
    draw = _numpy_lines(noise, size)
    title, classes = "The noise", ""
    if label := record.get("label"):
        names = label["classes"]
        draw = draw and f'{draw}\nlabel = (numpy.arange(n) % {len(names)}).astype("int32")'
        title = "The noise and the labels"
        listed = ", ".join(f"{i}: {name}" for i, name in enumerate(names))
        classes = (
            f"It also takes the class of each image by number, `label`, int32 `[n]`; {listed}."
            " For any other number, the\nimage is of no class, and no format reports an error.\n"
        )
    uses = {title: draw}
    for name, form in record["formats"].items():
        use = FORMATS[name].use_classes if classes else FORMATS[name].use
        first = record.get("imports", []) if name == "keras" else []
        uses[f"`{form['path']}`"] = "\n".join([*first, use])
    shown = "\n".join(
        f"{heading}:\n\n```python\n{lines}\n```\n" for heading, lines in uses.items() if lines
    )
    values = "`round((images + 1) * 127.5)` has them in 0 to 255."
    if record["output"]["shape"][-1] == RGBA:
        values = "they have transparency, and the last lines below make a PNG of them."
        shown += _TO_PNG
    data = record["trained_on"].get("name", "images")
    return f"""# {record["generator"]}, step {record["step"]}

A generator of images, trained by gan_zoo on {data}; `model.json` has the details.

It takes noise `z`, float32 `[{size}]`, drawn as `{noise["spec"]}`: {noise["meaning"]}
{classes}It makes images, float32 `[{made}]` in [-1, 1];
{values}

{shown}"""


def _numpy_lines(noise: dict[str, Any], size: str) -> str:
    """Return the lines that draw the noise with NumPy; empty for a noise that NumPy lacks."""
    call = _NUMPY.get(noise["spec"].partition("(")[0], "")
    if not call:
        return ""
    drawn = call.format(size=f"({size})", **noise["arguments"])
    return f'import numpy\n\nn = 16\nz = numpy.random.{drawn}.astype("float32")'
