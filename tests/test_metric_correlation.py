"""The scripts metric_correlation, interval_coverage and leaderboard, on made-up runs."""

import json

import numpy as np
import pytest


def run(folder, seed, sign):
    """A run whose score falls, and follows the change of G's loss with this sign; D's is noise."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    loss = 1.0 + 0.3 * rng.normal(size=40)
    change = np.diff(loss, prepend=loss[0])
    lines = []
    for i in range(40):
        step = 10 * (i + 1)
        for k in (step - 5, step):  # two lines between evaluations, of which the mean counts
            lines.append(
                {
                    "step": k,
                    "images": 8 * k,
                    "loss/gen": loss[i] + (0.1 if k == step else -0.1),
                    "loss/disc": rng.normal(),
                }
            )
        lines[-1]["eval/FD-embedded"] = (
            100 * step**-0.5 * np.exp(0.2 * sign * change[i] + 0.02 * rng.normal())
        )
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines) + '{"step": 3'
    )
    return folder


@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_correlation_is_found_with_its_sign(tool, tmp_path, sign):
    said = tool("metric_correlation", *(run(tmp_path / str(seed), seed, sign) for seed in range(4)))
    rows = {line.split(" | ")[0][2:]: line for line in said.splitlines() if line.startswith("| ")}
    numbers = {
        name: [
            float(x)
            for x in row.replace("(", " ").replace(")", " ").split()
            if x.lstrip("-").replace(".", "").isdigit()
        ]
        for name, row in rows.items()
        if "/" in name
    }
    change, low, high = numbers["loss/gen"][3:]
    assert sign * change > 0.9
    assert low <= change <= high
    assert numbers["loss/disc"][1] < 0 < numbers["loss/disc"][2]
    assert "4 of 4 runs" in said


def test_a_run_given_twice_counts_once(tool, tmp_path):
    folder = run(tmp_path / "a", 0, 1)
    assert "1 of 1 runs" in tool("metric_correlation", folder, f"{folder}/../a")


def test_no_runs_or_too_few_evaluations_are_refused(tool, tmp_path):
    assert "neither a run nor a comparison" in tool("metric_correlation", tmp_path, code=2)
    assert "none of these 1 runs has 50 evaluations" in tool(
        "metric_correlation", run(tmp_path / "a", 0, 1), "--least=50", code=2
    )
    assert "no run was given" in tool("metric_correlation", code=2)


KEPT = {
    "comparison": {
        "question": "Which?", "baseline": "a", "score": "FD-embedded", "choose": "best", "seeds": [0, 1], "budget": {"images": 640},
        "base": {"gen": "dcgan", "data": "files"}, "data": "files 16x16x3, 96 images", "command": "gan_zoo compare x",
        "variants": {"a": {}, "b": {}},
    },
    "results": {
        "score": "FD-embedded@51b9 (2k fake)", "floor": 1.0, "target": 20.0, "complete": True, "runs": [],
        "variants": {
            name: {"done": 2, "failed": 0, "best": best, "last": best, "ratio": 1.0, "reached": 1, "target_images": 99, "target_seconds": 1.0,
                   "precision": 0.5, "recall": 0.25}
            for name, best in (("a", 20.0), ("b", 10.0))
        },
        "comparisons": [{"variant": "b", "baseline": "a", "n": 2, "ratio": 0.5, "low": 0.4, "high": 0.6, "verdict": "better", "sentence": "b is better."}],
    },
}  # fmt: skip


def test_the_leaderboard_overwrites_only_its_own_pages(tool, tmp_path):
    kept, out = tmp_path / "which.json", tmp_path / "RESULTS.md"
    kept.write_text(json.dumps(KEPT))
    tool("leaderboard", kept, f"--out={out}")
    text = out.read_text()
    assert "## Which?" in text
    rows = [
        line
        for line in text.splitlines()
        if line.startswith("| ") and not line.startswith("| variant")
    ]
    assert (
        rows[0] == "| b | 2/2 | 10 | 10 | 1 | 0.5 (0.4 to 0.6), better | 1/2 | 99 | 0.5, 0.25, - |"
    )
    assert rows[1].startswith("| a | 2/2 | 20 | 20 | 1 | baseline | 1/2 |")
    assert "- b is better." in text
    tool("leaderboard", kept, f"--out={out}")
    out.write_text("mine")
    assert "was not made by this tool" in tool("leaderboard", kept, f"--out={out}", code=2)
    assert out.read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / kept.name).write_text(json.dumps(KEPT))
    two = tool(
        "leaderboard", kept, tmp_path / "other" / kept.name, f"--out={tmp_path / 'new.md'}", code=2
    )
    assert "two files are called which.json" in two
    kept.write_text(
        json.dumps(
            {**KEPT, "comparison": {k: v for k, v in KEPT["comparison"].items() if k != "budget"}}
        )
    )
    assert "holds no kept comparison" in tool(
        "leaderboard", kept, f"--out={tmp_path / 'new.md'}", code=2
    )
    kept.write_text("{}")
    assert "holds no kept comparison" in tool(
        "leaderboard", kept, f"--out={tmp_path / 'new.md'}", code=2
    )


def test_students_interval_covers_more_than_the_bootstrap(tool, tmp_path):
    row = next(
        line
        for line in tool("interval_coverage", "--seeds=3", "--trials=300").splitlines()
        if line.startswith("| normal")
    )
    student, bootstrap = (float(cell.split()[0]) for cell in row.split("|")[3:5])
    assert student > 90
    assert bootstrap < 80
    assert "is not a standard deviation" in tool("interval_coverage", "--scatter=nan", code=2)
    assert "whole numbers" in tool("interval_coverage", "--seeds=x", code=2)
    kept = tmp_path / "k.json"
    kept.write_text(json.dumps(KEPT))
    assert "only 0 pairs" in tool("interval_coverage", kept, code=2)
