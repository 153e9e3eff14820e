"""Start the workers of a run, and start all of them again when one is lost.

    gan_zoo launch --workers=2 -- --config=faces32 --data_dir=faces.zip
    gan_zoo launch --hosts=alpha:2222,beta:2222 --index=0 -- ...        (on alpha; with --index=1 on beta)

The first starts all workers on this machine, the second this machine's one of several. What follows
``--`` goes to ``python -m gan_zoo.run``, with ``--strategy=multi_worker``; all hosts need the same
code, data and --workdir, on a shared disk.

The workers talk over gRPC without any authentication or encryption, on all network interfaces:
trusted networks only.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

from absl import flags

from gan_zoo import cli, config
from gan_zoo.commands import train
from gan_zoo.errors import ExitCode, UserError


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "workers",
        2,
        "how many workers to start here, if there are no --hosts",
        1,
        flag_values=values,
    )
    flags.DEFINE_list(
        "hosts", [], "all workers as host:port, the leading one first", flag_values=values
    )
    flags.DEFINE_integer("index", None, "which of --hosts this machine is", 0, flag_values=values)
    flags.DEFINE_integer("restarts", 20, "give up after so many restarts", 0, flag_values=values)


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]


def _start(
    hosts: list[str], mine: list[int], words: list[str], workers: list[subprocess.Popen]
) -> None:
    """Start this machine's workers, each in a process group of its own, so that Ctrl-C reaches them once and from here."""
    workers.clear()
    for index in mine:
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        command = [sys.executable, "-m", "gan_zoo.run", *words, "--strategy=multi_worker"]
        workers.append(
            subprocess.Popen(
                command, env={**os.environ, "TF_CONFIG": json.dumps(task)}, start_new_session=True
            )
        )


def _stop(workers: list[subprocess.Popen], patience: float) -> None:
    """Let workers notice by themselves that a peer is gone; end those that do not."""
    deadline = time.monotonic() + patience
    for worker in workers:
        try:
            worker.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _watch(workers: list[subprocess.Popen]) -> int:
    """Wait until all have ended well or one has not; returns the exit code that counts."""
    while True:
        codes = [worker.poll() for worker in workers]
        if any(codes):
            time.sleep(
                0.5
            )  # for what the others say: a worker's own end says more than that another one missed it
            codes = [worker.poll() for worker in workers]
            return min(
                (code for code in codes if code),
                key=lambda code: (code < 0, code == ExitCode.PEER_LOST),
            )
        if all(code == 0 for code in codes):
            return 0
        time.sleep(0.1)


def _check_settings(values: flags.FlagValues, rest: list[str]) -> None:
    """Tell of a mistake in a run's settings here, once, and not by each worker."""
    train.refuse_words(rest)
    config.from_flags(values)


def main(values: flags.FlagValues, rest: list[str]) -> int:
    if values["index"].value is not None and not values.hosts:
        raise UserError("--index says which of --hosts this machine is; give --hosts, too.")
    if values.hosts and (
        values["index"].value is None or values["index"].value >= len(values.hosts)
    ):
        raise UserError(
            f"--index must say which of the {len(values.hosts)} --hosts this machine is, from 0."
        )
    if wrong := [
        host for host in values.hosts if not host.rpartition(":")[2].isdigit() or ":" not in host
    ]:
        raise UserError(
            f"--hosts={wrong[0]} has no port; write each as host:port, such as alpha:2222."
        )
    if not any(word.startswith(("--workdir", "-workdir", "--config", "-config")) for word in rest):
        raise UserError(
            "say after -- what to train, at least --workdir=FOLDER, which all workers share."
        )
    if any(
        word.lstrip("-").split("=")[0] in ("help", "h", "list", "dry_run")
        for word in rest
        if word.startswith("-")
    ):
        return cli.call(train.main, train.define_flags, train.__doc__ or "", rest)
    if code := cli.call(_check_settings, train.define_flags, train.__doc__ or "", rest):
        return code
    workers: list[subprocess.Popen] = []
    asked: list[int] = []  # the signals that came, at whatever moment

    def pass_on(number, frame):
        asked.append(number)
        for worker in workers:
            if worker.poll() is None:
                os.killpg(worker.pid, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    for attempt in range(values.restarts + 1):
        hosts = values.hosts or [f"localhost:{port}" for port in _free_ports(values.workers)]
        mine = [values["index"].value] if values.hosts else list(range(values.workers))
        if not asked:
            _start(hosts, mine, rest, workers)
            if asked:  # while they were starting
                pass_on(asked.pop(), None)
            code = _watch(workers)
            _stop(workers, patience=30)
        if asked:
            return 128 + asked[0]
        if code >= 0 and code != ExitCode.PEER_LOST:
            return code
        if attempt < values.restarts:
            print(
                f"launch: a worker was lost; starting all again ({attempt + 1} of at most"
                f" {values.restarts} times).",
                flush=True,
            )
            time.sleep(1)
    raise UserError(
        f"workers were lost {values.restarts + 1} times; see what they say above, then start again."
    )
