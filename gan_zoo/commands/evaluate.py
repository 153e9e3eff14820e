"""Score a run, or pictures of any program: ``gan_zoo evaluate RUN|PICTURES [REAL]``.

    gan_zoo evaluate runs/mine --n=5000                     its newest checkpoint, by its data
    gan_zoo evaluate runs/mine --step=2000 --split=held-out an older one, by held-out images
    gan_zoo evaluate their_pictures/ mine.zip               pictures of another program, by mine
    gan_zoo evaluate pictures/ --real_statistics=stats.npz  by mu and sigma of pytorch-fid, say

Frechet distance and classifier score are computed by TF-GAN, or by our own equal formulas where it
cannot be used; the record of --out says it. Next to a score stands the score of real images against
other real images, if it is known. A second path is that of the real images, as --data_dir is.
Pictures of another size are resized to that of the data by Pillow, as the data are; a note says so.
The results of a run are also appended to the evaluations.jsonl in its folder (not with --nolog).
With --n equal to the run's --eval_samples, its last step gives the numbers of the run's own final
evaluation.
"""

from __future__ import annotations

from typing import Any

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import checkpoint_of, define_subject_flags, subject_of
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, user_path, write_json

_SAMPLES = 10_000


def define_flags(values: flags.FlagValues) -> None:
    define_subject_flags(values)
    flags.DEFINE_integer(
        "n", _SAMPLES, "how many fake images; pictures may be fewer", 12, flag_values=values
    )
    flags.DEFINE_integer("n_real", _SAMPLES, "how many real ones at most", 12, flag_values=values)
    flags.DEFINE_enum(
        "split",
        "train",
        ["train", "held-out", "all"],
        "which split of the data",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out", "", "a .json file for the results and their protocol", flag_values=values
    )
    flags.DEFINE_string(
        "real_statistics",
        "",
        "an .npz with mu and sigma of real images, of this or another program, in place of data",
        flag_values=values,
    )
    flags.DEFINE_string(
        "save_statistics", "", "an .npz for mu and sigma of the real images", flag_values=values
    )
    flags.DEFINE_bool(
        "log", True, "append the results of a run to its evaluations.jsonl", flag_values=values
    )


def _check_statistics(values: flags.FlagValues) -> None:
    """Check that no flag asks for real images beside ``--real_statistics``."""
    if not values.real_statistics:
        return
    for name in ("data", "data_dir", "holdout", "split", "n_real", "save_statistics"):
        if values[name].present:
            raise UserError(
                f"--real_statistics takes the place of the real images, which --{name} speaks of;"
                " leave one of them out."
            )


def _take_real(values: flags.FlagValues, rest: list[str]) -> list[str]:
    """Make the second of two paths ``--data_dir``; return the other words."""
    from gan_zoo.runs.run import Run

    if len(rest) != 2:
        return rest
    if values["data_dir"].present:
        raise UserError(
            f"{rest[1]} and --data_dir both name the real images; leave one of them out."
        )
    if Run(user_path(rest[1])).exists:
        raise UserError(
            f"{rest[1]} is a run, but a second path is that of the real images; score one run at a"
            " time."
        )
    values["data_dir"].parse(rest[1])
    return rest[:1]


def main(values: flags.FlagValues, rest: list[str]) -> None:
    rest = _take_real(values, rest)
    _check_statistics(values)
    subject = subject_of(values, rest, needs_data=not values.real_statistics)
    step, best, ema = checkpoint_of(values)
    out = file_to_write(values.out, ".json")
    save_statistics = file_to_write(values.save_statistics, ".npz")
    from gan_zoo.analysis.evaluate import (
        check_split,
        evaluate_by_statistics,
        evaluate_subject,
        evaluation_json,
        evaluation_lines,
    )
    from gan_zoo.analysis.progress import stages
    from gan_zoo.runs.logs import append_evaluations
    from gan_zoo.runs.places import require_data, require_extractor

    if not values.real_statistics:
        require_data(subject.config)
    require_extractor(subject.config)
    check_split(subject, values.split)
    cli.load_tensorflow(values.verbose)
    checkpoint: dict[str, Any] = {"step": step, "best": best, "ema": ema}
    with stages() as progress:
        if values.real_statistics:
            path = user_path(values.real_statistics)
            evaluation = evaluate_by_statistics(
                subject, path, n=values.n, progress=progress, **checkpoint
            )
        else:
            evaluation = evaluate_subject(
                subject,
                n=values.n,
                n_real=values.n_real,
                split=values.split,
                save_statistics=save_statistics,
                progress=progress,
                **checkpoint,
            )
    count = len(evaluation.fakes.images)
    if count < values.n and values["n"].present:
        evaluation.notes.append(f"there are {count:,} pictures, fewer than --n={values.n}.")
    for line in evaluation_lines(evaluation):
        print(line)
    if out:
        write_json(out, evaluation_json(evaluation))
        print(f"{out}: the results and their protocol")
    if subject.run and values.log:
        step = evaluation.fakes.step or 0
        append_evaluations(subject.path, step, evaluation.results, evaluation.by)
