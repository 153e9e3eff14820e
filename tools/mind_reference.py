"""Write torch-fidelity's MIND of a few features, for the tests: ``python tools/mind_reference.py``.

It needs PyTorch, and the source of torch-fidelity after 0.4.0, which has no release yet::

    pip install --target OTHERS torch
    git clone https://github.com/toshas/torch-fidelity && git -C torch-fidelity checkout 5e211a9
    PYTHONPATH=.:OTHERS:torch-fidelity python tools/mind_reference.py --out=tests/fixtures/mind.npz

Only its formula is used; its modules for data sets, which need torchvision, stay unloaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
from absl import flags

from gan_zoo import cli
from gan_zoo.evaluation.monge import monge_distance, sliced_distance

_SEED, _DIRECTIONS = 2020, 40


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("out", "tests/fixtures/mind.npz", "the file to write", flag_values=values)


def theirs(real: np.ndarray, fake: np.ndarray, directions: int) -> float:
    """Return torch-fidelity's distance of features."""
    import torch

    module = importlib.import_module("torch_fidelity.metric_mind")
    settings = {"mind_num_projections": directions, "rng_seed": _SEED, "cuda": False}
    a, b = (torch.from_numpy(x) for x in (fake, real))
    found = module.mind_features_to_metric(a, b, verbose=False, **settings)
    return found[module.KEY_METRIC_MIND]


def load() -> None:
    """Make the formula importable, without the rest of the package."""
    spec = importlib.util.find_spec("torch_fidelity")
    assert spec is not None and spec.submodule_search_locations is not None
    package = types.ModuleType("torch_fidelity")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["torch_fidelity"] = package
    sys.modules["torch_fidelity.utils"] = MagicMock()


def main(values: flags.FlagValues, rest: list[str]) -> None:
    import torch

    del rest
    load()
    rng = np.random.default_rng(0)
    real = rng.normal(size=(60, 5)).astype(np.float32)
    fake = (1.5 * rng.normal(size=(60, 5)) + [1, 0, 0, 0, 2]).astype(np.float32)
    # As torch-fidelity draws them for sets of one size.
    generator = torch.Generator(device="cpu").manual_seed(_SEED)
    drawn = torch.randn(_DIRECTIONS, 5, generator=generator)
    directions = (drawn / drawn.norm(dim=1, keepdim=True)).numpy()
    value = theirs(real, fake, _DIRECTIONS)
    own, _ = sliced_distance(*(x.astype(np.float64) for x in (real, fake, directions)))
    print(f"{_DIRECTIONS} of its directions: theirs {value:.8g}, ours {own:.8g}")
    many, (own, _) = theirs(real, fake, 1000), monge_distance(real, fake)
    print(f"1,000 directions of each: theirs {many:.8g}, ours {own:.8g}")
    arrays = {"real": real, "fake": fake, "directions": directions}
    np.savez_compressed(Path(values.out), **arrays, value=value, value_1000=many)


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
