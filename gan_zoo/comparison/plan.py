"""Plan a comparison: its variants, seeds and budget, and what an earlier call already ran."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gan_zoo import config
from gan_zoo.comparison import halving
from gan_zoo.comparison.edited import check_code
from gan_zoo.comparison.results import Record, folder_of
from gan_zoo.comparison.study import CONTROLLED, SHARED, Settings
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.files import user_path, write_json
from gan_zoo.runs.places import require_data, require_extractor

_FIELDS = {field.name for field in dataclasses.fields(Config)}


@dataclasses.dataclass(frozen=True)
class Plan:
    """A comparison that is about to run.

    Attributes:
        folder: The folder of the comparison, which holds the folders of its runs.
        record: The content of ``comparison.json``.
        configs: The settings of each variant, by name; seed and folder as in the base.
    """

    folder: Path
    record: Record
    configs: dict[str, Config]

    def save(self) -> None:
        """Write ``comparison.json``."""
        write_json(self.folder / "comparison.json", self.record)

    def run_settings(self) -> dict[tuple[str, int], Config]:
        """Return the settings of each run by (variant, seed), in the order in which to run them.

        Of a search these are the runs of the rung that is not decided yet, or of the final.
        """
        # Seed by seed, so that a comparison that is interrupted has complete pairs.
        return {
            (name, seed): self._settings_of(name, seed)
            for seed in self.record["seeds"]
            for name in self.record["variants"]
            if not halving.left_at(self.record, name)
            and seed in halving.seeds_of(self.record, name)
        }

    def _settings_of(self, name: str, seed: int) -> Config:
        every, chunk = evaluation_schedule(
            self.record["variants"][name]["steps"],
            self.record["evals"],
            self.configs[name].log_every,
        )
        return dataclasses.replace(
            self.configs[name],
            seed=seed,
            workdir=str(self.folder / folder_of(self.record, name, seed)),
            steps=halving.steps_of(self.record, name),
            eval_every=every,
            eval_budget=1.0,
            sample_every=every,
            save_every=every,
            log_every=chunk,
        )


def evaluation_schedule(steps: int, evals: int, log_every: int) -> tuple[int, int]:
    """Return the steps between evaluations, and the steps per chunk.

    Chunks are at most ``log_every`` steps, and a whole number of them fits between two evaluations,
    so that no evaluation is late.
    """
    every = math.ceil(steps / evals)
    chunks = math.ceil(every / log_every)
    chunk = math.ceil(every / chunks)
    return chunks * chunk, chunk


def make_plan(
    variants: Mapping[str, Settings],
    base: Config,
    workdir: str | Path,
    *,
    seeds: int = 3,
    images: int | None = None,
    minutes: float | None = None,
    petaflop: float | None = None,
    evals: int = 8,
    select: str = "best",
    baseline: str | None = None,
    question: str = "",
    target: float | None = None,
    command: str = "",
    eta: int | None = None,
    finalists: int = 2,
) -> Plan:
    """Return the plan of a comparison; nothing is written yet.

    If ``workdir`` holds an earlier comparison, the plan continues it: its sizes and speeds are
    kept, its other variants and seeds too, and its settings must be the same.

    Args:
        variants: See :func:`gan_zoo.comparison.compare`, also for the arguments not listed here.
        base: Settings of all variants.
        workdir: The folder of the comparison.
        seeds: Number of runs per variant.
        images: Budget of each run.
        minutes: Budget of each run.
        petaflop: Budget of each run.
        evals: Evaluations per run.
        select: Which score of a run counts.
        baseline: The variant that the others are compared with.
        question: The title of the results.
        target: A distance to reach.
        command: The command line to record.
        eta: Of a search, see :func:`gan_zoo.comparison.search`; None for a comparison.
        finalists: Of a search.

    Raises:
        UserError: An argument is wrong, the data do not exist, or the folder holds something else.
    """
    require_data(base)
    require_extractor(base)
    folder = user_path(workdir)
    checked = _check_variants(variants, base)
    budget = _budget(base, images=images, minutes=minutes, petaflop=petaflop)
    _check_arguments(seeds, evals, select, target)
    baseline = baseline or next(iter(checked))
    if baseline not in checked:
        raise UserError(f"--baseline={baseline} is not one of the variants ({', '.join(checked)}).")
    earlier = _read_earlier(folder)
    record: Record = {
        "name": folder.resolve().name,
        "question": question,
        "baseline": baseline,
        "score": "",
        "select": select,
        "target": target,
        "seeds": list(range(base.seed, base.seed + seeds)),
        "budget": budget,
        "evals": evals,
        "command": command,
        "base": _changed_settings(base),
        "variants": {name: {"settings": settings} for name, settings in checked.items()},
    }
    if eta is not None:
        record["search"] = {"eta": eta, "finalists": finalists, "seed": base.seed}
    if earlier:
        _check_unchanged(earlier, record, folder)
    _add_earlier(record, earlier)
    if eta is not None:
        _set_rungs(record, earlier)
    configs = {
        name: _config_of(base, name, variant["settings"])
        for name, variant in record["variants"].items()
    }
    check_code(record, configs, folder)
    return Plan(folder, record, configs)


def _check_variants(variants: Mapping[str, Settings], base: Config) -> dict[str, Settings]:
    """Return the changes of each variant in their own types.

    Settings that are equal then look equal in ``comparison.json``, whether flags or a study gave
    them.

    Raises:
        UserError: There are fewer than two variants, or one is not possible.
    """
    if len(variants) < 2:
        raise UserError(
            "a comparison needs two variants or more; write them as 'NAME: --flag=value ...', or"
            " give a --study."
        )
    return {name: _check_variant(name, changes, base) for name, changes in variants.items()}


def _check_variant(name: str, changes: Settings, base: Config) -> Settings:
    if not name.isprintable() or not name.strip():
        raise UserError(
            f"the variant {name!r} has a name that cannot be printed in one line; rename it."
        )
    if unknown := sorted(set(map(str, changes)) - _FIELDS):
        raise UserError(
            f"the variant '{name}' sets '{unknown[0]}', which is not a setting of a run; gan_zoo"
            " train --help lists them."
        )
    reserved = {*SHARED, *CONTROLLED} - {"steps"}
    if wrong := [field for field in changes if field in reserved]:
        raise UserError(
            f"the variant '{name}' sets --{wrong[0]}, which all variants must share; set it for"
            " all of them."
        )
    settings = _config_of(base, name, changes)
    typed = {field: getattr(settings, field) for field in changes}
    if "plugins" in typed:
        typed["plugins"] = ",".join(map(str, config.load_plugins(settings.plugins)))
    return typed


def _config_of(base: Config, name: str, changes: Settings) -> Config:
    try:
        # The budget alone says how long a run is.
        return dataclasses.replace(base, **{**changes, "passes": 0.0})
    except UserError as e:
        raise UserError(f"the variant '{name}': {e}") from None


def _budget(base: Config, **amounts: float | None) -> dict[str, float]:
    """Return the one budget that is given, by its name; the images of ``base`` by default."""
    given = {name: amount for name, amount in amounts.items() if amount is not None}
    if len(given) > 1:
        first, second, *_ = given
        raise UserError(f"--{first} and --{second} are two budgets; give one.")
    budget = given or {"images": base.steps * base.batch}
    ((kind, amount),) = budget.items()
    if not (math.isfinite(amount) and amount > 0):
        raise UserError(f"--{kind}={amount} is not a budget; give a number above 0.")
    return budget


def _check_arguments(seeds: int, evals: int, select: str, target: float | None) -> None:
    for name, value in (("seeds", seeds), ("evals", evals)):
        if value < 1:
            raise UserError(f"--{name}={value} is too small; give 1 or more.")
    if select not in ("best", "last"):
        raise UserError(f"--select={select} is unknown; give best or last.")
    if target is not None and not (math.isfinite(target) and target > 0):
        raise UserError(
            f"--target={target} is not a distance that a run can reach; give a number above 0."
        )


def _changed_settings(settings: Config) -> Settings:
    """Return the settings that differ from the defaults and stay the same for all runs."""
    default = dataclasses.asdict(Config())
    skipped = (*CONTROLLED, "seed", "data_dir", "keep", "plugins")
    return {
        name: value
        for name, value in dataclasses.asdict(settings).items()
        if value != default[name] and name not in skipped
    }


def _read_earlier(folder: Path) -> Record:
    """Return the ``comparison.json`` of an earlier call; {} in an empty or new folder.

    Raises:
        UserError: The folder holds other files, or the file is damaged.
    """
    path = folder / "comparison.json"
    if not path.is_file():
        if folder.is_dir() and any(not p.name.startswith(".") for p in folder.iterdir()):
            raise UserError(
                f"{folder} holds files, but not a comparison; choose an empty or new folder as"
                " --workdir."
            )
        return {}
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        _check_earlier(earlier)
        return earlier
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise UserError(
            f"{path} cannot be read ({type(e).__name__}: {e}); restore it, or choose another"
            " --workdir."
        ) from None


def _check_earlier(earlier: Record) -> None:
    """Raise an exception if the plan of an earlier call is damaged or of a later version."""
    _ = earlier["budget"], earlier["base"], earlier["evals"]
    for name, variant in earlier["variants"].items():
        if unknown := sorted(set(variant["settings"]) - _FIELDS):
            raise ValueError(
                f"the variant '{name}' sets '{unknown[0]}', which this version does not know"
            )
        steps = variant.get("steps", 1)
        # A slug is the name of a folder, and must not lead out of that of the comparison.
        valid_slug = re.fullmatch(r"[\w.=+-]+", variant["slug"])
        if not (valid_slug and type(steps) is int and steps > 0):
            raise ValueError(f"the variant '{name}' is damaged")
    if not all(type(seed) is int and seed >= 0 for seed in earlier["seeds"]):
        raise ValueError("its seeds are damaged")
    rungs = earlier.get("rungs", [])
    if not all(0 < rung["share"] < 1 and rung["keep"] > 0 for rung in rungs):
        raise ValueError("its rungs are damaged")
    for variant in earlier["variants"].values():
        if variant.get("left") not in (None, *range(1, len(rungs) + 1)):
            raise ValueError("the rungs at which candidates left are damaged")


def _check_unchanged(earlier: Record, record: Record, folder: Path) -> None:
    """Refuse to continue a comparison with other settings, since its finished runs had the old."""
    changed = [
        f"{name} {earlier.get(name)!r} -> {record.get(name)!r}"
        for name in ("budget", "evals", "base", "search")
        if earlier.get(name) != record.get(name)
    ]
    if decided := [rung for rung in earlier.get("rungs", ()) if "scores" in rung]:
        changed += [
            f"{name} {earlier.get(name)!r} -> {record.get(name)!r}"
            for name in ("baseline", "select")
            if earlier.get(name) != record.get(name)
        ]
        new = [name for name in record["variants"] if name not in earlier["variants"]]
        changed += [f"'{name}' is new after rung {len(decided)}" for name in new]
    for name, variant in record["variants"].items():
        before = earlier["variants"].get(name, variant)["settings"]
        if before != variant["settings"]:
            changed.append(f"{name} {before!r} -> {variant['settings']!r}")
    if changed:
        raise UserError(
            f"{folder} holds a comparison of other settings ({'; '.join(changed)}); give the old"
            " settings to continue it, or another --workdir."
        )


def _add_earlier(record: Record, earlier: Record) -> None:
    """Give each variant a folder name, and take over variants, seeds, sizes and speeds."""
    old = earlier.get("variants", {})
    slugs = _slugs(record["variants"], {name: variant["slug"] for name, variant in old.items()})
    record["variants"] = {
        name: {**old.get(name, {}), **variant, "slug": slugs[name]}
        for name, variant in record["variants"].items()
    }
    for name, variant in old.items():
        if name not in record["variants"]:
            record["variants"][name] = variant
            print(f"{name}: a variant of an earlier call; it is kept, and its missing runs are run")
    if earlier:
        record["seeds"] = sorted({*earlier["seeds"], *record["seeds"]})
        if "data_hash" in earlier:
            record["data_hash"] = earlier["data_hash"]


def _set_rungs(record: Record, earlier: Record) -> None:
    """Plan the rungs of a search, or take over those of an earlier call that decided one.

    Raises:
        UserError: The settings of the search are wrong, or no candidate would leave.
    """
    search = record["search"]
    for name, least in (("eta", 2), ("finalists", 1)):
        if search[name] < least:
            raise UserError(f"--{name}={search[name]} is too small; give {least} or more.")
    record["rungs"] = earlier.get("rungs", [])
    if any("scores" in rung for rung in record["rungs"]):
        return
    candidates = len(record["variants"]) - 1
    record["rungs"] = halving.rungs_of(candidates, search["eta"], search["finalists"])
    if not record["rungs"]:
        raise UserError(
            f"{candidates} candidate{'s' * (candidates > 1)} beside the baseline and"
            f" --finalists={search['finalists']} leave nothing to search; give more candidates or"
            " fewer finalists, or use gan_zoo compare."
        )


def _slugs(names: Iterable[str], earlier: dict[str, str]) -> dict[str, str]:
    """Return a different folder name for each variant; names of an earlier call stay."""
    slugs = dict(earlier)
    for name in names:
        if name in earlier:
            continue
        slug = re.sub(r"[^\w.=+-]+", "-", name, flags=re.ASCII).strip("-.")[:60] or "variant"
        # Some file systems ignore the case of letters.
        while slug.lower() in (other.lower() for other in slugs.values()):
            slug += "_"
        slugs[name] = slug
    return slugs
