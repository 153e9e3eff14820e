"""Run the runs of a comparison, several at a time: one per GPU, or each on a share of the cores."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gan_zoo.comparison.edited import check_code
from gan_zoo.comparison.results import ALARMED, Record, folder_of, outcome, results
from gan_zoo.config import Config, flag_of
from gan_zoo.errors import ExitCode, UserError
from gan_zoo.files import write_json
from gan_zoo.pulse import QUIET_SECONDS, make_bar
from gan_zoo.runs.lock import is_in_use
from gan_zoo.runs.logs import last_metrics
from gan_zoo.runs.run import Run

_POLL_SECONDS = 0.2

Device = dict[str, Any]  # {"gpu": its number as text}, {"cores": a set of numbers} or {}


def devices(jobs: int) -> list[Device]:
    """Return a device for each of ``jobs`` runs at a time: a GPU, or a share of the cores.

    Args:
        jobs: Runs at a time; 0 means one per GPU, or one run on a machine without a GPU.
    """
    gpus = _gpus()
    if gpus:
        return [{"gpu": gpus[k % len(gpus)]} for k in range(jobs or len(gpus))]
    jobs = max(1, jobs)
    if not hasattr(os, "sched_setaffinity"):
        return [{}] * jobs
    cores = sorted(os.sched_getaffinity(0))
    return [{"cores": set(cores[k::jobs] or [cores[k % len(cores)]])} for k in range(jobs)]


def shared(devices: list[Device]) -> str:
    """Return a sentence where runs share a GPU, or ""."""
    gpus = [device["gpu"] for device in devices if "gpu" in device]
    if len(set(gpus)) == len(gpus):
        return ""
    return (
        f"{len(gpus)} runs at a time share {len(set(gpus))} GPU{'s' if len(set(gpus)) > 1 else ''};"
        " fewer --jobs if its memory is too small for them."
    )


def _gpus() -> list[str]:
    """Return the numbers of the GPUs that may be used."""
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return [gpu for gpu in visible.split(",") if gpu.strip() not in ("", "-1")]
    from gan_zoo.distributed import machine  # it imports TensorFlow

    return [str(k) for k in range(len(machine.gpus()))]


def start(settings: Config, log: Path, device: Device) -> subprocess.Popen:
    """Start a run in its own process group; its output goes to the file ``log``."""
    default = dataclasses.asdict(Config())
    changed = {k: v for k, v in dataclasses.asdict(settings).items() if v != default[k]}
    changed["data"] = settings.data  # its default depends on --data_dir
    command = [
        sys.executable,
        "-m",
        "gan_zoo.run",
        *(
            f"--{flag_of(k)}={str(v).lower() if isinstance(v, bool) else v}"
            for k, v in changed.items()
        ),
    ]

    def prepare() -> None:  # in the new process
        with contextlib.suppress(OSError, AttributeError):
            # Linux: let the run save and stop when this process is killed.
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        if device.get("cores"):
            os.sched_setaffinity(0, device["cores"])

    gpu = {"CUDA_VISIBLE_DEVICES": device["gpu"]} if device.get("gpu") else {}
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **gpu},
            start_new_session=True,
            preexec_fn=prepare,
        )


def last_line(log: Path) -> str:
    """Return the last line that a run printed, as the end of a sentence."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("gan_zoo: ")[:500] if lines else "it printed nothing"


def _scores(found: Record, score: str) -> str:
    """Return the scores of a run that is done, as the end of a sentence."""
    if found["best"] is None:
        return ""
    last = f", last {found['last']:.4g}" if found["last"] != found["best"] else ""
    return f": best {score} {found['best']:.4g}{last}"


class RunQueue:
    """The runs of a comparison: waiting, running or ended.

    Attributes:
        failures: Why runs failed, by the names of their folders.
        stopped: The number of the signal that stopped the queue, or 0.
    """

    def __init__(
        self,
        record: Record,
        settings: dict[tuple[str, int], Config],
        folder: Path,
        devices: list[Device],
    ):
        """Take a comparison and its runs.

        Args:
            record: The content of ``comparison.json``.
            settings: Those of each run by (variant, seed), in the order in which to run them.
            folder: The folder of the comparison.
            devices: One for each run at a time.
        """
        self.failures: dict[str, str] = {}
        self.stopped = 0
        self._record, self._settings, self._folder = record, settings, folder
        self._devices = devices
        self._waiting: list[tuple[str, int]] = []
        self._running: dict[int, tuple[tuple[str, int], subprocess.Popen]] = {}  # by device
        self._images: dict[tuple[str, int], int] = {}  # seen by each run
        self._told_to_wait, self._told_at = False, time.monotonic()
        self._edited: UserError | None = None  # while the queue ran, so that it must end

    def run(self) -> Record:
        """Run what is not done; return the results.

        Raises:
            UserError: A plugin was edited meanwhile. The runs that were going on have ended.
        """
        found = self._update_results()
        done = {(r["variant"], r["seed"]) for r in found["runs"] if r["state"] == "done"}
        self._waiting = [key for key in self._settings if key not in done]
        seen = {(r["variant"], r["seed"]): int(r["images"] or 0) for r in found["runs"]}
        self._images = {key: seen[key] for key in self._settings}
        if sentence := shared(self._devices):
            tqdm.write(sentence)
        with self._progress_bar() as bar, self._forwarding_signals():
            while self._running or (self._waiting and not self.stopped):
                self._start_runs()
                if self.stopped:  # by a signal that came while a run was being started
                    self._signal_runs(signal.SIGTERM)
                time.sleep(_POLL_SECONDS)
                self._collect_ended()
                self._show_progress(bar)
        found = self._update_results()
        if self._edited:
            raise self._edited
        return found

    def _progress_bar(self) -> tqdm:
        """Return a bar that starts where the runs are.

        Its speed is that of this call from its start on, so that the time left has starts,
        evaluations and exports of runs in it, and none of what earlier calls did.
        """
        return make_bar(
            total=sum(s.steps * s.batch for s in self._settings.values()),
            initial=sum(self._images.values()),
            unit=" images",
            unit_scale=True,
            disable=None,
            smoothing=0,
        )

    def _update_results(self) -> Record:
        """Write ``results.json``."""
        found = results(self._record, self._folder, self.failures)
        write_json(self._folder / "results.json", found)
        return found

    def _start_runs(self) -> None:
        """Start a waiting run on each free device."""
        for place, device in enumerate(self._devices):
            if place in self._running or not self._waiting or self.stopped:
                continue
            free = (key for key in self._waiting if not is_in_use(Run(self._run_folder(key))))
            key = next(free, None)
            if key is not None:
                if self._ends_for_an_edit():
                    return
                self._waiting.remove(key)
                self._running[place] = key, start(self._settings[key], self._log(key), device)
            elif not self._told_to_wait and not self._running:
                self._told_to_wait = True
                name = folder_of(self._record, *self._waiting[0])
                tqdm.write(f"waiting for {name}, which another process still uses ...")

    def _ends_for_an_edit(self) -> bool:
        """Let no more runs start, and return True, if a plugin's code is not that of earlier runs.

        Each run is a process of its own and would read the file as it is now.
        """
        configs = {name: config for (name, _), config in self._settings.items()}
        try:
            check_code(self._record, configs, self._folder)
        except UserError as e:
            self._edited = e
            self._waiting.clear()
        return self._edited is not None

    def _collect_ended(self) -> None:
        """Take note of the runs that ended."""
        for place, (key, process) in list(self._running.items()):
            if process.poll() is not None:
                del self._running[place]
                self._record_exit(key, process.returncode)
                self._update_results()

    def _show_progress(self, bar: tqdm) -> None:
        for key, _ in self._running.values():
            images = last_metrics(self._run_folder(key)).get("images")
            self._images[key] = self._images[key] if images is None else int(images)
        names = ", ".join(folder_of(self._record, *key) for key, _ in self._running.values())
        seen = sum(self._images.values())
        bar.update(seen - bar.n)
        bar.set_postfix_str(names, refresh=False)
        if bar.disable and names and time.monotonic() - self._told_at >= QUIET_SECONDS:
            self._told_at = time.monotonic()
            tqdm.write(f"{seen:,} of {bar.total:,} images; in training: {names}")

    def _run_folder(self, key: tuple[str, int]) -> Path:
        return Path(self._settings[key].workdir)

    def _log(self, key: tuple[str, int]) -> Path:
        """Return the file of what a run prints."""
        return self._folder / "logs" / f"{folder_of(self._record, *key)}.txt"

    def _record_exit(self, key: tuple[str, int], code: int) -> None:
        """Note whether a run that ended is done or failed, and why."""
        if code and self.stopped:
            return
        name = folder_of(self._record, *key)
        if code:
            line = last_line(self._log(key))
            why = f"{ALARMED}: {line}" if code == ExitCode.ALARM else line
            self.failures[name] = f"signal {-code} ended it" if code < 0 else why
        else:
            steps = self._settings[key].steps
            found = outcome(Run(self._run_folder(key)), steps, f"eval/{self._record['score']}")
            if found["state"] == "done":
                tqdm.write(f"{name} is done{_scores(found, self._record['score'])}")
                return
            self.failures[name] = (
                "some of its files are missing or damaged; delete its folder, and the same command"
                " trains it again"
            )
        tqdm.write(f"{name} failed: {self.failures[name]}")

    @contextlib.contextmanager
    def _forwarding_signals(self) -> Iterator[None]:
        """Pass Ctrl-C and SIGTERM on to the runs, which save and stop; a second Ctrl-C at once."""

        def stop(number: int, frame: Any) -> None:
            again, self.stopped = self.stopped and number == signal.SIGINT, number
            if not again:
                # Not print(): the signal may come in the middle of another one.
                with contextlib.suppress(OSError):
                    os.write(
                        2,
                        b"\nstopping when the runs have saved; Ctrl-C again stops at once, without"
                        b" saving.\n",
                    )
            self._signal_runs(signal.SIGINT if again else signal.SIGTERM)

        old = {}
        if threading.current_thread() is threading.main_thread():  # Python allows it there only
            for number in (signal.SIGINT, signal.SIGTERM):
                old[number] = signal.signal(number, stop)
        try:
            yield
        finally:
            # Also when the loop above ends with an exception, such as for a full disk.
            self._signal_runs(signal.SIGTERM)
            for number, handler in old.items():
                signal.signal(number, handler)

    def _signal_runs(self, number: int) -> None:
        for _, process in list(self._running.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
