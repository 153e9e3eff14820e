"""Compare FID's Inception with those of torch-fidelity and pytorch-fid: with random weights.

It needs PyTorch and the sources of the two and of torchvision, which gan_zoo does not::

    pip install --target OTHERS torch
    pip install --target OTHERS --no-deps torch-fidelity==0.4.0 pytorch-fid==0.3.0 torchvision
    PYTHONPATH=.:OTHERS python tools/inception_reference.py --n=250
    PYTHONPATH=.:OTHERS python tools/inception_reference.py --fixtures=tests/fixtures

The first prints the largest differences of features, logits and metrics of two sets of drawn
images; the second writes what the tests read. Nothing of the three packages but their networks and
formulas is used: their modules for data sets need a torchvision that loads.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tempfile
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from absl import flags

from gan_zoo import cli
from gan_zoo.evaluation import distances, tfgan
from gan_zoo.evaluation.fid_inception import FEATURES, RESIZES, network, weight_shapes
from gan_zoo.evaluation.neighbors import manifold
from gan_zoo.evaluation.torch_weights import read_weights


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer("n", 250, "images in each of the two sets", 10, flag_values=values)
    flags.DEFINE_list(
        "programs", ["torch-fidelity", "pytorch-fid"], "which to compare", flag_values=values
    )
    flags.DEFINE_string("fixtures", "", "write the fixtures into this folder", flag_values=values)


def random_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Return random weights by their names in PyTorch, with which activations stay near 1."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in weight_shapes().items():
        if name.endswith("conv.weight"):
            drawn = rng.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith("running_var"):
            drawn = rng.uniform(0.5, 1.5, shape)
        elif name.endswith("bn.weight"):
            drawn = rng.uniform(0.8, 1.2, shape)
        elif name == "fc.weight":
            drawn = rng.standard_normal(shape, np.float32) * np.sqrt(9 / FEATURES)
        else:
            drawn = rng.normal(size=shape) * 0.1
        weights[name] = drawn.astype(np.float32)
    return weights


def drawn_images(n: int, seed: int, noise: float = 40.0, side: int = 32) -> np.ndarray:
    """Return smooth images with noise, uint8 ``[n, side, side + 4, 3]``."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (n, 4, 4, 3))
    smooth = np.repeat(np.repeat(coarse, -(-(side + 4) // 4), 1), -(-(side + 4) // 4), 2)
    smooth = smooth[:, :side, : side + 4]
    noisy = smooth + noise * rng.normal(size=smooth.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def load_others() -> None:
    """Make the networks and formulas of the other packages importable, and no more of them."""
    found = importlib.util.find_spec("torchvision")
    assert found is not None and found.submodule_search_locations
    source = Path(next(iter(found.submodule_search_locations)), "models", "inception.py")
    for name in ("", ".models", ".transforms", ".transforms._presets", ".utils", ".datasets"):
        sys.modules[f"torchvision{name}"] = _stub(f"torchvision{name}")
    for name in ("._api", "._meta", "._utils"):
        sys.modules[f"torchvision.models{name}"] = _stub(f"torchvision.models{name}")
    parts: Any = sys.modules
    parts["torchvision.models._api"].register_model = lambda: lambda f: f
    parts["torchvision.models._utils"].handle_legacy_interface = lambda **_: lambda f: f
    parts["torchvision.models._api"].WeightsEnum = object
    spec = importlib.util.spec_from_file_location("torchvision.models.inception", source)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["torchvision.models.inception"] = module
    spec.loader.exec_module(module)
    top, models = parts["torchvision"], parts["torchvision.models"]
    top.models, models.inception, top.__version__ = models, module, "0.29"
    models.inception_v3 = lambda weights, **kwargs: module.Inception3(**kwargs)
    del models.utils  # as in the newest torchvision
    spec = importlib.util.find_spec("torch_fidelity")
    assert spec is not None and spec.submodule_search_locations is not None
    package = types.ModuleType("torch_fidelity")  # without its __init__
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["torch_fidelity"] = package
    sys.modules["torch_fidelity.utils"] = _stub("torch_fidelity.utils")


def _stub(name: str) -> Any:
    stub: Any = MagicMock(name=name)
    stub.__path__, stub.__spec__ = [], importlib.machinery.ModuleSpec(name, None)
    return stub


def save(weights: dict[str, np.ndarray], path: Path, *, legacy: bool = False) -> None:
    """Write weights with PyTorch, as a table that a network gives."""
    import collections

    import torch

    table = collections.OrderedDict((k, torch.from_numpy(v)) for k, v in weights.items())
    torch.save(table, path, _use_new_zipfile_serialization=not legacy)


def others(path: Path) -> dict[str, Any]:
    """Return the networks of torch-fidelity and pytorch-fid with the weights of a file.

    Each is a function from uint8 ``[N, H, W, 3]`` to features and logits (None for pytorch-fid).
    """
    import torch

    fidelity = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    one = fidelity.FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path)
    )
    pytorch_fid: Any = importlib.import_module("pytorch_fid.inception")
    pytorch_fid.load_state_dict_from_url = lambda *_, **__: torch.load(path, weights_only=True)
    two = pytorch_fid.InceptionV3().eval()

    def channels_first(images: np.ndarray) -> Any:
        return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))

    def run_one(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            features, logits = one(channels_first(images))
        return features.numpy(), logits.numpy()

    def run_two(images: np.ndarray) -> tuple[np.ndarray, None]:
        with torch.no_grad():
            (features,) = two(channels_first(images).float() / 255)
        return features.numpy()[:, :, 0, 0], None

    return {"torch-fidelity": run_one, "pytorch-fid": run_two}


def ours(weights: dict[str, np.ndarray], resize: str) -> Any:
    """Return our network as a function like those of :func:`others`."""
    run = network(weights)

    def both(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = run(RESIZES[resize].apply(images)).numpy()
        return columns[:, :FEATURES], columns[:, FEATURES:]

    return both


def of_all(function: Any, images: np.ndarray) -> list[Any]:
    """Return the outputs of a network of all images, 50 at a time."""
    parts = [function(images[i : i + 50]) for i in range(0, len(images), 50)]
    return [None if x[0] is None else np.concatenate(x) for x in zip(*parts, strict=True)]


def their_metrics(real: np.ndarray, fake: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Return torch-fidelity's metrics of features, and of the logits of the fake images."""
    import torch

    fid, isc, kid, prc = (
        importlib.import_module(f"torch_fidelity.metric_{name}")
        for name in ("fid", "isc", "kid", "prc")
    )
    a, b = torch.from_numpy(fake), torch.from_numpy(real)
    statistics = [fid.fid_features_to_statistics(x) for x in (a, b)]
    # Of all rows at once, so that no choice of rows is compared.
    whole = {"kid_subsets": 1, "kid_subset_size": len(fake), "verbose": False}
    overlap = prc.prc_features_to_metric(a, b, verbose=False)
    return {
        "FID": fid.fid_statistics_to_metric(*statistics, False)[fid.KEY_METRIC_FID],
        "KID": kid.kid_features_to_metric(a, b, **whole)[kid.KEY_METRIC_KID_MEAN],
        "IS (all)": isc.isc_features_to_metric(torch.from_numpy(logits), 1, False)[
            isc.KEY_METRIC_ISC_MEAN
        ],
        "IS (10 parts)": isc.isc_features_to_metric(torch.from_numpy(logits), 10, False)[
            isc.KEY_METRIC_ISC_MEAN
        ],
        "precision": overlap["precision"],
        "recall": overlap["recall"],
    }


def our_metrics(real: np.ndarray, fake: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Return our metrics, by the names of :func:`their_metrics`."""
    overlap = manifold(real, fake)
    a, b = (distances.Statistics.of(x) for x in (real, fake))
    return {
        "FID": distances.frechet(a, b),
        "KID": distances.kernel_distance(real, fake)[0],
        "IS (all)": tfgan.classifier_score(logits)[0],
        "IS (10 parts)": tfgan.classifier_score_of_parts(logits)[0],
        "precision": overlap.precision[0],
        "recall": overlap.recall[0],
    }


def compare(n: int, programs: list[str]) -> None:
    """Print the largest differences for two sets of ``n`` images."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pth")
        save(random_weights(), path)
        weights, theirs = read_weights(path), others(path)
    real, fake = drawn_images(n, 1), drawn_images(n, 2, noise=46.0)
    print(f"PyTorch {torch.__version__}, {n} images {list(real.shape[1:])} in each of two sets")
    for name in programs:
        other = theirs[name]
        one, two = ([of_all(f, x) for x in (real, fake)] for f in (ours(weights, name), other))
        scale = max(float(np.abs(x[0]).max()) for x in two)
        difference = max(float(np.abs(x[0] - y[0]).max()) for x, y in zip(one, two, strict=True))
        print(f"{name}: features up to {scale:.3g}; largest difference {difference:.2g}")
        if two[1][1] is None:
            two = [[features, x[1]] for (features, _), x in zip(two, one, strict=True)]
        else:
            largest = float(np.abs(one[1][1] - two[1][1]).max())
            print(f"  logits up to {np.abs(two[1][1]).max():.3g}; difference {largest:.2g}")
        mine, yours = (
            metrics(a[0][0], a[1][0], a[1][1])
            for metrics, a in ((our_metrics, one), (their_metrics, two))
        )
        for metric, value in yours.items():
            error = abs(mine[metric] - value) / max(abs(value), 1e-12)
            print(f"  {metric:14s} theirs {value:.8g}  ours {mine[metric]:.8g}  ({error:.1g})")


def write_fixtures(folder: Path) -> None:
    """Write the outputs of the others for a few images, and small files of PyTorch's formats."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "weights.pth")
        save(random_weights(), path)
        theirs = others(path)
    images = drawn_images(3, 3)
    features, logits = theirs["torch-fidelity"](images)
    np.savez_compressed(
        folder / "inception_random.npz",
        images=images,
        torch_fidelity=features[:, ::16],
        logits=logits[:, ::16],
        pytorch_fid=theirs["pytorch-fid"](images)[0][:, ::16],
    )
    _write_small(folder)


def _write_small(folder: Path) -> None:
    import torch

    layer = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.BatchNorm2d(3))
    table = layer.state_dict()
    for i, (name, tensor) in enumerate(table.items()):
        table[name] = (torch.arange(tensor.numel()).reshape(tensor.shape) + 100 * i).to(tensor)
    table["transposed"] = torch.arange(6.0).reshape(2, 3).t()  # a view: not contiguous
    table["part"] = torch.arange(10, dtype=torch.float16)[3:5]
    torch.save(table, folder / "torch_zip.pth")
    torch.save(table, folder / "torch_legacy.pth", _use_new_zipfile_serialization=False)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    del rest
    load_others()
    if values.fixtures:
        write_fixtures(Path(values.fixtures))
    else:
        compare(values.n, values.programs)


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
