"""A run directory. Everything that reads or writes one goes through :class:`Run`.

No TensorFlow at import: only restoring a checkpoint needs it.

| file | content |
|---|---|
| ``config.json`` | settings, data, versions, machine, command |
| ``metrics.jsonl``, ``evaluations.jsonl`` | the logs, see :mod:`gan_zoo.runs.logs` |
| ``events.out.tfevents.*`` | for TensorBoard; in ``tensorboard/`` in runs of earlier versions |
| ``samples/STEP.png`` | grids of samples, always from the same noise |
| ``samples/real.png`` | a grid of images that it trains on, for comparison |
| ``checkpoints/``, ``checkpoints/best/`` | see :mod:`gan_zoo.runs.checkpoints` |
| ``generator.keras``, ``generator/``, ``samples.gif`` | at the end: what outlives the run |
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_zoo import images
from gan_zoo.config import Config, from_json
from gan_zoo.contracts import Classes
from gan_zoo.errors import UserError
from gan_zoo.files import near_or, user_path, write_json
from gan_zoo.interrupts import short_interrupt
from gan_zoo.phases import phase
from gan_zoo.runs import logs
from gan_zoo.runs.logs import Record
from gan_zoo.runs.plugin_code import plugin_code
from gan_zoo.runs.provenance import provenance
from gan_zoo.spec import american

if TYPE_CHECKING:
    import keras
    from PIL import Image

    from gan_zoo.game.step import Game
    from gan_zoo.game.transfer import Weights

# What training writes, config.json last: until then, it is still a run.
_OWN = (
    "metrics.jsonl", "evaluations.jsonl", "generator.keras", "samples.gif", "samples/[0-9]*.png",
    "samples/real.png", "events.out.tfevents.*", "tensorboard/events.out.tfevents.*",
    "checkpoints/step-*.index", "checkpoints/step-*.data-*",
    "checkpoints/best/step-*.index", "checkpoints/best/step-*.data-*", "generator/*.pb",
    "generator/variables/variables.*", "config.json",
)  # fmt: skip
_OWN_FOLDERS = (
    "samples", "tensorboard", "checkpoints/best", "checkpoints", "generator/variables",
    "generator/assets", "generator",
)  # fmt: skip
EXPORTS = ("generator.keras", "generator/saved_model.pb", "samples.gif")


# Parts that the weights of G and D do not depend on, at their defaults.
_WITHOUT_EFFECT_ON_NETS = {
    name: getattr(Config, name)
    for name in (
        "loss", "tricks", "update", "noise", "gen_opt", "disc_opt", "data", "extractor",
        "start_from",
    )
}  # fmt: skip


class Records(list):
    """Records of a log, a list of dictionaries."""

    def to_frame(self) -> Any:
        """Return the records as a pandas DataFrame.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise UserError("a data frame needs pandas; install it (pip install pandas).") from None
        return pandas.DataFrame(list(self))


def recorded_classes(data: dict[str, Any]) -> Classes | None:
    """Return the classes in the record of a data set; None for a run without a condition.

    Older runs record ``hair_colour`` and ``eye_colour`` of the cartoon faces, which are now
    ``hair_color`` and ``eye_color``.
    """
    classes = data.get("classes")
    if not classes:
        return None
    column = classes["column"]
    if data.get("name") == "cartoon_faces":
        column = american(column)
    return Classes(column, tuple(classes["names"]), tuple(classes["counts"]), classes["hash"])


class Run:
    """A run directory: its settings, logs, checkpoints and samples.

    Properties read the files when they are asked for, so that a run can be watched while it
    trains. What is damaged or missing is left out and named in :attr:`problems`.

    Attributes:
        folder: The run directory.
    """

    def __init__(self, folder: str | Path):
        """Point at a run directory, which need not exist yet."""
        self.folder = user_path(folder)
        self._cache: dict[str, tuple[Any, Any]] = {}

    def __repr__(self) -> str:
        return f"<Run {self.folder}, step {self.step}>"

    # Settings and data.

    @property
    def exists(self) -> bool:
        """Whether a run began here."""
        return (self.folder / "config.json").is_file()

    @property
    def record(self) -> Record:
        """The content of ``config.json``.

        Raises:
            UserError: There is no run in the folder.
        """
        path = self.folder / "config.json"
        try:
            content = self._cached("config.json", lambda: json.loads(path.read_bytes()))
            if not (
                isinstance(content["config"], dict)
                and {"hash", "count", "shape"} <= set(content["data"])
            ):
                raise ValueError("gan_zoo did not write it")
            return content
        except FileNotFoundError:
            what = "holds no run (no config.json)"
            remedy = "give the folder of a run, such as runs/NAME."
            if not self.folder.is_dir():
                what, remedy = "is not a folder", near_or(self.folder, remedy, folder=True)
            raise UserError(f"{self.folder} {what}; {remedy}") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
            raise UserError(
                f"{path} cannot be read ({type(e).__name__}: {e}); restore it, or start a new run."
            ) from None

    @property
    def config(self) -> Config:
        """The settings, with the run's folder as ``workdir``.

        Raises:
            UserError: There is no run, or this version does not know its settings.
        """
        return from_json({**self.record["config"], "workdir": str(self.folder)})

    @property
    def settings(self) -> Record:
        """The settings as they were written, unchecked; {} where they cannot be read."""
        config = self.readable_record.get("config")
        return config if isinstance(config, dict) else {}

    @property
    def readable_record(self) -> Record:
        """The content of ``config.json`` as far as it can be read, or {}."""
        path = self.folder / "config.json"
        try:
            content = self._cached("config.json", lambda: json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError):
            return {}
        good = isinstance(content, dict) and isinstance(content.get("config"), dict)
        return content if good else {}

    @property
    def classes(self) -> Classes | None:
        """The classes that the run learns, or None for one without a condition."""
        return recorded_classes(self.record["data"])

    @property
    def random_version(self) -> int:
        """The version of its random numbers, see :mod:`gan_zoo.randomness`.

        Runs before that was recorded have 1.
        """
        return self.record.get("random_version", 1)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of its images."""
        height, width, channels = self.record["data"]["shape"]
        return height, width, channels

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name

    @property
    def batch(self) -> int | None:
        """Images a step, or None where that is not known."""
        batch = self.settings.get("batch")
        return batch if isinstance(batch, int) and 0 < batch < 2**32 else None

    # Logs.

    @property
    def metrics(self) -> Records:
        """The records of training: ``step``, ``images`` and scalars by name, or None."""
        return Records(self._metrics[0])

    @property
    def evaluations(self) -> Records:
        """The scores with their protocol, one record each: ``step``, ``metric``, ``value`` ..."""
        return Records(
            {"step": r["step"], "final": r["final"], "floor": r["floor"], **r["result"].as_dict()}
            for r in self.results
        )

    @property
    def results(self) -> list[Record]:
        """The records of :func:`gan_zoo.runs.logs.read_evaluations`."""
        return self._evaluations[0]

    @property
    def problems(self) -> list[str]:
        """Sentences about what is missing or cannot be read."""
        found = []
        if not self.readable_record:
            what = "cannot be read" if self.exists else "is missing"
            found.append(f"config.json {what}: settings, data and versions are not known")
        found += self._metrics[1]
        scored = any(key.startswith("eval/") for r in self._metrics[0] for key in r)
        if scored or self.settings.get("eval_every") != 0:
            found += self._evaluations[1]
        elif not self.results:
            found.append("nothing was evaluated (--eval_every=0)")
        if not self.sample_grids:
            found.append("there are no samples (samples/STEP.png)")
        return found

    @property
    def _metrics(self) -> tuple[list[Record], list[str]]:
        return self._cached(logs.METRICS, lambda: logs.read_metrics(self.folder))

    @property
    def _evaluations(self) -> tuple[list[Record], list[str]]:
        return self._cached(logs.EVALUATIONS, lambda: logs.read_evaluations(self.folder))

    @property
    def step(self) -> int:
        """The last step that is known of."""
        steps = [r["step"] for r in self._metrics[0][-1:]]
        return max([*steps, *(int(p.stem) for p in self.sample_grids[-1:])], default=0)

    def series(self, key: str, x: str = "step") -> list[tuple[float, float]]:
        """Return (x, value) of one scalar, without what is missing; x is ``step`` or ``images``."""
        return [(r.get(x) or r["step"], r[key]) for r in self._metrics[0] if r.get(key) is not None]

    @property
    def score_name(self) -> str:
        """The metric by which checkpoints are chosen, such as ``FD-embedded``, or ""."""
        for record in reversed(self._metrics[0]):
            for key in record:
                if key == "eval/FID" or key.startswith("eval/FD-"):
                    return key[5:]
        return ""

    @property
    def scores(self) -> list[tuple[float, float]]:
        """(step, score) of each evaluation; lower is better."""
        return self.series(f"eval/{self.score_name}") if self.score_name else []

    @property
    def best(self) -> tuple[float, float] | None:
        """(step, score) of the best evaluation, or None."""
        return min(self.scores, key=lambda pair: pair[1], default=None)

    @property
    def ratio(self) -> float | None:
        """The last score over the best, or None."""
        scores, best = self.scores, self.best
        return scores[-1][1] / best[1] if best and best[1] > 0 else None

    @property
    def floors(self) -> dict[str, float]:
        """What real images score against real ones, by metric, where that was recorded."""
        return {
            r["result"].stamp.metric: r["floor"]
            for r in self.results
            if r["floor"] is not None and not r["by"]
        }

    @property
    def floor(self) -> float | None:
        """What real images score against real ones by :attr:`score_name`, or None."""
        return self.floors.get(self.score_name)

    @property
    def extractor(self) -> str:
        """The name of the feature network of its last score, or ""."""
        stamps = [
            r["result"].stamp
            for r in self.results
            if r["result"].stamp.metric == self.score_name and not r["by"]
        ]
        return stamps[-1].extractor if stamps else self.score_name.partition("-")[2]

    @property
    def training_seconds(self) -> float | None:
        """Seconds of training, evaluations not counted; None where no speed was logged."""
        return next(iter(logs.training_clock(self._metrics[0])[::-1]), None)

    # Samples and checkpoints.

    @property
    def sample_grids(self) -> list[Path]:
        """The files of the grids of samples, in the order of their steps."""
        found = (p for p in (self.folder / "samples").glob("*.png") if p.stem.isdigit())
        return sorted(found, key=lambda p: int(p.stem))

    @property
    def real_grid(self) -> Path:
        """The file of a grid of images that it trains on; runs of earlier versions have none."""
        return self.folder / "samples" / "real.png"

    def restore(self, step: int | None = None, *, best: bool = False) -> tuple[Game, int]:
        """Return the game and its step from the newest checkpoint, that of ``step``, or the best.

        Raises:
            UserError: There is no run, or no such checkpoint that can be read.
        """
        with phase("import gan_zoo"):
            from gan_zoo.game.build import build_game
            from gan_zoo.runs.checkpoints import Checkpoints

        config = self.config
        with phase("build nets"):
            game = build_game(config, self.image_shape, self.classes, self.random_version)
        with phase("read the checkpoint"):
            checkpoints = Checkpoints(game, self.folder / "checkpoints", config.keep)
            restored = checkpoints.restore(step, best=best)
        if not best and not checkpoints.steps:
            raise self._no_checkpoint(config)
        return game, restored

    def weights(self, checkpoint: str) -> tuple[Weights, int, list[str]]:
        """Return the weights of a checkpoint: ``best``, ``last`` or a step.

        Only the nets are built, so that other parts, such as a trick in a plugin, may have changed
        since.

        Returns:
            The weights, their step, and sentences about checkpoints that could not be read.

        Raises:
            UserError: There is no run, or no such checkpoint that can be read.
        """
        from gan_zoo.game.build import build_condition, build_nets
        from gan_zoo.game.transfer import weights_of
        from gan_zoo.runs.checkpoints import restore_nets

        saved = self.record["config"]
        config = from_json({**saved, **_WITHOUT_EFFECT_ON_NETS, "workdir": str(self.folder)})
        condition = build_condition(config)
        nets = build_nets(config, self.image_shape, condition, self.classes)
        step = int(checkpoint) if checkpoint.isdigit() else None
        built = {name: net for name, net in nets._asdict().items() if net is not None}
        restored, notes = restore_nets(
            built, self.folder / "checkpoints", step, best=checkpoint == "best"
        )
        if restored is None:
            raise self._no_checkpoint(config)
        return weights_of(*nets, self.classes), restored, notes

    def _no_checkpoint(self, config: Config) -> UserError:
        return UserError(
            f"the run {self.folder} has no checkpoint yet; train it further (the first comes"
            f" at step {config.save_every})."
        )

    @property
    def origin(self) -> Record | None:
        """Where its first weights came from, or None for a run that began with new ones.

        ``run``, ``checkpoint``, ``step``, ``hash`` of all its weights, and ``taken``: for ``gen``
        and ``disc`` what was taken of them and which layers stayed new.
        """
        origin = self.readable_record.get("from")
        return origin if isinstance(origin, dict) else None

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        from gan_zoo.runs.checkpoints import stored_steps

        return bool(stored_steps(self.folder / "checkpoints"))

    @short_interrupt("the drawing was stopped.")
    def sample(
        self,
        n: int = 16,
        seed: int = 1,
        label: str | int | None = None,
        *,
        best: bool = False,
        step: int | None = None,
        ema: bool = True,
        truncation: float = 1.0,
    ) -> np.ndarray:
        """Draw images, uint8 ``[n, H, W, C]``.

        Args:
            n: How many.
            seed: Of the noise; the same seed gives the same images.
            label: Draw this class only, by name or number; by default classes are as frequent as
                in the training data.
            best: From the best checkpoint by the run's evaluations, not from the newest.
            step: From the checkpoint of this step.
            ema: From the moving average of G's weights, if the run has one.
            truncation: Below 1, images are less varied and more typical, see
                :func:`gan_zoo.game.sampling.generate`.

        Raises:
            UserError: There is no such checkpoint or class, or ``n`` is below 1.
        """
        _check_count(n)
        game = self._restored(step, best)
        from gan_zoo.game import sampling
        from gan_zoo.game.labels import parse_label

        labels = None
        if label is not None:
            labels = np.full(n, parse_label(game, str(label)), np.int32)
        return sampling.sample(game, n, seed, labels=labels, ema=ema, truncation=truncation)

    @short_interrupt("the drawing was stopped.")
    def grid(
        self,
        n: int = 36,
        seed: int = 1,
        *,
        best: bool = False,
        step: int | None = None,
        size: int = images.LEAST,
    ) -> Image.Image:
        """Draw a grid of samples as a PIL image, with a column for each class if there are few.

        Its longer side has ``size`` pixels or more, by repeating pixels; 0 keeps the size.

        Raises:
            UserError: There is no such checkpoint, or ``n`` is below 1.
        """
        _check_count(n)
        game = self._restored(step, best)
        from gan_zoo.game import sampling
        from gan_zoo.game.labels import grid_layout

        labels, columns, _ = grid_layout(game, n)
        sheet = images.grid(sampling.sample(game, n, seed, labels=labels), columns)
        return images.as_pil(images.enlarge(sheet, size))

    @property
    def generator(self) -> keras.Model:
        """The generator of the newest checkpoint: the moving average if there is one.

        It maps noise, or noise and labels, to images in [-1, 1].
        """
        game = self._restored(None, False)
        return game.gen if game.ema is None else game.ema

    def _restored(self, step: int | None, best: bool) -> Game:
        """Return a restored game; the last one is kept while its checkpoint is the newest."""
        folder = self.folder / "checkpoints" / ("best" if best else "")
        newest = sorted(p.name for p in folder.glob("step-*.index"))
        key = (step, best, newest)
        if self._cache.get("game", (None,))[0] != key:
            self._cache["game"] = key, self.restore(step, best=best)[0]
        return self._cache["game"][1]

    # What the training loop writes.

    def start(
        self,
        config: Config,
        data: Record,
        machine: Record,
        random_version: int,
        origin: Record | None = None,
    ) -> None:
        """Write ``config.json`` of a run that begins now; ``origin`` is :attr:`origin`."""
        settings = {k: v for k, v in vars(config).items() if k != "workdir"}
        content = {"config": settings, "data": data, "random_version": random_version}
        if origin:
            content["from"] = origin
        if code := plugin_code(config):
            content["plugins"] = code
        self.write({**content, "machine": machine, **provenance()})

    def write(self, content: Record) -> None:
        """Write ``config.json``, as a whole or not at all."""
        write_json(self.folder / "config.json", content)

    @property
    def untrained(self) -> bool:
        """Whether it has done no step that could be lost: no checkpoint, no log and no export."""
        made = (self.folder / name for name in (logs.METRICS, logs.EVALUATIONS, *EXPORTS))
        return not self.has_checkpoint and not any(
            path.is_file() and path.stat().st_size for path in made
        )

    def clear(self) -> list[str]:
        """Remove what training wrote; return the names of what else is in the folder."""
        for pattern in _OWN:
            for path in self.folder.glob(pattern):
                path.unlink()
        for name in _OWN_FOLDERS:
            with contextlib.suppress(OSError):  # not there, or not empty
                (self.folder / name).rmdir()
        return sorted(p.name for p in self.folder.iterdir() if not p.name.startswith("."))

    @property
    def steps_history(self) -> list[tuple[int, int]]:
        """The pairs of ``steps_before`` in ``config.json``, without what is damaged."""
        given = self.readable_record.get("steps_before")
        pairs = given if isinstance(given, list) else []
        return [
            (pair[0], pair[1])
            for pair in pairs
            if isinstance(pair, list) and [type(n) for n in pair] == [int, int]
        ]

    @property
    def exported_step(self) -> int | None:
        """The step of the exported generator, or None where the export is not whole."""
        whole = all((self.folder / name).exists() for name in EXPORTS)
        return self.record.get("exported") if whole else None

    def record_export(self, step: int) -> None:
        """Record that the export of ``step`` is whole."""
        self.write({**self.record, "exported": step})

    def _cached(self, name: str, load: Callable[[], Any]) -> Any:
        """Return what ``load`` made of a file of the run, again only after the file has changed."""
        try:
            stat = (self.folder / name).stat()
            key = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except OSError:
            return load()
        if self._cache.get(name, (None,))[0] != key:
            self._cache[name] = key, load()
        return self._cache[name][1]


def _check_count(n: int) -> None:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise UserError(f"n={n!r} is not possible; n must be a whole number of 1 or more.")


def open_run(folder: str | Path) -> Run:
    """Return the run in a folder.

    Raises:
        UserError: There is no run of gan_zoo in it.
    """
    run = Run(folder)
    _ = run.record
    return run
