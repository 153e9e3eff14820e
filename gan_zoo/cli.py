"""What the entry points (``gan_zoo.run`` and every script in ``tools/``) share: flags, errors, and a quiet TensorFlow."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from absl import flags

from gan_zoo import registry
from gan_zoo.errors import UserError
from gan_zoo.files import user_path

BAD_INPUT = 2


def call(
    body: Callable[[flags.FlagValues, list[str]], int | None],
    define: Callable[[flags.FlagValues], None],
    usage: str,
    argv: list[str] | None = None,
) -> int:
    """Parse the command line, run ``body(flags, positional arguments)`` and turn what a user did wrong into one sentence.

    Args:
        body: The program; it returns its exit code, or None for 0.
        define: Defines the program's flags on the values it is given.
        usage: The text above the flags in ``--help``.
        argv: The arguments after the program's name; those of the process by default.

    Returns:
        The exit code: 2 after bad input, 130 after a Ctrl-C and 143 after a SIGTERM that nothing
        else caught.
    """
    for stream in (
        "stdout",
        "stderr",
    ):  # closed ones, and names of files that a terminal cannot show
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115
        with contextlib.suppress(AttributeError):  # a test's own stream
            getattr(sys, stream).reconfigure(errors="backslashreplace")
    registry.third_party.clear()
    values = flags.FlagValues()
    define(values)
    flags.DEFINE_bool(
        "verbose", False, "show TensorFlow's own messages, and tracebacks", flag_values=values
    )
    flags.DEFINE_bool("help", False, "show this help", short_name="h", flag_values=values)
    words = sys.argv[1:] if argv is None else argv
    verbose = any(word in ("--verbose", "-verbose") for word in words)
    try:
        try:
            rest = values(["gan_zoo", *words])[1:]
        except flags.Error as e:
            said = " ".join(str(e).split())
            said = re.sub(r": invalid literal for int\(\).*", " is no whole number", said)
            said = re.sub(r": could not convert string to float.*", " is no number", said)
            raise UserError(f"{said}; --help lists the flags.") from None
        if values.help:
            print(f"{usage}\n\nFlags:\n{values.get_help(include_special_flags=False).strip()}")
            return 0
        with _cleaning_up_on_sigterm():
            return body(values, rest) or 0
    except UserError as e:
        if verbose:
            traceback.print_exc()
        first = _as_raised(e)
        print(f"gan_zoo: {first if isinstance(first, UserError) else e}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as e:
        if verbose:
            traceback.print_exc()
        if e.errno is None:  # Pillow's, for a damaged picture
            print(f"gan_zoo: {' '.join(str(e).split())}; check the files named.", file=sys.stderr)
            return BAD_INPUT
        print(
            f"gan_zoo: {e.strerror}: {e.filename or 'while writing'}; make room or check the path,"
            " and try again.",
            file=sys.stderr,
        )
        return BAD_INPUT
    except (KeyboardInterrupt, _Ended) as e:
        print("gan_zoo: stopped.", file=sys.stderr)
        return 143 if isinstance(e, _Ended) else 130
    except (Exception, SystemExit) as e:
        if not registry.third_party:  # ours: a bug, not a plugin's
            raise
        if verbose:
            traceback.print_exc()
        parts = " and ".join(
            f"the {thing} {name}" for name, (thing, _) in registry.third_party.items()
        )
        files = ",".join(
            dict.fromkeys(
                module for _, module in registry.third_party.values() if module.endswith(".py")
            )
        )
        command = shlex.join(
            [
                "gan_zoo",
                "check",
                *registry.third_party,
                *([f"--plugins={files}"] if files else []),
            ]
        )
        print(
            f"gan_zoo: {in_a_line(e)}; {parts} came from outside gan_zoo: mend what `{command}`"
            " finds, or if that is nothing, report what --verbose shows.",
            file=sys.stderr,
        )
        return BAD_INPUT


def in_a_line(error: BaseException) -> str:
    """An exception in one line: its name, its last words, and the last place in a file that is not TensorFlow's or ours."""
    first = _as_raised(error)
    # Keras ends its messages with a list of the arguments, TensorFlow with the names of nodes.
    lines = [line.strip() for line in str(first).split("Arguments received")[0].splitlines()]
    words = [line for line in lines if line and not line.startswith("[[{{node")]
    traced = getattr(first, "ag_error_metadata", None)
    frames = (
        reversed(traced.translated_stack) if traced else traceback.extract_tb(first.__traceback__)
    )
    own = [
        f"{Path(frame.filename).name}, line {frame.lineno}"
        for frame in frames
        if not _of_libraries(frame.filename)
    ]
    return f"{type(first).__name__}: {' '.join(words[-1:])[:300]}" + (
        f" ({own[-1]})" if own else ""
    )


def _of_libraries(file: str) -> bool:
    """Whether a file is ours, TensorFlow's or Python's, and so no user's."""
    ours = str(Path(__file__).parent)
    return (
        file.startswith((ours, "<"))
        or "site-packages" in file
        or "__autograph_generated_file" in file
        or "/lib/python" in file
    )


def _as_raised(error: BaseException) -> BaseException:
    """The first error, where TensorFlow raised it anew with the stack of the functions that it traced as its text."""
    while (before := error.__context__) is not None and hasattr(before, "ag_error_metadata"):
        error = before
    return error


class _Ended(BaseException):
    """SIGTERM came. It is no SystemExit, which what runs a user's file takes for the file's own."""


@contextlib.contextmanager
def _cleaning_up_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that half-written files go, where it would end the process on the spot."""

    def end(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one would cut the cleaning short
        raise _Ended

    try:
        old = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread: signals are not ours to take
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, old or signal.SIG_DFL)


def one_folder(rest: list[str]) -> Path:
    """The one positional argument of a tool that works on a run.

    Raises:
        UserError: There are none or several, or it is no folder.
    """
    if len(rest) != 1:
        raise UserError(
            f"one run's folder is wanted, such as runs/NAME, but {len(rest)} were given."
        )
    folder = user_path(rest[0])
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}; give the folder of a run, such as runs/NAME."
        )
    return folder


@contextlib.contextmanager
def held_stderr() -> Iterator[None]:
    """Hold back what native code writes to descriptor 2, and let it out only if the body fails."""
    sys.stderr.flush()
    keep = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(keep, 2)
            os.close(keep)
            if failed:
                held.seek(0)
                os.write(2, held.read())


def load_tensorflow(verbose: bool) -> None:
    """Import TensorFlow, without its greetings unless ``verbose``.

    Its first lines go to descriptor 2 before any setting of its own is read; only holding the
    descriptor stops them.
    """
    if verbose:
        import tensorflow  # noqa: F401

        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with held_stderr():
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")
