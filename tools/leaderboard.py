"""Make ``experiments/RESULTS.md`` from kept comparisons: ``python tools/leaderboard.py``.

It reads ``experiments/results/*.json``, which ``gan_zoo compare --save=...`` writes, or the files
given. Nothing in the page is written by hand.
"""

import json
import os
import re
import sys
from pathlib import Path

from absl import flags

from gan_zoo import cli
from gan_zoo.compare.results import Record, markdown
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, user_path, whole_file

ROOT = Path(__file__).parent.parent
MARK = "<!-- made by tools/leaderboard.py -->"


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "out", "", "the .md to write; experiments/RESULTS.md by default", flag_values=values
    )


def _read(path: Path, home: Path) -> Record:
    """A kept comparison, with the way from the page's folder to its picture if there is one."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if path.with_suffix(".png").is_file():
            kept["picture"] = Path(
                os.path.relpath(path.with_suffix(".png").resolve(), home)
            ).as_posix()
        _ = page({path.stem: kept})
        return kept
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise UserError(
            f"{path} holds no kept comparison ({type(e).__name__}: {e}); make it anew with --save."
        ) from None


def page(kept: dict[str, Record]) -> str:
    """The whole page, of comparisons by their names."""
    lines = [
        MARK,
        "# Results",
        "",
        (
            "Comparisons kept by `gan_zoo compare --save`; `python tools/leaderboard.py` makes this"
            " page of them. Lower scores"
        ),
        (
            "are better; ratios are geometric means over seeds, paired by seed, with 95 % intervals"
            " (see `docs/comparison.md`)."
        ),
        (
            "Scores of different sections, and of different stamps, must not be held against each"
            " other."
        ),
    ]
    for name, each in sorted(kept.items()):
        about, found = each["comparison"], each["results"]
        (kind, amount), *_ = about["budget"].items()
        versions, machine = (
            each.get("machine", {}).get("versions") or {},
            each.get("machine", {}).get("machine") or {},
        )
        lines += ["", f"## {about['question'] or name}", ""]
        lines += [
            f"`{name}`: {about['data']}; {amount:,} {kind} a run, {len(about['seeds'])} seeds;"
            f" {found['score']};"
        ]
        lines += [
            (
                f"real against real scores {found['floor']:.3g}."
                if found["floor"]
                else "no floor was recorded."
            )
        ]
        base = ", ".join(
            f"{k}={v!r}" for k, v in about["base"].items() if not str(k).startswith("data")
        )
        lines += [f"Settings of all: {base}." if base else "Settings of all: the defaults."]
        if versions:
            where = (
                f"{machine.get('cores', '?')} cores"
                if not any("GPU" in d for d in machine.get("devices", []))
                else "a GPU"
            )
            lines += [
                f"TensorFlow {versions.get('tensorflow')}, gan_zoo {versions.get('gan_zoo')},"
                f" {where} a run."
            ]
        lines += ["", *markdown(about, found), ""]
        if each.get("picture"):
            lines += [f"![intervals and samples]({each['picture']})", ""]
        # Where the data lay on that machine is nobody's business.
        lines += ["    " + re.sub(r"--data_dir=\S*/", "--data_dir=", about["command"])]
    return "\n".join(lines) + "\n"


def main(values: flags.FlagValues, rest: list[str]) -> None:
    paths = [user_path(p) for p in rest] or sorted(
        (ROOT / "experiments" / "results").glob("*.json")
    )
    if not paths:
        raise UserError(
            "there are no kept comparisons in experiments/results; make some with gan_zoo compare"
            " --save=..."
        )
    if rest and not values.out:
        raise UserError(
            "give --out=FILE.md with single files; experiments/RESULTS.md is of all kept"
            " comparisons."
        )
    out = file_to_write(values.out, ".md", again=True) or ROOT / "experiments" / "RESULTS.md"
    if out.exists() and not out.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        raise UserError(f"{out} was not made by this tool; give another --out.")
    names = [path.stem for path in paths]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UserError(
            f"two files are called {twice}.json, which is the name of a section; rename one of"
            " them."
        )
    text = page({path.stem: _read(path, out.resolve().parent) for path in paths})
    with whole_file(out) as part:
        part.write_text(text, encoding="utf-8")
    print(f"{out}: {len(paths)} comparisons")


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
