"""Train, watch and compare GANs of the DCGAN family with TensorFlow 2 and Keras 3.

::

    import gan_zoo

    run = gan_zoo.train(config="quick64", data_dir="my_pictures.zip", workdir="runs/mine")
    run.grid()
    run.sample(16, seed=1, best=True)

Importing this package is cheap: TensorFlow is imported when something needs it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gan_zoo import onednn
from gan_zoo.version import __version__

# TensorFlow reads it when it first uses a GPU, of which it would take all memory otherwise: then
# no second process could use the card, such as `gan_zoo sample` while a run trains.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
onednn.use()

_PUBLIC = {
    "train": "gan_zoo.api",
    "compare": "gan_zoo.comparison",
    "search": "gan_zoo.comparison",
    "open_run": "gan_zoo.api",
    "Run": "gan_zoo.api",
    "Config": "gan_zoo.config",
    "UserError": "gan_zoo.errors",
}
__all__ = ["Config", "Run", "UserError", "__version__", "compare", "open_run", "search", "train"]

if TYPE_CHECKING:
    from gan_zoo.api import Run, open_run, train
    from gan_zoo.comparison import compare, search
    from gan_zoo.config import Config
    from gan_zoo.errors import UserError


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'gan_zoo' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
