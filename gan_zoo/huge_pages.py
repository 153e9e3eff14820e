"""Huge pages for the memory of a training on CPUs."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

# Large tensors stay in malloc's heap, and the heap is made of pages of 2 MB: else each of them is
# mapped anew from pages of 4 kB, thousands in every step. It is one heap, since those that malloc
# adds for threads are too small for large tensors.
TUNABLES = (
    f"glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold={2**33}"
    f":glibc.malloc.trim_threshold={2**33}"
)
_KERNEL = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def restart() -> None:
    """Replace this process by one with the same command and :data:`TUNABLES`, where that helps.

    The C library reads them before the program starts. Call it first thing in a program that is
    started from a command line: what a process has done, and the standard input that it has read,
    is lost. Whoever sets GLIBC_TUNABLES, empty or not, keeps it.
    """
    if "GLIBC_TUNABLES" in os.environ or not _available() or not sys.executable:
        return
    process = str(os.getpid())
    if os.environ.get("_GAN_ZOO_RESTARTED") == process:  # something on the way dropped the setting
        return
    environment = {**os.environ, "GLIBC_TUNABLES": TUNABLES, "_GAN_ZOO_RESTARTED": process}
    with contextlib.suppress(OSError):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def _available() -> bool:
    """Whether this is Linux with glibc 2.35 or later, and its kernel gives huge pages."""
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
        kernel = _KERNEL.read_text()
    except (AttributeError, ValueError, OSError):
        return False
    version = re.match(r"glibc (\d+)\.(\d+)", library)
    return (
        version is not None
        and (int(version[1]), int(version[2])) >= (2, 35)
        and "[never]" not in kernel
    )
