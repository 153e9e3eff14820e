"""Start the workers of a run, and start all of them again when one is lost. No TensorFlow here."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from gan_zoo.errors import ExitCode, UserError

PATIENCE = 30  # seconds that workers have to end by themselves once one has ended


def launch(
    words: Sequence[str],
    workers: int = 2,
    hosts: Sequence[str] = (),
    index: int = 0,
    restarts: int = 20,
) -> int:
    """Train with several workers, and start all again when one is lost; return the exit code.

    SIGINT and SIGTERM are passed on to the workers; it must be called in the main thread.

    Args:
        words: The flags of a training.
        workers: How many workers to start on this machine, if there are no hosts.
        hosts: All workers as ``host:port``, the leading one first.
        index: Which of the hosts this machine is.
        restarts: How often all may be started again.

    Raises:
        UserError: Workers were lost more often than that.
    """
    group = _WorkerGroup()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, group.pass_on)
    for attempt in range(restarts + 1):
        addresses = list(hosts) or [f"localhost:{port}" for port in _free_ports(workers)]
        code = group.run(addresses, [index] if hosts else list(range(workers)), words)
        if group.signals:
            return 128 + group.signals[0]
        if code >= 0 and code != ExitCode.PEER_LOST:
            return code
        if attempt < restarts:
            print(
                f"launch: a worker was lost; starting all again ({attempt + 1} of at most"
                f" {restarts} times).",
                flush=True,
            )
            time.sleep(1)
    raise UserError(
        f"workers were lost {restarts + 1} times; read their messages above, then start again."
    )


class _WorkerGroup:
    """This machine's workers, and the signals that came for them."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen] = []
        self.signals: list[int] = []

    def pass_on(self, number: int, frame: object) -> None:
        """Note a signal and send it to all workers that run."""
        self.signals.append(number)
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, number)

    def run(self, addresses: list[str], indices: list[int], words: Sequence[str]) -> int:
        """Start workers, wait until all have ended, and return the exit code that counts."""
        if self.signals:  # it came between two attempts
            return 0
        self._start(addresses, indices, words)
        if self.signals:  # it came while workers were starting, and missed some
            self.pass_on(self.signals.pop(), None)
        code = self._wait()
        self._stop()
        return code

    def _start(self, addresses: list[str], indices: list[int], words: Sequence[str]) -> None:
        """Start workers, each in its own process group: Ctrl-C reaches them once, from here."""
        self.processes.clear()
        for index in indices:
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            command = [sys.executable, "-m", "gan_zoo.run", *words, "--strategy=multi_worker"]
            environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
            self.processes.append(
                subprocess.Popen(command, env=environment, start_new_session=True)
            )

    def _wait(self) -> int:
        """Wait until all have ended well, or one has not; return the exit code that counts."""
        while True:
            codes = [process.poll() for process in self.processes]
            if all(code == 0 for code in codes):
                return 0
            if any(codes):
                # The code of the worker that failed tells more than "I lost a peer" of the others,
                # which may have ended a moment earlier.
                time.sleep(0.5)
                failed = [code for process in self.processes if (code := process.poll())]
                return min(failed, key=lambda code: (code < 0, code == ExitCode.PEER_LOST))
            time.sleep(0.1)

    def _stop(self) -> None:
        """Let workers notice by themselves that a peer is gone, and kill those that do not."""
        deadline = time.monotonic() + PATIENCE
        for process in self.processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
