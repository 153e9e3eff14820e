"""A page of a run, of several, or of a comparison: ``gan_zoo report RUN... [--out=page.html]``.

    gan_zoo report runs/mine                 how it went, as runs/mine/report.html
    gan_zoo report runs/mine runs/other      both side by side, as report.html here
    gan_zoo report comparisons/beta1         the folder that gan_zoo compare filled

One HTML file that needs nothing else: grids of samples over the steps, curves, scores with their
protocol, alarms, settings, and the command to do it again. Open it in any browser, or send it on.
What is missing in a folder is said at the top.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path, user_path, whole_file


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "out",
        "",
        "the .html to write; by default report.html in the folder, of several runs in the"
        " current one",
        flag_values=values,
    )


def make(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Write the page of some runs or of one comparison.

    Args:
        folders: One or more runs, or the folder of one comparison.
        out: The file to write; by default ``report.html`` in the one folder, or a free name in the
            current one.

    Returns:
        The file.

    Raises:
        UserError: A folder holds no run, or the file exists and is no page of ours.
    """
    from gan_zoo.reporting import many, one
    from gan_zoo.reporting.html import MARK
    from gan_zoo.reporting.read import read_comparison, read_run

    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UserError("a folder is given twice; name each run once.")
    compared = [folder for folder in folders if (folder / "comparison.json").is_file()]
    if compared and len(folders) > 1:
        raise UserError(
            f"{compared[0]} is a comparison, which has a page of its own; name it alone, or the"
            " runs in it."
        )
    if out is None:
        out = folders[0] / "report.html" if len(folders) == 1 else free_path(Path("report.html"))
    if out.exists():
        with out.open("rb") as file:
            if MARK.encode() not in file.read(2000):
                raise UserError(
                    f"{out} is there already and is no page of this tool; move it, or give another"
                    " --out."
                )
    date = time.strftime("%Y-%m-%d %H:%M")
    if compared:
        page = many.of_comparison(read_comparison(folders[0]), date)
    else:
        runs = [read_run(folder) for folder in folders]
        page = one.of_run(runs[0], date) if len(runs) == 1 else many.of_runs(runs, date)
    with whole_file(out) as part:
        part.write_bytes(page.encode("utf-8", errors="replace"))
    return out


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if not rest:
        raise UserError(
            "no run is given; name the folder of a run, such as runs/NAME, of several runs, or of a"
            " comparison."
        )
    out = make([user_path(word) for word in rest], file_to_write(values.out, ".html", again=True))
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, opens in any browser")
