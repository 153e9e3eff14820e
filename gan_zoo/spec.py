"""The text by which a user names a part with its arguments, such as ``dcgan(width=64)``.

A spec is a Python call with literal arguments. It is parsed with ``ast`` and never evaluated. No
TensorFlow.
"""

from __future__ import annotations

import ast
import math
import re
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from gan_zoo.errors import UserError

# British words and the American ones that gan_zoo uses for its own names and words.
AMERICAN = {
    "behaviour": "behavior",
    "centre": "center",
    "centred": "centered",
    "colour": "color",
    "coloured": "colored",
    "colours": "colors",
    "grey": "gray",
    "greyscale": "grayscale",
    "labelled": "labeled",
    "neighbour": "neighbor",
    "neighbours": "neighbors",
    "normalisation": "normalization",
    "normalise": "normalize",
    "normalised": "normalized",
    "regularisation": "regularization",
    "regularise": "regularize",
}
_WORD = re.compile("[A-Za-z]+")


def american(text: str) -> str:
    """Return a text with the British words of :data:`AMERICAN` respelled.

    Parts of names count, too: ``hair_colour`` becomes ``hair_color``. For names of arguments and
    of gan_zoo's own things only: never for paths or for names that come from a user's data.
    """
    return _WORD.sub(lambda word: AMERICAN.get(word[0], word[0]), text)


class Spec(NamedTuple):
    """A part's name with literal arguments, as in ``dcgan(width=64)``."""

    name: str
    args: tuple = ()
    kwargs: Mapping[str, Any] = {}

    def __str__(self) -> str:
        """Return the canonical text: the name alone where there are no arguments."""
        words = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(words)})" if words else self.name


def _spec_of(node: ast.expr, text: str) -> Spec:
    """Read one spec from its syntax tree; ``text`` is quoted in messages."""
    if isinstance(node, ast.Name):
        return Spec(node.id)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise UserError(
            f"'{text}' is neither a part's name nor a call such as name(0.5, key=1); write one"
            " of the two."
        )
    try:
        if any(k.arg is None for k in node.keywords):
            raise ValueError
        args = tuple(ast.literal_eval(a) for a in node.args)
        kwargs = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
    except (ValueError, TypeError, RecursionError):
        raise UserError(
            f"the arguments in '{text}' must be plain values (numbers, strings, True, False, None,"
            " tuples); specs are read, never run."
        ) from None
    if any(
        isinstance(n, ast.Constant) and n.value in (math.inf, math.inf * 1j) for n in ast.walk(node)
    ):
        raise UserError(f"'{text}' has a number that is too large; give a smaller one.")
    if len(kwargs) < len(node.keywords):
        raise UserError(f"'{text}' gives one argument twice; leave one of them out.")
    return Spec(node.func.id, args, kwargs)


def parse_specs(text: str) -> list[Spec]:
    """Parse a comma-separated list of specs, such as ``label_smooth(0.7,1.2),flip_labels(0.05)``.

    Raises:
        UserError: The text is not such a list.
    """
    if not text.strip():
        return []
    if text.startswith("--"):
        raise UserError(f"'{text}' is a flag, where a value was expected; write --name=value.")
    try:
        # The list may end in a comma, as Python's own may; a stray bracket cannot close ours, since
        # that is a syntax error.
        tree = ast.parse(f"[{text}]", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError(
            f"'{text}' is not readable; write name, name(0.5, key=1), or several with commas."
        ) from None
    if not isinstance(tree, ast.List):
        raise UserError(
            f"'{text}' is not a list of parts; write name, name(0.5, key=1), or several with"
            " commas."
        )
    return [_spec_of(node, text) for node in tree.elts]


def odd_name(text: str) -> str:
    """Return the first name in a list of specs that cannot be one, such as ``wgan-gp``, or ""."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    while (shorter := re.sub(r"\([^()]*\)", "", plain)) != plain:
        plain = shorter
    names = (piece.strip() for piece in plain.split(","))
    odd = re.compile(r"\w(?:[\w +/-]|\.(?=\d))*")  # a point before a letter is code, not a name
    return next((n for n in names if odd.fullmatch(n) and not n.isidentifier()), "")


def parse_spec(text: str) -> Spec:
    """Parse exactly one spec, such as ``dcgan(width=64)``.

    Raises:
        UserError: The text is not one spec.
    """
    specs = parse_specs(text)
    if len(specs) != 1:
        raise UserError(f"give one part, by its name or a call; '{text}' names {len(specs)}.")
    return specs[0]


def shell_word(text: str) -> str:
    """Return a text quoted for a shell, in double quotes if it contains single ones."""
    return f'"{text}"' if "'" in text and not set(text) & set('"$`\\!') else shlex.quote(text)
