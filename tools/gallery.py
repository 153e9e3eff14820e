"""Make the gallery of the docs from folders of runs: ``python tools/gallery.py RUN...``.

For each run the page has its last grid of samples, its data, time, score and command, and the
verdict of the copy test, if the folder has what that test printed:

    gan_zoo memorization RUN --held_out_dir=OTHERS > RUN/memorization.txt

The grids are written beside the page, under ``images/gallery/``, as JPEG. All of them together may
have 1 MB.
"""

from __future__ import annotations

import io
import shlex
import sys
from pathlib import Path

from absl import flags

from gan_zoo import cli, images
from gan_zoo.errors import UserError
from gan_zoo.files import user_path, whole_file
from gan_zoo.runs.run import Run

PAGE = Path(__file__).parent.parent / "docs" / "gallery.md"
MOST = 1_000_000  # bytes of all pictures
HEAD = """\
# Gallery

<!-- made by tools/gallery.py from the folders of runs: do not edit -->

What runs made, as it came: the last grid of samples of each, not chosen. All pictures on this page
are generated. Times are of training alone. [Evaluation](evaluation.md) explains the score, and the
copy test.

"""


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("out", str(PAGE), "the page to write, a .md", flag_values=values)
    flags.DEFINE_integer(
        "size", 512, "pixels of the longer side of a grid at least", 1, flag_values=values
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if not rest:
        raise UserError("folders of runs are needed; give one or more.")
    page, runs = user_path(values.out), [Run(user_path(word)) for word in rest]
    names = [run.name for run in runs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"two folders have the name {min(twice)}; rename one of them.")
    files = {
        Path("images", "gallery", f"{run.name}.jpg"): last_grid(run, values.size) for run in runs
    }
    total = sum(map(len, files.values()))
    if total > MOST:
        raise UserError(
            f"the pictures have {total:,} bytes together, more than {MOST:,}; give fewer runs or a"
            " smaller --size."
        )
    for path, content in files.items():
        with whole_file(page.parent / path) as part:
            part.write_bytes(content)
    text = HEAD + "\n".join(map(section, runs, files))
    with whole_file(page) as part:
        part.write_text(text, encoding="utf-8")
    print(f"{page}: {len(runs)} runs, {total:,} bytes of pictures")


def last_grid(run: Run, size: int) -> bytes:
    """Return the last grid of a run as a JPEG."""
    grids = run.sample_grids
    grid = images.read(grids[-1]) if grids else None
    if grid is None:
        raise UserError(f"there is no grid that can be read in {run.folder}; leave the run out.")
    file = io.BytesIO()
    picture = images.as_pil(images.enlarge(images.reduce(grid), size))
    picture.convert("RGB").save(file, format="JPEG", quality=80)
    return file.getvalue()


def section(run: Run, picture: Path) -> str:
    """Return the part of the page about one run."""
    data, (height, width, _) = run.record["data"], run.image_shape
    rows = {
        "data": f"{data['count']:,} pictures of {_source(run)}, {height}x{width}",
        "time": _time(run),
        "score": _score(run),
        "copy test": _verdict(run),
        "command": f"`{command(run)}`",
    }
    table = "\n".join(f"| {name} | {what} |" for name, what in rows.items())
    alt = f"Samples of {run.name} at step {run.step:,}"
    return f"## {run.name}\n\n![{alt}]({picture.as_posix()})\n\n| | |\n|---|---|\n{table}\n"


def _source(run: Run) -> str:
    folder = run.settings.get("data_dir", "")
    return f"`{Path(folder).name}`" if folder else f"`{run.settings['data']}`"


def _time(run: Run) -> str:
    seconds, cores = run.training_seconds, run.record.get("machine", {}).get("cores")
    if seconds is None:
        return "not known"
    took = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    return f"{run.step:,} steps in {took}" + (f" on {cores} cores" if cores else "")


def _score(run: Run) -> str:
    if not run.scores:
        return "not evaluated"
    step, value = run.scores[-1]
    floor = "" if run.floor is None else f"; real pictures have {run.floor:.3g}"
    return f"{run.score_name} {value:.3g} at step {int(step):,}{floor}"


def _verdict(run: Run) -> str:
    path = run.folder / "memorization.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = [line.removeprefix("verdict: ") for line in lines if line.startswith("verdict: ")]
    return found[-1] if found else "not made"


def command(run: Run) -> str:
    """Return the command that made a run, without the folders of its maker."""
    words = [str(word) for word in run.record.get("command", [])[1:]]
    short = []
    for word in words:
        flag, given, value = word.partition("=")
        if flag in ("--data_dir", "--from") and given:
            word = f"{flag}={Path(value).name}"
        elif flag == "--workdir":
            word = f"--workdir=runs/{run.name}"
        short.append(word)
    return shlex.join(["gan_zoo", *short]) if short else "not recorded"


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
