"""Is one way of training better than another, on your data, and how sure is that? A grid of variants and seeds, in one command.

    gan_zoo compare --workdir=runs/ema --data_dir=my.zip --gen=dcgan --disc=dcgan 'plain:' 'ema: --ema=0.999'
    gan_zoo compare --workdir=runs/beta --study=experiments/studies/choices.py --data_dir=my.zip --seeds=3

Before ``NAME:`` stands what a variant is called, behind it the flags of gan_zoo.run in which it
differs from all the flags given outside; the first is the baseline. A study is a Python file that
sets ``question``, ``base`` (a Config) and ``variants`` (a dictionary of names and changed
settings). All variants see the same images in the same order from the same seeds, and start with
the same weights where their nets are the same. They train for equal numbers of images, equal time
or equal arithmetic (--images, --minutes, --petaflop); one with --steps of its own may end before
that. The same command goes on where it stopped; more seeds or variants may be added later.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import runpy
import shlex
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import filelock
from absl import flags

from gan_zoo import cli, config
from gan_zoo.comparison import queue as running
from gan_zoo.comparison.results import Record, folder_of, markdown, records
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, user_path, write_json
from gan_zoo.runs import rundir
from gan_zoo.runs.logs import read_metrics

# What all variants share: scores on other data, of other sizes or by other networks cannot be held
# against each other.
SHARED = (
    "data",
    "data_dir",
    "image_size",
    "channels",
    "holdout",
    "extractor",
    "eval_samples",
    "seed",
    "strategy",
)
# What the comparison sets for each run; a variant's own steps may end it before its budget does.
OURS = ("workdir", "steps", "eval_every", "eval_budget", "sample_every", "save_every", "log_every")
BUDGETS = ("images", "minutes", "petaflop")


def define_flags(values: flags.FlagValues) -> None:
    config.define_flags(values)
    flags.DEFINE_string(
        "study", "", "a Python file that sets question, base and variants", flag_values=values
    )
    flags.DEFINE_integer(
        "seeds",
        3,
        "runs of each variant, with the seeds from --seed on",
        1,
        100,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "images",
        None,
        "budget of each run: images seen; by default those of --steps",
        1,
        flag_values=values,
    )
    flags.DEFINE_float(
        "minutes",
        None,
        "budget: minutes of training at the speed first measured, on the cores that --jobs leaves"
        " to a run",
        0.01,
        flag_values=values,
    )
    flags.DEFINE_float(
        "petaflop", None, "budget: arithmetic, in 10^15 operations", 1e-6, flag_values=values
    )
    flags.DEFINE_integer(
        "evals",
        8,
        "evaluations of each run, evenly spaced, the last at its end",
        1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "jobs", 0, "runs at a time; by default one a GPU, else one", 0, flag_values=values
    )
    flags.DEFINE_string(
        "baseline",
        "",
        "the variant that the others are held against; the first by default",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "choose", "best", ["best", "last"], "which score of a run counts", flag_values=values
    )
    flags.DEFINE_float(
        "target", None, "a distance; told is when runs reach it", 0.0, flag_values=values
    )
    flags.DEFINE_string(
        "save",
        "",
        "a .json to keep the results in, for tools/leaderboard.py; a .png comes with it",
        flag_values=values,
    )
    flags.DEFINE_bool("page", True, "make report.html at the end", flag_values=values)


def _settings(words: list[str], what: str) -> dict[str, Any]:
    """The settings that the flags of one variant change; of a preset, all but what is shared or ours."""
    values = flags.FlagValues()
    config.define_flags(values)
    try:
        if rest := values(["variant", *words])[1:]:
            raise UserError(f"'{rest[0]}' in {what} is no flag; write --name=value.")
    except flags.Error as e:
        raise UserError(
            f"{what}: {' '.join(str(e).split())}; gan_zoo train --help lists the flags."
        ) from None
    found: dict[str, Any] = {}
    if values.config:
        preset = dataclasses.asdict(config.load_preset(values.config))
        found = {name: value for name, value in preset.items() if name not in (*SHARED, *OURS)}
    return found | {
        f.name: values[f.name].value for f in dataclasses.fields(Config) if values[f.name].present
    }


def _asked(
    values: flags.FlagValues, rest: list[str]
) -> tuple[str, Config, dict[str, dict[str, Any]]]:
    """The question, the settings of all, and the variants with what they change."""
    base, question, variants = config.from_flags(values), "", {}
    if values.study:
        question, base, variants = load_study(values.study)
        base = dataclasses.replace(
            base,
            **{
                f.name: values[f.name].value
                for f in dataclasses.fields(Config)
                if values[f.name].present
            },
        )
    for text in rest:
        name, colon, words = text.partition(":")
        if not colon or not name.strip() or name.startswith("-"):
            raise UserError(
                f"'{text}' is no variant; write 'NAME: --flag=value ...', or 'NAME:' for one that"
                " changes nothing."
            )
        if name.strip() in variants:
            raise UserError(f"two variants are called '{name.strip()}'; rename one of them.")
        try:
            variants[name.strip()] = _settings(shlex.split(words), f"the variant '{name.strip()}'")
        except ValueError as e:
            raise UserError(
                f"the variant '{text}' cannot be read ({e}); check its quotes."
            ) from None
    if len(variants) < 2:
        raise UserError(
            "a comparison takes two variants or more; write them as 'NAME: --flag=value ...', or"
            " give a --study."
        )
    for name, changed in variants.items():
        if not name.isprintable() or not name.strip():
            raise UserError(
                f"the variant {name!r} has no name that can be printed in one line; rename it."
            )
        if wrong := [field for field in changed if field in (*SHARED, *OURS) and field != "steps"]:
            raise UserError(
                f"the variant '{name}' sets --{wrong[0]}, which all variants must share; give it"
                " outside of the variants."
            )
        whole = _variant(base, name, changed)
        # As a Config has them, and not as a study wrote them, so that the same ones look the same
        # in comparison.json.
        variants[name] = {field: getattr(whole, field) for field in changed}
        if "plugins" in changed:
            variants[name]["plugins"] = ",".join(map(str, config.load_plugins(whole.plugins)))
    return question, base, variants


def _variant(base: Config, name: str, changed: dict[str, Any]) -> Config:
    try:
        return dataclasses.replace(base, **changed)
    except UserError as e:
        raise UserError(f"the variant '{name}': {e}") from None


def load_study(path: str) -> tuple[str, Config, dict[str, dict[str, Any]]]:
    """Run a study's file and take its ``question``, ``base`` and ``variants``.

    Raises:
        UserError: There is no such file, it fails, or it does not set them.
    """
    file = user_path(path)
    if not file.is_file():
        raise UserError(f"there is no study {path}; check --study.")
    try:
        found = runpy.run_path(str(file))
    except UserError as e:
        raise UserError(f"the study {path}: {e}") from None
    except (Exception, SystemExit) as e:
        raise UserError(
            f"the study {path} fails with {type(e).__name__}: {' '.join(str(e).split())}; mend it."
        ) from e
    base, variants = found.get("base"), found.get("variants")
    fields = {f.name for f in dataclasses.fields(Config)}
    if not (
        isinstance(base, Config)
        and isinstance(variants, dict)
        and all(isinstance(v, dict) for v in variants.values())
    ):
        raise UserError(
            f"the study {path} must set base = Config(...) and variants = {{'name':"
            " dict(setting=value), ...}."
        )
    for name, changed in variants.items():
        if strange := sorted(set(map(str, changed)) - fields):
            raise UserError(
                f"the study {path}: its variant '{name}' sets '{strange[0]}', which is no setting"
                " of a run."
            )
    return (
        str(found.get("question", "")),
        base,
        {str(name): dict(changed) for name, changed in variants.items()},
    )


def _slugs(names: Iterable[str], old: dict[str, str]) -> dict[str, str]:
    """Names of folders, one a variant, all different; those that an earlier call gave stay."""
    found = dict(old)
    for name in names:
        if name in old:
            continue
        slug = re.sub(r"[^\w.=+-]+", "-", name, flags=re.ASCII).strip("-.")[:60] or "variant"
        while slug.lower() in (
            other.lower() for other in found.values()
        ):  # disks that do not tell a from A
            slug += "_"
        found[name] = slug
    return found


def _plan(
    values: flags.FlagValues, rest: list[str], folder: Path
) -> tuple[Record, dict[str, Config]]:
    """What is compared, as ``comparison.json`` has it, and the settings of each variant but for its seed and folder.

    What an earlier call found (speeds, sizes) is taken over; that it asked for the same is checked.
    """
    question, base, variants = _asked(values, rest)
    given = [name for name in BUDGETS if values[name].value is not None]
    if len(given) > 1:
        raise UserError(f"--{given[0]} and --{given[1]} are two budgets; give one.")
    kind = given[0] if given else "images"
    budget = values[kind].value if given else base.steps * base.batch
    if not math.isfinite(budget):
        raise UserError(f"--{kind}={budget} is no budget; give a number.")
    if (target := values["target"].value) is not None and not (
        math.isfinite(target) and target > 0
    ):
        raise UserError(
            f"--target={target} is no distance that a run could reach; give a number above 0."
        )
    baseline = values.baseline or next(iter(variants))
    if baseline not in variants:
        raise UserError(f"--baseline={baseline} is none of the variants ({', '.join(variants)}).")
    old = _earlier(folder)
    slugs = _slugs(
        variants, {name: variant["slug"] for name, variant in old.get("variants", {}).items()}
    )
    about: Record = {
        "name": folder.resolve().name,
        "question": question,
        "baseline": baseline,
        "score": "",
        "choose": values.choose,
        "target": target,
        "seeds": list(range(base.seed, base.seed + values.seeds)),
        "budget": {kind: budget},
        "evals": values.evals,
        "command": shlex.join(["python", "gan_zoo compare", *sys.argv[1:]]),
        "base": _changed(base),
        "variants": {
            name: {"settings": changed, "slug": slugs[name]} for name, changed in variants.items()
        },
    }
    _agree(old, about, folder)
    for name, variant in old.get("variants", {}).items():
        if name in variants:
            about["variants"][name] = {**variant, **about["variants"][name]}
        else:
            about["variants"][name] = variant  # of an earlier call; it stays in the tables
            print(f"{name}: a variant of an earlier call; it stays, and what it lacks is run, too")
    if old:
        about |= {"data_hash": old["data_hash"]} if "data_hash" in old else {}
        about["seeds"] = sorted({*old["seeds"], *about["seeds"]})
    configs = {
        name: _variant(base, name, variant["settings"])
        for name, variant in about["variants"].items()
    }
    return about, configs


def _changed(settings: Config) -> dict[str, Any]:
    """The settings that are not the defaults, but for those that the comparison sets."""
    default = dataclasses.asdict(Config())
    apart = (*OURS, "seed", "data_dir", "keep", "plugins")
    return {
        k: v for k, v in dataclasses.asdict(settings).items() if v != default[k] and k not in apart
    }


def _earlier(folder: Path) -> Record:
    """The ``comparison.json`` of an earlier call, or an empty record."""
    path = folder / "comparison.json"
    if not path.is_file():
        if folder.is_dir() and any(not p.name.startswith(".") for p in folder.iterdir()):
            raise UserError(
                f"{folder} holds files but no comparison; choose an empty or new folder as"
                " --workdir."
            )
        return {}
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        _ = old["budget"], old["base"], old["evals"]
        known = {f.name for f in dataclasses.fields(Config)}
        for name, variant in old["variants"].items():
            if strange := sorted(set(variant["settings"]) - known):
                raise ValueError(
                    f"the variant '{name}' sets '{strange[0]}', which this version does not know"
                )
            steps = variant.get("steps", 1)
            if not (
                re.fullmatch(r"[\w.=+-]+", variant["slug"]) and type(steps) is int and steps > 0
            ):
                raise ValueError(f"the variant '{name}' is damaged")
        if not all(type(seed) is int and seed >= 0 for seed in old["seeds"]):
            raise ValueError("its seeds are damaged")
        return old
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise UserError(
            f"{path} cannot be read ({type(e).__name__}: {e}); restore it, or choose another"
            " --workdir."
        ) from None


def _agree(old: Record, new: Record, folder: Path) -> None:
    """Refuse to go on with a comparison of other settings, whose finished runs would mean something else."""
    if not old:
        return
    changed = [
        f"{name} {old[name]!r} -> {new[name]!r}"
        for name in ("budget", "evals", "base")
        if old[name] != new[name]
    ]
    changed += [
        f"{name} {old['variants'][name]['settings']!r} -> {variant['settings']!r}"
        for name, variant in new["variants"].items()
        if name in old["variants"] and old["variants"][name]["settings"] != variant["settings"]
    ]
    if changed:
        raise UserError(
            f"{folder} holds a comparison of other settings ({'; '.join(changed)}); give the old"
            " ones to go on with it, or another --workdir."
        )


def _measure(about: Record, configs: dict[str, Config], places: list[dict[str, Any]]) -> None:
    """Fill in what the budget and the tables need to know of each variant: sizes, arithmetic, speed, and so its steps."""
    from gan_zoo.evaluation import protocol
    from gan_zoo.game import build
    from gan_zoo.game import labels as game_labels
    from gan_zoo.game.flops import step_flops

    base = configs[about["baseline"]]
    data = build.load_data(base)  # complaints about the data come before the first run
    shape = data.image_shape
    about["data"] = f"{data.name} {'x'.join(map(str, shape))}, {len(data.images):,} images"
    if about.setdefault("data_hash", data.hash) != data.hash:
        raise UserError(
            "the data changed since this comparison began, and scores on other data do not compare;"
            " restore the data, or choose another --workdir."
        )
    about["score"] = protocol.named("FD", build.build_extractor(base))
    (kind, amount), *_ = about["budget"].items()
    for name, variant in about["variants"].items():
        if "steps" in variant:
            continue
        settings = configs[name]
        try:
            classes = game_labels.condition_classes(settings, data)
            game = build.build_game(settings, shape, classes)
        except UserError as e:
            raise UserError(f"the variant '{name}': {e}") from None
        variant["parameters"] = {
            what: net.count_params() for what, net in (("gen", game.gen), ("disc", game.disc))
        }
        flops = step_flops(settings, shape, classes)
        variant["gflop_per_image"] = flops / settings.batch / 1e9
        variant["images_per_second"] = None
        if kind == "minutes":
            print(f"measuring the speed of {name} ...", flush=True)
            try:
                variant["images_per_second"] = _speed(settings, places[0])
            except UserError as e:
                raise UserError(f"the variant '{name}': {e}") from None
            steps = 60 * amount * variant["images_per_second"] / settings.batch
        else:
            steps = amount / settings.batch if kind == "images" else amount * 1e15 / flops
        own = variant["settings"].get("steps", math.inf)
        variant["steps"] = min(round(steps), own)
        if not variant["steps"]:
            raise UserError(
                f"--{kind}={amount:g} is {steps:.2g} of a step of '{name}'; give a larger budget,"
                " or a smaller --batch."
            )
        which = (
            ""
            if own is math.inf
            else f" of the {round(steps):,} of its budget"
            if own < steps
            else ", its budget's"
        )
        print(
            f"{name}: {variant['steps']:,} steps{which}, {variant['gflop_per_image']:.3g} GFLOP an"
            " image",
            flush=True,
        )
    scored = {
        name: math.ceil(v["steps"] / _pace(v["steps"], about["evals"], configs[name].log_every)[0])
        for name, v in about["variants"].items()
    }
    if set(scored.values()) != {about["evals"]}:
        print(
            f"so few steps are not evaluated {about['evals']} times: "
            + ", ".join(f"{name} {n}" for name, n in scored.items())
            + ("; the best of more is lower by chance" if len(set(scored.values())) > 1 else "")
        )


def _speed(
    settings: Config, place: dict[str, Any], least_seconds: float = 15.0, least: int = 6
) -> float:
    """Images/s of a run that is stopped as soon as enough of it was seen: the median over chunks of steps but the first."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "run"
        quick = dataclasses.replace(
            settings,
            workdir=str(workdir),
            steps=10**6,
            log_every=5,
            eval_every=0,
            sample_every=10**6,
            save_every=10**6,
        )
        run = running.start(quick, Path(folder) / "log.txt", place)
        began = None
        try:
            while True:
                speeds = [
                    r["speed/images_per_second"]
                    for r in read_metrics(workdir)[0]
                    if "loss/disc" in r
                ]
                began = began or (time.monotonic() if speeds else None)
                if len(speeds) > least and began and time.monotonic() - began > least_seconds:
                    return sorted(speeds[1:])[len(speeds[1:]) // 2]
                if run.poll() is not None:
                    raise UserError(
                        "the speed cannot be measured:"
                        f" {running.last_words(Path(folder) / 'log.txt')}"
                    )
                time.sleep(0.2)
        finally:
            run.kill()
            run.wait()


def _pace(steps: int, evals: int, log_every: int) -> tuple[int, int]:
    """Steps from one evaluation to the next, and steps of a chunk: as many chunks as it takes, so that none is late."""
    every = math.ceil(steps / evals)
    chunks = math.ceil(every / log_every)
    chunk = math.ceil(every / chunks)
    return chunks * chunk, chunk


def _run_settings(
    settings: Config, variant: Record, seed: int, evals: int, workdir: Path
) -> Config:
    """The settings of one run of a variant."""
    every, chunk = _pace(variant["steps"], evals, settings.log_every)
    return dataclasses.replace(
        settings, seed=seed, workdir=str(workdir), steps=variant["steps"], eval_every=every, eval_budget=1.0,
        sample_every=every, save_every=every, log_every=chunk,
    )  # fmt: skip


def main(values: flags.FlagValues, rest: list[str]) -> int:
    if not values["workdir"].present:
        raise UserError("a comparison needs a folder; give --workdir=runs/NAME.")
    save = file_to_write(values.save, ".json", again=True)
    folder = user_path(values.workdir)
    about, configs = _plan(values, rest, folder)
    if save:
        _may_save(save, about)
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"{folder} is in use by another process; wait for it, or choose another --workdir."
        ) from None
    with lock:
        cli.load_tensorflow(values.verbose)
        places = running.places(values.jobs)
        _measure(about, configs, places)
        write_json(folder / "comparison.json", about)
        # Seed by seed, so that an interrupted comparison has whole pairs.
        settings = {
            (name, seed): _run_settings(
                configs[name], variant, seed, about["evals"], folder / folder_of(about, name, seed)
            )
            for seed in about["seeds"]
            for name, variant in about["variants"].items()
        }
        grid = running.Grid(about, settings, folder, places)
        found = grid.run()
    if grid.stopped and not any(run["state"] in ("done", "failed") for run in found["runs"]):
        print("stopped before the first run was done; the same command goes on from there.")
        return 128 + grid.stopped
    print("\n".join(["", about["question"], *markdown(about, found)]))
    if grid.stopped:
        print(
            "stopped; the same command goes on from there. Results so far:"
            f" {folder / 'results.json'}"
        )
        return 128 + grid.stopped
    if values.page:
        _report(folder)
    if save:
        from gan_zoo.comparison import picture

        write_json(
            save, {"comparison": about, "results": found, "machine": _machine(found, folder)}
        )
        picture.draw(about, found, folder, save.with_suffix(".png"))
        print(f"{save}, and a picture beside it: kept for the leaderboard")
    return 0


def _may_save(path: Path, about: Record) -> None:
    """Before hours of training, make sure that results can be kept in a file, and take the place of older ones of theirs only.

    Raises:
        UserError: There is something else.
    """
    picture = path.with_suffix(".png")
    if not path.exists():
        if picture.exists():
            raise UserError(
                f"{picture}, where a picture of the results would go, is there already; give"
                " another --save."
            )
        return
    try:
        ours = json.loads(path.read_text(encoding="utf-8"))["comparison"]["name"] == about["name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        ours = False
    if not ours:
        raise UserError(
            f"{path} holds something else than results of {about['name']}; give another --save, or"
            " move it away."
        )


def _report(folder: Path) -> None:
    """Make the page about it; what stands in its way is said, and the results stay."""
    from gan_zoo.commands import report

    try:
        print(f"{report.make([folder])}: the page about it")
    except UserError as e:
        print(f"no page was made: {e}", file=sys.stderr)


def _machine(found: Record, folder: Path) -> Record:
    """Versions, devices and commit of the first run."""
    try:
        saved = rundir.read(folder / found["runs"][0]["folder"])
        return {name: saved.get(name) for name in ("versions", "machine", "commit")}
    except UserError:
        return {}
