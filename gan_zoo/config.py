"""The settings of a run.

Each field is written once here and becomes a flag, a line of ``config.json`` and a line of help.
Precedence: defaults < ``--config=preset.py`` < the flags that were given. This module imports no
TensorFlow.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib.util
import json
import math
import re
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags

from gan_zoo import registry
from gan_zoo.errors import UserError
from gan_zoo.files import user_path
from gan_zoo.spec import Spec, american, odd_name, parse_spec, parse_specs

PRESETS = Path(__file__).parent / "presets"

# The preset of a pair of nets that trains badly at the default rates, where no preset is given.
PAIRS = {("conv_noise28", "cnn_fc"): "noise_image28"}

DRAWN = "cartoon_faces"  # the data set of those who name none

LEAST_STEPS = 1000  # to which --passes may shorten a run

MAX_ROLLBACKS = 3  # returns of one run to its best checkpoint, under --on_collapse=rollback


def _field(
    default: Any,
    text: str,
    *,
    resumable: bool = False,
    registry: str | None = None,
    flag: str | None = None,
) -> Any:
    """Return a field with its help.

    Args:
        default: Its value.
        text: Its help.
        resumable: It may change when a run is resumed, since no weight of the steps done depends
            on it.
        registry: For a spec: the name of the registry that its part is in.
        flag: The name of its flag, where that is no name in Python.
    """
    metadata = {"help": text, "resumable": resumable, "registry": registry, "flag": flag}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of one run; flat scalars and specs.

    Raises:
        UserError: A value is out of its range, or a spec is unreadable, unknown or does not fit its
            part.
    """

    gen: str = _field("conv_noise28", "the generator", registry="generators")
    disc: str = _field("cnn_fc", "the discriminator", registry="discriminators")
    loss: str = _field("non_saturating", "the loss of both", registry="losses")
    tricks: str = _field(
        "",
        "tricks, with commas: 'label_smooth(0.7,1.2),flip_labels(0.05)'; none unless asked for",
        registry="tricks",
    )
    condition: str = _field(
        "",
        "how both nets learn of classes: projection or auxiliary, of the data's labels; none unless"
        " asked for",
        registry="conditions",
    )
    update: str = _field(
        "alternating", "the order in which a step updates both nets", registry="updates"
    )
    noise: str = _field("normal", "what z is drawn from", registry="noises")
    gen_opt: str = _field(
        "adam(2e-4, beta_1=0.5)", "the optimizer of the generator", registry="optimizers"
    )
    disc_opt: str = _field(
        "adam(2e-4, beta_1=0.5)", "the optimizer of the discriminator", registry="optimizers"
    )
    precision: str = _field(
        "float32",
        "of the nets' arithmetic: float32, bfloat16 (weights and losses stay float32), or auto",
    )
    ema: float = _field(
        0.0,
        "decay of the moving average (EMA) of G's weights in each step; samples then come from it;"
        " 0 is off",
    )
    data: str = _field(
        "",
        f"the data set; by default files if there is a --data_dir, else {DRAWN}",
        registry="datasets",
    )
    data_dir: str = _field(
        "",
        "where the data lies: folder, archive or array of images; alone, it means --data=files",
        resumable=True,
    )
    image_size: str = _field("28", "pixels: one side, or HEIGHTxWIDTH")
    channels: int = _field(
        0, "1 for gray, 3 for color, 4 for color with transparency, 0 for 1 or 3, as the data has"
    )
    batch: int = _field(64, "images in each step, over all devices")
    steps: int = _field(3000, "updates of the generator in the whole run", resumable=True)
    passes: float = _field(
        0.0,
        "most passes over the images to train on: few images make fewer --steps, but never less"
        f" than {LEAST_STEPS}; 0 is no limit",
        resumable=True,
    )
    seed: int = _field(0, "from which all randomness of the run comes")
    workdir: str = _field(
        "", "the folder of the run; empty: runs/ and a name made of the settings", resumable=True
    )
    start_from: str = _field(
        "",
        "another run, whose weights are the first ones of this run, as far as they fit: RUN or"
        " RUN@best for its best checkpoint, RUN@last, or RUN@STEP; in Python start_from",
        flag="from",
    )
    log_every: int = _field(
        10, "steps trained at once (a chunk), after which losses are logged", resumable=True
    )
    sample_every: int = _field(100, "steps between grids of samples", resumable=True)
    save_every: int = _field(500, "steps between checkpoints", resumable=True)
    keep: int = _field(2, "how many checkpoints stay on the disk", resumable=True)
    eval_every: int = _field(500, "steps between evaluations; 0 evaluates nothing", resumable=True)
    eval_samples: int = _field(2000, "images in one evaluation", resumable=True)
    eval_budget: float = _field(
        0.1,
        "largest share of the time for evaluations; those over the budget are skipped",
        resumable=True,
    )
    extractor: str = _field(
        "embedded", "the feature network of evaluations", registry="extractors", resumable=True
    )
    on_collapse: str = _field(
        "warn",
        "what to do when the samples collapse: warn, stop, or rollback (to the best checkpoint, at"
        f" most {MAX_ROLLBACKS} times; then stop)",
        resumable=True,
    )
    strategy: str = _field(
        "default",
        "default (one device), mirrored (all of this host) or multi_worker (TF_CONFIG)",
        resumable=True,
    )
    jit: str = _field(
        "auto",
        "compile a chunk of steps as one XLA program: on, off, or auto (on with a GPU)",
        resumable=True,
    )
    batch_norm: str = _field(
        "global",
        "over several devices, statistics of batch norm: global (the numbers of one device) or"
        " replica (faster)",
    )
    deterministic: bool = _field(
        False, "use only TensorFlow operations that give the same bits each time", resumable=True
    )
    holdout: float = _field(0.0, "share of the images kept from training, for gan_zoo memorization")
    samples: int = _field(36, "images in the grid of samples", resumable=True)
    plugins: str = _field("", "Python files with parts of your own, with commas", resumable=True)
    log: str = _field(
        "",
        "services that get the logs as well, with commas: wandb, mlflow; they get samples, and no"
        " real images",
        resumable=True,
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = _typed(field.name, getattr(self, field.name), str(field.type))
            object.__setattr__(self, field.name, value)
        if not self.data.strip():
            object.__setattr__(self, "data", "files" if self.data_dir else DRAWN)
        # Blanks alone mean no condition.
        object.__setattr__(self, "condition", self.condition.strip())
        self._check_ranges()
        self._check_choices()
        _ = self.size
        if self.start_from:
            split_checkpoint(self.start_from)
        load_plugins(self.plugins)
        self._check_specs()

    def _check_ranges(self) -> None:
        for name, least in _MINIMUM.items():
            value, most = getattr(self, name), _MAXIMUM[name]
            if value < least:
                raise UserError(f"--{name}={value} is too small; give {least} or more.")
            if value > most:
                raise UserError(f"--{name}={value} is too large; give {most} or less.")
        if not 0 <= self.ema < 1:
            raise UserError(
                f"--ema={self.ema} is not a decay; give a value from 0 (off) to below 1, such as"
                " 0.999."
            )
        if not 0 <= self.passes < math.inf:
            raise UserError(
                f"--passes={self.passes} is not possible; give 0 (no limit) or a number above it."
            )
        for name, largest in (("eval_budget", 1.0), ("holdout", 0.5)):
            if not 0 <= getattr(self, name) <= largest:
                raise UserError(
                    f"--{name}={getattr(self, name)} is out of range; give a value from 0 to"
                    f" {largest}."
                )

    def _check_choices(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UserError(
                    f"--{name}={getattr(self, name)} is unknown; give {', '.join(known[:-1])} or"
                    f" {known[-1]}."
                )
        for name in self.services:
            if name not in SERVICES:
                raise UserError(
                    f"--log={name} is unknown; give {' or '.join(SERVICES)}, or both with a comma."
                )
        if self.channels not in (0, 1, 3, 4):
            raise UserError(
                f"--channels={self.channels} is not possible; give 1 (gray), 3 (color), 4 (color"
                " with transparency) or 0 (gray or color, as in the data)."
            )

    def _check_specs(self) -> None:
        for field in dataclasses.fields(self):
            if table := field.metadata["registry"]:
                try:
                    if name := odd_name(getattr(self, field.name)):
                        registry.tables[table].entry(name)
                    for spec in self.specs(field.name):
                        registry.tables[table].check(spec)
                except UserError as e:
                    raise UserError(f"--{field.name}: {e}") from None

    def specs(self, name: str) -> list[Spec]:
        """Return the parsed specs of a field.

        There is exactly one, but for ``tricks``, which may have any number, and ``condition``,
        which may be empty.
        """
        text = getattr(self, name)
        if name == "tricks" or (name == "condition" and not text):
            return parse_specs(text)
        return [parse_spec(text)]

    def spec(self, name: str) -> Spec:
        """Return the parsed spec of a field that has one, such as ``gen``."""
        (spec,) = self.specs(name)
        return spec

    @property
    def services(self) -> list[str]:
        """The services of ``log``."""
        return list(dict.fromkeys(filter(None, map(str.strip, self.log.split(",")))))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", self.image_size.strip())
        height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not (8 <= height <= 1024 and 8 <= width <= 1024):
            raise UserError(
                f"--image_size={self.image_size} is not a size; give one side or HEIGHTxWIDTH, from"
                " 8 to 1024 pixels."
            )
        return height, width

    @property
    def run_dir(self) -> Path:
        """The folder of the run.

        Its default depends on the settings alone, so that the same command finds its run again.
        """
        if self.workdir:
            return user_path(self.workdir)
        fixed = {k: v for k, v in dataclasses.asdict(self).items() if k not in RESUMABLE}
        fixed["plugins"] = self.plugins  # earlier versions did not let it change
        for name in ("condition", "start_from"):
            if not fixed[name]:  # older runs, which had no such setting, keep their folder
                del fixed[name]
        mark = hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:6]
        names = [self.spec(name).name for name in ("data", "gen", "disc")]
        return Path("runs") / "-".join([*names, mark])


SERVICES = ("wandb", "mlflow")
CHECKPOINTS = ("best", "last")


def split_checkpoint(text: str) -> tuple[Path, str]:
    """Return the folder and the checkpoint that ``--from`` names.

    What follows the last ``@`` is ``best`` (the default), ``last`` or a step; anything else belongs
    to the folder.

    Raises:
        UserError: There is no folder in it.
    """
    folder, at, checkpoint = text.strip().rpartition("@")
    if not at or not (checkpoint in CHECKPOINTS or re.fullmatch(r"[0-9]{1,18}", checkpoint)):
        folder, checkpoint = text.strip(), "best"
    if not folder:
        raise UserError(f"--from={text} names no run; give the folder of one, such as runs/NAME.")
    return user_path(folder), checkpoint


def flag_of(name: str) -> str:
    """Return the name of a setting's flag: its own, but ``from`` for ``start_from``."""
    return Config.__dataclass_fields__[name].metadata["flag"] or name


def require_services(config: Config) -> None:
    """Check that the packages of the services that ``--log`` names are installed.

    Raises:
        UserError: One is not.
    """
    for name in config.services:
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f"--log={name} needs the package {name}; install it (pip install"
                f" 'gan_zoo[{name}]'), or leave the flag out."
            )


def load_plugins(paths: str) -> list[Path]:
    """Make the parts in Python files, given with commas, known by name; return the files.

    Raises:
        UserError: One of them does not exist or is not a Python file.
    """
    return [registry.add_plugin_file(path.strip()) for path in paths.split(",") if path.strip()]


def _typed(name: str, value: Any, kind: str) -> Any:
    """Return a setting in its own type.

    Presets may give 64 for "64", 8.0 for 8, or NumPy's numbers.

    Raises:
        UserError: It has another type.
    """
    try:
        if kind == "str" and isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return str(value)
        if kind == "int" and not isinstance(value, (str, bool)) and int(value) == value:
            return int(value)
        if kind == "bool" and isinstance(value, bool):
            return value
        if kind == "float" and not isinstance(value, (str, bool)):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise UserError(
        f"--{flag_of(name)}={value!r} is not of type {kind}; give a value like"
        f" {Config.__dataclass_fields__[name].default!r}."
    )


_CHOICES = {
    "precision": ("float32", "bfloat16", "auto"),
    "on_collapse": ("warn", "stop", "rollback"),
    "strategy": ("default", "mirrored", "multi_worker"),
    "jit": ("auto", "on", "off"),
    "batch_norm": ("global", "replica"),
}
_MINIMUM = {
    "batch": 2,
    "steps": 1,
    "seed": 0,
    "log_every": 1,
    "sample_every": 1,
    "save_every": 1,
    "keep": 1,
    "samples": 1,
    "eval_every": 0,
    "eval_samples": 12,
}
# A grid of more samples fills the memory.
_MAXIMUM = dict.fromkeys(_MINIMUM, 2**32 - 1) | {"samples": 10_000}
RESUMABLE = tuple(f.name for f in dataclasses.fields(Config) if f.metadata["resumable"])


def differences(old: dict[str, Any], new: Config) -> list[str]:
    """Return how ``new`` differs from the settings of an earlier run, as ``batch 64 -> 32``.

    Fields that may change are left out. A field that the earlier run did not know counts as its
    default. Spellings of specs (``colour``, ``color``) count as the same.
    """
    before = dataclasses.asdict(Config()) | old
    return [
        f"{flag_of(field.name)} {before[field.name]!r} -> {getattr(new, field.name)!r}"
        for field in dataclasses.fields(new)
        if field.name not in RESUMABLE
        and _spelled(field, before[field.name]) != _spelled(field, getattr(new, field.name))
    ]


def _spelled(field: dataclasses.Field, value: Any) -> Any:
    """Return a setting in American spelling, if it is a spec; a spec of data may hold paths."""
    is_spec = field.metadata["registry"] not in (None, "datasets", "extractors")
    return american(value) if is_spec and isinstance(value, str) else value


def define_flags(values: flags.FlagValues) -> None:
    """Define one flag a field, and ``--config``."""
    flags.DEFINE_string(
        "config",
        "",
        "a preset: a name that `gan_zoo presets` lists, or a Python file that sets config ="
        " Config(...)",
        flag_values=values,
    )
    define: dict[str, Any] = {
        "str": flags.DEFINE_string,
        "int": flags.DEFINE_integer,
        "float": flags.DEFINE_float,
        "bool": flags.DEFINE_bool,
    }
    for field in dataclasses.fields(Config):
        define[str(field.type)](
            flag_of(field.name), field.default, field.metadata["help"], flag_values=values
        )


def given_settings(values: flags.FlagValues) -> dict[str, Any]:
    """Return the settings whose flags were given, by name."""
    names = [field.name for field in dataclasses.fields(Config)]
    return {name: values[flag_of(name)].value for name in names if values[flag_of(name)].present}


def from_flags(values: flags.FlagValues) -> Config:
    """Return the settings: defaults, under the preset's, under the flags that were given.

    Raises:
        UserError: The preset cannot be read, or a value is wrong.
    """
    return from_settings(given_settings(values), values.config or None)


def from_settings(given: Mapping[str, Any], base: str | Path | Config | None = None) -> Config:
    """Return settings: the defaults, or those of a preset, under the ones that were given.

    Args:
        given: Settings by name; paths may be ``Path``.
        base: A preset's name or file, or settings. If None, a pair of nets may have a preset of its
            own (``PAIRS``).

    Raises:
        UserError: There is no such setting or preset, or a value is wrong.
    """
    known = [field.name for field in dataclasses.fields(Config)]
    if unknown := [name for name in given if name not in known]:
        near = [name for name in known if flag_of(name) == unknown[0]]
        near = near or difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}."
        raise UserError(f"there is no setting '{unknown[0]}'; {hint}")
    new: dict[str, Any] = {k: str(v) if isinstance(v, Path) else v for k, v in given.items()}
    load_plugins(new.get("plugins", ""))  # a preset may name their parts
    if base is None:
        base = preset_of_pair(**{name: new[name] for name in ("gen", "disc") if name in new})
    if not isinstance(base, Config):
        base = load_preset(base) if base else Config()
    if new.get("data_dir") and "data" not in new and base.data == DRAWN:
        new["data"] = "files"  # the user gave images, so the drawn ones are not meant
    return dataclasses.replace(base, **new)


def preset_of_pair(gen: str = Config.gen, disc: str = Config.disc) -> str:
    """Return the name of the preset that a pair of nets takes by itself, or ""."""
    return PAIRS.get((str(gen).strip(), str(disc).strip()), "")


def own_settings(config: Config) -> dict[str, Any]:
    """Return the settings that hold by the preset of their pair of nets, where it has one.

    They are those in which that preset differs from the defaults, as far as they are in force.
    """
    name = preset_of_pair(config.gen, config.disc)
    preset, default = (load_preset(name), Config()) if name else (config, config)
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(Config)
        if getattr(default, field.name)
        != getattr(preset, field.name)
        == getattr(config, field.name)
    }


def preset_names() -> list[str]:
    """Return the names of the presets that ship with gan_zoo, sorted."""
    return sorted(path.stem for path in PRESETS.glob("*.py") if not path.stem.startswith("_"))


def preset_file(name: str | Path) -> Path:
    """Return the file of a preset: by name one that ships with gan_zoo, or by path a Python file.

    Raises:
        UserError: There is none.
    """
    if str(name) in preset_names():
        return PRESETS / f"{name}.py"
    file = user_path(name)
    if file.is_file():
        return file
    known = [*preset_names(), *(str(p) for p in file.parent.glob("*.py") if file.parent.is_dir())]
    near = difflib.get_close_matches(str(name), known, n=1) or difflib.get_close_matches(
        file.stem, known, n=1
    )
    hint = (
        f"did you mean {near[0]}?"
        if near
        else "`gan_zoo presets` lists those that ship with gan_zoo; a path works, too."
    )
    raise UserError(f"there is no preset {name}; {hint}")


def run_preset(name: str | Path) -> dict[str, Any]:
    """Run a preset's file and return all that it sets; ``config`` is among it.

    A preset is a Python program and is trusted like any script.

    Raises:
        UserError: There is no such preset, it fails, or it sets no ``config``.
    """
    file = preset_file(name)
    try:
        values = runpy.run_path(str(file))
    except UserError as e:
        raise UserError(f"the preset {name}: {e}") from None
    except (Exception, SystemExit) as e:
        raise UserError(
            f"the preset {name} fails with {type(e).__name__}: {' '.join(str(e).split())}; fix it."
        ) from e
    if not isinstance(values.get("config"), Config):
        raise UserError(
            f"the preset {name} sets no config; end it with config = Config(...), from"
            " gan_zoo.config."
        )
    return values


def load_preset(name: str | Path) -> Config:
    """Return the settings of a preset, given by its name or the path of its file.

    Raises:
        UserError: See :func:`run_preset`.
    """
    return run_preset(name)["config"]


def held_out(count: int, holdout: float) -> int:
    """Return how many of ``count`` images ``--holdout`` keeps from training."""
    return round(count * holdout)


def from_json(saved: dict[str, Any]) -> Config:
    """Return the settings of an earlier run from its ``config.json``.

    Raises:
        UserError: It holds settings that this version does not know.
    """
    known = {f.name for f in dataclasses.fields(Config)}
    if unknown := sorted(set(saved) - known):
        raise UserError(
            "the run's config.json has settings unknown to this version of gan_zoo:"
            f" {', '.join(unknown)}."
        )
    return Config(**{"data": DRAWN, **saved, "plugins": _recorded_plugins(saved)})


def _recorded_plugins(saved: dict[str, Any]) -> str:
    """Return the plugin files of an earlier run that are still needed.

    A file is not if an installed package has its parts by now; a file that is gone is not if all
    parts of the run are known without it.
    """
    files = [path for path in str(saved.get("plugins", "")).split(",") if path.strip()]
    return ",".join(
        path
        for path in files
        if not (registry.packages_have(path) if Path(path).is_file() else _all_known(saved))
    )


def _all_known(saved: dict[str, Any]) -> bool:
    """Whether all parts of an earlier run are known."""
    try:
        Config(**{**saved, "plugins": ""})
    except UserError:
        return False
    return True
