"""TF-GAN's metrics, or our own in their place: the only module that imports ``tensorflow_gan``.

TF-GAN 2.1.0 (2021) does not import on TensorFlow >= 2.16 as it is. :func:`load` replaces the few
modules that cannot run there by stubs and imports the rest unchanged. ``tf`` itself is not changed,
and ``tf.keras`` stays Keras 3.

FID and classifier score are computed by TF-GAN's own functions. Their arguments are checked
first, which TF-GAN does not do: the result is the true value or an error, never NaN. Where TF-GAN
is missing or does not work with the TensorFlow that is there, our own formulas compute them: equal
to 2e-7, so that the numbers still compare. :func:`program` says which of the two it is.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
import types
from typing import Any

import numpy as np

from gan_zoo.errors import UserError
from gan_zoo.evaluation import distances, protocol
from gan_zoo.evaluation.distances import Statistics, checked

_lock = threading.Lock()
_LEAVES = {
    "tensorflow_gan.python.estimator": "it is built on tf.estimator, which TensorFlow 2.16 removed",
    "tensorflow_gan.python.train": "it is built on tf.estimator, which TensorFlow 2.16 removed",
    "tensorflow_gan.python.eval.inception_metrics": (
        "it needs Keras 2; use gan_zoo.evaluation.extractors"
    ),
}


def load() -> types.ModuleType:
    """Import ``tensorflow_gan``, without the modules that cannot run on this TensorFlow.

    Safe to call from several threads, any number of times, and after a plain ``import
    tensorflow_gan`` has failed.

    Raises:
        UserError: It is not installed, or it does not load.
    """
    with _lock:
        loaded = sys.modules.get("tensorflow_gan")
        if loaded is not None and hasattr(loaded, "eval"):
            return loaded
        # A failed import leaves its finished submodules behind; they would be mixed with the new
        # ones.
        for name in [m for m in sys.modules if m.split(".")[0] == "tensorflow_gan"]:
            del sys.modules[name]
        import tensorflow as tf

        leaves = dict(_LEAVES)
        if hasattr(tf, "estimator"):
            leaves = {k: v for k, v in leaves.items() if k.endswith("inception_metrics")}
        if tf.keras.__version__.startswith("2."):
            leaves.pop("tensorflow_gan.python.eval.inception_metrics")
        for name, reason in leaves.items():
            sys.modules[name] = _stub(name, reason)
        try:
            return importlib.import_module("tensorflow_gan")
        except Exception as e:  # ImportError where it is missing; on a newer TensorFlow, any
            for name in leaves:
                sys.modules.pop(name, None)
            raise UserError(
                f"TF-GAN does not load ({e}); pip install tensorflow-gan==2.1.0"
                " tensorflow-probability tf-keras."
            ) from e


@functools.cache
def why_not() -> str:
    """Return why TF-GAN cannot be used here, in a few words; "" where it can.

    It is loaded and asked for two small numbers, once in a process. So a process does not compute
    some numbers with it and some without.
    """
    version = protocol.package_version("tensorflow-gan")
    if version is None:
        return "TF-GAN is not installed"
    try:
        small = np.eye(3)
        evaluation = load().eval
        evaluation.frechet_classifier_distance_from_activations(small, small)
        evaluation.classifier_score_from_logits(small)
    except Exception as e:  # whatever a TensorFlow of years later makes of it
        tensorflow = protocol.package_version("tensorflow")
        reason = " ".join(str(e.__cause__ or e).split())[:120]
        return f"TF-GAN {version} does not work with TensorFlow {tensorflow} ({reason})"
    return ""


def program() -> str:
    """Return the program that computes the numbers of this module, and its version."""
    own, theirs = protocol.GAN_ZOO, protocol.package_version("tensorflow-gan")
    return own if why_not() else f"TF-GAN {theirs}"


def notes() -> list[str]:
    """Return a sentence for the user where TF-GAN cannot be used; else none."""
    return [
        "Frechet distance and classifier score are computed by gan_zoo's own formulas, which equal"
        f" TF-GAN's to 2e-7: {reason}."
        for reason in [why_not()]
        if reason
    ]


def _stub(name: str, reason: str) -> types.ModuleType:
    stub = types.ModuleType(name, f"Left out by gan_zoo: {reason}.")

    def missing(attribute: str) -> Any:
        raise AttributeError(f"{name}.{attribute} is left out by gan_zoo: {reason}")

    vars(stub).update(__all__=[], __getattr__=missing)
    return stub


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the Frechet distance of two sets of features, TF-GAN's where it can be used.

    Heusel et al. 2017, arXiv 1706.08500, section 3. TF-GAN drops directions whose variance is below
    about 1e-5, whatever the scale of the features. Here they are first brought to a root mean
    variance of 1e3, and the result is scaled back: the distance of c x is c^2 times that of x.

    Args:
        real: Features ``[N, D]``, N >= 2.
        fake: Features ``[M, D]``, M >= 2; M may differ from N.

    Returns:
        The distance, in squared units of the features; >= 0.

    Raises:
        UserError: Fewer than 2 rows, differing D, or values that are not finite.
    """
    real, fake = checked(real, fake)
    if why_not():
        return distances.frechet(Statistics.of(real), Statistics.of(fake))
    center = real.mean(axis=0)  # a common shift changes no distance; large means cost digits
    real, fake = real - center, fake - center
    mean_variance = float((real.var(axis=0, ddof=1) + fake.var(axis=0, ddof=1)).mean() / 2)
    scale = 1e3 / np.sqrt(mean_variance) if mean_variance > 0 else 1.0
    if not np.isfinite(scale):  # subnormal variances: the features are as good as constant
        scale = 1.0
    value = load().eval.frechet_classifier_distance_from_activations(real * scale, fake * scale)
    return max(0.0, float(value) / float(scale) ** 2)


def classifier_score(logits: np.ndarray, *, splits: int = 10) -> tuple[float, float]:
    """Return the classifier score (with Inception: the Inception score), and its deviation.

    Salimans et al. 2016, arXiv 1606.03498, section 4; TF-GAN's where it can be used. A class that
    no image has any probability of gives TF-GAN a NaN (0 times the logarithm of 0). Here logits are
    cut 80 below the largest of their row, which moves no probability by more than 1e-34 and leaves
    none at 0.

    Args:
        logits: ``[N, classes]``.
        splits: The number of parts whose standard deviation is given; fewer when N is small.

    Returns:
        The score of all rows together, from 1 (collapsed) to the number of classes, and the
        standard deviation over parts. :func:`classifier_score_of_parts` has the number of papers.

    Raises:
        UserError: Fewer than 2 rows, or values that are not finite.
    """
    (logits,) = checked(logits)
    logits = logits - logits.max(axis=1, keepdims=True)
    logits = np.maximum(logits, -80.0)
    own = distances.classifier_score
    score = own if why_not() else load().eval.classifier_score_from_logits
    parts = [
        float(score(part)) for part in np.array_split(logits, max(2, min(splits, len(logits) // 2)))
    ]
    return max(1.0, float(score(logits))), float(np.std(parts))


def classifier_score_of_parts(logits: np.ndarray, *, parts: int = 10) -> tuple[float, float]:
    """Return the mean of the classifier scores of parts of the rows, and their deviation.

    This is the number of papers (Salimans et al. 2016 take 10 parts). It is a little lower than
    the score of all rows together.

    Args:
        logits: ``[N, classes]``, in random order, N >= 2 parts.
        parts: How many.

    Raises:
        UserError: Fewer rows, or values that are not finite.
    """
    (logits,) = checked(logits, least=2 * parts)
    scores = [classifier_score(part)[0] for part in np.array_split(logits, parts)]
    return float(np.mean(scores)), float(np.std(scores))
