"""Any SavedModel of the user's as a feature network."""

from __future__ import annotations

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.evaluation.savedmodels import extractor_of
from gan_zoo.files import require_there, user_path
from gan_zoo.registry import extractors


@extractors.register
def saved_model(
    path: str, size: int = 299, features: str = "", logits: str = ""
) -> FeatureExtractor:
    """A SavedModel of yours: images in [-1, 1] to features.

    Args:
        path: Its folder.
        size: The height and width that it takes, in pixels; images are resized by TensorFlow's
            bilinear filter.
        features: Which of its outputs are the features, where it has several.
        logits: Which are the logits; none when empty.

    Raises:
        UserError: There is no SavedModel, or it has no such output.
    """
    require_there(path=path)
    return extractor_of("saved_model", user_path(path), size=size, features=features, logits=logits)
