"""Validate a feature network as a metric: ``python tools/validate_metric.py --data=cartoon_faces``.

Half of the real images are the reference; images of the other half are corrupted in seven ways and
several degrees. The Frechet distance must rise with every degree of every corruption, averaged over
random draws. The output is a Markdown table: each distance as a multiple of that of the uncorrupted
half, and whether it rises. The exit code is 1 if one does not.
"""

from __future__ import annotations

import sys

import numpy as np
from absl import flags
from tqdm import tqdm

from gan_zoo import cli, registry
from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.datasets import build_dataset, cache_dir
from gan_zoo.errors import UserError
from gan_zoo.files import user_path


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "data", "cartoon_faces", "a data set, as for gan_zoo train", flag_values=values
    )
    flags.DEFINE_string("data_dir", "", "where it is", flag_values=values)
    flags.DEFINE_integer("image_size", 64, "its side in pixels", 16, flag_values=values)
    flags.DEFINE_integer(
        "channels", 0, "1 for gray, 3 for color, 0 for what the data has", flag_values=values
    )
    flags.DEFINE_string("extractor", "embedded", "a feature network", flag_values=values)
    flags.DEFINE_string(
        "modes",
        "",
        "the label whose classes are dropped; k-means of pixels by default",
        flag_values=values,
    )
    flags.DEFINE_integer("n", 2000, "images of each distance", 100, flag_values=values)
    flags.DEFINE_integer("draws", 5, "how often the images are drawn", 2, flag_values=values)


def main(values: flags.FlagValues, rest: list[str]) -> int:
    if rest:
        raise UserError(f"'{rest[0]}' is not a flag; --help lists them.")
    cli.load_tensorflow(values.verbose)
    data: Dataset = build_dataset(
        values.data,
        (values.image_size, values.image_size),
        values.channels or None,
        user_path(values.data_dir) if values.data_dir else None,
    )
    if values.modes and values.modes not in data.labels:
        raise UserError(
            f"{data.name} has no label '{values.modes}'; it has {', '.join(data.labels) or 'none'}."
        )
    extractor = registry.extractors.build(values.extractor, cache_dir=cache_dir())
    n = min(values.n, len(data.images) // 2)
    distances = measure(data, extractor, n, values.draws, values.modes)
    height, width, channels = data.image_shape
    unit = next(iter(distances.values()))[:, 0].mean()
    print(
        f"FD-{extractor.name}@{extractor.hash[:4]} on {data.name} {height}x{width}x{channels} ({n}"
        f" corrupted against {len(data.images) // 2} real images, {extractor.resize}; mean of"
        f" {values.draws} draws; modes: {values.modes or 'k-means of pixels'}); 1 is {unit:.4g}\n"
    )
    return 0 if print_table(distances) else 1


def measure(
    data: Dataset, extractor: FeatureExtractor, n: int, draws: int, modes: str = ""
) -> dict[str, np.ndarray]:
    """Return the distances ``[draws, levels]`` of ``n`` corrupted images, by corruption.

    Args:
        data: Its images; a random half of them is the reference.
        extractor: The feature network.
        n: Images of each distance.
        draws: How often they are drawn.
        modes: The label whose classes are dropped; empty for k-means of pixels.
    """
    from gan_zoo.analysis.corruptions import LEVELS, clusters, severity_sweep
    from gan_zoo.evaluation.distances import Statistics, frechet

    order = np.random.default_rng(0).permutation(len(data.images))
    images = data.images[order]
    classes = np.asarray(data.labels[modes])[order] if modes else clusters(images)
    half = len(images) // 2
    real = Statistics.of(extractor.features(images[:half]))

    with tqdm(
        total=draws * (1 + sum(map(len, LEVELS.values()))), leave=False, disable=None
    ) as progress:

        def distance(corrupted: np.ndarray) -> float:
            progress.update()
            return frechet(real, Statistics.of(extractor.features(corrupted)))

        return severity_sweep(distance, images[half:], n, modes=classes[half:], draws=draws)


def print_table(distances: dict[str, np.ndarray]) -> bool:
    """Print the distances as a Markdown table; return whether all of them rise."""
    from gan_zoo.analysis.corruptions import LEVELS

    print(
        "| corruption | levels | none | 1 | 2 | 3 | 4 | rises | smallest step, in its standard"
        " errors |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    all_rise = True
    for name, table in distances.items():
        mean, differences = table.mean(axis=0), np.diff(table, axis=1)
        errors = differences.std(axis=0, ddof=1) / np.sqrt(len(table))
        rises = bool((differences.mean(axis=0) > 0).all())
        all_rise &= rises
        cells = [f"{m / mean[0]:.3g}" for m in mean]
        levels = ", ".join(f"{level:.3g}" for level in LEVELS[name])
        smallest = (differences.mean(axis=0) / np.maximum(errors, 1e-12)).min()
        print(
            f"| {name} | {levels} | {' | '.join(cells)} | {'yes' if rises else '**no**'} |"
            f" {smallest:.1f} |"
        )
    return all_rise


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
