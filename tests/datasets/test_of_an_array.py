"""A data set of an array in memory."""

import numpy as np
import pytest

from gan_zoo.contracts import Dataset
from gan_zoo.datasets.store import pixel_hash

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)


def test_it_has_the_hash_of_its_pixels_and_no_labels():
    data = Dataset.of("mine", PIXELS)
    assert (data.name, data.hash, data.resize) == ("mine", pixel_hash(PIXELS), "none")
    assert (data.labels, data.label_values, data.image_shape) == ({}, {}, (8, 8, 3))
    assert Dataset.of("gray", PIXELS[..., 0]).image_shape == (8, 8, 1)


@pytest.mark.parametrize("labels", [["cat", "ant", "cat", "dog"], [30, 2, 30, 100]])
def test_labels_are_names_or_numbers_in_their_order(labels):
    data = Dataset.of("mine", PIXELS, labels)
    assert data.labels["class"].tolist() == [1, 0, 1, 2]
    assert data.labels["class"].dtype == np.int32
    assert data.label_values["class"] == tuple(str(x) for x in sorted(set(labels)))


@pytest.mark.parametrize(
    ("images", "labels", "says"),
    [
        (PIXELS / 255, None, "float64"),
        (PIXELS[0, 0], None, r"\[8, 3\]"),
        (PIXELS, [1, 2], "one class for each image"),
        (PIXELS, np.eye(4), "one class for each image"),
    ],
)
def test_other_arrays_are_refused(images, labels, says):
    with pytest.raises(ValueError, match=says):
        Dataset.of("mine", images, labels)
