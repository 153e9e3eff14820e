"""Measure the speed of the step: ``python tools/bench.py`` (all) or ``--cases=dcgan64``.

It is compared with other programs and with the limits of the machine. The peers of a case take
turns, several times. Printed are medians, and the median of the ratios within a round, which other
load on the machine disturbs least. PyTorch is measured, too, if it is installed.

With a GPU, each peer has a process of its own, and bfloat16 is measured before float32 (TF32).
"ours" is --jit=off, and "ours_jit" is --jit=on. A name that ends in _bf16 is the same in bfloat16.

All loops have their memory on huge pages, as ``gan_zoo train`` has, PyTorch's too;
``GLIBC_TUNABLES= python tools/bench.py`` measures without.
"""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from absl import flags

from gan_zoo import cli, huge_pages
from gan_zoo.config import Config, load_preset
from gan_zoo.errors import UserError
from gan_zoo.files import user_path

ROOT = Path(__file__).parent.parent
CASES = {
    "dcgan64": (
        Config(gen="dcgan", disc="dcgan", image_size="64"),
        "DCGAN 64x64, 64..512 channels, 4x4 kernels",
    ),
    "dcgan64_no_norm": (  # --update=one_stage refuses batch norm in D
        Config(gen="dcgan", disc="dcgan(norm='none')", image_size="64"),
        "the same without batch norm in D",
    ),
    "simpsons128": (
        load_preset("simpsons_dcgan128"),
        "Simpsons DCGAN 128x128, 24 and 17 million parameters",
    ),
    "noise28": (Config(), "conv_noise28 and cnn_fc, 26 and 56 million parameters"),
    "quick64": (
        dataclasses.replace(load_preset("quick64"), precision="float32"),
        "the preset quick64 with its tricks: hinge, spectral norm, LeCam, average, flips",
    ),
}
ON_CPU = (
    ["dcgan64", "dcgan64_no_norm", "simpsons128", "noise28"],
    [
        *("ours", "ours_simultaneous", "ours_one_stage", "ours_bf16", "ours_one_stage_bf16"),
        *("bare", "keras", "train_on_batch", "torch", "torch_bf16"),
    ],
)
ON_GPU = (
    ["dcgan64", "simpsons128", "quick64", "noise28"],
    [
        f"{peer}{precision}"
        for precision in ("_bf16", "")
        for peer in (
            *("ours", "ours_jit", "bare", "keras"),
            *("torch_nchw", "torch", "torch_graph", "torch_compile"),
        )
    ],
)


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list(
        "cases",
        [],
        f"some of {', '.join(CASES)}; by default those usual for a CPU or for a GPU",
        flag_values=values,
    )
    flags.DEFINE_list(
        "peers", [], "some of the peers; by default those usual for it", flag_values=values
    )
    flags.DEFINE_integer("rounds", 5, "how often each loop is measured", 1, flag_values=values)
    flags.DEFINE_float(
        "seconds", 4.0, "about how long one measurement takes", 0.01, flag_values=values
    )
    flags.DEFINE_list(
        "batch", [], "images a step, one number or several; 64, with a GPU 64,512",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_integer("width", 0, "of both nets; 0 is the case's own", 0, flag_values=values)
    flags.DEFINE_list("parts", ["step", *PARTS], "what to measure", flag_values=values)
    flags.DEFINE_bool("machine", True, "measure the limits of the machine, too", flag_values=values)
    flags.DEFINE_string(
        "ratio_to", "", "the peer to compare with: ours, with a GPU torch_graph", flag_values=values
    )
    flags.DEFINE_bool(
        "apart", None, "a process for each peer; by default with a GPU", flag_values=values
    )
    flags.DEFINE_string(
        "torch_python",
        "",
        "the command that runs Python with PyTorch, if it is not this one; needs --apart",
        flag_values=values,
    )
    flags.DEFINE_bool("count", None, "count what is started a step, too", flag_values=values)
    flags.DEFINE_float(
        "time_limit", 0.0, "seconds after which no case begins; 0 is none", 0, flag_values=values
    )
    flags.DEFINE_string(
        "out", "", "a folder for bench.json and bench.md, written after each case",
        flag_values=values,
    )  # fmt: skip


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
    """Return seconds from the command to its help, and to the end of one step of the demo.

    The phases of the second follow it, as ``--verbose`` prints them.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        step = ["--config=demo", "--steps=1", f"--workdir={folder}/run", "--verbose"]
        for name, words in (
            ("--help", ["--help"]),
            ("the demo's first step, grid, evaluation, checkpoint and export", step),
        ):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "gan_zoo.run", *words],
                cwd=ROOT,
                check=True,
                capture_output=True,
                text=True,
            )
            found[name] = time.perf_counter() - began
            found |= _phases(done.stdout)
    return found


def _phases(text: str) -> dict[str, float]:
    """Return the seconds of each phase in the output of a training with ``--verbose``."""
    lines = (line for line in text.splitlines() if line.startswith("phase "))
    pairs = (line.removesuffix(" s").rpartition(": ") for line in lines)
    return {name: float(seconds) for name, _, seconds in pairs}


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
        extractor = build.build_extractor(settings, data.image_shape[2])
        evaluator = build_evaluator(settings, extractor, Run(folder), data)
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
    run = ours(
        dataclasses.replace(config, jit="off"),
        (16, 16, 3),
        np.zeros((256, 16, 16, 3), np.uint8),
    )
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
    batches = [_batch(word) for word in values.batch]
    out = user_path(values.out) if values.out else None
    for name in ("bench.json", "bench.md"):
        if out and (out / name).exists():
            raise UserError(f"{out / name} is there already; give another --out.")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # the peers need memory, too
    cli.load_tensorflow(values.verbose)
    if "step" in values.parts:
        measure_steps(values, batches, out)
    for part in values.parts:
        if part in PARTS:
            unit, measure = PARTS[part]
            print(f"\n{part}:")
            for name, value in measure().items():
                print(f"  {name}: {value:,.1f} {unit}", flush=True)


def _batch(word: str) -> int:
    if not word.isdecimal() or int(word) < 2:
        raise UserError(f"--batch={word} is not a number of images from 2 on; correct it.")
    return int(word)


def _peers(values: flags.FlagValues, usual: list[str]) -> list[str]:
    """Return the names of the peers to measure."""
    from bench_peers import PEERS
    from bench_steps import TORCH

    known = [*PEERS, *TORCH]
    if unknown := [name for name in values.peers if name.removesuffix("_bf16") not in known]:
        raise UserError(
            f"there is no peer '{unknown[0]}'; choose from: {', '.join(known)}, each also with"
            " _bf16."
        )
    if values.ratio_to and values.ratio_to not in known:
        raise UserError(f"--ratio_to={values.ratio_to} is unknown; choose from: {', '.join(known)}")
    if not values.torch_python and importlib.util.find_spec("torch") is None:
        usual = [peer for peer in usual if not peer.startswith("torch")]
    return values.peers or usual


def sized(config: Config, batch: int, width: int) -> Config:
    """Return the settings of a case with another batch and, unless it is 0, width of both nets."""
    changes: dict[str, Any] = {"batch": batch}
    for field in ("gen", "disc") if width else ():
        spec = config.spec(field)
        changes[field] = str(spec._replace(kwargs={**spec.kwargs, "width": width}))
    return dataclasses.replace(config, **changes)


def _limits(on_gpu: bool) -> dict[str, float]:
    """Measure and print the GFLOP/s of the machine or the card, by precision."""
    from bench_steps import card_limit

    from gan_zoo.distributed import machine

    limits = {}
    for dtype in ("float32", "bfloat16"):
        measured = {"matmul": card_limit(dtype)} if on_gpu else machine.limits(dtype, repeat=10)
        limits[dtype] = max(measured.values())
        words = ", ".join(f"{name} {value:.0f}" for name, value in measured.items())
        print(f"machine, {dtype}, GFLOP/s: {words}", flush=True)
    return limits


def measure_steps(values: flags.FlagValues, batches: list[int], out: Path | None) -> None:
    """Measure, print and write the images/s of all peers in all cases."""
    import bench_steps
    import tensorflow as tf

    began = time.monotonic()
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    cases, usual = ON_GPU if on_gpu else ON_CPU
    peers = _peers(values, usual)
    apart = on_gpu if values.apart is None else values.apart
    plan = bench_steps.Plan(
        values.rounds, values.seconds, apart, values.torch_python,
        values.ratio_to or ("torch_graph" if on_gpu else "ours"),
        on_gpu if values.count is None else values.count,
    )  # fmt: skip
    limits = _limits(on_gpu) if values.machine else {}
    halves = [peer for peer in peers if peer.endswith("_bf16")]
    # The peers of both precisions together may need more memory than a card has.
    groups = [halves, [peer for peer in peers if peer not in halves]] if apart else [peers]
    found: list[dict[str, Any]] = []
    for group in filter(None, groups):
        for case in values.cases or cases:
            for batch in batches or ([64, 512] if on_gpu else [64]):
                if values.time_limit and time.monotonic() - began > values.time_limit:
                    print(f"{case}, batch {batch}, is left out: the time is over.")
                    continue
                config, title = CASES[case]
                print(f"\n{case}: {title}, batch {batch}", flush=True)
                rows = bench_steps.measure(case, sized(config, batch, values.width), group, plan)
                bench_steps.compare(
                    rows, plan.ratio_to, _flops(config, batch, values.width, group), limits
                )
                print(bench_steps.text_table(rows, plan.ratio_to), flush=True)
                found += rows
                if out:
                    _write(out, found, limits, plan.ratio_to)


def _flops(config: Config, batch: int, width: int, peers: list[str]) -> dict[str, float]:
    """Return the GFLOP of one image, by peer."""
    import tensorflow as tf
    from bench_steps import settings_of

    from gan_zoo.game.flops import step_flops

    found = {}
    with tf.device("/CPU:0"):
        for peer in peers:
            settings = settings_of(peer, sized(config, batch, width))
            # The steps of --jit=on and of other precisions have as many.
            settings = dataclasses.replace(settings, jit="off", precision="float32")
            found[peer] = step_flops(settings, (*settings.size, 3)) / batch / 1e9
    return found


def _write(out: Path, rows: list[dict], limits: dict[str, float], ratio_to: str) -> None:
    """Write all rows so far, in place of the last time's."""
    from bench_steps import markdown_table

    from gan_zoo.distributed import machine

    out.mkdir(parents=True, exist_ok=True)
    record = {"cards": machine.gpus(), "limits_gflops": limits, "ratio_to": ratio_to, "rows": rows}
    (out / "bench.json").write_text(json.dumps(record, indent=1) + "\n")
    (out / "bench.md").write_text(markdown_table(rows, ratio_to))


if __name__ == "__main__":
    huge_pages.restart()
    sys.exit(cli.call(main, define_flags, __doc__))
