"""Scores a run's samples while it trains, within a share of its time, and fully at its end."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.evaluation import alarms, protocol, tfgan
from gan_zoo.evaluation.advice import Settings
from gan_zoo.evaluation.evaluate import evaluate, left_out
from gan_zoo.evaluation.judgement import judge, score_lines
from gan_zoo.evaluation.protocol import Result
from gan_zoo.evaluation.snapshot import real_floor, real_statistics, score_snapshot


class Evaluator:
    """Scores samples against the data set, remembers the best score, and raises alarms.

    All that it remembers comes from the run's metrics, so a resumed run has the same best score
    and the same alarms. Only the budget depends on the clock: an evaluation that would take more
    than its share of the time since the program started is skipped (the last one never is). A
    budget of 1 skips none.

    Attributes:
        score: The key of the score in the metrics, such as ``eval/FD-embedded``; lower is better.
        best: (score, step) of the best evaluation so far, or None.
        floor: What real images score against other real images, by metric.
    """

    def __init__(
        self,
        data: Dataset,
        extractor: FeatureExtractor,
        history: Sequence[dict[str, Any]] = (),
        *,
        samples: int,
        split: str,
        ema: bool,
        seed: int,
        budget: float,
        cache_dir: Path,
        settings: Settings | None = None,
    ):
        """Prepare the features of the real images, from the cache where they were computed before.

        Args:
            data: The real images.
            extractor: The feature network.
            history: The run's metrics so far.
            samples: Images in one evaluation.
            split: Which part of the data this is, for the stamps.
            ema: Whether averaged weights draw the samples.
            seed: Of the choice of real images, for the stamps; not the run's, so that runs compare.
            budget: The largest share of the time that evaluation may take, 0 to 1.
            cache_dir: Where features of real images are kept.
            settings: The run's; what it has is not advised.
        """
        self._started = time.monotonic()
        self._data, self._extractor, self._settings = data, extractor, settings
        self._protocol: dict[str, Any] = {"split": split, "seed": seed, "cache_dir": cache_dir}
        self._ema, self._budget, self.samples = ema, budget, samples
        self._spent, self._cost = 0.0, 0.0
        self._real = real_statistics(data, extractor, **self._protocol)
        # Half the data against the other half, at the size of the samples: what a perfect generator
        # would score.
        floor = real_floor(data, extractor, samples, **self._protocol)
        self.floor = {result.stamp.metric: result.value for result in floor}
        self._floor_count = floor[0].stamp.n_fake if floor else 0
        self.score = f"eval/{protocol.named('FD', extractor)}"
        self._history = list(history)
        self.best: tuple[float, int] | None = min(self._scores(), default=None)
        self._reported = {(a.name, a.since) for a in self._alarms()} if self._history else set()

    @property
    def score_name(self) -> str:
        """The score's public name, such as ``FD-embedded``."""
        return self.score.removeprefix("eval/")

    def record(self, record: dict[str, Any]) -> None:
        """Add a record of the metrics to the history."""
        self._history.append(record)

    def _scores(self) -> list[tuple[float, int]]:
        """Return (score, step) of all evaluations so far."""
        return [(r[self.score], r["step"]) for r in self._history if r.get(self.score) is not None]

    def evaluated(self, step: int) -> bool:
        """Return whether the newest evaluation is of this step."""
        return [at for _, at in self._scores()[-1:]] == [step]

    @property
    def rollbacks(self) -> int:
        """How often the run went back to its best checkpoint."""
        return sum("event/rollback" in record for record in self._history)

    def within_budget(self) -> bool:
        """Return whether one more evaluation, as long as the last, stays within the budget."""
        elapsed = time.monotonic() - self._started
        return self._spent + self._cost <= self._budget * (elapsed + self._cost)

    def evaluate(
        self, step: int, fake_images: np.ndarray, seconds: float
    ) -> tuple[list[Result], dict[str, float]]:
        """Score the samples of a step.

        Args:
            step: Of the samples.
            fake_images: uint8 ``[N, H, W, C]``.
            seconds: What drawing them took; it counts.

        Returns:
            The results with their protocol, and the scalars to log, whose names begin with
            ``eval/``.
        """
        began = time.monotonic()
        results = score_snapshot(self._real, fake_images, self._extractor, ema=self._ema)
        scalars = {f"eval/{result.stamp.metric}": result.value for result in results}
        if self.best is None or scalars[self.score] < self.best[0]:
            self.best = (scalars[self.score], step)
        self._cost = seconds + time.monotonic() - began
        self._spent += self._cost
        scalars["speed/evaluation_share"] = self.share
        return results, scalars

    @property
    def share(self) -> float:
        """The share of the time since the program started that evaluation took."""
        return self._spent / max(time.monotonic() - self._started, 1e-9)

    def _alarms(self) -> list[alarms.Alarm]:
        name = self._extractor.name
        keys = {"diversity": f"eval/diversity-{name}", "recall": f"eval/recall-{name}"}
        floor = self.floor.get(self.score_name, 0.0)
        return alarms.check(
            self._history, score=self.score, floor=floor, settings=self._settings, **keys
        )

    def new_alarms(self) -> list[alarms.Alarm]:
        """Return the alarms that hold now and did not at the last call."""
        now = self._alarms()
        new = [a for a in now if (a.name, a.since) not in self._reported]
        self._reported = {(a.name, a.since) for a in now}
        return new

    def final(self, step: int, fake_images: np.ndarray) -> tuple[list[Result], list[str]]:
        """Score the last samples by the full protocol, with TF-GAN's distance where it can be used.

        Returns:
            The results, and lines for the screen.
        """
        results = evaluate(
            self._data, fake_images, self._extractor, ema=self._ema, **self._protocol
        )
        lines = [f"final evaluation of step {step} (Frechet distance by {tfgan.program()}):"]
        table = score_lines(results, self.floor)
        if self._floor_count:
            count = f"{self._floor_count:,}"
            table.append(f"real against real: {count} real images against {count} others")
        table += left_out(self._data, self._extractor, len(fake_images)) + tfgan.notes()
        lines += [f"  {line}" for line in (*table, *self._summary())]
        scores = [(at, x) for x, at in self._scores()]
        lines.append(
            str(judge(results, self.floor, scores, self._settings, floor_count=self._floor_count))
        )
        return results, lines

    def _summary(self) -> list[str]:
        lines = []
        if self.best is not None:
            value, at = self.best
            last, _ = self._scores()[-1]
            ratio = last / value if value > 0 else math.inf
            lines.append(
                f"best {self.score_name}: {value:.4g} at step {at}; last: {last:.4g},"
                f" {ratio:.2f} times the best"
            )
        # A program that only does the final evaluation has no earlier cost to show.
        if self._spent:
            lines.append(f"evaluations during training took {100 * self.share:.1f} % of the time")
        return lines
