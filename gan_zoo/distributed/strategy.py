"""Which devices and hosts train together: TensorFlow's strategies, and workers that synchronize."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from gan_zoo.errors import ExitCode, UserError

JOIN_SECONDS = 60  # how long a worker waits for the others at its start
# Only one worker evaluates, draws and saves; the others wait for it in the next step's exchange of
# gradients.
EXCHANGE_SECONDS = 3600


class PeerLost(Exception):  # noqa: N818 -- it is not an error of this process
    """Another worker is gone. Start all workers again: they resume from the last checkpoint."""


def make(name: str) -> tf.distribute.Strategy:
    """Return the strategy of this name; call it before any other TensorFlow operation.

    ``default`` is one device, ``mirrored`` all GPUs of this host (or all logical CPU devices),
    ``multi_worker`` several processes or hosts, as listed in ``TF_CONFIG``.

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
        # On CPUs, a second group of collective operations in one process fails (duplicate keys).
        on_gpu = devices[0].device_type == "GPU"
        return tf.distribute.MirroredStrategy(
            [device.name for device in devices],
            None if on_gpu else tf.distribute.ReductionToOneDevice(),
        )
    if name == "multi_worker":
        if not worker()[0]:
            raise UserError(
                "--strategy=multi_worker needs the environment variable TF_CONFIG, which names all"
                " workers; gan_zoo launch sets it."
            )
        # The option timeout_seconds is not used: TensorFlow would start a thread at each exchange
        # that sleeps until the timeout, about a hundred a step, until no thread can be started.
        # exchanges() does the same with one thread.
        with _join_timeout():
            return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def _join_timeout() -> Iterator[None]:
    """End this process, with a message, if the other workers do not join in JOIN_SECONDS.

    SIGINT and SIGTERM end it, too. TensorFlow waits for minutes, without a message, and holds
    Python's lock meanwhile, so that only another process can end it. That process gets the signals
    of its group; those for this process alone come to it through a pipe, unless TensorFlow takes
    them.
    """
    workers, index = worker()
    message = (
        f"gan_zoo: worker {index} of {', '.join(workers)} timed out after {JOIN_SECONDS} s waiting"
        " for the other workers; start them, too.\n"
    )
    numbers = {signal.SIGINT, signal.SIGTERM}
    code = _WATCH.format(os.getpid(), JOIN_SECONDS, set(map(int, numbers)), message.encode())
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # in the new process, too
    watch = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=read_end)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    os.close(read_end)
    before = None
    with contextlib.suppress(ValueError):  # only the main thread gets signals
        before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    try:
        yield
    finally:
        if before is not None:
            signal.set_wakeup_fd(before)
        watch.kill()
        watch.wait()
        os.close(write_end)


# It ends by itself when the process is gone, which closes the pipe.
_WATCH = """
import os, select, signal, time
numbers, end = {2}, time.monotonic() + {1}
while time.monotonic() < end:
    came = signal.sigtimedwait(numbers, 0.2) is not None
    if select.select([0], [], [], 0)[0]:
        told = os.read(0, 64)
        if not told:
            os._exit(0)
        came = came or numbers & set(told)
    if came:
        time.sleep(1)
        break
else:
    os.write(2, {3!r})
os.kill({0}, 9)
"""


@contextlib.contextmanager
def exchanges(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """End this process with ExitCode.PEER_LOST if the body's exchange takes EXCHANGE_SECONDS.

    TensorFlow sees at once that a worker has died. This handles a worker that hangs.
    """

    def give_up() -> None:
        os.write(
            2,
            f"gan_zoo: another worker has not answered for {EXCHANGE_SECONDS} s; start all workers"
            " again.\n".encode(),
        )
        os._exit(ExitCode.PEER_LOST)

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
    """Return the addresses of all workers and the index of this one, as ``TF_CONFIG`` gives them.

    Without ``TF_CONFIG``: an empty list and 0.

    Raises:
        UserError: ``TF_CONFIG`` cannot be read.
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
            raise ValueError("its task is not one of its workers")
    except (ValueError, KeyError, TypeError) as e:
        raise UserError(
            f"the environment variable TF_CONFIG is wrong ({type(e).__name__}: {e}); it must read"
            ' like {"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type":'
            ' "worker", "index": 0}}.'
        ) from None
    return workers, index


def leads(name: str) -> bool:
    """Whether this process is the one that evaluates, samples, writes and prints."""
    return name != "multi_worker" or worker()[1] == 0


@contextlib.contextmanager
def peers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Raise :class:`PeerLost` in place of what TensorFlow raises when another worker is gone."""
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
    """Return the greatest of the workers' values; every worker must call this at the same time.

    Without other workers, it is the value itself.
    """
    if not several_workers(strategy):
        return value
    with exchanges(strategy):
        return int(_exchange(strategy)(tf.constant(value, tf.int64)))


@functools.cache  # the run asks after each chunk of steps
def _exchange(strategy: tf.distribute.Strategy) -> Any:
    @tf.function
    def exchange(value: tf.Tensor) -> tf.Tensor:
        def values_of_all() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            index = tf.one_hot(
                context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=tf.int64
            )
            return context.all_reduce("SUM", index * value)

        return tf.reduce_max(strategy.experimental_local_results(strategy.run(values_of_all))[0])

    return exchange
