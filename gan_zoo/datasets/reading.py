"""The data set that a run's settings name, read now or beside the start of TensorFlow."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import threading
from collections.abc import Callable

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import build_dataset
from gan_zoo.files import user_path
from gan_zoo.spec import Spec

_IMPORT_TENSORFLOW = ("tfds",)
FIRST_LOOK = 0.1  # seconds in which a missing folder, say, is found


def load_data(config: Config) -> Dataset:
    """Return the data set that the settings name.

    Raises:
        UserError: It cannot be loaded.
    """
    spec = config.spec("data")
    data = build_dataset(
        spec,
        config.size,
        config.channels or None,
        user_path(config.data_dir) if config.data_dir else None,
    )
    if config.data_dir and not takes_data_dir(spec):
        note = (
            f"--data_dir={config.data_dir} is not used, since the data set {spec.name} is not read"
            " from files; leave out --data to train on your own images."
        )
        return data._replace(notes=(*data.notes, note))
    return data


def takes_data_dir(spec: Spec) -> bool:
    """Whether a data set is read from ``--data_dir``."""
    signature = registry.datasets.entry(spec.name).signature
    return signature is None or not {"data_dir", "images"}.isdisjoint(signature.parameters)


def with_full_data_dir(config: Config) -> Config:
    """Return the settings with the full path of ``--data_dir``."""
    folder = str(user_path(config.data_dir).resolve()) if config.data_dir else ""
    return dataclasses.replace(config, data_dir=folder)


def read_ahead(config: Config) -> Callable[[], Dataset]:
    """Begin to read the data set of the settings; return a function that waits for it.

    Raises:
        UserError: It cannot be loaded, as far as that shows at once; else the function raises it.
    """
    load = functools.partial(load_data, with_full_data_dir(config))
    name = config.spec("data").name
    builder = registry.datasets[name]  # imported here, not in the thread
    if name in _IMPORT_TENSORFLOW or not builder.__module__.startswith("gan_zoo."):
        return load  # it may import TensorFlow, which two threads must not do at once
    read: concurrent.futures.Future[Dataset] = concurrent.futures.Future()

    def work() -> None:
        try:
            read.set_result(load())
        except BaseException as e:  # it is raised where the data set is wanted
            read.set_exception(e)

    threading.Thread(target=work, name="reading", daemon=True).start()
    if concurrent.futures.wait([read], FIRST_LOOK).done:
        read.result()
    return read.result
