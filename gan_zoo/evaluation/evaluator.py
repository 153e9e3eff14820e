"""A run's judge: scores snapshots while it trains, within a share of its time, and at the end by the full protocol."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.evaluation import alarms, protocol
from gan_zoo.evaluation.evaluate import evaluate, left_out
from gan_zoo.evaluation.protocol import Result
from gan_zoo.evaluation.snapshot import quick, real_floor, real_side


class Watch:
    """Scores samples against the data set, remembers the best, and raises alarms.

    All that it remembers is read back from ``metrics.jsonl``, so a resumed run has the same best
    and the same alarms. Only the budget knows the clock: an evaluation that would take more than
    its share of the time since the program started is left out (the last one never is). A budget of
    1 leaves none out.

    Attributes:
        score: The key of the score in the log, such as ``eval/FD-embedded``; lower is better.
        best: (score, step) of the best evaluation so far, or None.
    """

    def __init__(
        self,
        data: Dataset,
        extractor: FeatureExtractor,
        folder: Path,
        *,
        samples: int,
        split: str,
        ema: bool,
        seed: int,
        budget: float,
        cache_dir: Path,
    ):
        """Prepare the real images' side, from the cache where it was computed before.

        Args:
            data: The real images.
            extractor: The feature network.
            folder: The run's; ``metrics.jsonl`` is read, ``evaluations.jsonl`` written.
            samples: Images in one evaluation.
            split: What part of the data this is, for the stamps.
            ema: Whether averaged weights draw the samples.
            seed: Of the choice of real images, for the stamps; not the run's, so that runs compare.
            budget: The greatest share of the time that evaluation may take, 0 to 1.
            cache_dir: Where features of real images are kept.
        """
        self._born = time.monotonic()
        self._data, self._extractor, self._folder = data, extractor, folder
        self._how: dict[str, Any] = {"split": split, "seed": seed, "cache_dir": cache_dir}
        self._ema, self._budget, self.samples = ema, budget, samples
        self._spent, self._cost = 0.0, 0.0
        self._real = real_side(data, extractor, **self._how)
        # Half the data against the other half, at the size of the samples: what a perfect generator
        # would score.
        floor = real_floor(data, extractor, samples, **self._how)
        self.floor = {result.stamp.metric: result.value for result in floor}
        self.floor_n = floor[0].stamp.n_fake
        self.score = f"eval/{protocol.named('FD', extractor)}"
        log = folder / "metrics.jsonl"
        self._history = (
            [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        )
        self.best: tuple[float, int] | None = min(self._scored(), default=None)
        self._told = {(a.name, a.since) for a in self._alarms()} if self._history else set()

    def note(self, record: dict[str, Any]) -> None:
        """Take a line of the log into the history."""
        self._history.append(record)

    def _scored(self) -> list[tuple[float, int]]:
        """(score, step) of all evaluations so far."""
        return [(r[self.score], r["step"]) for r in self._history if r.get(self.score) is not None]

    def scored(self, step: int) -> bool:
        """Whether the newest evaluation is of this step."""
        return [at for _, at in self._scored()[-1:]] == [step]

    @property
    def rollbacks(self) -> int:
        """How often the run went back to its best checkpoint."""
        return sum("event/rollback" in record for record in self._history)

    def affordable(self) -> bool:
        """Whether one more evaluation, as dear as the last, stays within the budget."""
        return self._spent + self._cost <= self._budget * (
            time.monotonic() - self._born + self._cost
        )

    def judge(self, step: int, fake_images: np.ndarray, seconds: float) -> dict[str, float]:
        """Score the samples of a snapshot.

        Args:
            step: Of the snapshot.
            fake_images: uint8 ``[N, H, W, C]``.
            seconds: What drawing them took; it counts.

        Returns:
            The scalars to log, by names that begin with ``eval/``.
        """
        began = time.monotonic()
        results = quick(self._real, fake_images, self._extractor, ema=self._ema)
        self._write(step, results)
        scalars = {f"eval/{result.stamp.metric}": result.value for result in results}
        if self.best is None or scalars[self.score] < self.best[0]:
            self.best = (scalars[self.score], step)
        self._cost = seconds + time.monotonic() - began
        self._spent += self._cost
        scalars["speed/evaluation_share"] = self.share
        return scalars

    @property
    def share(self) -> float:
        """The share of the time since the program started that evaluation took."""
        return self._spent / max(time.monotonic() - self._born, 1e-9)

    def _alarms(self) -> list[alarms.Alarm]:
        name = self._extractor.name
        keys = {"diversity": f"eval/diversity-{name}", "recall": f"eval/recall-{name}"}
        return alarms.check(
            self._history, score=self.score, floor=self.floor[self.score[5:]], **keys
        )

    def new_alarms(self) -> list[alarms.Alarm]:
        """The alarms that hold now and were not told before; one that ended and comes back is told again."""
        now = self._alarms()
        new = [a for a in now if (a.name, a.since) not in self._told]
        self._told = {(a.name, a.since) for a in now}
        return new

    def final(self, step: int, fake_images: np.ndarray) -> list[str]:
        """The full protocol on the last samples, by TF-GAN; lines for the screen."""
        results = evaluate(self._data, fake_images, self._extractor, ema=self._ema, **self._how)
        self._write(step, results, final=True)
        lines = [f"final evaluation of step {step} (Frechet and kernel distances by TF-GAN):"]
        for result in results:
            floor = self.floor.get(result.stamp.metric)
            beside = (
                f"  [real against real, {self.floor_n:,} each: {floor:.4g}]"
                if floor is not None
                else ""
            )
            lines.append(f"  {result.short()}{beside}")
            if result.warning:
                lines.append(f"    {result.warning}")
        lines += [f"  {sentence}" for sentence in left_out(self._data, self._extractor)]
        if self.best is not None:
            value, at = self.best
            last, _ = self._scored()[-1]
            ratio = last / value if value > 0 else math.inf
            lines.append(
                f"  best {self.score[5:]}: {value:.4g} at step {at}; last: {last:.4g}, {ratio:.2f}"
                " times the best"
            )
        if self._spent:  # by this program; one that only makes up for the end has measured nothing
            lines.append(f"  evaluation took {100 * self.share:.1f} % of the time")
        return lines

    def _write(self, step: int, results: list[Result], final: bool = False) -> None:
        """Append the whole protocol of some results, each with its floor, to ``evaluations.jsonl``."""
        about = [
            {"step": step, "final": final, "floor": self.floor.get(r.stamp.metric), **r.as_dict()}
            for r in results
        ]
        lines = [json.dumps(record) + "\n" for record in about]
        with (self._folder / "evaluations.jsonl").open("ab") as f:
            f.write("".join(lines).encode())
