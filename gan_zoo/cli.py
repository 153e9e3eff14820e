"""Flags, errors, exit codes and a quiet start of TensorFlow, for every command."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import re
import shlex
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from absl import flags

from gan_zoo import config, paper_names, phases, pulse, registry
from gan_zoo.errors import ExitCode, UserError
from gan_zoo.files import near_or, user_path
from gan_zoo.flag_help import flag_help
from gan_zoo.interrupts import Handler, Terminated, handling, watching


def call(
    body: Callable[[flags.FlagValues, list[str]], int | None],
    define: Callable[[flags.FlagValues], None],
    usage: str,
    argv: list[str] | None = None,
) -> int:
    """Parse the command line and run a program; an error that a user can fix becomes one sentence.

    Args:
        body: The program, called with the flags and the positional arguments; it returns its exit
            code, or None for 0.
        define: Defines the program's flags on the values it is given.
        usage: The text above the flags in ``--help``.
        argv: The arguments after the program's name; those of the process by default.

    Returns:
        The exit code, see :class:`~gan_zoo.errors.ExitCode`.

    Raises:
        Exception: A bug of gan_zoo.
    """
    _open_streams()
    registry.third_party.built.clear()
    words = sys.argv[1:] if argv is None else argv
    try:
        values, rest = _parse(define, words)
        if values.help:
            usage = usage.replace("``", "`")  # of Sphinx
            print(f"{usage.strip()}\n\n{flag_help(values)}")
            return ExitCode.OK
        with pulse.beating(), watching(), handling(Handler(), ignored=False):
            return body(values, rest) or ExitCode.OK
    except BrokenPipeError:  # | head
        _close_stdout()
        return ExitCode.OK
    except (KeyboardInterrupt, Terminated) as e:
        pulse.close_bars()
        print("gan_zoo: stopped.", file=sys.stderr)
        return ExitCode.TERMINATED if isinstance(e, Terminated) else ExitCode.INTERRUPTED
    except (Exception, SystemExit) as e:
        if (sentence := _sentence(e)) is None:
            raise
        pulse.close_bars()
        if any(word in ("--verbose", "-verbose") for word in words):
            traceback.print_exc()
        print(f"gan_zoo: {sentence}", file=sys.stderr)
        return ExitCode.BAD_INPUT


def show(text: str) -> None:
    """Print a text for a reader that may close the pipe early (``| head``)."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _close_stdout()


def _close_stdout() -> None:
    """Send further output to nowhere; else Python would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Replace closed output streams; escape file names that a terminal cannot show."""
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115
        with contextlib.suppress(AttributeError):  # a test's own stream
            getattr(sys, stream).reconfigure(errors="backslashreplace")


def _parse(
    define: Callable[[flags.FlagValues], None], words: list[str]
) -> tuple[flags.FlagValues, list[str]]:
    """Return the flags, with those of every command, and the positional arguments.

    Raises:
        UserError: A flag is unknown, or its value is wrong.
    """
    values = flags.FlagValues()
    define(values)
    flags.DEFINE_bool(
        "verbose", False, "show TensorFlow's own messages, and tracebacks", flag_values=values
    )
    flags.DEFINE_bool("help", False, "show this help", short_name="h", flag_values=values)
    try:
        return values, values(["gan_zoo", *words])[1:]
    except flags.Error as e:
        name = getattr(e, "flagname", "")
        if "config" in values and name in config.preset_names():
            raise UserError(f"{name} is a preset; did you mean --config={name}?") from None
        text, close, near = flag_error(e, values).partition(". Did you mean: ")
        if close:
            meant = " or ".join(f"--{name.strip()}" for name in near.rstrip(" ?").split(","))
            raise UserError(f"{text}; did you mean {meant}?") from None
        raise UserError(f"{text}; --help lists the flags.") from None


def flag_error(error: flags.Error, values: flags.FlagValues) -> str:
    """Return what is wrong with a flag, in words.

    Of ``1e5``, they say how to write it as a whole number; of a flag of other programs, which one
    of ``values`` is meant.
    """
    unknown = error.flagname if isinstance(error, flags.UnrecognizedFlagError) else ""
    if meant := paper_names.flag_meaning(unknown, list(values)):
        return f"there is no flag --{unknown}; {meant}"
    text = " ".join(str(error).split())
    if found := re.search(r": invalid literal for int\(\) with base \d+: '(.*)'", text):
        try:
            number = float(found[1])
        except ValueError:
            number = math.nan
        written = f" written in digits; write {number:.0f}" if number % 1 == 0 else ""
        text = f"{text[: found.start()]} is not a whole number{written}"
    return re.sub(r": could not convert string to float.*", " is not a number", text)


def _sentence(error: BaseException) -> str | None:
    """Return what to tell the user of an error, in one sentence; None where it is a bug of ours."""
    if isinstance(error, UserError):
        first = _first_error(error)
        return str(first if isinstance(first, UserError) else error)
    if isinstance(error, OSError):
        if error.errno is None:  # Pillow's, for a damaged picture
            return f"{' '.join(str(error).split())}; check the files named."
        return (
            f"{error.strerror}: {error.filename or 'while writing'}; make room or check the path,"
            " and try again."
        )
    built = registry.third_party.built
    if not built:
        return None
    # A hook may fail long after it was built, in the graph that TensorFlow runs: which part it
    # belongs to is not known, so all parts from outside are named.
    parts = " and ".join(f"the {label} {name}" for name, (label, _) in built.items())
    files = ",".join(
        dict.fromkeys(module for _, module in built.values() if module.endswith(".py"))
    )
    command = ["gan_zoo", "check", *built, *([f"--plugins={files}"] if files else [])]
    return (
        f"{in_a_line(error)}; {parts} came from outside gan_zoo: fix what `{shlex.join(command)}`"
        " finds, or if that is nothing, report what --verbose shows."
    )


def in_a_line(error: BaseException) -> str:
    """Return an exception in one line: its type, its last line, and where it was raised.

    The place is the last one in a file that is not TensorFlow's or ours.
    """
    first = _first_error(error)
    # Keras ends its messages with a list of the arguments, TensorFlow with the names of nodes.
    lines = [line.strip() for line in str(first).split("Arguments received")[0].splitlines()]
    words = [line for line in lines if line and not line.startswith("[[{{node")]
    traced = getattr(first, "ag_error_metadata", None)
    frames = (
        reversed(traced.translated_stack) if traced else traceback.extract_tb(first.__traceback__)
    )
    places = [
        f"{Path(frame.filename).name}, line {frame.lineno}"
        for frame in frames
        if not _of_libraries(frame.filename)
    ]
    return f"{type(first).__name__}: {' '.join(words[-1:])[:300]}" + (
        f" ({places[-1]})" if places else ""
    )


def _of_libraries(file: str) -> bool:
    """Whether a file is ours, TensorFlow's or Python's, and so not a user's."""
    ours = str(Path(__file__).parent)
    return (
        file.startswith((ours, "<"))
        or "site-packages" in file
        or "__autograph_generated_file" in file
        or "/lib/python" in file
    )


def _first_error(error: BaseException) -> BaseException:
    """Return the error that was raised first.

    TensorFlow raises it a second time, with the stack of the functions that it traced as its text.
    """
    while (before := error.__context__) is not None and hasattr(before, "ag_error_metadata"):
        error = before
    return error


def one_folder(rest: list[str]) -> Path:
    """Return the one positional argument of a command that works on a run.

    Raises:
        UserError: There are none or several, or it is not a folder.
    """
    if len(rest) != 1:
        raise UserError(f"give the folder of one run, such as runs/NAME; here are {len(rest)}.")
    folder = user_path(rest[0])
    if not folder.is_dir():
        remedy = near_or(folder, "give the folder of a run, such as runs/NAME.", folder=True)
        raise UserError(f"there is no folder {folder}; {remedy}")
    return folder


_terminal: bool | None = None  # what on_terminal was, while stderr is held back


def on_terminal() -> bool:
    """Return whether a person may look at what is written to stderr, also while it is held back."""
    return sys.stderr.isatty() if _terminal is None else _terminal


@contextlib.contextmanager
def suppress_stderr_unless_error() -> Iterator[None]:
    """Hold back what native code writes to descriptor 2, and print it only if the body fails.

    Ctrl-C and SIGTERM are no failures.
    """
    global _terminal
    sys.stderr.flush()
    _terminal, keep = on_terminal(), os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        failed = False
        try:
            yield
        except Exception:
            failed = True
            raise
        finally:
            _terminal = None
            sys.stderr.flush()
            os.dup2(keep, 2)
            os.close(keep)
            if failed:
                held.seek(0)
                os.write(2, held.read())


# Of a module that is imported by two threads at once, one may see a half.
import_lock = threading.RLock()


def load_tensorflow(verbose: bool) -> None:
    """Import TensorFlow, without its greetings unless ``verbose``.

    Its first lines go to descriptor 2 before any setting of its own is read, so the descriptor is
    held.
    """
    # The collector finds nothing to free in half a million new objects, and takes 0.7 s for it.
    collects = gc.isenabled()
    gc.disable()
    try:
        with phases.phase("import TensorFlow"), import_lock:
            _import_tensorflow(verbose)
    finally:
        if collects:
            gc.enable()


def _import_tensorflow(verbose: bool) -> None:
    if verbose:
        import tensorflow  # noqa: F401

        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with suppress_stderr_unless_error():
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")
