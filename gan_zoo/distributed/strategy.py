"""Which devices and hosts train together: TensorFlow's strategies by name, and what several workers must agree on."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from gan_zoo.errors import UserError

PEER_LOST = 42  # the exit code of a worker that lost another one: start all of them again
JOIN_SECONDS = 60  # how long a worker waits for the others at its start
# Only one worker evaluates, draws and saves; the others wait for it in the next step's exchange of
# gradients.
EXCHANGE_SECONDS = 3600


class PeerLost(Exception):  # noqa: N818 -- it is no error of this process
    """Another worker has gone. All must be started again, and go on from the last checkpoint."""


def make(name: str) -> tf.distribute.Strategy:
    """The strategy of this name; call it before any other TensorFlow operation.

    ``default`` is one device, ``mirrored`` all GPUs of this host (or all logical CPU devices),
    ``multi_worker`` several processes or hosts as ``TF_CONFIG`` has them.

    Raises:
        UserError: There is nothing to mirror over, or ``TF_CONFIG`` is missing or wrong.
    """
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        if len(devices) < 2:
            raise UserError(
                "--strategy=mirrored needs two devices or more, and here is one"
                f" ({devices[0].name}); leave the flag out."
            )
        # On CPUs, a second ring of collectives in one process fails on its keys.
        how = None if devices[0].device_type == "GPU" else tf.distribute.ReductionToOneDevice()
        return tf.distribute.MirroredStrategy([device.name for device in devices], how)
    if name == "multi_worker":
        if not worker()[0]:
            raise UserError(
                "--strategy=multi_worker needs the environment variable TF_CONFIG, which names all"
                " workers; gan_zoo launch sets it."
            )
        # Without its option timeout_seconds, for which TensorFlow starts a thread at each exchange
        # that sleeps until then: a hundred a step, until the machine has no more. What the option
        # is for, exchanges() does.
        with _patience():
            return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """End this process, with a word, if the body takes longer than the others may take to come.

    TensorFlow waits for them for minutes, without a word and with Python's lock in its hands, so
    that only another process can.
    """
    workers, index = worker()
    said = (
        f"gan_zoo: worker {index} of {', '.join(workers)} waited {JOIN_SECONDS} s for the others in"
        " vain; start them, too."
    )
    code = (
        f"import os, time; time.sleep({JOIN_SECONDS}); os.write(2,"
        f" {said.encode() + bytes([10])!r}); os.kill({os.getpid()}, 9)"
    )
    watch = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        watch.kill()
        watch.wait()


@contextlib.contextmanager
def exchanges(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """End this process, as one that lost a peer, if the body, which exchanges with others, takes EXCHANGE_SECONDS.

    A peer that is gone shows at once; this is for one that lives and never answers.
    """

    def give_up() -> None:
        os.write(
            2,
            f"gan_zoo: another worker has not answered for {EXCHANGE_SECONDS} s; start all workers"
            " again.\n".encode(),
        )
        os._exit(PEER_LOST)

    if not several_workers(strategy):
        yield
        return
    watch = threading.Timer(EXCHANGE_SECONDS, give_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def worker() -> tuple[list[str], int]:
    """The addresses of all workers, and which of them this process is, by ``TF_CONFIG``; none and 0 where there is none.

    Raises:
        UserError: ``TF_CONFIG`` cannot be understood.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return [], 0
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        index = int(task["index"])
        if (
            task["type"] != "worker"
            or not 0 <= index < len(workers)
            or not all(isinstance(w, str) for w in workers)
        ):
            raise ValueError("its task is none of its workers")
    except (ValueError, KeyError, TypeError) as e:
        raise UserError(
            f"the environment variable TF_CONFIG is wrong ({type(e).__name__}: {e}); it must read"
            ' like {"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type":'
            ' "worker", "index": 0}}.'
        ) from None
    return workers, index


def leads(name: str) -> bool:
    """Whether this process is the one that evaluates, draws, writes and speaks."""
    return name != "multi_worker" or worker()[1] == 0


@contextlib.contextmanager
def peers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turn what TensorFlow raises when another worker goes into :class:`PeerLost`."""
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.DeadlineExceededError,
        tf.errors.CancelledError,
    ) as e:
        if not several_workers(strategy):
            raise
        raise PeerLost(f"another worker is gone ({type(e).__name__})") from e


def several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether other processes take part."""
    return bool(getattr(strategy.extended, "_num_workers", 1) > 1)


def highest(strategy: tf.distribute.Strategy, value: int) -> int:
    """The greatest of the workers' values; all of them must ask at the same time. Without other workers, the value itself."""
    if not several_workers(strategy):
        return value
    with exchanges(strategy):
        return int(_exchange(strategy)(tf.constant(value, tf.int64)))


@functools.cache  # the run asks after each chunk of steps
def _exchange(strategy: tf.distribute.Strategy) -> Any:
    @tf.function
    def exchange(own: tf.Tensor) -> tf.Tensor:
        def all_of_them() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            place = tf.one_hot(
                context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=tf.int64
            )
            return context.all_reduce("SUM", place * own)

        return tf.reduce_max(strategy.experimental_local_results(strategy.run(all_of_them))[0])

    return exchange
