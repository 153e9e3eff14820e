"""DINOv2 from KerasHub, an extra package, as a feature network."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.pixels import hash_of_arrays, in_batches
from gan_zoo.files import require_there, user_path
from gan_zoo.registry import extractors

_PATCH = 14
_BATCH = 32


@extractors.register
def keras_hub(preset: str = "dinov2_small", size: int = 224) -> FeatureExtractor:
    """DINOv2 of KerasHub: the class token of its last layer, normalized; needs an extra package.

    Stein et al. 2023, arXiv 2306.04675, find that distances in these features (they take
    ``dinov2_large``) agree better with people than those of Inception. The score is called
    ``FD-keras_hub-dinov2_small``. Images are resized and scaled by the image converter that
    KerasHub stores with the network, which crops images that are not square.

    Args:
        preset: A name of KerasHub, which downloads it once (``dinov2_small``, ``_base``,
            ``_large``, ``_giant``, ``dinov2_with_registers_small`` ...), or a folder that
            ``save_to_preset`` of a network and of its image converter wrote.
        size: To which images are resized, in pixels, a multiple of the patch of 14. The presets
            were stored for 518, where an image takes eight times as long.

    Raises:
        UserError: KerasHub is missing, the network cannot be had, or it is no DINOv2.
    """
    require_there("dinov2_*", "kaggle://*", "hf://*", "modelscope://*", preset=preset)
    network, converter = _loaded(preset, size)
    name = re.sub(r"[^\w.-]+", "_", preset.rstrip("/").rsplit("/", 1)[-1])

    def one(batch: np.ndarray) -> Any:
        images = converter(np.repeat(batch, 3 // batch.shape[3], axis=3))
        return network({"images": images}, training=False)[:, 0]  # the class token is the first

    # The same weights are another network with another number of heads.
    settings = {k: v for k, v in network.get_config().items() if k not in ("name", "dtype")}
    scaling = {k: getattr(converter, k) for k in ("scale", "offset", "crop_to_aspect_ratio")}
    text = json.dumps([settings, scaling], sort_keys=True, default=str)
    digest = hash_of_arrays([np.frombuffer(text.encode(), np.uint8), *network.get_weights()])
    way = converter.interpolation + (" antialiased" if converter.antialias else "")
    return FeatureExtractor(
        f"keras_hub-{name}",
        digest,
        f"{way} {size} (KerasHub)",
        lambda images: in_batches(one, images, _BATCH),
    )


def _loaded(preset: str, size: int) -> tuple[Any, Any]:
    """Return the network of a preset for images of a size, and its image converter."""
    if size < 1 or size % _PATCH:
        raise UserError(
            f"keras_hub's size={size} is no multiple of DINOv2's patch of {_PATCH} pixels; take"
            f" {max(1, round(size / _PATCH)) * _PATCH}."
        )
    try:
        import keras_hub as library
    except ImportError as e:  # KerasHub also raises it where a package that it needs is missing
        raise UserError(
            f"--extractor=keras_hub('{preset}') needs KerasHub ({_short(e)}); pip install"
            " 'gan_zoo[keras_hub]'."
        ) from None
    folder = user_path(preset)
    where = str(folder) if folder.is_dir() else preset
    try:
        converter = library.layers.DINOV2ImageConverter.from_preset(where)
        network = library.models.DINOV2Backbone.from_preset(
            where, dtype="float32", image_shape=(size, size, 3)
        )
    except Exception as e:  # KerasHub raises whatever its download or its file reader raises
        raise UserError(
            f"KerasHub's preset '{preset}' cannot be loaded as DINOv2 ({_short(e)}); give a name"
            " such as dinov2_small, or a folder that save_to_preset of network and image converter"
            " wrote."
        ) from None
    converter.image_size = (size, size)
    return network, converter


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
