"""A description of this machine, for a run's record, and the speed of its arithmetic."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

LEAST_GAIN = 1.25  # of bfloat16 over float32 in convolutions, below which a run is hardly faster


def describe(distribution: tf.distribute.Strategy) -> dict[str, Any]:
    """Return the machine's properties that can change rounding."""
    cards: dict[str, Any] = {}
    if gpus():
        build = tf.sysconfig.get_build_info()
        cards = {
            "gpus": gpus(),
            "cuda": build.get("cuda_version"),
            "cudnn": build.get("cudnn_version"),
        }
    return cards | {
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "replicas": distribution.num_replicas_in_sync,
        "cores": (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
    }


def one_gpu(distribution: tf.distribute.Strategy) -> bool:
    """Whether training is on a single device that is a GPU."""
    return distribution.num_replicas_in_sync == 1 and bool(tf.config.list_logical_devices("GPU"))


def device_memory() -> int:
    """Return the bytes of memory of the first device; 4 GiB where they cannot be found out."""
    if tf.config.list_logical_devices("GPU"):
        return min((card["memory"] or 2**32 for card in gpus()), default=2**32)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**32


def keep_programs(cache: Path) -> Path | None:
    """Let XLA keep what it compiles in a folder of ``cache``, for later runs on this machine.

    It has an effect only before TensorFlow's first operation in this process.

    Returns:
        The folder; None where the user has set another one, or the path has blanks, which the
        variable cannot hold.
    """
    # A program holds machine code of this very processor, card and TensorFlow.
    parts = (tf.__version__, processor(), str(gpus()))
    folder = cache.absolute() / "xla" / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    flags, option = os.environ.get("TF_XLA_FLAGS", ""), "--tf_xla_persistent_cache_directory"
    if f"{option}={folder}" in flags.split():
        return folder
    if option in flags or len(str(folder).split()) > 1:
        return None
    os.environ["TF_XLA_FLAGS"] = f"{flags} {option}={folder}".strip()
    return folder


def processor() -> str:
    """Return the model and the instruction sets of the CPU, as far as they can be found out."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(
        sorted({x for x in lines if x.startswith(("model name", "flags", "Features"))})
    )


@functools.cache
def gpus() -> list[dict[str, Any]]:
    """Return name, driver and bytes of memory of each NVIDIA card, as its driver tells them.

    The memory is None for a card that has none of its own.
    """
    fields = "name,driver_version,memory.total"
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        rows = [line.split(", ") for line in found.stdout.splitlines()]
        return [
            {
                "name": name,
                "driver": driver,
                "memory": int(mebibytes) << 20 if mebibytes.isdigit() else None,
            }
            for name, driver, mebibytes in rows
        ]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def limits(dtype: str, repeat: int = 5, batch: int = 32) -> dict[str, float]:
    """Measure the GFLOP/s of the main operations of training, the best of ``repeat`` times.

    Args:
        dtype: ``float32`` or ``bfloat16``.
        repeat: Measurements of each.
        batch: Images in the convolutions.

    Returns:
        ``matmul`` (2048x2048), ``conv`` (3x3, stride 1, 128 to 256 channels at 16x16), and
        ``filter`` (the gradient of a 4x4 kernel, stride 2, 128 to 256 channels, 32x32 to 16x16),
        which a step spends a third of its time on.
    """
    work = _operations(dtype, batch)
    return {name: flops / 1e9 / _seconds(f, repeat) for name, (flops, f) in work.items()}


def _operations(dtype: str, batch: int = 32) -> dict[str, tuple[float, Callable]]:
    """Return the operations of :func:`limits`, each with its number of FLOPs."""

    def draw(*shape: int) -> tf.Tensor:
        return tf.cast(tf.random.stateless_normal(shape, [0, 0]), dtype)

    a, x, k = draw(2048, 2048), draw(batch, 16, 16, 128), draw(3, 3, 128, 256)
    large, gradient = draw(batch, 32, 32, 128), draw(batch, 16, 16, 256)
    operations: dict[str, tuple[float, Callable]] = {
        "matmul": (2.0 * 2048**3, lambda: tf.matmul(a, a)),
        "conv": (2.0 * batch * 16 * 16 * 9 * 128 * 256, lambda: tf.nn.conv2d(x, k, 1, "SAME")),
        "filter": (
            2.0 * batch * 16 * 16 * 16 * 128 * 256,
            lambda: tf.raw_ops.Conv2DBackpropFilter(
                input=large,
                filter_sizes=[4, 4, 128, 256],
                out_backprop=gradient,
                strides=[1, 2, 2, 1],
                padding="SAME",
            ),
        ),
    }
    return {name: (flops, tf.function(f)) for name, (flops, f) in operations.items()}


def _seconds(f: Callable, repeat: int) -> float:
    f()
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        f().numpy()
        times.append(time.perf_counter() - began)
    return min(times)


class Speeds(NamedTuple):
    """GFLOP/s of convolutions and their gradients on the first device.

    Attributes:
        float32: In float32.
        bfloat16: In bfloat16.
    """

    float32: float
    bfloat16: float

    @property
    def faster(self) -> bool:
        """Whether bfloat16 is faster by so much that a run is."""
        return self.bfloat16 >= LEAST_GAIN * self.float32

    def sentence(self, precision: str) -> str:
        """Return why a run with ``--precision=auto`` has a precision."""
        return (
            f"--precision=auto is {precision}: convolutions run at {self.float32:.3g} GFLOP/s in"
            f" float32 and at {self.bfloat16:.3g} in bfloat16; bfloat16 is taken from"
            f" {LEAST_GAIN} times the speed on."
        )


@functools.cache
def arithmetic_speeds() -> Speeds:
    """Measure both precisions on convolutions and their gradients."""
    # Without bfloat16 in hardware it takes ten times as long or more; two images tell.
    few = Speeds(_speed("float32", 2, 5), _speed("bfloat16", 2, 2))
    if 4 * few.bfloat16 < few.float32:
        return few
    return Speeds(_speed("float32", 32, 5), _speed("bfloat16", 32, 5))


def _speed(dtype: str, batch: int, repeat: int) -> float:
    work = _operations(dtype, batch)
    timed = [work["conv"], work["filter"]]
    return len(timed) / sum(_seconds(f, repeat) / flops for flops, f in timed) / 1e9
