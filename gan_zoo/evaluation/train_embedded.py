"""Train the weights of ``embedded``: ``python -m gan_zoo.evaluation.train_embedded OUT.npz``.

About a minute on 2 cores. Another machine gets other last bits, hence another hash, hence numbers
that do not compare. So the weights are shipped, and trained again only if the cartoon faces change.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo import registry
from gan_zoo.contracts import Dataset
from gan_zoo.errors import UserError
from gan_zoo.evaluation.extractors.embedded import SIZE
from gan_zoo.evaluation.pixels import hash_of_arrays

# Held-out accuracy that every attribute must reach; always the commonest class gives 0.16 to 0.6.
GATE = 0.75
_HELD_OUT = 2000


def train(
    data: Dataset, *, epochs: int = 10, seed: int = 0
) -> tuple[list[np.ndarray], dict[str, int], dict[str, float]]:
    """Train a classifier of all attributes at once, with 64 linear features before its heads.

    Batch normalization has momentum 0.9: with Keras' 0.99 its averages lag behind in so short a
    training.

    Args:
        data: Images of 64x64x3 with labels; the last 2,000 are held out.
        epochs: Over the rest.
        seed: Of weights and order.

    Returns:
        The arrays that ``embedded`` reads, the number of classes of each attribute, and its
        held-out accuracy.

    Raises:
        UserError: An attribute's accuracy is below :data:`GATE`.
    """
    import tensorflow as tf

    tf.keras.utils.set_random_seed(seed)
    layers = tf.keras.layers
    heads = {name: len(values) for name, values in data.label_values.items()}
    inputs = x = layers.Input((SIZE, SIZE, 3), dtype="uint8")
    x = layers.Rescaling(1 / 127.5, -1.0)(x)
    blocks, outputs = [], []
    for width, side in ((16, 5), (32, 3), (48, 3), (64, 3)):
        blocks.append(
            (
                layers.Conv2D(width, side, strides=2, padding="same", use_bias=False),
                layers.BatchNormalization(momentum=0.9),
            )
        )
        conv, norm = blocks[-1]
        x = layers.LeakyReLU(negative_slope=0.1)(norm(conv(x)))
        outputs.append(x)
    features = layers.Dense(64)
    x = features(layers.Flatten()(x))
    outs = {name: layers.Dense(count, name=name) for name, count in heads.items()}
    model = tf.keras.Model(inputs, {name: out(x) for name, out in outs.items()})

    n = len(data.images) - _HELD_OUT
    rate = tf.keras.optimizers.schedules.CosineDecay(4e-3, epochs * (n // 64))
    model.compile(
        tf.keras.optimizers.Adam(rate),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    labels = {name: np.asarray(column) for name, column in data.labels.items()}
    model.fit(
        data.images[:n],
        {k: v[:n] for k, v in labels.items()},
        batch_size=64,
        epochs=epochs,
        verbose=2,
    )

    logits = model.predict(data.images[n:], batch_size=500, verbose=0)
    accuracy = {
        name: float((logits[name].argmax(axis=1) == labels[name][n:]).mean()) for name in heads
    }
    worst = min(accuracy, key=lambda name: accuracy[name])
    if accuracy[worst] < GATE:
        raise UserError(
            f"the extractor tells '{worst}' right in {accuracy[worst]:.2f} of held-out faces, less"
            f" than {GATE}."
        )
    both = tf.keras.Model(inputs, [x, *(layers.GlobalAveragePooling2D()(y) for y in outputs[:2])])
    content, *means = both.predict(data.images[:n], batch_size=500, verbose=0)
    projection = [w.numpy() for w in features.weights]
    heads_ = [
        np.concatenate([outs[name].weights[i].numpy() for name in heads], axis=-1) for i in (0, 1)
    ]
    folded = [array for conv, norm in blocks for array in _folded(conv, norm)]
    arrays = folded + _scaled(projection, heads_, content, np.concatenate(means, axis=1))
    # float16 halves the file and moves accuracies in the fourth digit.
    return [a.astype(np.float16 if a.ndim > 1 else np.float32) for a in arrays], heads, accuracy


def _folded(conv: Any, norm: Any) -> list[np.ndarray]:
    """Kernel and bias of a convolution with its batch normalization."""
    gain = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    return [conv.kernel.numpy() * gain, norm.beta.numpy() - norm.moving_mean.numpy() * gain]


def _scaled(
    projection: list[np.ndarray], heads: list[np.ndarray], content: np.ndarray, means: np.ndarray
) -> list[np.ndarray]:
    """Scale projection and mean activations to covariance and variances of 1 on the data.

    Whitening lets every attribute count: unscaled, the variances of the features differ 200-fold.
    """
    center = content.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(np.cov(content, rowvar=False, dtype=np.float64))
    white, back = axes / np.sqrt(variances), (axes * np.sqrt(variances)).T
    deviation = means.std(axis=0, dtype=np.float64)
    return [
        projection[0] @ white,
        (projection[1] - center) @ white,
        1 / deviation,
        -means.mean(axis=0, dtype=np.float64) / deviation,
        back @ heads[0],
        center @ heads[0] + heads[1],
    ]


def main() -> None:
    """Draw the faces, train, write the file that the one argument names, and print its hash."""
    out = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as cache:
        data = registry.datasets["cartoon_faces"](
            14_000, 1, image_size=(SIZE, SIZE), channels=3, cache_dir=Path(cache)
        )
        arrays, heads, accuracy = train(data)
    facts = {"heads": heads, "accuracy": accuracy, "data": data.hash}
    content: dict[str, Any] = {f"w{i}": a for i, a in enumerate(arrays)} | {
        k: json.dumps(v) for k, v in facts.items()
    }
    np.savez_compressed(out, **content)
    print(json.dumps(accuracy, indent=1))
    print(f"{out}: {out.stat().st_size // 1000} kB; HASH = {hash_of_arrays(arrays)!r}")


if __name__ == "__main__":
    main()
