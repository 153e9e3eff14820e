"""The tables of parts, and the specs by which a user names a part with its arguments.

A *part* is a plain function behind a decorator. Its name is its public name, its docstring's first
line its description, its ordinary parameters what a spec may set, and its keyword-only parameters
what it asks the framework for, by name::

    from gan_zoo.registry import generators

    @generators.register
    def tiny(width: int = 16, *, image_shape):
        '''One dense layer.'''
        ...

Parts are found without being imported: the source of a table's package is read with ``ast``, and
only the part that is asked for is loaded. So ``--list`` and every complaint about a name or an
argument come before TensorFlow does, and a broken plugin breaks only itself.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import importlib
import importlib.metadata
import importlib.util
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gan_zoo.contracts import Condition, Dataset, FeatureExtractor, Loss, Trick, Update
from gan_zoo.errors import UserError
from gan_zoo.files import user_path


class Spec(NamedTuple):
    """A part's name with literal arguments, as in ``dcgan(width=64)``."""

    name: str
    args: tuple = ()
    kwargs: Mapping[str, Any] = {}

    def __str__(self) -> str:
        """The canonical text: a bare name where there are no arguments."""
        shown = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(shown)})" if shown else self.name


def _spec_of(node: ast.expr, text: str) -> Spec:
    if isinstance(node, ast.Name):
        return Spec(node.id)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise UserError(
            f"'{text}' is not a part's name or a call such as name(0.5, key=1); write it so."
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
        UserError: The text is no such list. It is parsed with ``ast`` and never evaluated.
    """
    if not text.strip():
        return []
    try:
        # The list may end in a comma, as Python's own may; a stray bracket cannot close ours, since
        # that is no syntax.
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


def parse_spec(text: str) -> Spec:
    """Parse exactly one spec, such as ``dcgan(width=64)``.

    Raises:
        UserError: The text is not one spec.
    """
    specs = parse_specs(text)
    if len(specs) != 1:
        raise UserError(
            f"one part is wanted here, but '{text}' names {len(specs)}; give one name or one call."
        )
    return specs[0]


class Entry(NamedTuple):
    """What is known of a part before it is loaded."""

    name: str
    module: str  # dotted name, or the path of a plugin file
    signature: inspect.Signature | None  # None where the source cannot be read
    summary: str


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _Unevaluated(ast.unparse(node))


class _Unevaluated:
    """A default that is no literal: only its text is known."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _signature_of(node: ast.FunctionDef) -> inspect.Signature:
    a, P = node.args, inspect.Parameter
    positional = a.posonlyargs + a.args
    defaults = [P.empty] * (len(positional) - len(a.defaults)) + [_literal(d) for d in a.defaults]
    params = [
        P(p.arg, P.POSITIONAL_OR_KEYWORD, default=d)
        for p, d in zip(positional, defaults, strict=True)
    ]
    for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        params.append(P(p.arg, P.KEYWORD_ONLY, default=P.empty if d is None else _literal(d)))
    if a.vararg:
        params.insert(len(positional), P(a.vararg.arg, P.VAR_POSITIONAL))
    if a.kwarg:
        params.append(P(a.kwarg.arg, P.VAR_KEYWORD))
    return inspect.Signature(params)


def _is_register(decorator: ast.expr, table: str) -> bool:
    return (
        isinstance(decorator, ast.Attribute)
        and decorator.attr == "register"
        and ast.unparse(decorator.value).split(".")[-1] == table
    )


def _entries_in(path: Path, module: str, table: str) -> Iterator[Entry]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UserError(
            f"the plugin file {path} cannot be read ({e.strerror}); check --plugins."
        ) from None
    except (SyntaxError, ValueError) as e:
        raise UserError(
            f"the plugin file {path} is not valid Python ({e}); mend it or leave it out of"
            " --plugins."
        ) from None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(
            _is_register(d, table) for d in node.decorator_list
        ):
            summary = (ast.get_docstring(node) or "").split("\n")[0]
            yield Entry(node.name, module, _signature_of(node), summary)


def _source_of(module: str) -> Path | None:
    """The file of a module, found without importing its parent packages, as importing them may cost seconds."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    for part in rest:
        path = (
            path.parent / part / "__init__.py"
            if (path.parent / part).is_dir()
            else path.parent / f"{part}.py"
        )
    return path if path.suffix == ".py" and path.is_file() else None


_plugin_files: list[Path] = []

# The parts from outside gan_zoo that this program has built: for each name what it is and the
# module or file that has it.
third_party: dict[str, tuple[str, str]] = {}


def add_plugin_file(path: str | Path) -> Path:
    """Let the parts that a Python file registers be found by name, in every table; returns the file's full path.

    Raises:
        UserError: There is no such file, or it is no Python.
    """
    try:
        resolved = user_path(path).resolve()
    except (OSError, RuntimeError) as e:  # a loop of links
        raise UserError(f"the plugin file {path} cannot be found ({e}); check --plugins.") from None
    if not resolved.is_file() or resolved.suffix != ".py":
        raise UserError(
            f"there is no plugin file {path}; give the path of a Python file (.py) that registers"
            " parts."
        )
    if resolved not in _plugin_files:
        _plugin_files.append(resolved)
        for table in tables.values():
            table.forget_index()
    return resolved


class Registry(Mapping):
    """One table of parts: a mapping from public names to builders, filled from three sources.

    1. the functions marked ``@<table>.register`` in ``gan_zoo.<table>`` (a module or a package);
    2. the plugin files given to :func:`add_plugin_file` (the flag ``--plugins``);
    3. the entry points of the group ``gan_zoo.<table>`` that other installed packages ship.

    A function registered at run time (in a notebook, say) is in the table at once.
    """

    def __init__(self, name: str, thing: str, module: str | None = None, makes: type = object):
        """Make the table ``name`` (``generators``) of what messages call ``thing``, at home in ``gan_zoo.<module or name>``."""
        self.name = name
        self.thing = thing
        self.makes = makes
        self.module = f"gan_zoo.{module or name}"
        self._loaded: dict[str, Callable] = {}
        self._index: dict[str, Entry] | None = None

    def register(self, function: Callable) -> Callable:
        """Put a function into the table under its own name; a decorator.

        Raises:
            UserError: The name is taken by another function.
        """
        name = function.__name__
        old = self._loaded.get(name) or (self._known_elsewhere(name, function))
        if old is not None and not _same_function(old, function):
            raise UserError(
                f"the {self.thing} '{name}' of {_home(function)} is already registered by"
                f" {_home(old)}; rename one of them."
            )
        self._loaded[name] = function
        return function

    def _known_elsewhere(self, name: str, function: Callable) -> Callable | None:
        """The part of this name that is indexed in another module, if any (loading it, to name it)."""
        entry = self.entries().get(name)
        if entry is None or entry.module in (function.__module__, inspect.getsourcefile(function)):
            return None
        return self[name]

    def forget_index(self) -> None:
        """Look for parts anew at the next question."""
        self._index = None

    def entries(self) -> dict[str, Entry]:
        """All parts by name, from the sources alone: nothing is imported.

        Raises:
            UserError: Two places register one name.
        """
        if self._index is None:
            found: dict[str, Entry] = {}
            for entry in self._all_entries():
                other = found.get(entry.name)
                if other is not None and other.module != entry.module:
                    raise UserError(
                        f"the {self.thing} '{entry.name}' is registered twice, by {other.module}"
                        f" and by {entry.module}; rename one of them."
                    )
                found[entry.name] = entry
            self._index = found
        late = {
            name: Entry(
                name, f.__module__, inspect.signature(f), (inspect.getdoc(f) or "").split("\n")[0]
            )
            for name, f in self._loaded.items()
            if name not in self._index
        }
        return {**self._index, **late}

    def _all_entries(self) -> Iterator[Entry]:
        home = Path(__file__).parent.joinpath(*self.module.split(".")[1:])
        if home.is_dir():
            for path in sorted(home.glob("*.py")):
                if path.name != "__init__.py":
                    yield from _entries_in(path, f"{self.module}.{path.stem}", self.name)
        else:
            yield from _entries_in(home.with_suffix(".py"), self.module, self.name)
        for path in _plugin_files:
            yield from _entries_in(path, str(path), self.name)
        for point in importlib.metadata.entry_points(group=f"gan_zoo.{self.name}"):
            source = _source_of(point.module)
            entry = None
            if source is not None:
                with contextlib.suppress(
                    UserError
                ):  # a broken plugin breaks only itself, and only when asked for
                    entry = {e.name: e for e in _entries_in(source, point.module, self.name)}.get(
                        point.attr
                    )
            yield entry or Entry(
                point.name, point.module, None, f"(from the package {point.module.split('.')[0]})"
            )

    def entry(self, name: str) -> Entry:
        """What is known of one part.

        Raises:
            UserError: There is none of this name; the message names the nearest and all known ones.
        """
        entries = self.entries()
        if name in entries:
            return entries[name]
        near = difflib.get_close_matches(name, entries, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? There are" if near else "there are"
        raise UserError(f"there is no {self.thing} '{name}'; {hint}: {', '.join(sorted(entries))}.")

    def __getitem__(self, name: str) -> Callable:
        """The builder of this name, loaded now if it was not."""
        entry = self.entry(name)
        if name not in self._loaded:
            try:
                if entry.module.endswith(".py"):
                    _load_file(Path(entry.module))
                else:
                    importlib.import_module(entry.module)
            except UserError:
                raise
            except (Exception, SystemExit) as e:
                if entry.module.startswith("gan_zoo."):
                    raise  # ours: a bug, not a plugin's
                why = f"{type(e).__name__}: {_one_line(e)}"
                raise UserError(
                    f"the {self.thing} '{name}' cannot be loaded from {entry.module}: {why}; mend"
                    " that file."
                ) from e
        if name not in self._loaded:
            raise UserError(
                f"{entry.module} was loaded but registers no {self.thing} '{name}'; mend its entry"
                " point."
            )
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is such a part, without loading it."""
        return name in self.entries()

    def __iter__(self) -> Iterator[str]:
        """The names, sorted."""
        return iter(sorted(self.entries()))

    def __len__(self) -> int:
        """How many parts there are."""
        return len(self.entries())

    def check(self, spec: Spec) -> None:
        """Check a spec's name and arguments against the part's signature, without loading the part where that is possible.

        Raises:
            UserError: The name is unknown or the arguments do not fit; the message shows the
                signature.
        """
        signature = self.entry(spec.name).signature or inspect.signature(self[spec.name])
        asked = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
        taken = [name for name in spec.kwargs if name in asked]
        ours = signature.replace(
            parameters=[p for p in signature.parameters.values() if p.name not in asked]
        )
        try:
            if taken:
                raise TypeError(f"'{taken[0]}' is set by the framework")
            given = ours.bind(*spec.args, **spec.kwargs).arguments
            for key, value in given.items():
                if not _same_kind(value, ours.parameters[key].default):
                    raise TypeError(f"{key}={value!r} is no value for it")
        except TypeError as e:
            raise UserError(
                f"{spec} does not fit the {self.thing} {spec.name}{ours}: {e}; change the"
                " arguments."
            ) from None

    def build(self, spec: str | Spec, **framework: Any) -> Any:
        """Build the part that a spec names, giving it what it asks for by keyword-only parameters.

        Args:
            spec: Such as ``dcgan(width=64)``.
            **framework: All that the framework can offer at this place, such as ``image_shape``.

        Raises:
            UserError: The spec does not fit, or the part refuses its arguments (a ``ValueError`` of
                its own).
        """
        if isinstance(spec, str):
            spec = parse_spec(spec)
        self.check(spec)
        builder = self[spec.name]
        if not builder.__module__.startswith("gan_zoo."):
            third_party[spec.name] = (self.thing, self.entry(spec.name).module)
        parameters = inspect.signature(builder).parameters.values()
        asked = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        missing = [
            name
            for name, default in asked.items()
            if name not in framework and default is inspect.Parameter.empty
        ]
        if missing:
            raise UserError(
                f"the {self.thing} '{spec.name}' asks for '{missing[0]}', which nothing here"
                f" provides (there is: {', '.join(sorted(framework)) or 'nothing'}); change its"
                " keyword-only parameters."
            )
        given = {name: framework[name] for name in asked if name in framework}
        try:
            part = builder(*spec.args, **spec.kwargs, **given)
        except UserError:
            raise
        except (ValueError, OverflowError) as e:
            raise UserError(f"{self.thing} {spec}: {_one_line(e)}") from e
        except TypeError as e:  # a string where a number belongs, say: literals carry no types
            raise UserError(
                f"{self.thing} {spec} cannot be built: {_one_line(e)}; check its arguments."
            ) from e
        except Exception as e:
            # The second is TensorFlow's, which is not imported here.
            if isinstance(e, MemoryError) or type(e).__name__ == "ResourceExhaustedError":
                raise UserError(
                    f"{self.thing} {spec} needs more memory than there is; make it smaller."
                ) from e
            if builder.__module__.startswith("gan_zoo."):
                raise
            raise UserError(
                f"{self.thing} {spec} fails with {type(e).__name__}: {_one_line(e)}; mend it."
            ) from e
        if not isinstance(part, self.makes):
            raise UserError(
                f"{self.thing} {spec} is a {type(part).__name__}, not a {self.makes.__name__}; mend"
                " what it returns."
            )
        return part


def _same_kind(value: Any, default: Any) -> bool:
    """Whether a literal may stand where this default stands: numbers for numbers, text for text."""
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, (int, float)):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(default, str):
        return isinstance(
            value, (str, bool)
        )  # some kinds were once on or off; the part says if it takes that
    if isinstance(default, tuple):
        return isinstance(value, (tuple, list))
    return True


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _home(function: Callable) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _same_function(a: Callable, b: Callable) -> bool:
    # A notebook cell that is run again, or a module that is reloaded, defines the same function
    # anew.
    return _home(a) == _home(b)


def _load_file(path: Path) -> None:
    # The name is the file's, so that two plugin files may share a stem.
    spec = importlib.util.spec_from_file_location(f"gan_zoo_plugin_{abs(hash(str(path)))}", path)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


generators = Registry("generators", "generator")
discriminators = Registry("discriminators", "discriminator")
losses = Registry("losses", "loss", makes=Loss)
tricks = Registry("tricks", "trick", makes=Trick)
conditions = Registry("conditions", "condition", makes=Condition)
updates = Registry("updates", "update rule", makes=Update)
noises = Registry("noises", "noise")
optimizers = Registry("optimizers", "optimizer")
datasets = Registry("datasets", "data set", makes=Dataset)
extractors = Registry(
    "extractors", "feature extractor", "evaluation.extractors", makes=FeatureExtractor
)

tables = {
    table.name: table
    for table in (
        generators,
        discriminators,
        losses,
        tricks,
        conditions,
        updates,
        noises,
        optimizers,
        datasets,
        extractors,
    )
}
