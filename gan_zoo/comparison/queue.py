"""The runs of a comparison, several at a time: where each may run, starting, stopping and noting what becomes of them."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
from tqdm import tqdm

from gan_zoo.comparison.results import ALARMED, Record, folder_of, last_record, outcome, results
from gan_zoo.config import Config
from gan_zoo.errors import ExitCode
from gan_zoo.files import write_json
from gan_zoo.runs.logs import last_metrics
from gan_zoo.runs.run import Run


def places(jobs: int) -> list[dict[str, Any]]:
    """Where runs may run at the same time: a GPU each, or a share of the processor's cores each."""
    gpus = _gpus()
    if gpus:
        return [{"gpu": gpus[k % len(gpus)]} for k in range(jobs or len(gpus))]
    if not hasattr(os, "sched_setaffinity"):
        return [{}] * max(1, jobs)
    cores = sorted(os.sched_getaffinity(0))
    jobs = max(1, jobs)
    return [{"cores": set(cores[k::jobs] or [cores[k % len(cores)]])} for k in range(jobs)]


def _gpus() -> list[str]:
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return [gpu for gpu in visible.split(",") if gpu.strip() not in ("", "-1")]
    try:
        said = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [
        str(k) for k, _ in enumerate(line for line in said.splitlines() if line.startswith("GPU "))
    ]


def start(settings: Config, log: Path, place: dict[str, Any]) -> subprocess.Popen:
    """Start a run in a process group of its own; what it says goes to a file."""
    default = dataclasses.asdict(Config())
    changed = {k: v for k, v in dataclasses.asdict(settings).items() if v != default[k]}
    words = [
        sys.executable,
        "-m",
        "gan_zoo.run",
        *(f"--{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in changed.items()),
    ]

    def prepare() -> None:  # in the new process
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(
                1, signal.SIGTERM
            )  # Linux: save and stop when this process is killed
        if place.get("cores"):
            os.sched_setaffinity(0, place["cores"])

    env = {**os.environ, **({"CUDA_VISIBLE_DEVICES": place["gpu"]} if place.get("gpu") else {})}
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as out:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            preexec_fn=prepare,
        )


def last_words(log: Path) -> str:
    """What a run said last, as the end of a sentence."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("gan_zoo: ")[:500] if lines else "it said nothing"


def _in_use(folder: Path) -> bool:
    """Whether a process holds a run, such as one that is still saving after its comparison was killed."""
    lock = folder / ".lock"
    try:
        with filelock.FileLock(lock, timeout=0) if lock.exists() else contextlib.nullcontext():
            return False
    except filelock.Timeout:
        return True


class Grid:
    """The runs of a comparison, some of them going on."""

    def __init__(
        self,
        about: Record,
        settings: dict[tuple[str, int], Config],
        folder: Path,
        places: list[dict[str, Any]],
    ):
        """A comparison, the settings of its runs by variant and seed in the order in which to run, and places to run in."""
        self.about, self.settings, self.folder, self.places = about, settings, folder, places
        self.failures: dict[str, str] = {}
        self.going: dict[int, tuple[tuple[str, int], subprocess.Popen]] = {}
        self.images: dict[tuple[str, int], int] = {}  # seen by each run
        self.stopped = 0

    def log(self, key: tuple[str, int]) -> Path:
        """Where a run's words go."""
        return self.folder / "logs" / f"{folder_of(self.about, *key)}.txt"

    def note(self) -> Record:
        """Bring ``results.json`` up to date."""
        found = results(self.about, self.folder, self.failures)
        write_json(self.folder / "results.json", found)
        return found

    def run(self) -> Record:
        """Run what is not done; returns the results."""
        found = self.note()
        done = {(r["variant"], r["seed"]) for r in found["runs"] if r["state"] == "done"}
        waiting = [key for key in self.settings if key not in done]
        self.images = {(r["variant"], r["seed"]): int(r["images"] or 0) for r in found["runs"]}
        told = False
        total = sum(s.steps * s.batch for s in self.settings.values())
        with (
            tqdm(total=total, unit=" images", unit_scale=True, disable=None, smoothing=0.05) as bar,
            self._signals(),
        ):
            while (waiting or self.going) and not (self.stopped and not self.going):
                for place, _ in enumerate(self.places):
                    if place in self.going or not waiting or self.stopped:
                        continue
                    key = next(
                        (key for key in waiting if not _in_use(Path(self.settings[key].workdir))),
                        None,
                    )
                    if key is not None:
                        waiting.remove(key)
                        self.going[place] = (
                            key,
                            start(self.settings[key], self.log(key), self.places[place]),
                        )
                    elif not told and not self.going:
                        told = True
                        tqdm.write(
                            f"waiting for {folder_of(self.about, *waiting[0])}, which another"
                            " process still holds ..."
                        )
                if self.stopped:  # by a signal that came while a run was being started
                    self._tell(signal.SIGTERM)
                time.sleep(0.2)
                for place, (key, process) in list(self.going.items()):
                    if process.poll() is not None:
                        del self.going[place]
                        self._ended(key, process.returncode)
                        self.note()
                for key, _ in self.going.values():
                    seen = last_metrics(Path(self.settings[key].workdir)).get("images")
                    self.images[key] = self.images[key] if seen is None else int(seen)
                bar.update(sum(self.images.values()) - bar.n)
                bar.set_postfix_str(
                    ", ".join(folder_of(self.about, *key) for key, _ in self.going.values()),
                    refresh=False,
                )
        return self.note()

    def _ended(self, key: tuple[str, int], code: int) -> None:
        run = folder_of(self.about, *key)
        if code and not self.stopped:
            words = last_words(self.log(key))
            why = (
                f"it was ended by signal {-code}"
                if code < 0
                else f"{ALARMED}: {words}"
                if code == ExitCode.ALARM
                else words
            )
            self.failures[run] = why
            tqdm.write(f"{run} failed: {self.failures[run]}")
        elif not code:
            settings = self.settings[key]
            about = outcome(Run(settings.workdir), settings.steps, f"eval/{self.about['score']}")
            if about["state"] == "done":
                tqdm.write(f"{run} is done")
                self._tell_tensorboard(key, about)
            else:
                self.failures[run] = (
                    "files of it are missing or damaged; delete its folder, and the same command"
                    " makes it anew"
                )
                tqdm.write(f"{run} failed: {self.failures[run]}")

    def _tell_tensorboard(self, key: tuple[str, int], about: Record) -> None:
        """Put a finished run into TensorBoard's HPARAMS, with the settings in which variants differ."""
        from gan_zoo.comparison.hparams import hparams

        settings = self.settings[key]
        if about["best"] is not None:
            differ = sorted(
                {
                    name
                    for variant in self.about["variants"].values()
                    for name in variant["settings"]
                }
            )
            shown = {"variant": key[0], "seed": key[1]} | {
                name: getattr(settings, name) for name in differ
            }
            hparams(Path(settings.workdir), shown, {name: about[name] for name in ("best", "last")})

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Pass Ctrl-C and SIGTERM on to the runs, which save and stop; a second Ctrl-C stops them at once."""

        def stop(number: int, frame: Any) -> None:
            again, self.stopped = self.stopped and number == signal.SIGINT, number
            said = (
                b""
                if again
                else (
                    b"\nstopping when the runs have saved; Ctrl-C again stops at once, without"
                    b" saving.\n"
                )
            )
            with contextlib.suppress(
                OSError
            ):  # not print(), in the middle of which a signal may come
                os.write(2, said)
            self._tell(signal.SIGINT if again else signal.SIGTERM)

        old = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            self._tell(
                signal.SIGTERM
            )  # to those that go on when this loop breaks, on a full disk for one
            for number, handler in old.items():
                signal.signal(number, handler)

    def _tell(self, number: int) -> None:
        for _, process in list(self.going.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
