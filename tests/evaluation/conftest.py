"""Cartoon faces and the default extractor, once for all tests of evaluation."""

import pytest

from gan_zoo import registry
from gan_zoo.datasets import cache_dir


@pytest.fixture(scope="session")
def cartoon(_own_cache):
    """3,200 cartoon faces of 32x32 that the embedded extractor was not trained on."""
    return registry.datasets.build(
        "cartoon_faces(3200, seed=5)", image_size=(32, 32), channels=3, cache_dir=cache_dir()
    )


@pytest.fixture(scope="session")
def embedded():
    return registry.extractors.build("embedded", cache_dir=cache_dir())
