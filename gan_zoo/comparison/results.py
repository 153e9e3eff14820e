"""What came of a comparison: its runs' logs read, variants held against the baseline seed by seed, tables made."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gan_zoo.comparison.paired import paired, sentence
from gan_zoo.errors import UserError
from gan_zoo.runs.logs import training_clock
from gan_zoo.runs.run import Run

Record = dict[str, Any]
ALARMED = "an alarm stopped it"
BESIDE = ("precision", "recall", "diversity")  # what stands beside the score


def folder_of(comparison: Record, variant: str, seed: int) -> str:
    """The name of a run's folder within that of its comparison."""
    return f"{comparison['variants'][variant]['slug']}-seed{seed}"


def outcome(
    run: Run,
    steps: int,
    score: str,
    target: float | None = None,
) -> Record:
    """What a run's folder says of it.

    Args:
        run: The run; its folder may be missing.
        steps: At which it is done.
        score: The key of the score, such as ``eval/FD-embedded``.
        target: A distance to reach.

    Returns:
        A record of ``state`` (``done``, ``running`` or ``missing``), ``best``, ``best_step``,
        ``last``, ``ratio`` (of the last score to the best), ``images``, ``seconds`` (of training,
        evaluations apart), ``target_images`` and ``target_seconds`` (at the first evaluation that
        reached the target), ``precision``, ``recall`` and ``diversity`` at the best step. None for
        what is not there.
    """
    metrics, scored = run.metrics, []
    found: Record = dict.fromkeys(
        ("best", "best_step", "last", "ratio", "images", "seconds", "target_images")
    )
    found |= dict.fromkeys(("target_seconds", *BESIDE))
    for record, seconds in zip(metrics, training_clock(metrics), strict=True):
        if (images := record.get("images")) is None:
            continue
        found["images"], found["seconds"] = images, seconds
        if (value := record.get(score)) is not None:
            scored.append((value, record))
            if target is not None and value <= target and found["target_images"] is None:
                found["target_images"], found["target_seconds"] = images, seconds
    if scored:
        best, record = min(scored, key=lambda each: each[0])
        last = scored[-1][0]
        found |= {
            "best": best,
            "best_step": record["step"],
            "last": last,
            "ratio": last / best if best > 0 else None,
        }
        extractor = score.partition("-")[2]
        for name in BESIDE:
            beside = record.get(f"eval/{name}-{extractor}")
            found[name] = record.get(f"eval/{name}") if beside is None else beside
    found["state"] = "done" if _finished(run, steps) else "running" if metrics else "missing"
    return found


def _finished(run: Run, steps: int) -> bool:
    """Return whether a run has come to its end and made its exports."""
    try:
        return run.step >= steps and run.exported_step == steps
    except UserError:
        return False


def results(comparison: Record, folder: Path, failures: Mapping[str, str] | None = None) -> Record:
    """All that came out so far, as ``results.json`` has it.

    Args:
        comparison: What ``comparison.json`` says.
        folder: Of the comparison.
        failures: Why runs failed, by the names of their folders.
    """
    failures = failures or {}
    key, choose, seeds = f"eval/{comparison['score']}", comparison["choose"], comparison["seeds"]

    opened = {
        (name, seed): Run(folder / folder_of(comparison, name, seed))
        for name in comparison["variants"]
        for seed in seeds
    }

    def all_runs(target: float | None) -> dict[tuple[str, int], Record]:
        found = {}
        for name, variant in comparison["variants"].items():
            for seed in seeds:
                run = folder_of(comparison, name, seed)
                about = outcome(opened[name, seed], variant["steps"], key, target)
                if run in failures:
                    about["state"] = "failed"
                found[name, seed] = {
                    "variant": name,
                    "seed": seed,
                    "folder": run,
                    "why": failures.get(run, ""),
                    **about,
                }
        return found

    runs = all_runs(None)
    base = [runs[comparison["baseline"], seed] for seed in seeds]
    known = [run["best"] for run in base if run["state"] == "done" and run["best"] is not None]
    target = comparison.get("target")
    target = max(known, default=None) if target is None else target
    runs = all_runs(target)
    stamp, floor = _stamp(folder, runs.values(), comparison["score"])
    return {
        "score": stamp or comparison["score"],
        "floor": floor,
        "target": target,
        "complete": all(run["state"] in ("done", "failed") for run in runs.values()),
        "runs": list(runs.values()),
        "variants": {
            name: _summary([runs[name, seed] for seed in seeds]) for name in comparison["variants"]
        },
        "comparisons": [
            _comparison(comparison, runs, name, choose)
            for name in comparison["variants"]
            if name != comparison["baseline"]
        ],
    }


def _summary(runs: list[Record]) -> Record:
    """The medians over a variant's finished runs; geometric means of scores."""
    found: Record = {
        state: sum(run["state"] == state for run in runs) for state in ("done", "failed")
    }
    runs = [run for run in runs if run["state"] == "done"]
    found["reached"] = sum(run["target_images"] is not None for run in runs)
    for name in ("best", "last"):
        values = [run[name] for run in runs if run[name] and run[name] > 0]
        found[name] = math.exp(statistics.fmean(map(math.log, values))) if values else None
    for name in ("ratio", "target_images", "target_seconds", "seconds", *BESIDE):
        values = [run[name] for run in runs if run[name] is not None]
        found[name] = statistics.median(values) if values else None
    return found


def _comparison(
    comparison: Record, runs: Mapping[tuple[str, int], Record], name: str, choose: str
) -> Record:
    """One variant against the baseline, over the seeds that both have finished."""
    baseline, score = comparison["baseline"], comparison["score"]
    both = [(runs[name, seed], runs[baseline, seed]) for seed in comparison["seeds"]]
    ended = [
        (a, b)
        for a, b in both
        if a["state"] in ("done", "failed") and b["state"] in ("done", "failed")
    ]
    done = [(a, b) for a, b in ended if a["state"] == b["state"] == "done"]
    scored = [(a, b) for a, b in done if min(a[choose] or 0, b[choose] or 0) > 0]
    record: Record = {"variant": name, "baseline": baseline, "choose": choose}
    lost = [[pair[i]["why"] for pair in ended if pair[i]["state"] == "failed"] for i in (0, 1)]
    if scored:
        found = paired([a[choose] for a, _ in scored], [b[choose] for _, b in scored])
        record |= found._asdict() | {
            "sentence": sentence(found, name, baseline, f"{choose} {score}")
        }
    else:
        record |= {"n": 0, "ratio": None, "low": None, "high": None, "verdict": "no evidence"}
        yet = (
            "nothing to compare yet"
            if len(ended) < len(both)
            else "nothing to compare: with no seed do both have a score above 0"
        )
        record["sentence"] = f"{name} against {baseline}: {yet}."
    for these, others, verdict, whose in (
        (0, 1, "worse", "its"),
        (1, 0, "better", "the baseline's"),
    ):
        # Three of three against none of three has a chance of one in twenty where both fail alike;
        # fewer tell nothing.
        if (
            len(lost[these]) == len(ended) > 2
            and not lost[others]
            and all(map(_by_training, lost[these]))
        ):
            said = f"all {len(ended)} of {whose} runs failed, by divergence or an alarm"
            return record | {
                "verdict": verdict,
                "sentence": f"{name} is {verdict} than {baseline}: {said}.",
            }
    if record["verdict"] == "better" and sum(map(_by_training, lost[0])) > sum(
        map(_by_training, lost[1])
    ):
        # What is left after failures is the best of it.
        why = (
            f"no evidence that {name} is better than {baseline}, since more of its runs failed in"
            " training; of the others:"
        )
        record |= {"verdict": "no evidence", "sentence": f"{why} {record['sentence']}"}
    if any(lost):
        each = f"{len(ended)} run{'s' * (len(ended) > 1)} each"
        record["sentence"] += (
            f" Left out: of {each}, {len(lost[0])} of {name} and {len(lost[1])} of {baseline}"
            " failed."
        )
        if not all(map(_by_training, [*lost[0], *lost[1]])):
            record["sentence"] += " Some broke off for reasons that say nothing of the training."
    if 0 < len(scored) < len(done):
        record["sentence"] += (
            f" Left out, too: {len(done) - len(scored)} of {len(done)} pairs without a score"
            " above 0."
        )
    return record


def _by_training(why: str) -> bool:
    """Whether a run failed since its training went wrong, and not for a full disk, a kill or a refused setting."""
    return why.startswith(("training diverged", ALARMED))


def _stamp(folder: Path, runs, score: str) -> tuple[str, float | None]:
    """How the scores were made, and what real images score, from the first run that says so."""
    for run in runs:
        for record in Run(folder / run["folder"]).results:
            stamp = record["result"].stamp
            if stamp.metric == score and not record["final"]:
                return stamp.short(), record["floor"]
    return "", None


def show(value: float | None, digits: int = 3) -> str:
    """A number for a table."""
    return "" if value is None else f"{value:.{digits}g}" if abs(value) < 1e4 else f"{value:,.0f}"


def markdown(comparison: Record, found: Record) -> Iterator[str]:
    """The leaderboard and the verdicts, best variant first, as lines of Markdown."""
    label = comparison["score"]
    titles = ["variant", "runs", f"best {label}", "last", "last/best", "ratio to baseline (95 %)"]
    titles += [f"reached {show(found['target'])}", "images to it", ", ".join(BESIDE)]
    yield "| " + " | ".join(titles) + " |"
    yield "|---|---|---|---|---|---|---|---|---|"
    against = {each["variant"]: each for each in found["comparisons"]}
    ranked = sorted(
        found["variants"].items(), key=lambda item: item[1][comparison["choose"]] or math.inf
    )
    for name, row in ranked:
        each = against.get(name)
        span = "baseline" if each is None else show(each["ratio"])
        if each and each.get("low") is not None:
            span += f" ({show(each['low'])} to {show(each['high'])}), {each['verdict']}"
        elif each and each["n"]:
            span += f" {each['verdict']}"
        total = len(comparison["seeds"])
        count = f"{row['done']}/{total}" + (f", {row['failed']} failed" if row["failed"] else "")
        cells = [
            name.replace("|", "\\|"),
            count,
            show(row["best"]),
            show(row["last"]),
            show(row["ratio"]),
            span,
            f"{row['reached']}/{total}",
        ]
        cells += [
            show(row["target_images"], 5),
            ", ".join(show(row.get(each), 2) or "-" for each in BESIDE),
        ]
        yield "| " + " | ".join(cells) + " |"
    yield ""
    if found["target"] is not None:
        whence = (
            "as asked for"
            if comparison.get("target")
            else "the worst best score of the baseline's runs"
        )
        yield (
            f"Reached: runs that came to {show(found['target'])}, {whence}; images to it: of those"
            " that did, the median."
        )
        yield ""
    if (count := len(found["comparisons"])) > 4:
        yield (
            f"Each of these {count} verdicts is at 95 %: where nothing differs, one in twenty is"
            " wrong by chance."
        )
        yield ""
    for each in found["comparisons"]:
        yield f"- {each['sentence']}"
