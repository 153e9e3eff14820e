"""Start the workers of a run, and start all of them again when one is lost. No TensorFlow here."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from gan_zoo.distributed import rendezvous
from gan_zoo.errors import ExitCode, UserError

PATIENCE = 30  # seconds that workers have to end by themselves once one has ended
STOP_SECONDS = 60  # seconds that they have to save and end once a signal came
WAIT_SECONDS = 600  # how long launchers on several hosts wait for each other


def launch(
    words: Sequence[str],
    workers: int = 2,
    hosts: Sequence[str] = (),
    index: int = 0,
    restarts: int = 20,
    wait: float = WAIT_SECONDS,
) -> int:
    """Train with several workers, and start all again when one is lost; return the exit code.

    SIGINT and SIGTERM are passed on to the workers, which save and end; a second one, or
    STOP_SECONDS, ends them at once. If this process is killed, they save and end, too. It must be
    called in the main thread.

    Args:
        words: The flags of a training.
        workers: How many workers to start on this machine, if there are no hosts.
        hosts: All workers as ``host:port``, the leading one first.
        index: Which of the hosts this machine is.
        restarts: How often all may be started again.
        wait: How many seconds the launchers of several hosts wait for each other.

    Raises:
        UserError: Workers were lost more often than that, or other hosts do not come.
    """
    if hosts:
        rendezvous.require_addresses(hosts)
    group = _WorkerGroup()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, group.pass_on)
    for attempt in range(restarts + 1):
        if hosts:
            meeting = rendezvous.Meeting(hosts, index, wait, lambda: bool(group.signals), _tell)
            with contextlib.suppress(rendezvous.Stopped):
                meeting.join()
        addresses = list(hosts) or [f"localhost:{port}" for port in _free_ports(workers)]
        code = group.run(addresses, [index] if hosts else list(range(workers)), words)
        if group.signals:
            return 128 + group.signals[0]
        if code >= 0 and code != ExitCode.PEER_LOST:
            return code
        if attempt < restarts:
            _tell(
                f"a worker was lost; starting all again ({attempt + 1} of at most {restarts}"
                " times)."
            )
            time.sleep(1)
    raise UserError(
        f"workers were lost {restarts + 1} times; read their messages above, then start again."
    )


def _tell(line: str) -> None:
    print(f"launch: {line}", flush=True)


# It reads the numbers of workers, and "done" when they have ended. If the pipe closes before that,
# the launcher was killed. Workers cannot watch for that by themselves: TensorFlow may hold Python's
# lock for minutes.
_GUARD = f"""
told=$(cat)
case "$told" in *done*) exit ;; esac
for pid in $told; do kill -s TERM -- "-$pid"; done
seconds=0
while [ $seconds -lt {STOP_SECONDS} ]; do
    alive=
    for pid in $told; do kill -s 0 -- "-$pid" && alive=1; done
    [ $alive ] || exit
    sleep 1
    seconds=$((seconds + 1))
done
for pid in $told; do kill -s KILL -- "-$pid"; done
"""


@contextlib.contextmanager
def _guard() -> Iterator[Callable[[int], None]]:
    """End workers if this process is killed during the body: they save and end, as by SIGTERM.

    Yields:
        A function to call with the number of each worker, whose process group it leads.
    """
    nowhere = subprocess.DEVNULL
    # In a session of its own, since one may kill this one's group.
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD],
        stdin=subprocess.PIPE,
        stdout=nowhere,
        stderr=nowhere,
        start_new_session=True,
    )

    def tell(word: int | str) -> None:
        assert guard.stdin is not None
        with contextlib.suppress(OSError):  # somebody ended it
            guard.stdin.write(f"{word}\n".encode())
            guard.stdin.flush()

    try:
        yield tell
    finally:
        tell("done")
        guard.communicate()


class _WorkerGroup:
    """This machine's workers, and the signals that came for them."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen] = []
        self.errors: list[IO[bytes] | None] = []  # what each writes to stderr; None: it is shown
        self.signals: list[int] = []
        self.deadline = math.inf  # for those who were asked to end

    def pass_on(self, number: int, frame: object) -> None:
        """Note a signal and send it to all workers that run; kill them if it is not the first."""
        self.signals.append(number)
        self.deadline = min(self.deadline, time.monotonic() + STOP_SECONDS)
        self._send(number if len(self.signals) == 1 else signal.SIGKILL)

    def _send(self, number: int) -> None:
        """Send a signal to all workers that run and to their children."""
        for process in self.processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)

    def run(self, addresses: list[str], indices: list[int], words: Sequence[str]) -> int:
        """Start workers, wait until all have ended, and return the exit code that counts."""
        if self.signals:  # it came between two attempts
            return 0
        with _guard() as tell:
            self._start(addresses, indices, words, tell)
            if self.signals:  # it came while workers were starting, and missed some
                self.pass_on(self.signals.pop(), None)
            code = self._wait()
            self._stop()
        self._show_errors(code)
        return code

    def _start(
        self,
        addresses: list[str],
        indices: list[int],
        words: Sequence[str],
        tell: Callable[[int], None],
    ) -> None:
        """Start workers, each in its own process group: Ctrl-C reaches them once, from here.

        All workers of this machine say the same, so that one of them is heard. The number of each
        is told at once.
        """
        self.processes.clear()
        self.errors.clear()
        for index in indices:
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            command = [sys.executable, "-m", "gan_zoo.run", *words, "--strategy=multi_worker"]
            environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
            held = tempfile.TemporaryFile() if self.processes else None  # noqa: SIM115
            self.errors.append(held)
            self.processes.append(
                subprocess.Popen(command, env=environment, stderr=held, start_new_session=True)
            )
            tell(self.processes[-1].pid)

    def _show_errors(self, code: int) -> None:
        """Show what the worker said whose exit code counts, unless one that was heard ended so."""
        codes = [process.returncode for process in self.processes]
        heard = [c for c, held in zip(codes, self.errors, strict=True) if held is None]
        for each, held in zip(codes, self.errors, strict=True):
            if held is None:
                continue
            if each == code and code not in (0, *heard) and not self.signals:
                held.seek(0)
                sys.stderr.write(held.read().decode(errors="replace"))
                sys.stderr.flush()
                heard.append(code)
            held.close()

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
            if time.monotonic() > self.deadline:
                self._send(signal.SIGKILL)
            time.sleep(0.1)

    def _stop(self) -> None:
        """Let workers notice by themselves that a peer is gone, and kill those that do not."""
        deadline = min(self.deadline, time.monotonic() + PATIENCE)
        for process in self.processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._send(signal.SIGKILL)
                process.wait()


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
