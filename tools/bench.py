"""How fast the step is, against others and against the machine: ``python tools/bench.py`` (all) or ``--cases=dcgan64``.

All loops of a case are measured in one process, in turn, several times; shown are medians and the median of the ratios within
a round, which other load on the machine disturbs least. PyTorch takes part if it is installed.
"""

import statistics
import sys
import time

from absl import flags

from gan_zoo import cli
from gan_zoo.config import Config
from gan_zoo.contracts import UserError

CASES = {
    "dcgan64": (Config(gen="dcgan", disc="dcgan", image_size="64"), "DCGAN 64x64, 64..512 channels, 4x4 kernels, batch 64"),
    "simpsons128": (
        Config(
            gen="simpsons_dcgan",
            disc="simpsons_dcgan",
            image_size="128",
            tricks="constant_label(0.9, 1.0),flip_images(0.5)",
            noise="uniform(-1, 1)",
            gen_opt="adam(4e-4, beta_1=0.5)",
            disc_opt="adam(4e-5, beta_1=0.5)",
        ),
        "Simpsons DCGAN 128x128, 24 and 17 million parameters, batch 64",
    ),
    "noise28": (Config(), "conv_noise28 and cnn_fc, 26 and 56 million parameters, batch 64"),
}


def _define(values: flags.FlagValues) -> None:
    flags.DEFINE_list("cases", list(CASES), f"some of {', '.join(CASES)}", flag_values=values)
    flags.DEFINE_list("peers", [], "some of those in bench_peers.py; all by default", flag_values=values)
    flags.DEFINE_integer("rounds", 5, "how often each loop is measured", 1, flag_values=values)
    flags.DEFINE_float("seconds", 4.0, "about how long one measurement is", 0.01, flag_values=values)
    flags.DEFINE_integer("batch", 64, "images a step", 2, flag_values=values)
    flags.DEFINE_bool("machine", True, "measure the machine's own limits, too", flag_values=values)


def step_flops(config: Config, image_shape: tuple[int, int, int]) -> float:
    """Floating point operations of the convolutions and matrix products of one step, read off its graph."""
    import numpy as np
    import tensorflow as tf

    from gan_zoo import build

    game = build.build_game(config, image_shape)
    batch = tf.TensorSpec([config.batch * game.update.batches, *image_shape], tf.float32)
    graph = tf.function(lambda real: game.update.run(game, real)).get_concrete_function(batch).graph
    total = 0.0
    for op in graph.get_operations():
        if op.type == "MatMul":
            rows, inner = op.inputs[0].shape if not op.get_attr("transpose_a") else op.inputs[0].shape[::-1]
            total += 2.0 * rows * inner * op.outputs[0].shape[1]
        elif op.type in ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"):
            # Each of the three multiplies once for each place of the smaller map and each weight of the kernel.
            if op.type == "Conv2D":
                small, kernel = op.outputs[0].shape, op.inputs[1].shape
            elif op.type == "Conv2DBackpropInput":
                small, kernel = op.inputs[2].shape, op.inputs[1].shape
            else:
                small, kernel = op.inputs[2].shape, op.outputs[0].shape
            total += 2.0 * float(np.prod(small[:3])) * float(np.prod(kernel))
    return total


def compare(config: Config, peers: dict, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Images/s of each peer in each round; the peers take turns."""
    import numpy as np

    height, width = config.size
    images = np.random.default_rng(0).integers(0, 256, (4 * config.batch, height, width, 3), np.uint8)
    loops, steps = {}, {}
    for name, peer in peers.items():
        loops[name] = peer(config, (height, width, 3), images)
        loops[name](1)  # traces and compiles
        loops[name](1)
        began = time.perf_counter()
        loops[name](1)
        steps[name] = max(1, min(200, round(seconds / (time.perf_counter() - began))))
        loops[name](steps[name])  # Keras compiles a loop of its own for each number of steps
    found: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, run in loops.items():
            began = time.perf_counter()
            run(steps[name])
            found[name].append(steps[name] * config.batch / (time.perf_counter() - began))
    return found


def _main(values: flags.FlagValues, rest: list[str]) -> None:
    if rest:
        raise UserError(f"'{rest[0]}' is no flag; write --name=value.")
    if unknown := [name for name in values.cases if name not in CASES]:
        raise UserError(f"there is no case '{unknown[0]}'; choose from: {', '.join(CASES)}.")
    cli.load_tensorflow(values.verbose)
    import dataclasses

    from bench_peers import PEERS

    from gan_zoo import machine

    if unknown := [name for name in values.peers if name not in PEERS]:
        raise UserError(f"there is no peer '{unknown[0]}' here; choose from: {', '.join(PEERS)} (torch must be installed).")
    peers = {name: PEERS[name] for name in (values.peers or PEERS)}
    limits: dict[str, float] = {}
    for dtype in ("float32", "bfloat16") if values.machine else ():
        measured = machine.limits(dtype, repeat=10)
        limits[dtype] = max(measured.values())
        print(f"machine, {dtype}, GFLOP/s: " + ", ".join(f"{name} {value:.0f}" for name, value in measured.items()))
    for case in values.cases:
        config, what = CASES[case]
        config = dataclasses.replace(config, batch=values.batch)
        flops = step_flops(config, (*config.size, 3)) / config.batch
        print(f"\n{case}: {what}; {flops / 1e9:.2f} GFLOP an image")
        for dtype, limit in limits.items():
            print(f"  the machine's {dtype} would make {limit * 1e9 / flops:.0f} images/s")
        found = compare(config, peers, values.rounds, values.seconds)
        first = next(iter(found))
        for name, speeds in found.items():
            median = statistics.median(speeds)
            ratio = statistics.median(a / b for a, b in zip(found[first], speeds, strict=True))
            limit = limits.get("bfloat16" if "bf16" in name else "float32")
            part = f", {median * flops / 1e9 / limit:4.0%} of the limit" if limit else ""
            spread = f"({min(speeds):.1f} to {max(speeds):.1f})"
            print(f"  {name:15s} {median:8.1f} images/s {spread}{part}; {first} / it = {ratio:.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.call(_main, _define, __doc__))
