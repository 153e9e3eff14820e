"""Write the reference of parts, docs/part-reference.md: ``python tools/contract_tables.py``."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import tensorflow as tf

from gan_zoo import contracts, registry
from gan_zoo.config import Config
from gan_zoo.contracts import Batch, Trick
from gan_zoo.game.build import build_game

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "part-reference.md"
HEAD = """\
# What parts ask for and return

<!-- made by tools/contract_tables.py from the code: do not edit -->

[Write a part](write-a-part.md) has an example of each kind. This page is made from the code.

Images are float32 `[B, H, W, C]` in [-1, 1]. B is the batch, H, W and C are the image, D the
features, N the data set. A `seed` is an integer tensor `[2]`. A value after `=` is the default; a
field with a default may be left out.

"""
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
_IMAGE = (8, 8, 3)
# These return their first argument; the others have their own results below.
_PASS_ON = (
    "fake_images", "images", "real_images", "real_targets", "fake_targets", "gen_targets",
)  # fmt: skip


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


def asked() -> str:
    """Return what the parts of each table may ask for, as a Markdown section."""
    rows = [
        f"| {registry.tables[table].label} | {f'`{name}`' if name else ''} | {_markdown(what)} |"
        for table, offered in registry.OFFERED.items()
        for name, what in (offered or {"": "nothing"}).items()
    ]
    text = "These names may stand after `*` in a part's signature. The framework fills them in."
    return _section("What a part may ask for", text, ["part", "name", "what it gets"], rows)


def order() -> str:
    """Return the order of the hooks in a step of each update rule, as a Markdown section."""
    text = (
        "Hooks of several tricks run in the order in which the tricks are given. `images` runs for"
        " the fake and for the real images. Between two chunks of steps, `metrics` is read and"
        " `variables` are saved."
    )
    rows = [
        f"| `--update={name}` | {', '.join(f'`{hook}`' for hook in hooks)} |"
        for name, hooks in hook_order().items()
    ]
    return _section("The order of hooks in a step", text, ["update", "hooks, in order"], rows)


def hook_order() -> dict[str, list[str]]:
    """Return, for each update rule, the names of the hooks in the order of a step.

    A rule that refuses penalties has none of them.
    """
    return {name: _traced(name) for name in registry.updates}


def _traced(update: str) -> list[str]:
    calls: list[str] = []
    config = Config(
        update=update, gen="dense((8,))", disc="dcgan(width=4,norm='none')", batch=2, image_size="8"
    )
    game = build_game(config, _IMAGE)
    recorder = _recorder(calls)
    if game.update.single_backward:
        recorder = recorder._replace(penalty=None, gen_penalty=None)
    if game.update.shared_fakes:
        recorder = recorder._replace(fake_images=None)
    game = game._replace(tricks=(recorder,))
    batch = Batch(tf.zeros([2 * game.update.batches, *_IMAGE]))
    tf.function(lambda: game.update.run(game, batch), autograph=False).get_concrete_function()
    return calls


def _recorder(calls: list[str]) -> Trick:
    """Return a trick with all hooks, which note that they were called and change nothing."""

    def returning(name: str, result: Any) -> Any:
        def hook(*given: Any) -> Any:
            calls.append(f"{name} ({given[1]})" if name == "gradients" else name)
            return result(*given)

        return hook

    results: dict[str, Any] = dict.fromkeys(_PASS_ON, lambda value, seed: value)
    results |= {
        "observe": lambda outputs: None,
        "penalty": lambda disc, outputs, seed: tf.zeros([]),
        "gen_penalty": lambda disc, outputs, seed: tf.zeros([]),
        "gen_weights": tf.ones_like,
        "gradients": lambda gradients, net: gradients,
        "after_disc": lambda disc: None,
    }
    return Trick(**{name: returning(name, result) for name, result in results.items()})


def over_devices() -> str:
    """Return the functions over devices, as a Markdown section."""
    text = (
        "`from gan_zoo import replicas`. Each device has its own part of the batch. On one device,"
        " these return what they get. They must not stand inside `tf.cond` or a loop."
    )
    rows = _functions(ROOT / "gan_zoo" / "replicas.py")
    return _section("Over several devices", text, ["function", "what it returns"], rows)


def _functions(file: Path) -> list[str]:
    """Return a row for each public function of a module, without importing it."""
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    return [
        f"| `{node.name}({ast.unparse(node.args)})` | {_markdown(ast.get_docstring(node) or '')} |"
        for node in nodes
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def array() -> str:
    """Return how an array becomes a data set, as a Markdown section."""
    method = contracts.Dataset.of
    signature = re.sub(r": \w+| -> \w+", "", str(inspect.signature(method)))
    summary, _, rest = (inspect.getdoc(method) or "").partition("\n\nArgs:\n")
    rows = [
        f"| `{name}` | {_markdown(what)} |"
        for name, what in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", rest, re.M)
        if name != "ValueError"
    ]
    text = f"`Dataset.of{signature}`: {_markdown(summary)}"
    return _section("A data set of an array", text, ["argument", "content"], rows)


def _section(title: str, text: str, columns: list[str], rows: list[str]) -> str:
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    return f"## {title}\n\n{text}\n\n{head}" + "\n".join(rows) + "\n\n"


def page() -> str:
    """Return the text of the page."""
    records = "## The fields of the records\n\n" + "".join(map(table, RECORDS))
    return (HEAD + asked() + order() + over_devices() + array() + records).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
