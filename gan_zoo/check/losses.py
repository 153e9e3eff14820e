"""Checks of losses."""

from __future__ import annotations

import inspect

import numpy as np
import tensorflow as tf

from gan_zoo.check.contract import Part, Skipped, checks, require
from gan_zoo.contracts import Loss


# Functions, since a tensor at import would start TensorFlow before `two_devices` can set it up.
def _ones() -> tf.Tensor:
    return tf.ones([3, 1])


def _zeros() -> tf.Tensor:
    return tf.zeros([3, 1])


def _column(*values: float) -> tf.Tensor:
    return tf.constant(values, tf.float32)[:, None]


def _gen(loss: Loss, fake: tf.Tensor, targets: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """Return G's loss, with the real logits if it needs them."""
    return loss.gen(fake, targets, *([real] if loss.needs_real_logits else []))


@checks("losses", required=True)
def declares_real_logits(part: Part) -> None:
    """`needs_real_logits` is right."""
    loss, x = part.game.loss, _column(0.3, -1, 2)
    wanted = ("fake_logits", "targets", "real_logits")[: 3 if loss.needs_real_logits else 2]
    try:
        inspect.signature(loss.gen).bind(*wanted)
    except TypeError:
        require(
            False,
            f"`gen` must take ({', '.join(wanted)}) if needs_real_logits={loss.needs_real_logits};"
            " set needs_real_logits=True if it uses real logits.",
        )
    unused = loss.needs_real_logits and np.array_equal(
        _gen(loss, x, _ones(), x), _gen(loss, x, _ones(), x + 1.0)
    )
    require(
        not unused,
        "G's loss ignores real logits; remove needs_real_logits=True, for which D runs once more in"
        " each step.",
    )


@checks("losses", required=True)
def takes_logits(part: Part) -> None:
    """It takes logits, not probabilities.

    A cross-entropy of probabilities works between 0 and 1 only: beyond, it is constant where they
    are clipped, or else the logarithm of a negative number.
    """
    real, fake = _column(0.2, 0.5, 0.8), _column(0.3, 0.6, 0.7)
    works = [_learns(part, real, fake, by) for by in ("real", "fake")]
    below, above = _column(-0.5, -2, -8), _column(1.5, 3, 9)
    beyond = [_learns(part, below, fake, "real"), _learns(part, real, above, "fake")]
    require(
        not np.all(works) or np.any(beyond),
        "it learns from values between 0 and 1 only, as if they were probabilities, but D returns"
        " logits; use tf.nn.sigmoid_cross_entropy_with_logits, or from_logits=True in Keras.",
    )


def _learns(part: Part, real: tf.Tensor, fake: tf.Tensor, by: str) -> np.ndarray:
    """Return for each pair of logits if D's loss is finite and changes with the one of ``by``."""
    found = _gradients(part, real, fake)
    return np.isfinite(found["disc"]) & np.isfinite(found[by]) & (found[by] != 0)


@checks("losses")
def is_per_sample(part: Part) -> None:
    """It is one value per sample: [B, 1]."""
    loss = part.game.loss
    for name, value in (
        ("disc", loss.disc(_column(0.3, -1, 2), _column(-0.5, 0.1, 1), _ones(), _zeros())),
        ("gen", _gen(loss, _column(0.3, -1, 2), _ones(), _column(-0.5, 0.1, 1))),
    ):
        value = tf.convert_to_tensor(value)
        require(
            value.shape == (3, 1),
            f"`{name}` gives {list(value.shape)} for 3 samples, not [3, 1]; the step takes the"
            " mean.",
        )
        require(value.dtype == tf.float32, f"`{name}` gives {value.dtype.name}, not float32.")
        require(
            np.ptp(value) > 0,
            f"`{name}` gives one value, {float(value[0, 0]):.3g}, for samples of different logits;"
            " leave the mean over the batch to the step, which may weigh the samples.",
        )
    x = _column(0.3, 0.3, 0.3)
    for name, value in (
        ("disc", loss.disc(x, x, _ones(), _zeros())),
        ("gen", _gen(loss, x, _ones(), x)),
    ):
        apart = float(np.ptp(value))
        require(
            apart < 1e-5,
            f"`{name}` of equal logits differs by {apart:.2g} from sample to sample; draw nothing"
            " in a loss, which gets no seed.",
        )


def _gradients(part: Part, real: tf.Tensor, fake: tf.Tensor) -> dict[str, np.ndarray]:
    """Return both losses and their gradients with respect to the logits; None counts as 0."""
    loss, ones = part.game.loss, tf.ones_like(real)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        d, g = loss.disc(real, fake, ones, tf.zeros_like(real)), _gen(loss, fake, ones, real)
    zero = tf.UnconnectedGradients.ZERO
    found = {"disc": d, "gen": g, "real": tape.gradient(d, real, unconnected_gradients=zero)}
    found["fake"] = tape.gradient(d, fake, unconnected_gradients=zero)
    found["gen by fake"] = tape.gradient(g, fake, unconnected_gradients=zero)
    return {k: np.asarray(v) for k, v in found.items()}


@checks("losses")
def is_finite(part: Part) -> None:
    """It and its gradients are finite at logits from -1000 to 1000."""
    grid = (-1000.0, -80.0, 0.0, 80.0, 1000.0)
    real, fake = (_column(*x.ravel()) for x in np.meshgrid(grid, grid))
    for name, value in _gradients(part, real, fake).items():
        bad = ~np.isfinite(np.resize(value, len(real)))  # of another shape, another check tells
        if bad.any():
            at = f"real logit {real[bad][0, 0]:g} and fake logit {fake[bad][0, 0]:g}"
            which = (
                f"`{name}`"
                if name in ("disc", "gen")
                else f"the gradient of {'G' if 'gen' in name else 'D'}'s loss"
            )
            require(
                False,
                f"{which} is NaN or infinite at {at}; compute from logits, by softplus and not by"
                " log of a sigmoid.",
            )


@checks("losses")
def has_gradients_of_the_right_sign(part: Part) -> None:
    """D learns to separate real from fake, and G to raise its logits, where they are wrong.

    Where they are right, a loss may be flat, as a hinge with a small margin, or turn back, as least
    squares with targets of -1 and 1.
    """
    gradient = _gradients(part, _column(-2.0), _column(2.0))
    require(
        gradient["real"] < 0,
        f"D's loss does not fall as real logits rise (gradient"
        f" {gradient['real'].item():g}); change its sign.",
    )
    require(
        gradient["fake"] > 0,
        f"D's loss does not rise with fake logits (gradient"
        f" {gradient['fake'].item():g}); change its sign.",
    )
    gen_gradient = _gradients(part, _column(2.0), _column(-2.0))["gen by fake"]
    require(
        gen_gradient < 0,
        f"G's loss does not fall as its logits rise (gradient {gen_gradient.item():g}); change"
        " its sign.",
    )


@checks("losses")
def declares_targets(part: Part) -> None:
    """`uses_targets` is right."""
    loss, x = part.game.loss, _column(0.3, -1, 2)
    moved = np.any(
        loss.disc(x, x, _ones(), _zeros()) != loss.disc(x, x, 0.8 * _ones(), _zeros() + 0.1)
    )
    moved |= np.any(_gen(loss, x, _ones(), x + 0.5) != _gen(loss, x, 0.8 * _ones(), x + 0.5))
    declared = part.game.loss.uses_targets
    require(
        moved or not declared,
        "it ignores its targets; set uses_targets=False, so that label tricks are refused with it.",
    )
    require(declared or not moved, "its targets change it; set uses_targets=True.")


@checks("losses")
def declares_zero_gradient(part: Part) -> None:
    """`has_zero_gradient` is right."""
    grid = _column(*np.linspace(-12, 12, 97))
    level = tf.zeros_like(grid) + 0.3
    gradients = (_gradients(part, grid, level)["real"], _gradients(part, level, grid)["fake"])
    found = any(np.any((g[1:, 0] == 0) & (g[:-1, 0] == 0)) for g in gradients)
    declared = part.game.loss.has_zero_gradient
    require(
        declared or not found,
        "D's loss has a zero gradient for some logits; set has_zero_gradient=True, so that"
        " --update=one_stage is refused.",
    )
    if declared and not found:
        raise Skipped(
            "it has has_zero_gradient=True, but no zero gradient for logits from -12 to 12"
        )
