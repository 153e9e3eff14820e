"""Write a page about a run, several runs or a comparison.

    gan_zoo report runs/mine                 one run, as runs/mine/report.html
    gan_zoo report runs/mine runs/other      both side by side, as report.html here
    gan_zoo report comparisons/beta1         the folder of a gan_zoo compare

One HTML file that needs nothing else: grids of samples over the steps, curves, scores with their
protocol, alarms, settings, and the command to train again. Open it in any browser, or send it to
somebody. If files are missing in a folder, the page lists them at the top.
"""

from __future__ import annotations

from absl import flags

from gan_zoo.files import file_to_write, replacing, user_path


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "out",
        "",
        "the .html to write; by default report.html in the folder, or for several runs in the"
        " current one",
        flag_values=values,
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    from gan_zoo.reporting import make_report

    out = file_to_write(values.out, ".html", again=True)
    folders = [user_path(word) for word in rest]
    again = replacing(out or folders[0] / "report.html") if len(folders) == 1 else ""
    page = make_report(folders, out)
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB, opens in any browser{again}")
