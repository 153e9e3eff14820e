"""Write pages about runs and comparisons, each one HTML file that needs nothing else.

``read`` reads folders, ``plots`` draws curves, ``html`` has elements, tables and the page, ``one``,
``many`` and ``compared`` have the content: of one run, of several, and of a comparison. ``serve``
shows a page that follows a run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.errors import UserError
from gan_zoo.files import free_path, whole_file
from gan_zoo.phases import phase


def make_report(
    folders: Sequence[Path], out: Path | None = None, title: str = "", real: bool = True
) -> Path:
    """Write the page of one or several runs, or of a comparison.

    Args:
        folders: The folders of one or more runs, or the folder of one comparison.
        out: The file to write; by default ``report.html`` in the folder, or for several runs a free
            name in the current one.
        title: Of the page; by default the name of the run, or the question of the comparison.
        real: Whether to show images of the training data beside the samples.

    Returns:
        The file.

    Raises:
        UserError: A folder holds no run, or the file exists and is not a report.
    """
    check_folders(folders)
    if out is None:
        out = folders[0] / "report.html" if len(folders) == 1 else free_path(Path("report.html"))
    _check_report(out)
    with phase("write the page"):
        page = make_page(folders, title, real)
    with whole_file(out) as part:
        part.write_bytes(page)
    return out


def make_page(
    folders: Sequence[Path], title: str = "", real: bool = True, follows: str = ""
) -> bytes:
    """Return the page that :func:`make_report` writes.

    With ``follows``, a mark of the files' state, it loads itself anew from its server when they
    change, see :mod:`gan_zoo.reporting.serve`.

    Raises:
        UserError: A folder holds no run.
    """
    from gan_zoo.reporting import compared, many, one
    from gan_zoo.reporting.html import About
    from gan_zoo.reporting.read import read_comparison, read_run

    about = About(time.strftime("%Y-%m-%d %H:%M"), title, real, follows)
    if _is_comparison(folders[0]):
        page = compared.page_of_comparison(read_comparison(folders[0]), about)
    else:
        runs = [read_run(folder) for folder in folders]
        page = one.page_of_run(runs[0], about) if len(runs) == 1 else many.page_of_runs(runs, about)
    return page.encode("utf-8", errors="replace")


def holds_real_images(page: Path) -> bool:
    """Return whether a written page shows images of the training data."""
    from gan_zoo.reporting.html import REAL_SHOWN

    return REAL_SHOWN in page.read_text(encoding="utf-8")


def _is_comparison(folder: Path) -> bool:
    return (folder / "comparison.json").is_file()


def check_folders(folders: Sequence[Path]) -> None:
    """Check that a page can be about these folders.

    Raises:
        UserError: There is none, one is given twice, or a comparison is not alone.
    """
    if not folders:
        raise UserError(
            "no run is given; name the folder of a run, such as runs/NAME, of several runs, or of a"
            " comparison."
        )
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UserError("a folder is given twice; name each run once.")
    comparisons = [folder for folder in folders if _is_comparison(folder)]
    if comparisons and len(folders) > 1:
        raise UserError(
            f"{comparisons[0]} is a comparison, which has its own page; name it alone, or the runs"
            " in it."
        )


def _check_report(out: Path) -> None:
    """Check that a file may be written: there is none, or an earlier report.

    Raises:
        UserError: There is another file.
    """
    from gan_zoo.reporting.html import MARK

    if not out.exists():
        return
    with out.open("rb") as file:
        start = file.read(2000)
    if MARK.encode() not in start:
        raise UserError(
            f"{out} exists already and is not a report of gan_zoo; move it, or give another --out."
        )
