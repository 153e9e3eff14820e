"""How ``tools/bench.py`` measures the step: the peers take turns, and one table comes of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_worker import Loop

from gan_zoo.config import Config
from gan_zoo.errors import UserError

TORCH = {
    "torch": "eager",  # channels_last
    "torch_nchw": "nchw",
    "torch_graph": "graph",
    "torch_compile": "compile",
}
MOST_STEPS = 2000  # of one measurement
COLUMNS = {
    "case": "case",
    "batch": "batch",
    "peer": "peer",
    "images_per_second": "images/s",
    "spread": "lowest to highest",
    "ratio": "times {}",
    "share": "of the limit",
    "starts": "starts a step",
    "kernels": "kernels a step",
    "first_seconds": "first steps, s",
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        rounds: How often each loop is measured.
        seconds: About how long one measurement takes.
        apart: Whether each peer has a process of its own.
        torch_python: The command that runs Python with PyTorch; empty for this one.
        ratio_to: The peer that the others are compared with, each in its own precision.
        count: Whether to count what is started.
    """

    rounds: int
    seconds: float
    apart: bool
    torch_python: str
    ratio_to: str
    count: bool


class Process:
    """A :class:`bench_worker.Loop` in a process of its own."""

    def __init__(self, spec: dict[str, Any], torch_python: str):
        """Start it; it waits for calls."""
        torch = spec["framework"] == "torch"
        python = shlex.split(torch_python) if torch and torch_python else [sys.executable]
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [*python, str(Path(__file__).parent / "bench_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            # Other processes need memory of the card, too.
            env={**os.environ, "TF_FORCE_GPU_ALLOW_GROWTH": "true"},
        )
        self._send(spec)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method there and return what it returns.

        Raises:
            RuntimeError: It failed there, or the process has ended.
        """
        self._send([name, *arguments])
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            last = self._log.read().strip().splitlines()[-1:]
            raise RuntimeError(f"its process ended: {' '.join(last)[:200]}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer will be missing, too
            print(json.dumps(value), file=self._process.stdin, flush=True)


class Here:
    """A :class:`bench_worker.Loop` in this process, with the methods of :class:`Process`."""

    def __init__(self, spec: dict[str, Any]):
        self._loop = Loop(spec)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method of the loop."""
        try:
            return getattr(self._loop, name)(*arguments)
        except (UserError, ImportError) as e:
            raise RuntimeError(str(e)) from e

    def close(self) -> None:
        """Drop the loop."""
        del self._loop


def settings_of(peer: str, config: Config) -> Config:
    """Return the settings of a case as one of the peers uses them; ``_bf16`` is a precision."""
    from bench_peers import OURS

    base = peer.removesuffix("_bf16")
    precision = "float32" if base == peer else "bfloat16"
    changes: dict[str, Any] = {"jit": "off", "precision": precision, **OURS.get(base, {})}
    return dataclasses.replace(config, **changes)


def spec_of(peer: str, config: Config) -> dict[str, Any]:
    """Return what a worker needs to build a peer, as plain values.

    Raises:
        UserError: The peer is not written with one of the parts.
    """
    import tensorflow as tf
    from bench_peers import describe_for_torch

    base, settings = peer.removesuffix("_bf16"), settings_of(peer, config)
    # Twice the usual batch of Keras' shuffling, and few enough to stay in a card's memory.
    shared = {"peer": base, "images": (4 * config.batch, *config.size, 3)}
    if base not in TORCH:
        return {"framework": "tensorflow", "config": dataclasses.asdict(settings), **shared}
    with tf.device("/CPU:0"):
        described = describe_for_torch(settings, (*config.size, 3))
    half = settings.precision == "bfloat16"
    return {"framework": "torch", "mode": TORCH[base], "bfloat16": half, **shared, **described}


def measure(case: str, config: Config, peers: list[str], plan: Plan) -> list[dict[str, Any]]:
    """Measure the peers of one case in turn; return a row for each.

    They are built one after another: XLA and cuDNN choose their kernels by measuring them.
    """
    rows = {peer: {"case": case, "batch": config.batch, "peer": peer} for peer in peers}
    loops: dict[str, Process | Here] = {}

    def call(peer: str, *words: Any) -> Any:
        try:
            return loops[peer].call(*words)
        except RuntimeError as e:
            rows[peer]["skipped"] = str(e)
            loops.pop(peer).close()
            return None

    try:
        for peer in peers:
            try:
                spec = spec_of(peer, config)
            except UserError as e:
                rows[peer]["skipped"] = str(e)
                continue
            loops[peer] = Process(spec, plan.torch_python) if plan.apart else Here(spec)
        steps: dict[str, int] = {}
        for peer in list(loops):
            if call(peer, "load") is None and peer not in loops:
                continue
            rows[peer]["first_seconds"] = call(peer, "build")
            if peer in loops:
                steps[peer] = _steps_for(plan.seconds, lambda n, peer=peer: call(peer, "run", n))
        _take_turns(rows, loops, steps, plan.rounds, call)
        for peer in list(loops) if plan.count else ():
            rows[peer] |= call(peer, "count", min(steps[peer], 50)) or {}
    finally:
        for loop in loops.values():
            loop.close()
    return list(rows.values())


def _steps_for(seconds: float, run: Any) -> int:
    """Return how many steps take about that long, after trying fewer."""
    steps, took = 1, run(1)
    while took and took < seconds / 4 and steps < MOST_STEPS:
        steps = min(MOST_STEPS, max(2 * steps, int(steps * seconds / took / 2)))
        took = run(steps)
    steps = max(1, min(MOST_STEPS, round(steps * seconds / took))) if took else 1
    run(steps)  # Keras compiles another loop for each number of steps
    return steps


def _take_turns(rows: dict, loops: dict, steps: dict, rounds: int, call: Any) -> None:
    """Measure each loop in each round, and write the images/s into the rows."""
    for _ in range(rounds):
        for peer in list(loops):
            seconds = call(peer, "run", steps[peer])
            if seconds:
                speed = steps[peer] * rows[peer]["batch"] / seconds
                rows[peer].setdefault("rounds", []).append(speed)


def compare(
    rows: list[dict[str, Any]], ratio_to: str, flops: dict[str, float], limits: dict[str, float]
) -> None:
    """Add to each row that was measured its median, its ratio, and its share of the limit.

    The ratio is the median of those within a round, which other load disturbs least. It is that of
    the row to ``ratio_to`` in the same precision, and is left out if that was not measured.

    Args:
        rows: Of one case and batch.
        ratio_to: The name of a peer, without ``_bf16``.
        flops: GFLOP an image, by peer.
        limits: GFLOP/s, by precision.
    """
    measured = {row["peer"]: row["rounds"] for row in rows if not row.get("skipped")}
    for row in rows:
        if row["peer"] not in measured:
            continue
        half = row["peer"].endswith("_bf16")
        speeds = measured[row["peer"]]
        row["images_per_second"] = statistics.median(speeds)
        row["spread"] = [min(speeds), max(speeds)]
        row["gflop"] = flops[row["peer"]]
        other = measured.get(ratio_to + "_bf16" * half)
        if other:
            row["ratio"] = statistics.median(a / b for a, b in zip(speeds, other, strict=True))
        if limit := limits.get("bfloat16" if half else "float32"):
            row["share"] = row["images_per_second"] * row["gflop"] / limit


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row as the words of a table, in the order of COLUMNS."""
    if "skipped" in row:
        return [row["case"], str(row["batch"]), row["peer"], f"skipped: {row['skipped']}"]
    forms = {
        "images_per_second": "{:,.1f}",
        "ratio": "{:.2f}",
        "share": "{:.0%}",
        "starts": "{:,.1f}",
        "kernels": "{:,.0f}",
        "first_seconds": "{:.1f}",
    }
    words = {name: form.format(row[name]) for name, form in forms.items() if name in row}
    words["spread"] = "{:,.1f} to {:,.1f}".format(*row["spread"])
    return [words.get(name, str(row.get(name, ""))) for name in COLUMNS]


def heads(ratio_to: str) -> list[str]:
    """Return the heads of the table."""
    return [head.format(ratio_to) for head in COLUMNS.values()]


def text_table(rows: list[dict[str, Any]], ratio_to: str) -> str:
    """Return rows as lines of a screen."""
    lines = [heads(ratio_to), *map(cells, rows)]
    whole = [line for line in lines if len(line) == len(COLUMNS)]
    widths = [max(len(line[i]) for line in whole) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(["", *(w.ljust(n) for w, n in zip(line, widths, strict=False))]).rstrip()
        for line in lines
    )


def markdown_table(rows: list[dict[str, Any]], ratio_to: str) -> str:
    """Return rows as a table of Markdown."""
    lines = [heads(ratio_to), ["---"] * len(COLUMNS)]
    lines += [(cells(row) + [""] * len(COLUMNS))[: len(COLUMNS)] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def card_limit(dtype: str, size: int = 8192, products: int = 16, repeat: int = 4) -> float:
    """Return the GFLOP/s of a large matrix product on a GPU, the best of some tries.

    Many are in one call, since one is too short to be timed from the host.
    """
    import tensorflow as tf

    left = tf.cast(tf.random.stateless_normal([size, size], [0, 0]), dtype)
    right = tf.cast(tf.random.stateless_normal([size, size], [0, 1]) * size**-0.5, dtype)

    @tf.function
    def multiply() -> tf.Tensor:
        product = left
        for _ in range(products):
            product = tf.matmul(product, right)
        return tf.reduce_max(product)

    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        multiply().numpy()
        times.append(time.perf_counter() - began)
    return products * 2.0 * size**3 / 1e9 / min(times)
