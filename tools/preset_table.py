"""Write the table of presets into the page of recipes: ``python tools/preset_table.py``."""

import contextlib
import io
from pathlib import Path

from gan_zoo import commands

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
BEGIN = "<!-- made by tools/preset_table.py from `gan_zoo presets --markdown`: do not edit -->\n\n"
END = "\n<!-- end -->"


def with_table(page: str) -> str:
    """Return the text of the page with the table of presets as they are now."""
    table = io.StringIO()
    with contextlib.redirect_stdout(table):
        commands.main(["presets", "--markdown"])
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}{table.getvalue()}{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
