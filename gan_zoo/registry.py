"""The tables of parts: which parts there are, with what arguments, and how one is built.

A *part* is a plain function behind a decorator. Its name is its public name, its docstring's first
line its description, its ordinary parameters what a spec may set, and its keyword-only parameters
what it asks the framework for, by name::

    from gan_zoo.registry import generators

    @generators.register
    def tiny(width: int = 16, *, image_shape):
        '''One dense layer.'''
        ...

Parts are found without being imported: the source of a table's package is read with ``ast``, and
only the part that is asked for is loaded. So ``--list`` and messages about a wrong name or argument
need no TensorFlow, and a broken plugin breaks only itself.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gan_zoo import paper_names
from gan_zoo.contracts import Condition, Dataset, FeatureExtractor, Loss, Trick, Update
from gan_zoo.errors import PartError, UserError
from gan_zoo.files import user_path
from gan_zoo.first_checks import Check, first_checks, imported_checks
from gan_zoo.spec import Spec, american, parse_spec

# What the framework gives to the parts of each table, if they ask for it after `*`.
OFFERED: dict[str, dict[str, str]] = {
    "generators": {
        "image_shape": "(height, width, channels)",
        "classes": "how many classes there are; 0 without `--condition`",
    },
    "discriminators": {"image_shape": "(height, width, channels)"},
    "losses": {},
    "tricks": {
        "step": "the step, an integer variable; 0 in the first step",
        "image_shape": "(height, width, channels)",
        "seed": "the seed of the run",
        "batch": "images in a whole batch, over all devices",
        "disc": "the discriminator",
        "gens": "the generator and, if there is one, its moving average",
    },
    "conditions": {},
    "updates": {},
    "noises": {},
    "optimizers": {
        "updates": "how many updates it makes in the run, for schedules",
        "random_version": "the version of the run's numbers",
    },
    "datasets": {
        "images": "an `ImageSpec` with all that the settings ask for; or some of its fields:",
        "image_size": "(height, width)",
        "channels": "1, 3, 4 (RGBA), or None: 1 or 3, as the data has",
        "data_dir": "where the images are, or None",
        "cache_dir": "the folder for decoded images",
    },
    "extractors": {"cache_dir": "the folder for what it downloads or computes"},
}
_FLAGS = {
    "generators": "gen",
    "discriminators": "disc",
    "losses": "loss",
    "tricks": "tricks",
    "conditions": "condition",
    "updates": "update",
    "noises": "noise",
    "optimizers": "gen_opt",
    "datasets": "data",
    "extractors": "extractor",
}
_FRAMEWORK = {name for offered in OFFERED.values() for name in offered}


class Entry(NamedTuple):
    """A part as its source describes it, before it is loaded."""

    name: str
    module: str  # dotted name, or the path of a plugin file
    signature: inspect.Signature | None  # None where the source cannot be read
    summary: str
    checks: tuple[Check, ...] = ()


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _Unevaluated(ast.unparse(node))


class _Unevaluated:
    """A default that is not a literal: only its text is known."""

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
        where = f"line {e.lineno}: {e.msg}" if isinstance(e, SyntaxError) and e.lineno else str(e)
        raise UserError(
            f"the plugin file {path} is not valid Python ({where}); fix it or leave it out of"
            " --plugins."
        ) from None
    known = imported_checks(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(
            _is_register(d, table) for d in node.decorator_list
        ):
            summary = (ast.get_docstring(node) or "").split("\n")[0]
            checks = tuple(first_checks(node, known))
            yield Entry(node.name, module, _signature_of(node), summary, checks)


@functools.lru_cache(maxsize=1)
def _all_entry_points(path: tuple[str, ...]) -> Any:
    """Return the entry points of all packages on ``sys.path``, which it takes long to read."""
    return importlib.metadata.entry_points()


def _entry_points(group: str) -> importlib.metadata.EntryPoints:
    """Return the entry points of one group; the packages are read once for all groups."""
    return _all_entry_points(tuple(sys.path)).select(group=group)


def _source_of(module: str) -> Path | None:
    """Find the file of a module without importing its parent packages, which may take seconds."""
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


def source_files(module: str) -> list[Path]:
    """Return the files with a part's code: a plugin file, or the Python files of a module's folder.

    Args:
        module: Of :class:`Entry`; none is imported. A module without a file has none.
    """
    if module.endswith(".py"):
        return [Path(module)]
    try:
        source = _source_of(module)
    except ValueError:  # a notebook's __main__
        source = None
    if source is None:
        return []
    alone = "." not in module and source.name != "__init__.py"
    return [source] if alone else sorted(source.parent.glob("*.py"))


class ThirdParty:
    """Parts from outside gan_zoo that this program knows of.

    Attributes:
        files: The plugin files, in the order in which they were given.
        built: The parts that were built: for each one, with its arguments, what it is
            (``loss``), and the module or file that registers it.
    """

    def __init__(self) -> None:
        """Start without any."""
        self.files: list[Path] = []
        self.built: dict[str, tuple[str, str]] = {}

    def __bool__(self) -> bool:
        """Whether any such part was built, so that an error may come from its code."""
        return bool(self.built)


third_party = ThirdParty()


def add_plugin_file(path: str | Path) -> Path:
    """Make the parts that a Python file registers known to every table.

    Returns:
        The file's full path.

    Raises:
        UserError: There is no such file, or it is not a Python file.
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
    if resolved not in third_party.files:
        third_party.files.append(resolved)
        for table in tables.values():
            table.forget_index()
    return resolved


def packages_have(path: str | Path) -> bool:
    """Whether installed packages register a part of the same name as one in a plugin file."""
    for name, table in tables.items():
        packaged = {point.attr for point in _entry_points(table.group)}
        if packaged and any(e.name in packaged for e in _entries_in(Path(path), "", name)):
            return True
    return False


class Registry(Mapping):
    """One table of parts: a mapping from public names to builders, filled from three sources.

    1. the functions marked ``@<table>.register`` in ``gan_zoo.<table>`` (a module or a package);
    2. the plugin files given to :func:`add_plugin_file` (the flag ``--plugins``);
    3. the entry points of the group ``gan_zoo.<table>`` that other installed packages ship.

    A function registered at run time (in a notebook, say) is in the table at once.
    """

    def __init__(
        self, name: str, label: str, module: str | None = None, returns: type | None = None
    ):
        """Make an empty table.

        Args:
            name: Of the table, such as ``generators``.
            label: What messages call one of its parts, such as ``generator``.
            module: Where our own parts are, below ``gan_zoo``; the table's name by default.
            returns: The type that every builder of the table must return, if there is one.
        """
        self.name = name
        self.label = label
        self.returns = returns or object
        self.module = f"gan_zoo.{module or name}"
        self.group = f"gan_zoo.{name}"  # of entry points
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
                f"the {self.label} '{name}' of {_home(function)} is already registered by"
                f" {_home(old)}; rename one of them."
            )
        self._loaded[name] = function
        return function

    def _known_elsewhere(self, name: str, function: Callable) -> Callable | None:
        """Return the part of this name in another module, if any; it is loaded, to name it."""
        entry = self.entries().get(name)
        if entry is None or entry.module in (function.__module__, inspect.getsourcefile(function)):
            return None
        return self[name]

    def forget_index(self) -> None:
        """Forget which parts there are; the next question reads the sources again."""
        self._index = None
        _all_entry_points.cache_clear()

    def entries(self) -> dict[str, Entry]:
        """Return all parts by name, read from the sources: nothing is imported.

        Raises:
            UserError: Two places register one name.
        """
        if self._index is None:
            index: dict[str, Entry] = {}
            for entry in self._all_entries():
                other = index.get(entry.name)
                if other is not None and other.module != entry.module:
                    packaged = other.module.endswith(".py") and not entry.module.endswith(".py")
                    leave = " or, if they are the same, leave out --plugins" if packaged else ""
                    raise UserError(
                        f"the {self.label} '{entry.name}' is registered twice, by {other.module}"
                        f" and by {entry.module}; rename one of them{leave}."
                    )
                index[entry.name] = entry
            self._index = index
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
        for path in third_party.files:
            yield from _entries_in(path, str(path), self.name)
        for point in _entry_points(self.group):
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
        """Return what the source says about one part.

        Raises:
            UserError: There is none of this name; the message names the nearest and all known ones.
        """
        entries = self.entries()
        if name in entries:
            return entries[name]
        near = difflib.get_close_matches(name, entries, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? There are" if near else "there are"
        if meant := paper_names.meaning(name, self._flags()):
            near, hint = [meant], f"{meant}. There are"
        own = "" if near else "; --plugins=FILE adds the parts of a file"
        raise UserError(
            f"there is no {self.label} '{name}'; {hint}: {', '.join(sorted(entries))}{own}."
        )

    def _flags(self) -> dict[str, str]:
        """Return what to write for each part of all tables; for those of this one, its name."""
        others = {
            part: f"--{_FLAGS[table.name]}={part}"
            for table in tables.values()
            for part in table.entries()
        }
        return others | {part: part for part in self.entries()}

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
                reason = f"{type(e).__name__}: {_one_line(e)}"
                raise PartError(
                    f"the {self.label} '{name}' cannot be loaded from {entry.module}: {reason}; fix"
                    " that file.",
                    f"the {self.label} {name}",
                    entry.module,
                ) from e
        if name not in self._loaded:
            raise UserError(
                f"{entry.module} was loaded but registers no {self.label} '{name}'; fix its entry"
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
        """Check a spec's name and arguments against the part's signature and its first lines.

        The part is loaded only if its signature cannot be read from the source.

        Raises:
            UserError: The name is unknown or the arguments do not fit, in which case the message
                shows the signature, or a value is not possible.
        """
        signature = self.entry(spec.name).signature or inspect.signature(self[spec.name])
        asked = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
        settable = signature.replace(
            parameters=[p for p in signature.parameters.values() if p.name not in asked]
        )
        spec = _american_arguments(spec, settable)
        taken = [name for name in spec.kwargs if name in asked]
        try:
            if taken:
                raise TypeError(f"'{taken[0]}' is set by the framework")
            given = settable.bind(*spec.args, **spec.kwargs).arguments
            for key, value in given.items():
                if not _same_kind(value, settable.parameters[key].default):
                    raise TypeError(f"{key}={value!r} has the wrong type")
        except TypeError as e:
            advice = "change the arguments"
            for name in sorted(_FRAMEWORK):
                if str(e) == f"missing a required argument: '{name}'":
                    advice = f"write {name} after * in its signature, and the framework gives it"
            raise UserError(
                f"{spec} does not fit the {self.label} {spec.name}{settable}: {e}; {advice}."
            ) from None

        self._run_checks(spec, of_places=False)

    def require_places(self, spec: Spec) -> None:
        """Check that the files exist that a part's first lines require.

        Raises:
            UserError: One does not.
        """
        self._run_checks(spec, of_places=True)

    def _run_checks(self, spec: Spec, of_places: bool) -> None:
        """Run the checks of places or of values that the code of a part begins with."""
        checks = [c for c in self.entry(spec.name).checks if c.of_places == of_places]
        arguments = self.bound(spec).arguments if checks else {}
        literal = {k: v for k, v in arguments.items() if not isinstance(v, _Unevaluated)}
        for check in checks:
            try:
                check(literal)
            except (ValueError, TypeError) as e:
                raise self._of_values(e, spec) from None

    def bound(self, spec: Spec) -> inspect.BoundArguments:
        """Return all arguments of a part that a user may set: those of a spec, and defaults."""
        signature = self.entry(spec.name).signature or inspect.signature(self[spec.name])
        parameters = signature.parameters.values()
        settable = signature.replace(
            parameters=[p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        )
        spec = _american_arguments(spec, settable)
        bound = settable.bind(*spec.args, **spec.kwargs)
        bound.apply_defaults()
        return bound

    def with_defaults(self, spec: Spec) -> str:
        """Return a spec with all arguments that a user may set, such as ``ramp(margin=1.0)``."""
        bound = self.bound(spec)
        return str(Spec(spec.name, bound.args, bound.kwargs))

    def build(self, spec: str | Spec, **framework: Any) -> Any:
        """Build the part that a spec names, with the keyword-only arguments that it asks for.

        Args:
            spec: Such as ``dcgan(width=64)``.
            **framework: All that the framework can offer at this place, such as ``image_shape``.

        Raises:
            UserError: The spec does not fit, or the part refuses its arguments with a
                ``ValueError``.
            PartError: The part comes from outside gan_zoo, and its code fails.
        """
        if isinstance(spec, str):
            spec = parse_spec(spec)
        self.check(spec)
        builder = self[spec.name]
        if not builder.__module__.startswith("gan_zoo."):
            third_party.built[str(spec)] = (self.label, self.entry(spec.name).module)
        offered = self._framework_arguments(spec, builder, framework)
        spec = _american_arguments(spec, inspect.signature(builder))
        try:
            part = builder(*spec.args, **spec.kwargs, **offered)
        except UserError:
            raise
        except Exception as e:
            if (error := self._as_user_error(e, spec, builder)) is None:
                raise
            raise error from e
        if not isinstance(part, self.returns):
            raise UserError(
                f"{self.label} {spec} is a {type(part).__name__}, not a {self.returns.__name__};"
                " fix what it returns."
            )
        return part

    def _framework_arguments(
        self, spec: Spec, builder: Callable, framework: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the keyword-only arguments that a builder asks for, out of those offered.

        Raises:
            UserError: It asks for one that is not offered and has no default.
        """
        parameters = inspect.signature(builder).parameters.values()
        asked = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        missing = [
            name
            for name, default in asked.items()
            if name not in framework and default is inspect.Parameter.empty
        ]
        if missing:
            raise UserError(
                f"the {self.label} '{spec.name}' asks for '{missing[0]}', which nothing here"
                f" provides (there is: {', '.join(sorted(framework)) or 'nothing'}); change its"
                " keyword-only parameters."
            )
        return {name: framework[name] for name in asked if name in framework}

    def _of_values(self, error: Exception, spec: Spec) -> UserError:
        """Return the message for a user when a part refuses the values of its arguments."""
        if isinstance(error, TypeError):  # text where a number belongs: literals carry no types
            return UserError(
                f"{self.label} {spec} cannot be built: {_one_line(error)}; check its arguments."
            )
        return UserError(f"{self.label} {spec}: {_one_line(error)}")

    def _as_user_error(self, error: Exception, spec: Spec, builder: Callable) -> UserError | None:
        """Return the message for a user when a builder raises; None for a bug of gan_zoo."""
        part = f"{self.label} {spec}"
        if isinstance(error, (ValueError, OverflowError, TypeError)):
            return self._of_values(error, spec)
        # The second is TensorFlow's, which is not imported here.
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            return UserError(f"{part} needs more memory than there is; make it smaller.")
        if builder.__module__.startswith("gan_zoo."):
            return None
        return PartError(
            f"{part} fails with {type(error).__name__}: {_one_line(error)}; fix it.",
            f"the {self.label} {spec.name}",
            self.entry(spec.name).module,
        )


def _american_arguments(spec: Spec, signature: inspect.Signature) -> Spec:
    """Respell names of arguments that the signature knows in American spelling only."""
    known = signature.parameters
    kwargs = {
        american(key) if key not in known and american(key) in known else key: value
        for key, value in spec.kwargs.items()
    }
    # Of two spellings of one argument, both stay, so that the second one is refused as unknown.
    return spec._replace(kwargs=kwargs) if len(kwargs) == len(spec.kwargs) else spec


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
    # once more.
    return _home(a) == _home(b)


def plugin_file(module: str) -> Path | None:
    """Return the plugin file that was loaded under a module's name; None for another module."""
    return next((path for path in third_party.files if _module_name(path) == module), None)


def _module_name(path: Path) -> str:
    # The name is the file's, so that two plugin files may share a stem.
    return f"gan_zoo_plugin_{abs(hash(str(path)))}"


def _load_file(path: Path) -> None:
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


generators = Registry("generators", "generator")
discriminators = Registry("discriminators", "discriminator")
losses = Registry("losses", "loss", returns=Loss)
tricks = Registry("tricks", "trick", returns=Trick)
conditions = Registry("conditions", "condition", returns=Condition)
updates = Registry("updates", "update rule", returns=Update)
noises = Registry("noises", "noise")
optimizers = Registry("optimizers", "optimizer")
datasets = Registry("datasets", "data set", returns=Dataset)
extractors = Registry(
    "extractors", "feature extractor", "evaluation.extractors", returns=FeatureExtractor
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
