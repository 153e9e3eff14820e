"""Is a feature network a good ruler on some data? ``python tools/ruler.py --data=cartoon_faces [--extractor=embedded]``.

Half of the real images stand for the real side; images of the other half are spoilt by degrees in
seven ways. The Frechet distance must rise with every degree of every one, averaged over draws. A
Markdown table is printed: each distance as a multiple of that of the unspoilt half, and whether it
rises. The exit code is 1 where one does not.
"""

from __future__ import annotations

import sys

import numpy as np
from absl import flags
from tqdm import tqdm

from gan_zoo import cli, registry
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import build_dataset, cache_dir
from gan_zoo.errors import UserError
from gan_zoo.files import user_path


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "data", "cartoon_faces", "a data set, as for gan_zoo.run", flag_values=values
    )
    flags.DEFINE_string("data_dir", "", "where it lies", flag_values=values)
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
    flags.DEFINE_integer("n", 2000, "images a distance", 100, flag_values=values)
    flags.DEFINE_integer("draws", 5, "how often to draw anew", 2, flag_values=values)


def main(values: flags.FlagValues, rest: list[str]) -> int:
    if rest:
        raise UserError(f"'{rest[0]}' is no flag; --help lists them.")
    cli.load_tensorflow(values.verbose)
    from gan_zoo.analysis.corruptions import LEVELS, clusters, severity_sweep
    from gan_zoo.evaluation.distances import Statistics, frechet

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
    order = np.random.default_rng(0).permutation(len(data.images))
    images = data.images[order]
    modes = np.asarray(data.labels[values.modes])[order] if values.modes else clusters(images)
    half = len(images) // 2
    n = min(values.n, half)
    real = Statistics.of(extractor.features(images[:half]))
    steps = tqdm(
        total=values.draws * (1 + sum(map(len, LEVELS.values()))), leave=False, disable=None
    )

    def distance(spoilt: np.ndarray) -> float:
        steps.update()
        return frechet(real, Statistics.of(extractor.features(spoilt)))

    found = severity_sweep(distance, images[half:], n, modes=modes[half:], draws=values.draws)
    steps.close()
    height, width, channels = data.image_shape
    print(
        f"FD-{extractor.name}@{extractor.hash[:4]} on {data.name} {height}x{width}x{channels} ({n}"
        f" spoilt against {half} real images, {extractor.resize}; mean of {values.draws} draws;"
        f" modes: {values.modes or 'k-means of pixels'}); 1 is"
        f" {next(iter(found.values()))[:, 0].mean():.4g}\n"
    )
    print(
        "| corruption | levels | none | 1 | 2 | 3 | 4 | rises | smallest step, in its standard"
        " errors |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    good = True
    for name, table in found.items():
        mean, steps_up = table.mean(axis=0), np.diff(table, axis=1)
        errors = steps_up.std(axis=0, ddof=1) / np.sqrt(values.draws)
        rises = bool((steps_up.mean(axis=0) > 0).all())
        good &= rises
        cells = [f"{m / mean[0]:.3g}" for m in mean]
        levels = ", ".join(f"{level:.3g}" for level in LEVELS[name])
        smallest = (steps_up.mean(axis=0) / np.maximum(errors, 1e-12)).min()
        print(
            f"| {name} | {levels} | {' | '.join(cells)} | {'yes' if rises else '**no**'} |"
            f" {smallest:.1f} |"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
