"""Write a page about a run, several runs or a comparison.

    gan_zoo report runs/mine                 one run, as runs/mine/report.html
    gan_zoo report runs/mine runs/other      both side by side, as report.html here
    gan_zoo report comparisons/beta1         the folder of a gan_zoo compare

One HTML file that needs nothing else: grids of samples over the steps, curves, scores with their
protocol, alarms, settings, and the command to train again. Open it in any browser, or send it to
somebody. It shows images of the training data beside the samples; --noreal leaves them out. If
files are missing in a folder, the page lists them at the top.

    gan_zoo report runs/mine --serve         follows a run in the browser while it trains
"""

from __future__ import annotations

from absl import flags

from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, replacing, user_path


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "out",
        "",
        "the .html to write; by default report.html in the folder, or for several runs in the"
        " current one",
        flag_values=values,
    )
    flags.DEFINE_string("title", "", "the title of the page", flag_values=values)
    flags.DEFINE_bool("real", True, "show images of the training data", flag_values=values)
    flags.DEFINE_bool(
        "serve",
        False,
        "show the page in the browser of this machine and follow the run, until Ctrl-C; writes no"
        " file",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "port", 0, "of --serve; by default the first free one from 8008 on", flag_values=values
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    from gan_zoo.reporting import holds_real_images, make_report
    from gan_zoo.reporting.serve import serve

    folders = [user_path(word) for word in rest]
    if values.serve:
        if values.out:
            raise UserError("--serve writes no file; leave out --out, or --serve.")
        return serve(folders, values.title, values.real, values.port)
    out = file_to_write(values.out, ".html", again=True)
    again = replacing(out or folders[0] / "report.html") if len(folders) == 1 else ""
    page = make_report(folders, out, values.title, values.real)
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB, opens in any browser{again}")
    if holds_real_images(page):
        print("  it holds images of the training data; --noreal leaves them out")
