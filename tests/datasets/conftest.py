"""What the tests of data sets share."""

import pytest

from gan_zoo.datasets import pixels


@pytest.fixture
def decoded(monkeypatch):
    """The number of images that were decoded, in a list of one."""
    count, preprocess = [0], pixels.preprocess

    def counting(*args):
        count[0] += 1
        return preprocess(*args)

    monkeypatch.setattr(pixels, "preprocess", counting)
    return count
