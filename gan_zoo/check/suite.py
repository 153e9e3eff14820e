"""Run the checks of a part: ``gan_zoo check`` prints what this yields."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Each of these modules registers its checks when it is imported.
from gan_zoo.check import data, losses, nets, others, training, tricks, xla  # noqa: F401
from gan_zoo.check.contract import (
    CHECKS,
    REQUIRED,
    TRAINING,
    XLA,
    Check,
    Failed,
    Noted,
    Part,
    Skipped,
    describe,
    tables_in_training,
)
from gan_zoo.errors import UserError
from gan_zoo.phases import phase

# Two steps may come out the same by chance, as where state that no checkpoint has moves slowly.
_SAYS_LESS_AFTER: dict[Check, tuple[Check, ...]] = {
    tricks.state_is_listed: (training.resumes,),
    training.draws_by_the_seed: (training.resumes, training.two_replicas),
}


class Line(NamedTuple):
    """The outcome of one check.

    Attributes:
        state: ``ok``, ``note``, ``FAILED`` or ``skipped``.
        title: The docstring of the check.
        why: Why it failed or was skipped, or what to look at; else empty.
    """

    state: str
    title: str
    why: str = ""

    def __str__(self) -> str:
        """Return the line as the program prints it."""
        start = f"{self.state + (':' if self.why else ''):8} {self.title}"
        return f"{start}: {self.why}" if self.why else start


def check(
    part: Part, tests: Sequence[Check] | None = None, verbose: bool = False
) -> Iterator[Line]:
    """Run checks of a part; when a required one fails, those after it are skipped.

    Args:
        part: What is checked.
        tests: The checks; all of its table by default.
        verbose: Whether to print tracebacks.

    Yields:
        One line a check, as soon as it is known.
    """
    failed = ""
    contradicted: dict[Check, str] = {}
    for test in checks_of(part.table, compiled=True) if tests is None else tests:
        title = (test.__doc__ or "").split("\n")[0].rstrip(".")
        if failed:
            yield Line("skipped", title, f"since '{failed}' failed")
            continue
        line = _outcome(test, title, part, verbose)
        if line.state == "FAILED" and test in REQUIRED:
            failed = title
        if line.state == "FAILED":
            contradicted |= dict.fromkeys(_SAYS_LESS_AFTER.get(test, ()), title)
        elif line.state == "ok" and test in contradicted:
            line = Line(
                "skipped", title, f"two steps show no loss, but '{contradicted[test]}' failed"
            )
        yield line


def _outcome(test: Check, title: str, part: Part, verbose: bool) -> Line:
    """Run one check and return its outcome."""
    try:
        with phase(f"check: {title}"):
            test(part)
    except Skipped as e:
        return Line("skipped", title, str(e))
    except Noted as e:
        return Line("note", title, str(e))
    except (Failed, UserError) as e:
        return Line("FAILED", title, str(e))
    except Exception as e:  # a part may raise anything
        if verbose:
            traceback.print_exc()
        return Line("FAILED", title, describe(e))
    return Line("ok", title)


def checks_of(table: str, compiled: bool = False) -> list[Check]:
    """Return the checks of the parts of a table, in order; those in training come last.

    Those under XLA, which compile for seconds, are left out unless ``compiled`` is true.
    """
    in_training = [*CHECKS[TRAINING], *(CHECKS[XLA] if compiled else [])]
    return [*CHECKS.get(table, []), *(in_training if table in tables_in_training() else [])]
