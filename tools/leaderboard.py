"""Make ``experiments/RESULTS.md`` from kept comparisons: ``python tools/leaderboard.py``.

It reads ``experiments/results/*.json``, which ``gan_zoo compare --save=...`` writes, or the files
given. Nothing in the page is written by hand.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from absl import flags

from gan_zoo import cli
from gan_zoo.comparison.results import Record, command_of, markdown
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, user_path, whole_file

ROOT = Path(__file__).parent.parent
MARK = "<!-- made by tools/leaderboard.py -->"


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "out", "", "the .md to write; experiments/RESULTS.md by default", flag_values=values
    )


def read_kept(path: Path, home: Path) -> Record:
    """Return a kept comparison, with the path of its picture, if any, relative to ``home``.

    Raises:
        UserError: The file is not a kept comparison.
    """
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
            f"{path} holds no kept comparison ({type(e).__name__}: {e}); make it again with"
            " gan_zoo compare --save."
        ) from None


def page(kept: dict[str, Record]) -> str:
    """Return the whole page, of comparisons by their names."""
    lines = [
        MARK,
        "# Results",
        "",
        "Comparisons kept by `gan_zoo compare --save`; `python tools/leaderboard.py` makes this"
        " page of them. Lower scores",
        "are better; ratios are geometric means over seeds, paired by seed, with 95 % intervals"
        " (see `docs/comparison.md`).",
        "Scores of different sections, and of different stamps, must not be compared.",
    ]
    for name, comparison in sorted(kept.items()):
        lines += section(name, comparison)
    return "\n".join(lines) + "\n"


def section(name: str, kept: Record) -> list[str]:
    """Return the lines of one comparison."""
    about, found = kept["comparison"], kept["results"]
    (unit, amount), *_ = about["budget"].items()
    floor = found["floor"]
    base = ", ".join(f"{k}={v!r}" for k, v in about["base"].items() if not k.startswith("data"))
    lines = [
        "",
        f"## {about['question'] or name}",
        "",
        f"`{name}`: {about['data']}; {amount:,} {unit} a run, {len(about['seeds'])} seeds;"
        f" {found['score']};",
        f"real against real scores {floor:.3g}." if floor else "no floor was recorded.",
        f"Settings of all: {base}." if base else "Settings of all: the defaults.",
    ]
    record = kept.get("machine", {})
    if versions := record.get("versions"):
        machine = record.get("machine") or {}
        gpu = any("GPU" in device for device in machine.get("devices", []))
        lines += [
            f"TensorFlow {versions.get('tensorflow')}, gan_zoo {versions.get('gan_zoo')},"
            f" {'a GPU' if gpu else str(machine.get('cores', '?')) + ' cores'} a run."
        ]
    lines += ["", *markdown(about, found), ""]
    if kept.get("picture"):
        lines += [f"![intervals and samples]({kept['picture']})", ""]
    # The folder of the data on that machine is private.
    command = re.sub(r"--data_dir=\S*/", "--data_dir=", command_of(about))
    return [*lines, f"    {command}"] if command else lines


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
    text = page({path.stem: read_kept(path, out.resolve().parent) for path in paths})
    with whole_file(out) as part:
        part.write_text(text, encoding="utf-8")
    print(f"{out}: {len(paths)} comparisons")


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
