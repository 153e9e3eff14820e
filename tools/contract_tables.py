"""Write the tables of contracts into the page on parts: ``python tools/contract_tables.py``."""

import inspect
import re
from pathlib import Path

from gan_zoo import contracts

PAGE = Path(__file__).parent.parent / "docs" / "write-a-part.md"
BEGIN = "<!-- made by tools/contract_tables.py from gan_zoo.contracts: do not edit -->\n\n"
END = "<!-- end -->"
RECORDS = [
    contracts.Loss,
    contracts.Trick,
    contracts.DiscOutputs,
    contracts.Condition,
    contracts.Update,
    contracts.Batch,
    contracts.ImageSpec,
    contracts.Dataset,
    contracts.FeatureExtractor,
]


def table(record: type) -> str:
    """Return the fields of a record as a Markdown table, from its docstring."""
    text = inspect.getdoc(record) or ""
    summary = " ".join(text.split("\n\n")[0].split())
    fields = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", text.partition("Attributes:\n")[2], re.M)
    if [name for name, _ in fields] != list(record._fields):  # type: ignore[attr-defined]
        raise ValueError(f"the docstring of {record.__name__} does not describe its fields")
    rows = [f"| `{name}`{_default(record, name)} | {_markdown(what)} |" for name, what in fields]
    head = f"### `{record.__name__}`\n\n{_markdown(summary)}\n\n| field | content |\n|---|---|\n"
    return head + "\n".join(rows) + "\n\n"


def _default(record: type, name: str) -> str:
    defaults = record._field_defaults  # type: ignore[attr-defined]
    return f" = `{defaults[name]!r}`" if name in defaults else ""


def _markdown(text: str) -> str:
    """Return text of a docstring in Markdown, on one line."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`").replace("|", "\\|")


def with_tables(page: str) -> str:
    """Return the text of the page with the tables of the records as they are now."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}{''.join(map(table, RECORDS))}{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
