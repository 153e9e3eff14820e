"""Read the variants of a comparison: from a study's file, or from words ``NAME: --flag=value``."""

from __future__ import annotations

import contextlib
import dataclasses
import runpy
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from gan_zoo import config
from gan_zoo.cli import flag_error
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.files import user_path

# All variants share these settings: scores on other data, of other sizes or from other feature
# networks are not comparable.
SHARED = (
    "data",
    "data_dir",
    "image_size",
    "channels",
    "holdout",
    "extractor",
    "eval_samples",
    "seed",
    "strategy",
)
# The comparison sets these for each run. A variant may set fewer steps than its budget allows.
CONTROLLED = (
    "workdir",
    "steps",
    "passes",
    "eval_every",
    "eval_budget",
    "sample_every",
    "save_every",
    "log_every",
)

Settings = dict[str, Any]  # settings of a run by their names


class Study(NamedTuple):
    """A question, the settings of all variants, and by the name of each variant its changes."""

    question: str
    base: Config
    variants: dict[str, Settings]


def load_study(path: str | Path) -> Study:
    """Run the file of a study and return its ``question``, ``base`` and ``variants``.

    While it runs, it can import other modules from its folder.

    Raises:
        UserError: There is no such file, it fails, or it does not set ``base`` and ``variants``.
    """
    file = user_path(path)
    if not file.is_file():
        raise UserError(f"there is no study {path}; check --study.")
    try:
        with _importing_from(file.resolve().parent):
            content = runpy.run_path(str(file))
    except UserError as e:
        raise UserError(f"the study {path}: {e}") from None
    except (Exception, SystemExit) as e:
        raise UserError(
            f"the study {path} fails with {type(e).__name__}: {' '.join(str(e).split())}; fix it."
        ) from e
    base, variants = content.get("base"), content.get("variants")
    if not (
        isinstance(base, Config)
        and isinstance(variants, dict)
        and all(isinstance(changes, dict) for changes in variants.values())
    ):
        raise UserError(
            f"the study {path} must set base = Config(...) and variants = {{'name':"
            " dict(setting=value), ...}."
        )
    return Study(
        str(content.get("question", "")),
        base,
        {str(name): dict(changes) for name, changes in variants.items()},
    )


@contextlib.contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let the body import modules from a folder; afterwards they are forgotten."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
        # Another study may have a module of the same name beside it.
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).resolve().parent == folder:
                del sys.modules[name]


def parse_variants(words: Sequence[str]) -> dict[str, Settings]:
    """Return the settings that each of ``NAME: --flag=value ...`` changes, by name.

    Raises:
        UserError: A word cannot be read, or a name comes twice.
    """
    variants: dict[str, Settings] = {}
    for text in words:
        name, colon, rest = text.partition(":")
        name = name.strip()
        if not colon or not name or name.startswith("-"):
            raise UserError(
                f"'{text}' is not a variant; write 'NAME: --flag=value ...', or 'NAME:' for a"
                " variant that changes nothing."
            )
        if name in variants:
            raise UserError(f"two variants have the name '{name}'; rename one of them.")
        try:
            split = shlex.split(rest)
        except ValueError as e:
            raise UserError(
                f"the variant '{text}' cannot be read ({e}); check its quotes."
            ) from None
        variants[name] = _parse_flags(split, f"the variant '{name}'")
    return variants


def _parse_flags(words: Sequence[str], where: str) -> Settings:
    """Return the settings of one variant; of a preset, all that the variants need not share."""
    values = flags.FlagValues()
    config.define_flags(values)
    try:
        rest = values(["variant", *words])[1:]
    except flags.Error as e:
        raise UserError(
            f"{where}: {flag_error(e, values)}; gan_zoo train --help lists the flags."
        ) from None
    if rest:
        raise UserError(f"'{rest[0]}' in {where} is not a flag; write --name=value.")
    preset: Settings = {}
    if values.config:
        fields = dataclasses.asdict(config.load_preset(values.config))
        preset = {k: v for k, v in fields.items() if k not in (*SHARED, *CONTROLLED)}
    return preset | config.given_settings(values)
