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
HEAD = (
    MARK,
    "# Results",
    "",
    "Comparisons kept by `gan_zoo compare --save`; `python tools/leaderboard.py` makes this page of"
    " them. Lower scores",
    "are better; ratios are geometric means over seeds, paired by seed, with 95 % intervals (see"
    " `docs/comparison.md`).",
    "Scores of different sections, and of different stamps, are not comparable.",
)


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "out", "", "the .md to write; experiments/RESULTS.md by default", flag_values=values
    )


def _read(path: Path, home: Path) -> Record:
    """Return a kept comparison; ``picture`` is the relative path of its picture, if there is one.

    Raises:
        UserError: The file holds something else.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        picture = path.with_suffix(".png")
        if picture.is_file():
            kept["picture"] = Path(os.path.relpath(picture.resolve(), home)).as_posix()
        _ = page({path.stem: kept})
        return kept
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise UserError(
            f"{path} does not hold a kept comparison ({type(e).__name__}: {e}); make it again with"
            " --save."
        ) from None


def page(kept: dict[str, Record]) -> str:
    """Return the page of several comparisons, given by their names."""
    lines = list(HEAD)
    for name, each in sorted(kept.items()):
        lines += _section(name, each)
    return "\n".join(lines) + "\n"


def _section(name: str, kept: Record) -> list[str]:
    """Return the section of one comparison."""
    about, found = kept["comparison"], kept["results"]
    ((kind, amount),) = about["budget"].items()
    settings = {k: v for k, v in about["base"].items() if not str(k).startswith("data")}
    shared = ", ".join(f"{k}={v!r}" for k, v in settings.items()) or "the defaults"
    floor = "no floor was recorded."
    if found["floor"]:
        floor = f"real against real scores {found['floor']:.3g}."
    lines = [
        "",
        f"## {about['question'] or name}",
        "",
        f"`{name}`: {about['data']}; {amount:,} {kind} per run, {len(about['seeds'])} seeds;"
        f" {found['score']};",
        floor,
        f"Settings of all: {shared}.",
        *_machine(kept.get("machine", {})),
        "",
        *markdown(about, found),
        "",
    ]
    if kept.get("picture"):
        lines += [f"![intervals and samples]({kept['picture']})", ""]
    if command := command_of(about):
        # Only the name of the data, without the folder where it was on that machine.
        lines += ["    " + re.sub(r"--data_dir=\S*/", "--data_dir=", command)]
    return lines


def _machine(machine: Record) -> list[str]:
    """Return a line about the versions and the device."""
    versions, hardware = machine.get("versions") or {}, machine.get("machine") or {}
    if not versions:
        return []
    gpu = any("GPU" in device for device in hardware.get("devices", []))
    cores = hardware.get("cores", "?")
    device = "a GPU" if gpu else f"{cores} core{'s' * (cores != 1)}"
    return [
        f"TensorFlow {versions.get('tensorflow')}, gan_zoo {versions.get('gan_zoo')}, {device} per"
        " run."
    ]


def main(values: flags.FlagValues, rest: list[str]) -> None:
    paths = [user_path(p) for p in rest] or sorted(
        (ROOT / "experiments" / "results").glob("*.json")
    )
    if not paths:
        raise UserError(
            "there are no kept comparisons in experiments/results; make some with gan_zoo compare"
            " --save=FILE.json."
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
            f"two files have the name {twice}.json, which names a section; rename one of them."
        )
    text = page({path.stem: read_kept(path, out.resolve().parent) for path in paths})
    with whole_file(out) as part:
        part.write_text(text, encoding="utf-8")
    print(f"{out}: {len(paths)} comparisons")


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
