r"""Find the best of many settings: the weaker ones leave early, the last few are compared.

    gan_zoo search --workdir=runs/best --config=quick64 --data_dir=my.zip --minutes=10 \\
        'present:' 'slow D: --disc_opt=adam(2e-4)' 'augmented: --tricks=diff_augment' ...
    gan_zoo search --workdir=runs/best --study=my_study.py --data_dir=my.zip --finalists=3

The candidates are written as the variants of gan_zoo compare, and the first is the baseline. All
train with one seed to a small share of the budget; the best half (--eta=2) goes on where it
stopped, to twice that share, and so on (successive halving). The baseline and the --finalists then
train to the whole budget with all --seeds, and get verdicts with intervals.

The budget (--images, --minutes or --petaflop) is that of one run of the final. Learning rates that
fall over a run fall over all of it, so that a candidate is seen on its way, not at the end of a
short run. The same command continues a search that was interrupted.
"""

from __future__ import annotations

from absl import flags

from gan_zoo.commands import compare


def define_flags(values: flags.FlagValues) -> None:
    compare.define_flags(values)
    flags.DEFINE_integer(
        "eta",
        2,
        "a rung keeps one candidate in so many, and the next goes to so many times its steps",
        2,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "finalists",
        2,
        "candidates in the final, beside the baseline",
        1,
        flag_values=values,
    )


def main(values: flags.FlagValues, rest: list[str]) -> int:
    return compare.compare_variants(
        values, rest, "search", eta=values.eta, finalists=values.finalists
    )
