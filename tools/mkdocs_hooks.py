"""Hooks of mkdocs: pages and pictures from outside ``docs/``, and links to them.

Links in the pages are those of the repository, so that they work there, too. A link to a file that
is no page of the site leads to the repository.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
SHARED = ("CHANGELOG.md", "CONTRIBUTING.md", "experiments/RESULTS.md", "experiments/results/*.png")
LINK = re.compile(r"\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Add the shared files to the site, under their path in the repository."""
    for pattern in SHARED:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Change links between files of the repository into links between pages of the site."""
    source = page.file.src_uri
    folder = posixpath.dirname(source if (ROOT / source).is_file() else f"docs/{source}")

    def link(match):
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        uri = target.removeprefix("docs/")
        if files.get_file_from_path(uri) is not None and not uri.endswith(".ipynb"):
            place = posixpath.relpath(uri, posixpath.dirname(source) or ".")
        elif (ROOT / target).exists():
            place = f"{config['repo_url']}/blob/main/{target}"
        else:
            return match[0]  # dead: mkdocs complains
        return f"]({place}{match[2] or ''})"

    return LINK.sub(link, markdown)
