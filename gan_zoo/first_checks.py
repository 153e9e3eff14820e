"""The checks that a part's code begins with, run before the part is loaded. No TensorFlow.

A builder whose first lines are ``check_positive(width=width)`` and the like, of
:mod:`gan_zoo.errors`, has its arguments refused as soon as the settings are read. Another first
line is ``require_there(path=path)`` of :mod:`gan_zoo.files`: of places, which are looked at only
when a command is about to use the part.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gan_zoo import errors, files

_VALUES = (
    errors.check_at_least,
    errors.check_positive,
    errors.check_non_negative,
    errors.check_share,
    errors.check_decay,
    errors.check_rates,
)
_PLACES = (files.require_there,)


class _Parameter(str):
    """The name of a parameter of a builder, where a check has its value."""


class Check(NamedTuple):
    """One line of a builder that checks its arguments.

    Attributes:
        function: What it calls.
        args: With what: literals, and names of the builder's parameters.
        kwargs: The same, by keyword.
    """

    function: Callable[..., None]
    args: tuple
    kwargs: Mapping[str, Any]

    @property
    def of_places(self) -> bool:
        """Whether it looks at the disk."""
        return self.function in _PLACES

    def __call__(self, arguments: Mapping[str, Any]) -> None:
        """Check the arguments of a spec, with their defaults; without one of them, do nothing.

        Raises:
            ValueError: One is wrong; the text names it.
        """

        def value(given: Any) -> Any:
            return arguments[given] if isinstance(given, _Parameter) else given

        try:
            args = [value(given) for given in self.args]
            kwargs = {key: value(given) for key, given in self.kwargs.items()}
        except KeyError:  # its default is no literal
            return
        self.function(*args, **kwargs)


def imported_checks(tree: ast.Module) -> dict[str, Callable[..., None]]:
    """Return the functions that a module imports from gan_zoo for its checks, by name."""
    known = {(f.__module__, f.__name__): f for f in (*_VALUES, *_PLACES)}
    return {
        alias.asname or alias.name: known[node.module, alias.name]
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if (node.module, alias.name) in known
    }


def first_checks(
    builder: ast.FunctionDef, known: Mapping[str, Callable[..., None]]
) -> Iterator[Check]:
    """Yield the checks that a builder begins with, up to its first line of another kind.

    Args:
        builder: Its syntax tree.
        known: See :func:`imported_checks`.
    """
    lines = builder.body[1:] if ast.get_docstring(builder) is not None else builder.body
    for line in lines:
        call = line.value if isinstance(line, ast.Expr) else None
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            return
        try:
            args = tuple(map(_argument, call.args))
            kwargs = {str(k.arg): _argument(k.value) for k in call.keywords}
            yield Check(known[call.func.id], args, kwargs)
        except (KeyError, ValueError):
            return


def _argument(node: ast.expr) -> Any:
    """Return a literal, or the name of a parameter; raise ValueError for all else."""
    return _Parameter(node.id) if isinstance(node, ast.Name) else ast.literal_eval(node)
