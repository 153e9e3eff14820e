"""Measure the speed of the step: ``python tools/bench.py`` (all) or ``--cases=dcgan64``.

It is compared with other programs and with the limits of the machine. All loops of a case are
measured in one process, in turn, several times. Printed are medians, and the median of the ratios
within a round, which other load on the machine disturbs least. PyTorch is measured, too, if it is
installed.
"""

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from absl import flags

from gan_zoo import cli
from gan_zoo.config import Config, load_preset
from gan_zoo.errors import UserError

ROOT = Path(__file__).parent.parent
CASES = {
    "dcgan64": (
        Config(gen="dcgan", disc="dcgan", image_size="64"),
        "DCGAN 64x64, 64..512 channels, 4x4 kernels, batch 64",
    ),
    "dcgan64_no_norm": (  # --update=one_stage refuses batch norm in D
        Config(gen="dcgan", disc="dcgan(norm='none')", image_size="64"),
        "the same without batch norm in D",
    ),
    "simpsons128": (
        load_preset("simpsons_dcgan128"),
        "Simpsons DCGAN 128x128, 24 and 17 million parameters, batch 64",
    ),
    "noise28": (Config(), "conv_noise28 and cnn_fc, 26 and 56 million parameters, batch 64"),
}


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list("cases", list(CASES), f"some of {', '.join(CASES)}", flag_values=values)
    flags.DEFINE_list(
        "peers", [], "some of the peers in bench_peers.py; all by default", flag_values=values
    )
    flags.DEFINE_integer("rounds", 5, "how often each loop is measured", 1, flag_values=values)
    flags.DEFINE_float(
        "seconds", 4.0, "about how long one measurement takes", 0.01, flag_values=values
    )
    flags.DEFINE_integer("batch", 64, "images a step", 2, flag_values=values)
    flags.DEFINE_list("parts", ["step", *PARTS], "what to measure", flag_values=values)
    flags.DEFINE_bool("machine", True, "measure the limits of the machine, too", flag_values=values)


def settings_of(peer: str, config: Config) -> Config:
    """Return the settings of a case as one of the peers uses them."""
    from bench_peers import OURS

    changes: dict[str, Any] = OURS.get(peer, {})
    return dataclasses.replace(config, **changes)


def compare(config: Config, peers: dict, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return images/s of each peer in each round; the peers take turns."""
    import numpy as np

    height, width = config.size
    images = np.random.default_rng(0).integers(
        0, 256, (4 * config.batch, height, width, 3), np.uint8
    )
    loops, steps = {}, {}
    for name, peer in peers.items():
        try:
            loops[name] = peer(settings_of(name, config), (height, width, 3), images)
        except UserError as e:
            print(f"  {name} is skipped: {e}")
            continue
        loops[name](1)  # traces and compiles
        loops[name](1)
        began = time.perf_counter()
        loops[name](1)
        steps[name] = max(1, min(200, round(seconds / (time.perf_counter() - began))))
        loops[name](steps[name])  # Keras compiles another loop for each number of steps
    found: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, run in loops.items():
            began = time.perf_counter()
            run(steps[name])
            found[name].append(steps[name] * config.batch / (time.perf_counter() - began))
    return found


def data_rates(count: int = 2000) -> dict[str, float]:
    """Return images/s of decoding photographs and of drawing batches.

    The photographs are JPEG of 178x218 in a zip; the batches are drawn from a small and a large
    memory map.
    """
    import io
    import zipfile

    import numpy as np
    import tensorflow as tf
    from PIL import Image

    from gan_zoo.datasets import build_dataset
    from gan_zoo.datasets.store import memory_map
    from gan_zoo.training import feed

    rng = np.random.default_rng(0)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photos.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for i in range(count):
                small = Image.fromarray(rng.integers(0, 256, (22, 18, 3), np.uint8))
                jpeg = io.BytesIO()
                small.resize((178, 218), Image.Resampling.BICUBIC).save(jpeg, "JPEG", quality=90)
                archive.writestr(f"{i}.jpg", jpeg.getvalue())
        began = time.perf_counter()
        build_dataset("files", (64, 64), data_dir=path, cache=Path(folder) / "cache")
        found[f"decoded from a zip ({count} JPEG of 178x218, to 64x64)"] = count / (
            time.perf_counter() - began
        )
        for number in (5_000, 500_000):  # the second is larger than the memory of a laptop
            file = Path(folder) / f"{number}.npy"
            np.lib.format.open_memmap(file, "w+", np.uint8, (number, 64, 64, 3)).flush()
            images = memory_map(file)
            stream = feed.train_iterator(images, 64, 0, 0, tf.distribute.get_strategy())
            next(stream)
            began = time.perf_counter()
            for _ in range(300):
                next(stream).numpy()
            found[f"batches of a memory map of {number:,} images of 64x64"] = (
                300 * 64 / (time.perf_counter() - began)
            )
    return found


def start_seconds() -> dict[str, float]:
    """Return seconds from the command to its help, and to the end of one step of the demo."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        step = [
            "--config=demo",
            "--steps=1",
            "--eval_every=0",
            f"--workdir={folder}/run",
        ]
        for name, words in (
            ("--help", ["--help"]),
            ("the demo's first step, grid, checkpoint and export", step),
        ):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "gan_zoo.run", *words],
                cwd=ROOT,
                check=True,
                capture_output=True,
            )
            found[name] = time.perf_counter() - began
    return found


def evaluation_seconds(samples: int = 2000) -> dict[str, float]:
    """Return seconds of one evaluation of the demo's nets in training.

    Sampling is included; the statistics of the real images are known.
    """
    from gan_zoo.game import build, sampling
    from gan_zoo.runs.run import Run
    from gan_zoo.training.setup import build_evaluator

    settings = load_preset("demo")
    data = build.load_data(settings)
    game = build.build_game(settings, data.image_shape)
    with tempfile.TemporaryDirectory() as folder:
        evaluator = build_evaluator(settings, build.build_extractor(settings), Run(folder), data)
        times = []
        for _ in range(3):  # the first compiles
            began = time.perf_counter()
            evaluator.evaluate(1, sampling.sample(game, samples, 0), 0.0)
            times.append(time.perf_counter() - began)
    return {f"{samples} samples of 32x32": min(times)}


def memory_growth(steps: int = 10_000) -> dict[str, float]:
    """Return MB of this process after a tenth, and at the end, of a run of many small steps."""
    import numpy as np
    from bench_peers import ours

    config = Config(
        gen="dense((64,))",
        disc="dense((64,))",
        image_size="16",
        batch=16,
        tricks="label_smooth,instance_noise",
    )
    run = ours(config, (16, 16, 3), np.zeros((256, 16, 16, 3), np.uint8))
    found = {}
    for until, done in ((steps // 10, 0), (steps, steps // 10)):
        for _ in range((until - done) // 10):
            run(10)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        found[f"after {until:,} steps"] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return found


PARTS = {
    "data": ("images/s", data_rates),
    "start": ("seconds", start_seconds),
    "evaluation": ("seconds", evaluation_seconds),
    "memory": ("MB", memory_growth),
}


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if rest:
        raise UserError(f"'{rest[0]}' is not a flag; write --name=value.")
    for flag, known in (("cases", list(CASES)), ("parts", ["step", *PARTS])):
        if unknown := [name for name in getattr(values, flag) if name not in known]:
            raise UserError(f"--{flag}={unknown[0]} is unknown; choose from: {', '.join(known)}.")
    cli.load_tensorflow(values.verbose)
    if "step" in values.parts:
        measure_steps(values)
    for part in values.parts:
        if part in PARTS:
            unit, measure = PARTS[part]
            print(f"\n{part}:")
            for name, value in measure().items():
                print(f"  {name}: {value:,.1f} {unit}", flush=True)


def measure_steps(values: flags.FlagValues) -> None:
    """Measure and print the images/s of all peers in all cases."""
    from bench_peers import PEERS

    from gan_zoo.distributed import machine
    from gan_zoo.game.flops import step_flops

    if unknown := [name for name in values.peers if name not in PEERS]:
        raise UserError(
            f"there is no peer '{unknown[0]}' here; choose from: {', '.join(PEERS)} (torch must be"
            " installed)."
        )
    peers = {name: PEERS[name] for name in values.peers or PEERS}
    limits: dict[str, float] = {}
    for dtype in ("float32", "bfloat16") if values.machine else ():
        measured = machine.limits(dtype, repeat=10)
        limits[dtype] = max(measured.values())
        print(
            f"machine, {dtype}, GFLOP/s: "
            + ", ".join(f"{name} {value:.0f}" for name, value in measured.items())
        )
    for case in values.cases:
        config, title = CASES[case]
        config = dataclasses.replace(config, batch=values.batch)
        print(f"\n{case}: {title}")
        found = compare(config, peers, values.rounds, values.seconds)
        first = next(iter(found))
        for name, speeds in found.items():
            median = statistics.median(speeds)
            ratio = statistics.median(a / b for a, b in zip(found[first], speeds, strict=True))
            flops = step_flops(settings_of(name, config), (*config.size, 3)) / config.batch / 1e9
            part = f", {flops:.2f} GFLOP each"
            if limit := limits.get("bfloat16" if "bf16" in name else "float32"):
                part += f", {median * flops / limit:.0%} of the machine's limit"
            spread = f"({min(speeds):.1f} to {max(speeds):.1f})"
            print(
                f"  {name:20s} {median:8.1f} images/s {spread}{part}; {first} / it = {ratio:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
