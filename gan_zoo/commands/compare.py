r"""Compare variants of training on your data over several seeds, with verdicts and intervals.

    gan_zoo compare --workdir=runs/ema --data_dir=my.zip --gen=dcgan --disc=dcgan \
        'plain:' 'ema: --ema=0.999'
    gan_zoo compare --workdir=runs/beta --study=my_study.py --data_dir=my.zip --seeds=3

NAME: names a variant; behind it stand the flags of gan_zoo train in which it differs from the flags
given outside. The first variant is the baseline. A study is a Python file that sets ``question``,
``base`` (a Config) and ``variants`` (a dictionary of names and changed settings).

For each seed, all variants see the same images in the same order, and start with the same weights
if their networks are the same. They train for equal numbers of images, equal time or equal
arithmetic (--images, --minutes, --petaflop); a variant with its own --steps may end before that.
The same command continues a comparison that was interrupted; more seeds or variants may be added
later.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from absl import flags

from gan_zoo import config, phases
from gan_zoo.comparison.study import Settings, Study, load_study, parse_variants
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write


def define_flags(values: flags.FlagValues) -> None:
    config.define_flags(values)
    text = {
        "study": "a Python file that sets question, base and variants",
        "baseline": "the variant that the others are compared with; the first by default",
        "save": "a .json to keep the results in; a .png is written beside it",
    }
    for name, about in text.items():
        flags.DEFINE_string(name, "", about, flag_values=values)
    whole = {
        "seeds": (3, 1, 100, "runs of each variant, with the seeds from --seed on"),
        "images": (None, 1, None, "budget of each run: images seen; by default those of --steps"),
        "evals": (8, 1, None, "evaluations of each run, evenly spaced, the last at its end"),
        "jobs": (0, 0, None, "runs at a time; by default one per GPU, or one without a GPU"),
    }
    for name, (default, least, most, about) in whole.items():
        flags.DEFINE_integer(name, default, about, least, most, flag_values=values)
    real = {
        "minutes": (
            0.01,
            "budget: minutes of training at the speed measured first, on the cores that --jobs"
            " leaves to a run",
        ),
        "petaflop": (1e-6, "budget: arithmetic, in 10^15 operations"),
        "target": (0.0, "a distance; the results tell when runs reach it"),
    }
    for name, (lowest, about) in real.items():
        flags.DEFINE_float(name, None, about, lowest, flag_values=values)
    flags.DEFINE_enum(
        "select", "best", ["best", "last"], "which score of a run counts", flag_values=values
    )
    flags.DEFINE_bool("page", True, "write report.html at the end", flag_values=values)


def main(values: flags.FlagValues, rest: list[str]) -> int:
    return compare_variants(values, rest, "compare")


def compare_variants(values: flags.FlagValues, rest: list[str], command: str, **search: int) -> int:
    """Plan, train and print a comparison or a search; return the exit code.

    Args:
        values: The flags.
        rest: The variants.
        command: The name of the command, to record.
        **search: ``eta`` and ``finalists`` of a search; none for a comparison.
    """
    from gan_zoo.comparison import kept, run_plan
    from gan_zoo.comparison.plan import make_plan
    from gan_zoo.comparison.results import markdown

    if not values["workdir"].present:
        raise UserError(f"a {_NOUNS[command]} needs a folder; give --workdir=runs/NAME.")
    save = file_to_write(values.save, ".json", again=True)
    question, base, variants = _study_of(values, rest)
    plan = make_plan(
        variants,
        base,
        values.workdir,
        seeds=values.seeds,
        images=values.images,
        minutes=values.minutes,
        petaflop=values.petaflop,
        evals=values.evals,
        select=values.select,
        target=values.target,
        baseline=values.baseline,
        question=question,
        command=_command(values, rest, command),
        **search,
    )
    if save:
        kept.check_free(save, plan.record["name"])
    if len(plan.record["seeds"]) == 1 and command == "compare":
        print(
            "one seed tells nothing about others: no verdict comes of it; --seeds=3 is the default."
        )
    found, stopped = run_plan(plan, values.jobs, values.verbose)
    if stopped and not any(run["state"] in ("done", "failed") for run in found["runs"]):
        print("stopped before the first run was done; the same command continues.")
        return 128 + stopped
    with phases.phase("compare scores"):
        lines = markdown(plan.record, found)
    print("\n".join(["", question, *lines]))
    if stopped:
        path = plan.folder / "results.json"
        print(f"stopped; the same command continues. Results so far: {path}")
        return 128 + stopped
    if values.page:
        _write_page(plan.folder)
    if save:
        kept.keep(save, plan.record, found, plan.folder)
        print(f"{save}: the results, with a picture beside it")
    return 0


_NOUNS = {"compare": "comparison", "search": "search"}


def _study_of(values: flags.FlagValues, rest: list[str]) -> Study:
    """Return the question, the base and the variants of the flags, the study and the words."""
    # Not the preset of a pair of nets: a variant may have another pair.
    question, start = "", values.config or config.Config()
    variants: dict[str, Settings] = {}
    if values.study:
        question, start, variants = load_study(values.study)
    base = config.from_settings(config.given_settings(values), start)
    for name, changes in parse_variants(rest).items():
        if name in variants:
            raise UserError(f"two variants have the name '{name}'; rename one of them.")
        variants[name] = changes
    return Study(question, base, variants)


def _command(values: flags.FlagValues, rest: list[str], command: str) -> str:
    """Return the command line of the flags that were given."""
    given = [values[name].serialize() for name in values if values[name].present]
    return shlex.join(["gan_zoo", command, *given, *rest])


def _write_page(folder: Path) -> None:
    """Write the page of a comparison; if that is not possible, its results stay."""
    from gan_zoo.reporting import holds_real_images, make_report

    try:
        page = make_report([folder])
        real = ", with images of the training data" if holds_real_images(page) else ""
        print(f"{page}: the results as a page{real}")
    except UserError as e:
        print(f"no page was written: {e}", file=sys.stderr)
