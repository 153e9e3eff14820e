"""Do all that is to be seen on a GPU, in one go: ``python tools/gpu_session.py --out=FOLDER``.

In this order: the bench of the step; the preset quick64 with its phases; exact resume with
--deterministic; and the preset gpu64 for the rest of the time. Each part has its own time limit,
and its results are written as soon as they exist, so that a session that is cut off loses nothing
of the parts before. A part that fails does not stop the next ones.

    bench.md, bench.json        the table of tools/bench.py
    NAME.log                    what each part printed
    quick64.png, gpu64.png      the last grid of samples
    session.json                seconds, exit codes and results of all parts
"""

import contextlib
import io
import json
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import flags

from gan_zoo import cli
from gan_zoo.errors import UserError
from gan_zoo.files import user_path
from gan_zoo.runs.run import Run

ROOT = Path(__file__).parent.parent
TRAIN = [sys.executable, "-m", "gan_zoo.run"]
GRACE = 30  # seconds that a part has to save after SIGTERM


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("out", "", "the new folder of the results", flag_values=values)
    flags.DEFINE_string("runs", "", "where the runs lie; in --out if empty", flag_values=values)
    flags.DEFINE_string(
        "data_dir", "", "images to train on; the embedded faces if empty", flag_values=values
    )
    flags.DEFINE_float("minutes", 12.0, "the time for all", 0.01, flag_values=values)
    flags.DEFINE_list("parts", list(PARTS), "which parts, in this order", flag_values=values)
    flags.DEFINE_string(
        "bench", "--rounds=3 --seconds=1", "flags of tools/bench.py", flag_values=values
    )
    flags.DEFINE_string(
        "train", "", "more flags of all trainings, for a small try of this script",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "torch_python", "", "the command that runs Python with PyTorch", flag_values=values
    )


class Session:
    """The folders, the clock and the results so far."""

    def __init__(self, values: flags.FlagValues):
        self.values = values
        self.out = user_path(values.out)
        self.runs = user_path(values.runs) if values.runs else self.out / "runs"
        self.end = time.monotonic() + 60 * values.minutes
        self.results: dict[str, Any] = {}

    def left(self) -> float:
        """Return the seconds left for all."""
        return self.end - time.monotonic()

    def write(self) -> None:
        """Write the results so far."""
        (self.out / "session.json").write_text(json.dumps(self.results, indent=1) + "\n")

    def call(self, part: str, command: list[str], limit: float) -> int | None:
        """Run a command with its output in the part's log; return its exit code, None if stopped.

        At the limit it gets SIGTERM, upon which a training saves, and is killed if it stays.
        """
        with open(self.out / f"{part}.log", "a") as log:
            print(f"$ {' '.join(command)}", file=log, flush=True)
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                return process.wait(max(1.0, min(limit, self.left() - GRACE)))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE)
                return None
            finally:
                with contextlib.suppress(ProcessLookupError):  # also what the command started
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def train(self, part: str, run: str, limit: float, *words: str) -> int | None:
        """Train the run of that name; return the exit code, None if it was stopped."""
        data = [f"--data_dir={user_path(self.values.data_dir)}"] if self.values.data_dir else []
        more = shlex.split(self.values.train)
        command = [*TRAIN, *words, *data, *more, f"--workdir={self.runs / run}", "--verbose"]
        return self.call(part, command, limit)


def bench(session: Session, limit: float) -> dict[str, Any]:
    """Measure the step."""
    values = session.values
    words = shlex.split(values.bench)
    if values.torch_python:
        words.append(f"--torch_python={values.torch_python}")
    time_limit = max(1, limit - 60)  # the last case needs a while to its end
    command = [
        sys.executable, "tools/bench.py", "--parts=step", f"--out={session.out}",
        f"--time_limit={time_limit:.0f}", *words,
    ]  # fmt: skip
    return {"exit": session.call("bench", command, limit)}


def quick64(session: Session, limit: float) -> dict[str, Any]:
    """Train the preset quick64; its log ends with the phases."""
    began = time.perf_counter()
    code = session.train("quick64", "quick64", limit, "--config=quick64")
    whole = time.perf_counter() - began
    _keep_grid(session, "quick64")
    return {"exit": code, "whole_seconds": whole, **_last_metrics(session.runs / "quick64")}


def resume(session: Session, limit: float) -> dict[str, Any]:
    """Train 60 steps at once and with a stop after 25; compare the weights bit for bit."""
    words = [
        "--config=quick64", "--deterministic", "--eval_every=0", "--sample_every=1000",
        "--gen_opt=adam(4e-4, beta_1=0.5)", "--disc_opt=adam(6e-4, beta_1=0.5)",
    ]  # fmt: skip
    end = time.monotonic() + limit
    codes = [
        session.train("resume", run, end - time.monotonic(), *words, f"--steps={steps}")
        for run, steps in (("whole", 60), ("stopped", 25), ("stopped", 60))
    ]
    if codes != [0, 0, 0]:
        return {"exit": codes}
    different = differing_weights(
        session.runs / "whole" / "generator.keras", session.runs / "stopped" / "generator.keras"
    )
    return {"exit": codes, "exact": not different, "different_weights": different}


def gpu64(session: Session, limit: float) -> dict[str, Any]:
    """Train the preset gpu64 for as many steps as fit.

    A first stretch shows the speed. Then the run goes on with a --steps that fits, so that its
    learning rates fall to 0 within the session.
    """
    run, end = session.runs / "gpu64", time.monotonic() + limit
    quiet = ["--eval_every=0", "--sample_every=1000000", "--save_every=1000000"]
    session.train("gpu64", "gpu64", max(20.0, limit / 4), "--config=gpu64", *quiet)
    first = _last_metrics(run)
    if not first.get("images_per_second"):
        return {"first": first}
    # A resumed run compiles again, evaluates and exports.
    seconds = max(1.0, 0.5 * (end - time.monotonic()) - 10)
    steps = first["step"] + int(seconds * first["images_per_second"] / first["batch"])
    several = max(1, (steps - first["step"]) // 4)
    code = session.train(
        "gpu64", "gpu64", end - time.monotonic(), "--config=gpu64", f"--steps={steps}",
        f"--eval_every={several}", f"--sample_every={several}", f"--save_every={several}",
    )  # fmt: skip
    _keep_grid(session, "gpu64")
    return {"exit": code, "first": first, "steps": steps, **_last_metrics(run)}


# The parts, and the share of the time left that each may take.
PARTS: dict[str, tuple[Callable[[Session, float], dict[str, Any]], float]] = {
    "bench": (bench, 0.45),
    "quick64": (quick64, 0.4),
    "resume": (resume, 0.5),
    "gpu64": (gpu64, 1.0),
}


def differing_weights(one: Path, other: Path) -> list[str]:
    """Return the names of the weights that two exported nets do not have equal, bit for bit."""
    import h5py
    import numpy as np

    def read(path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                found[name] = np.asarray(item)

        with zipfile.ZipFile(path) as archive:
            weights = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(weights) as file:
            file.visititems(visit)
        return found

    a, b = read(one), read(other)
    return sorted(
        name
        for name in a.keys() | b.keys()
        if name not in a or name not in b or a[name].tobytes() != b[name].tobytes()
    )


def _last_metrics(run: Path) -> dict[str, Any]:
    """Return the last step, the median speed and the scores of a run's evaluations so far."""
    metrics = Run(run).metrics
    if not metrics:
        return {}
    speeds = [record["speed/images_per_second"] for record in metrics]
    scores = [
        {"step": record["step"], **{k: v for k, v in record.items() if k.startswith("eval/FD")}}
        for record in metrics
    ]
    return {
        "step": metrics[-1]["step"],
        "batch": metrics[-1]["images"] // metrics[-1]["step"],
        "images_per_second": statistics.median(speeds),
        "scores": [score for score in scores if len(score) > 1],
    }


def _keep_grid(session: Session, run: str) -> None:
    """Copy the newest grid of a run to the results, if there is one."""
    for grid in Run(session.runs / run).sample_grids[-1:]:
        shutil.copyfile(grid, session.out / f"{run}.png")


def main(values: flags.FlagValues, rest: list[str]) -> int:
    if rest:
        raise UserError(f"'{rest[0]}' is not a flag; write --name=value.")
    if not values.out:
        raise UserError("--out=FOLDER is missing; give a folder for the results.")
    if unknown := [name for name in values.parts if name not in PARTS]:
        raise UserError(f"--parts={unknown[0]} is unknown; choose from: {', '.join(PARTS)}.")
    session = Session(values)
    if session.out.exists() and any(session.out.iterdir()):
        raise UserError(f"{session.out} is not empty; give a new folder.")
    session.out.mkdir(parents=True, exist_ok=True)
    for name in values.parts:
        part, share = PARTS[name]
        began, limit = time.perf_counter(), share * (session.left() - GRACE)
        print(f"{name}: at most {limit:.0f} s", flush=True)
        try:
            result = part(session, limit)
        except Exception as e:  # the next parts are worth having
            result = {"error": cli.in_a_line(e)}
        result["seconds"] = time.perf_counter() - began
        session.results[name] = result
        session.write()
        print(f"{name}: {json.dumps(result)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
