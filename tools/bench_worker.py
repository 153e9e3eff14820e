"""One loop of ``tools/bench.py``, here or in a process of its own.

As a program it reads what to build from the first line of its input, and then calls, as JSON: one
line each. It answers each with one line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any

import numpy as np


class Loop:
    """One peer in one case."""

    def __init__(self, spec: dict[str, Any]):
        """Take the spec of ``bench_steps.py``; nothing is imported or built yet."""
        self._spec = spec
        self._module: Any = None
        self._run: Any = None

    def load(self) -> None:
        """Import the framework."""
        if self._spec["framework"] == "tensorflow":
            from gan_zoo import cli

            cli.load_tensorflow(False)
            self._module = importlib.import_module("bench_peers")
        else:
            self._module = importlib.import_module("bench_torch")

    def build(self) -> float:
        """Build the nets and do two steps; return the seconds that this took."""
        began = time.perf_counter()
        images = np.random.default_rng(0).integers(0, 256, self._spec["images"], np.uint8)
        self._run = self._module.build_loop(self._spec, images)
        self._run(1)  # traces and compiles
        self._run(1)
        return time.perf_counter() - began

    def run(self, steps: int) -> float:
        """Do some steps; return the seconds that they took."""
        began = time.perf_counter()
        self._run(steps)
        return time.perf_counter() - began

    def count(self, steps: int) -> dict[str, float]:
        """Return what the host starts and what a card runs, a step, as far as it can be seen."""
        return self._module.count_starts(self._run, steps)


def serve() -> None:
    """Answer calls until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    loop = Loop(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"value": getattr(loop, name)(*arguments)}
        except Exception as e:
            traceback.print_exc()
            answer = {"error": " ".join(str(e).split())[:200] or type(e).__name__}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
