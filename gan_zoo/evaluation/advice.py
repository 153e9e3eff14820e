"""What may help a run: options that it does not have yet, with its own figures. No TensorFlow.

An option is the end of a sentence that begins with "try". Parts are named as flags, such as
``--tricks=r1``. The functions take the settings of a run by name, or {} where they are not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gan_zoo.spec import shell_word

Settings = Mapping[str, Any]

_PENALTIES = {"r1", "r2", "gradient_penalty", "dragan"}
_WITHOUT_TARGETS = {"wasserstein", "hinge", "relativistic_pairing"}  # which label_smooth needs


def _names(settings: Settings, field: str) -> set[str]:
    """Return the words of a spec; those of arguments among them do no harm."""
    return set(re.findall(r"\w+", str(settings.get(field, ""))))


def augmentations(settings: Settings) -> list[str]:
    """Return how to augment what D sees, unless the run does."""
    has = _names(settings, "tricks") & {"diff_augment", "ada"}
    return [] if has else ["--tricks=diff_augment"]


def penalties(settings: Settings) -> list[str]:
    """Return a penalty of D's gradient, unless the run has one."""
    has = _names(settings, "tricks") & _PENALTIES
    return [] if has else ["a gradient penalty such as --tricks='r1(every=16)'"]


def spectral_norm(settings: Settings) -> list[str]:
    """Return the normalization of D's weights, unless the run has it."""
    return [] if "spectral_norm" in _names(settings, "tricks") else ["--tricks=spectral_norm"]


def harder_tasks(settings: Settings) -> list[str]:
    """Return the tricks that make D's task harder, but for those that the run has."""
    has, loss = _names(settings, "tricks"), _names(settings, "loss")
    noise = [] if "instance_noise" in has else ["--tricks=instance_noise"]
    smooth = [] if has & {"label_smooth", "constant_label"} else ["--tricks=label_smooth"]
    return [*noise, *augmentations(settings), *([] if loss & _WITHOUT_TARGETS else smooth)]


def larger_batch(settings: Settings) -> str:
    """Return a larger batch than the run has."""
    return f"a larger --batch{_than(settings, 'batch')}"


def fewer_steps(settings: Settings) -> str:
    """Return an earlier end than the run has."""
    passes = settings.get("passes")
    if passes and isinstance(passes, (int, float)):
        return f"fewer --passes than {passes:g}"
    return f"fewer --steps{_than(settings, 'steps')}, or --passes over few images"


def lower_rate(settings: Settings, net: str) -> str:
    """Return a lower learning rate for a net, ``gen`` or ``disc``."""
    given = settings.get(f"{net}_opt")
    now = f" than in --{net}_opt={shell_word(str(given))}" if given else ""
    return f"a lower learning rate for {net[0].upper()}{now}"


def averages(settings: Settings) -> list[str]:
    """Return the average of the weights, unless the run has one."""
    return [] if settings.get("ema") else ["averaged weights (--ema), which vary less"]


def losses(settings: Settings) -> list[str]:
    """Return losses that do not saturate, unless the run has one."""
    saturates = settings.get("loss") is None or "minimax" in _names(settings, "loss")
    return ["--loss=hinge", "--loss=non_saturating"] if saturates else []


def any_of(options: Sequence[str]) -> str:
    """Return options in words."""
    if len(options) < 2:
        return "".join(options)
    return f"{', '.join(options[:-1])}{',' if len(options) > 2 else ''} or {options[-1]}"


def _than(settings: Settings, field: str) -> str:
    return f" than {settings[field]:,}" if isinstance(settings.get(field), int) else ""
