"""Cartoon faces and the default extractor, once for all tests of evaluation."""

import pytest

from gan_zoo import registry
from gan_zoo.datasets import cache_dir
from gan_zoo.evaluation.pixels import hash_of_arrays


@pytest.fixture(scope="session")
def cartoon(_own_cache):
    """1,500 cartoon faces of 32x32 that the embedded extractor was not trained on."""
    return registry.datasets.build(
        "cartoon_faces(1500, seed=5)", image_size=(32, 32), channels=3, cache_dir=cache_dir()
    )


@pytest.fixture(scope="session")
def embedded():
    """The default extractor, which computes the features of the same images once."""
    extractor, known = registry.extractors.build("embedded", cache_dir=cache_dir()), {}

    def features(images):
        key = hash_of_arrays([images])
        if key not in known:
            known[key] = extractor.features(images)
        return known[key].copy()

    return extractor._replace(features=features)
